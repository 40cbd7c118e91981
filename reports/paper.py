"""What a paper needs beside the page, as files: figures, tables, tidy data, methods, and a manifest of hashes."""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from reports import latex, style
from reports.panel import Panel

MANIFEST_FILE = "manifest.json"
PACKAGES = ("flowmac", "matplotlib", "numpy", "pandas", "scipy")


@dataclass(frozen=True)
class PaperTable:
    """A table as text: the first column names the line."""

    name: str
    caption: str
    heads: Sequence[str]
    lines: Sequence[Sequence[str]]


@dataclass(frozen=True)
class Paper:
    """All that is written.

    Attributes:
        data: tidy data by name, without suffix.
        methods: a paragraph of plain text, without a line break at its end.
        sources: files that everything comes from.
        facts: added to the manifest.
        warning: said first in each table and text; empty where there is nothing to warn of.
    """

    panels: Sequence[Panel]
    tables: Sequence[PaperTable]
    data: Mapping[str, pd.DataFrame]
    methods: str
    sources: Sequence[Path]
    facts: Mapping[str, Any] = field(default_factory=dict)
    warning: str = ""


def together(papers: Sequence[Paper]) -> Paper:
    """One paper of several, whose names differ."""
    warnings = dict.fromkeys(paper.warning for paper in papers if paper.warning)
    return Paper(
        panels=[panel for paper in papers for panel in paper.panels],
        tables=[table for paper in papers for table in paper.tables],
        data={name: frame for paper in papers for name, frame in paper.data.items()},
        methods="\n\n".join(paper.methods for paper in papers),
        sources=list(dict.fromkeys(source for paper in papers for source in paper.sources)),
        facts={name: fact for paper in papers for name, fact in paper.facts.items()},
        warning=" ".join(warnings),
    )


def write(paper: Paper, output: Path) -> None:
    """Write ``figures/``, ``tables/``, ``data/``, ``methods.txt`` and ``methods.tex`` and the manifest into ``output``.

    The manifest holds the SHA-256 of each file and of the sources.
    """
    for name in ("figures", "tables", "data"):
        (output / name).mkdir(parents=True, exist_ok=True)
    written = list(_write(paper, output))
    manifest = {
        "sources": [{"file": path.name, "sha256": _sha256(path)} for path in paper.sources],
        "packages": {name: importlib.metadata.version(name) for name in PACKAGES},
        **paper.facts,
        "files": {
            path.relative_to(output).as_posix(): {"sha256": _sha256(path), "n_bytes": path.stat().st_size}
            for path in sorted(written)
        },
    }
    text = json.dumps(manifest, indent=2, ensure_ascii=False) + "\n"
    (output / MANIFEST_FILE).write_text(text, encoding="utf-8")


def _write(paper: Paper, output: Path) -> Iterator[Path]:
    for panel in paper.panels:
        yield from style.to_files(panel.figure, output / "figures" / panel.name)
    comment = f"% {paper.warning}\n" if paper.warning else ""
    for table in paper.tables:
        stem = output / "tables" / table.name
        pd.DataFrame(table.lines, columns=list(table.heads)).to_csv(stem.with_suffix(".csv"), index=False)
        yield stem.with_suffix(".csv")
        caption = f"{paper.warning} {table.caption}".strip()
        text = comment + latex.table(table.heads, table.lines, caption, table.name)
        stem.with_suffix(".tex").write_text(text, encoding="utf-8")
        yield stem.with_suffix(".tex")
    for name, frame in paper.data.items():
        frame.to_csv(output / "data" / f"{name}.csv", index=False)
        yield output / "data" / f"{name}.csv"
    methods = f"{paper.warning}\n\n{paper.methods}".strip()
    paragraphs = [latex.escape(paragraph) for paragraph in methods.split("\n\n")]
    for name, content in (("methods.txt", methods), ("methods.tex", "\n\n".join(paragraphs))):
        (output / name).write_text(content + "\n", encoding="utf-8")
        yield output / name


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()

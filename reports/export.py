"""Everything a paper needs beside the page: figures, tables, tidy data, the methods paragraph, a manifest of hashes."""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
from collections.abc import Iterator, Sequence
from pathlib import Path

import pandas as pd

from benchmarks.results import ROWS_FILE
from reports import latex, methods, style, views
from reports.analysis import Report
from reports.views import Cell

MANIFEST_FILE = "manifest.json"


def write_paper(report: Report, run_folder: Path, output: Path) -> None:
    """Write ``figures/``, ``tables/``, ``data/``, ``methods.txt`` and ``methods.tex`` and the manifest into ``output``.

    The manifest holds the SHA-256 of each file and of the rows that all of them come from.
    """
    for name in ("figures", "tables", "data"):
        (output / name).mkdir(parents=True, exist_ok=True)
    written = [*_figures(report, output / "figures"), *_tables(report, output / "tables")]
    written += _data(report, output / "data")
    text = methods.paragraph(report)
    for name, content in (("methods.txt", text), ("methods.tex", latex.escape(text.strip()) + "\n")):
        (output / name).write_text(content, encoding="utf-8")
        written.append(output / name)
    _write_manifest(written, run_folder / ROWS_FILE, output)


def _figures(report: Report, folder: Path) -> Iterator[Path]:
    for group in report.figures:
        for panel in (*group.panels, group.legend):
            if panel is not None:
                yield from style.to_files(panel.figure, folder / panel.name)


def _tables(report: Report, folder: Path) -> Iterator[Path]:
    conditions, shown = report.tables.conditions, report.shown
    heads = [
        "Condition",
        "Clips",
        "Payload [kbit/s]",
        "Total [kbit/s]",
        "RTF",
        *(metric.axis_label for metric in shown),
    ]
    lines = views.summary_lines(conditions, shown, report.tables.runs, report.summary)
    caption = "Means over clips with 95 % intervals in brackets."
    yield from _table(folder / "summary", heads, [(line.condition.label, line.cells) for line in lines], caption)
    for table in views.generalisation(report.tables, shown, report.summary, report.by_language):
        yield from _table(
            folder / f"generalisation_{table.metric.name}",
            ["Condition", *table.columns],
            [(line.condition.label, line.cells) for line in table.lines],
            f"{table.metric.axis_label} by category.",
        )
    if report.differences is not None and report.baseline is not None:
        yield from _table(
            folder / "differences",
            ["Condition", *(metric.axis_label for metric in shown)],
            [
                (line.condition.label, line.cells)
                for line in views.difference_lines(conditions, shown, report.differences)
            ],
            f"Paired differences to {report.baseline.label}.",
        )
    if report.bd_table is not None:
        yield from _table(
            folder / "bd_rate",
            ["Codec", *(metric.label for metric in report.bd_table.metrics)],
            views.bd_lines(report.bd_table),
            f"BD-rate against {report.bd_table.anchor.name}.",
        )


def _table(
    stem: Path, heads: Sequence[str], lines: Sequence[tuple[str, Sequence[Cell]]], caption: str
) -> Iterator[Path]:
    texts = [[label, *(f"{cell.text} {cell.interval}".strip() for cell in cells)] for label, cells in lines]
    pd.DataFrame(texts, columns=list(heads)).to_csv(stem.with_suffix(".csv"), index=False)
    yield stem.with_suffix(".csv")
    stem.with_suffix(".tex").write_text(latex.table(heads, texts, caption, stem.name), encoding="utf-8")
    yield stem.with_suffix(".tex")


def _data(report: Report, folder: Path) -> Iterator[Path]:
    """Tidy data: one line an observation, keyed by spec_id and clip_id."""
    found = report.tables
    conditions = pd.DataFrame(
        [
            {
                "spec_id": own.spec_id,
                "codec": own.codec,
                "label": own.label,
                "role": own.role,
                "nominal_kbps": own.nominal_kbps,
                "n_evaluations": own.n_evaluations,
                "weights_sha256": own.weights_sha256,
                "settings": json.dumps(own.settings, sort_keys=True),
            }
            for own in found.conditions
        ]
    )
    clips = pd.DataFrame(
        [
            {
                "clip_id": clip.id,
                "sha256": clip.sha256,
                "category": clip.category,
                "language": clip.language,
                "duration_s": clip.duration_s,
                "sample_rate_hz": clip.sample_rate_hz,
                "n_channels": clip.n_channels,
            }
            for clip in found.clips
        ]
    )
    frames = {
        "conditions": conditions,
        "clips": clips,
        "runs": found.runs,
        "scores": found.scores,
        "summary": pd.concat(
            [report.summary, report.by_language.assign(category="language " + report.by_language["category"])]
        ),
    }
    for name, frame in frames.items():
        frame.to_csv(folder / f"{name}.csv", index=False)
        yield folder / f"{name}.csv"


def _write_manifest(files: Sequence[Path], rows: Path, output: Path) -> None:
    manifest = {
        "source": {"file": ROWS_FILE, "sha256": _sha256(rows)},
        "packages": {
            name: importlib.metadata.version(name) for name in ("flowmac", "matplotlib", "numpy", "pandas", "scipy")
        },
        "files": {
            path.relative_to(output).as_posix(): {"sha256": _sha256(path), "n_bytes": path.stat().st_size}
            for path in sorted(files)
        },
    }
    (output / MANIFEST_FILE).write_text(json.dumps(manifest, indent=2) + "\n", encoding="utf-8")


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()

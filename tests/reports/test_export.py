"""What a paper needs: figures, tables, tidy data, a methods paragraph, and a manifest that vouches for all of them."""

from __future__ import annotations

import csv
import hashlib
import json
import xml.etree.ElementTree as ElementTree
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from benchmarks.results import ROWS_FILE, Row
from reports import latex, methods
from reports import paper as papers
from reports.analysis import Report, analyse
from reports.export import paper_of
from reports.tables import collect
from tests.reports.fake_run import write_run


@pytest.fixture(scope="module")
def two_metrics(rows: list[Row]) -> list[Row]:
    chosen = ("visqol_audio", "estoi")
    return [replace(row, scores={name: row.scores[name] for name in chosen if name in row.scores}) for row in rows]


@pytest.fixture(scope="module")
def report(two_metrics: list[Row]) -> Report:
    return analyse(collect(two_metrics), "Paper")


@pytest.fixture(scope="module")
def paper(two_metrics: list[Row], report: Report, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("paper")
    write_run(folder / "run", two_metrics)
    papers.write(paper_of(report, folder / "run"), folder / "paper")
    return folder / "paper"


def test_manifest_holds_every_file_and_its_hash(paper: Path) -> None:
    manifest = json.loads((paper / papers.MANIFEST_FILE).read_text(encoding="utf-8"))
    found = {path.relative_to(paper).as_posix() for path in paper.rglob("*") if path.is_file()}
    assert set(manifest["files"]) == found - {papers.MANIFEST_FILE}
    for name, entry in manifest["files"].items():
        data = (paper / name).read_bytes()
        assert entry == {"sha256": hashlib.sha256(data).hexdigest(), "n_bytes": len(data)}
    rows = (paper.parent / "run" / ROWS_FILE).read_bytes()
    assert manifest["sources"] == [{"file": ROWS_FILE, "sha256": hashlib.sha256(rows).hexdigest()}]


def test_every_figure_is_there_as_svg_and_pdf(paper: Path, report: Report) -> None:
    panels = [panel for group in report.figures for panel in (*group.panels, group.legend) if panel is not None]
    assert {path.stem for path in (paper / "figures").glob("*.svg")} == {panel.name for panel in panels}
    assert {path.stem for path in (paper / "figures").glob("*.pdf")} == {panel.name for panel in panels}
    for path in (paper / "figures").glob("*.svg"):
        root = ElementTree.parse(path).getroot()
        assert root.get("width") is not None
        assert "var(--" not in path.read_text(encoding="utf-8")
    assert all(path.read_bytes().startswith(b"%PDF") for path in (paper / "figures").glob("*.pdf"))


def test_same_results_make_the_same_files(report: Report, paper: Path) -> None:
    again = paper.parent / "again"
    papers.write(paper_of(report, paper.parent / "run"), again)
    first, second = (
        json.loads((folder / papers.MANIFEST_FILE).read_text(encoding="utf-8"))["files"] for folder in (paper, again)
    )
    assert first == second


def test_tidy_data_are_the_rows(paper: Path, rows: list[Row]) -> None:
    scores = pd.read_csv(paper / "data" / "scores.csv").set_index(["spec_id", "clip_id", "metric"])
    row = rows[0]
    assert scores.loc[(row.spec_id, row.clip.id, "visqol_audio"), "value"] == row.scores["visqol_audio"].value
    assert len(scores) == len(rows) * 2
    assert set(pd.read_csv(paper / "data" / "conditions.csv")["spec_id"]) == {row.spec_id for row in rows}
    assert len(pd.read_csv(paper / "data" / "runs.csv")) == len(rows)
    assert set(pd.read_csv(paper / "data" / "clips.csv")["clip_id"]) == {row.clip.id for row in rows}


def test_tables_agree_in_both_forms(paper: Path) -> None:
    for path in (paper / "tables").glob("*.csv"):
        with path.open(encoding="utf-8", newline="") as file:
            lines = list(csv.reader(file))
        text = path.with_suffix(".tex").read_text(encoding="utf-8")
        body = text.split(r"\midrule")[1].split(r"\bottomrule")[0].strip().splitlines()
        assert len(body) == len(lines) - 1
        for line, cells in zip(body, lines[1:], strict=True):
            assert line == " & ".join(latex.escape(cell) for cell in cells) + r" \\"
    names = {path.stem for path in (paper / "tables").glob("*.tex")}
    assert {"summary", "differences", "generalisation_visqol_audio"} <= names


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("50 % & more_$#{}", r"50 \% \& more\_\$\#\{\}"),
        ("a\\b~c^d", r"a\textbackslash{}b\textasciitilde{}c\textasciicircum{}d"),
        ("−0.5 ↑", r"$-$0.5 $\uparrow$"),
    ],
)
def test_latex_escapes_what_it_must(text: str, expected: str) -> None:
    assert latex.escape(text) == expected


def test_methods_paragraph_has_the_numbers(report: Report) -> None:
    text = methods.paragraph(report)
    for words in (
        "FlowMAC (9 settings) and Opus (4 settings) on 14 clips",
        "Of 224 runs, 1 failed; 0 scores",
        "ViSQOL",
        "5eed" * 16,
    ):
        assert words in text

"""The page of a sweep and its listening test: all three parts on one page, and a paper of all of them."""

from __future__ import annotations

import csv
import json
import re
from collections import Counter
from pathlib import Path

import pandas as pd
import pytest
import typer
from typer.testing import CliRunner

from listening_test.ratings import write_ratings
from reports import cli
from reports.agreement.page import JointReport
from reports.agreement.paper import paper_of
from reports.paper import write
from tests.reports.agreement.fake_joint import GRADED, joint_ratings

BASELINE = "FlowMAC 3 kbit/s, NFE 4"


def test_three_parts_stand_on_one_page(joint_page: str) -> None:
    for text in (
        "2 metrics against the grades of 8 listeners on 6 items and 10 conditions.",
        "Which metric to trust",
        "All conditions: 10",
        "Systems alone: 7",
        "Metric against metric",
        "The listening test</h2>",
        f"Planned contrasts: to {BASELINE}",
        "The sweep</h2>",
        f"Each condition minus <strong>{BASELINE}</strong>",
        "There is no audio in this page.",
    ):
        assert text in joint_page, text
    ids = Counter(re.findall(r'\bid="([^"]+)"', joint_page))
    assert [name for name, n in ids.items() if n > 1] == []
    links = set(re.findall(r'href="#([^"]+)"', joint_page))
    assert links <= set(ids)


def test_simulated_ratings_say_so_in_figures_and_tables_of_the_metrics_too(joint_page: str) -> None:
    assert "<title>SIMULATED: " in joint_page
    own = joint_page[: joint_page.index('id="part-test"')]
    pictures = re.findall(r'<svg role="img".*?</svg>', own, re.DOTALL)
    assert len(pictures) == 2
    assert all(">SIMULATED<" in picture and "Simulated ratings. " in picture for picture in pictures)
    assert all(text.startswith("Simulated ratings. ") for text in re.findall(r"<caption>(.*?)</caption>", own))


def test_a_good_metric_is_trusted_and_noise_is_not(joint_report: JointReport) -> None:
    scope = joint_report.agreement.scopes[0]
    assert [own.metric.name for own in scope.metrics] == [metric.name for metric in joint_report.agreement.metrics]
    for own in scope.metrics:
        assert own.item.spearman.value is not None
        assert own.item.spearman.value > 0.8  # the distance too, which falls with quality
        assert own.within.kendall.mean is not None
        assert own.within.kendall.mean > 0.7
    assert [entry.category for entry in joint_report.agreement.categories] == ["speech", "music"]
    assert len(joint_report.agreement.pairs) + joint_report.agreement.n_not_compared == 1


def test_paper_has_all_three_and_a_manifest_of_both_sources(joint_report: JointReport, joint_folder: Path) -> None:
    write(paper_of(joint_report, joint_folder / "run"), joint_folder / "paper")
    manifest = json.loads((joint_folder / "paper" / "manifest.json").read_text(encoding="utf-8"))
    assert [source["file"] for source in manifest["sources"]] == ["ratings.csv", "rows.jsonl"]
    assert manifest["is_simulated"]
    names = set(manifest["files"])
    for name in (
        "figures/agreement-visqol-audio.pdf",
        "figures/agreement-legend.svg",
        "figures/listening-overall.pdf",
        "figures/rate-visqol-audio-all.svg",
        "tables/agreement.tex",
        "tables/agreement_by_category.csv",
        "tables/agreement_pairs.tex",
        "tables/listening_scores.tex",
        "tables/summary.csv",
        "data/agreement.csv",
        "data/ratings.csv",
        "data/scores.csv",
        "methods.tex",
    ):
        assert name in names, name
    pairs = pd.read_csv(joint_folder / "paper" / "data" / "agreement.csv")
    assert len(pairs) == 6 * len(GRADED)
    with (joint_folder / "paper" / "tables" / "agreement.csv").open(encoding="utf-8") as file:
        lines = list(csv.DictReader(file))
    visqol = next(line for line in lines if line["Metric"] == "ViSQOL audio")
    expected = pairs[["visqol_audio", "mean_grade"]].corr(method="spearman").iloc[0, 1]
    assert float(visqol["Spearman"].split()[0]) == pytest.approx(expected, abs=0.005)
    methods = (joint_folder / "paper" / "methods.txt").read_text(encoding="utf-8")
    assert methods.startswith("These ratings were made by a model")
    assert "P.1401" in methods
    assert "post-screening as in ITU-R BS.1534-3" in methods


def test_the_command_takes_a_run_with_ratings(joint_folder: Path, tmp_path: Path) -> None:
    app = typer.Typer()
    app.callback()(lambda: None)
    cli.register(app)
    write_ratings(tmp_path / "ratings.csv", joint_ratings(5, 3))
    (tmp_path / "study.yaml").write_text("title: Both\nconditions: {Opus 8 kbit/s: null}\n", encoding="utf-8")
    output = tmp_path / "joint.html"
    arguments = ["--ratings", str(tmp_path / "ratings.csv"), "--study", str(tmp_path / "study.yaml"), "--clips", "0"]
    result = CliRunner().invoke(app, ["report", str(joint_folder / "run"), *arguments, "-o", str(output)])
    assert result.exit_code == 0, result.output
    assert result.stdout.strip() == str(output)
    text = output.read_text(encoding="utf-8")
    assert "<h1>Both</h1>" in text
    assert "In the ratings alone: condition Opus 8 kbit/s: not in the sweep." in text
    assert "With 3 items there are no intervals" in text

"""The page of ABX, AB, ACR and DCR: numbers against hand counts and independent models, and all of it on the page."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
import typer
from scipy import stats
from typer.testing import CliRunner

from flowmac.errors import SettingError
from listening_test.judgements import Judgement, write_judgements
from reports import cli
from reports.judgement_report import prepare, render
from reports.judgement_report.analysis import CategorySection, JudgementAnalysis, PairSection, analyse
from reports.listening_report import Options
from reports.sources import read_answers
from reports.statistics.cube import NotComputableError
from reports.statistics.ordinal import Vote, compare_votes
from tests.reports.conftest import OpenPage
from tests.reports.judgement_report.fake_judgements import LEVELS, fake_judgements


@pytest.fixture(scope="module")
def analysis() -> JudgementAnalysis:
    return analyse(fake_judgements(), "Opus 6 kbit/s")


def section(analysis: JudgementAnalysis, method: str) -> CategorySection | PairSection:
    return next(own for own in analysis.sections if own.method == method)


def test_votes_are_counted_and_ordered(analysis: JudgementAnalysis) -> None:
    acr = section(analysis, "acr")
    assert isinstance(acr, CategorySection)
    assert [name for name, _ in acr.summaries] == list(LEVELS)
    for name, summary in acr.summaries:
        votes = [int(own.answer) for own in fake_judgements() if own.method == "acr" and own.condition_a == name]
        assert summary.counts == tuple(votes.count(category) for category in range(1, 6))
        assert summary.mos.mean == pytest.approx(np.mean(votes))
        assert summary.mos.n == 12
    assert not isinstance(acr.odds, str)
    assert {own.condition for own in acr.odds} == set(LEVELS) - {"Opus 6 kbit/s"}
    assert all(own.odds_ratio > 1 and own.p_adjusted < 0.05 for own in acr.odds)


def test_shares_are_exact_and_the_listener_is_the_unit(analysis: JudgementAnalysis) -> None:
    abx = section(analysis, "abx")
    assert isinstance(abx, PairSection)
    assert len(abx.pairs) == 2
    for pair in abx.pairs:
        own = [
            entry
            for entry in fake_judgements()
            if entry.method == "abx" and {entry.condition_a, entry.condition_b} == {pair.first, pair.second}
        ]
        n_correct = sum(entry.is_correct is True for entry in own)
        expected = stats.binomtest(n_correct, len(own), 0.5, alternative="greater")
        assert (pair.answers.n_successes, pair.answers.n_answers) == (n_correct, 36)
        assert pair.answers.p == pytest.approx(expected.pvalue)
        assert pair.p == pair.listeners.p  # three answers each
    once = [own for own in fake_judgements() if own.item == "speech_a"]
    single = section(analyse(once), "abx")
    assert isinstance(single, PairSection)
    assert all(pair.p == pair.answers.p for pair in single.pairs)


def test_order_of_a_and_b_does_not_matter() -> None:
    turned = [
        dataclasses.replace(own, condition_a=own.condition_b, condition_b=own.condition_a)
        if own.method in ("ab", "abx")
        else own
        for own in fake_judgements()
    ]
    assert section(analyse(turned), "ab") == section(analyse(fake_judgements()), "ab")


def test_ordinal_model_of_two_categories_is_logistic_regression() -> None:
    rng = np.random.default_rng(0)
    votes = [
        Vote(f"L{listener}", "item", condition, 1 + int(rng.random() < share))
        for listener in range(60)
        for condition, share in (("a", 0.3), ("b", 0.6))
    ]
    (found,) = compare_votes(votes, "a")
    n = {name: sum(vote.category == 2 for vote in votes if vote.condition == name) for name in "ab"}
    assert found.odds_ratio == pytest.approx(n["b"] * (60 - n["a"]) / (n["a"] * (60 - n["b"])), rel=1e-4)
    assert found.low < found.odds_ratio < found.high


def test_votes_without_an_estimate_say_why() -> None:
    def votes(of_a: int, of_b: int, n_listeners: int = 8) -> list[Vote]:
        pairs = (("a", of_a), ("b", of_b))
        return [Vote(str(n), "item", name, category) for n in range(n_listeners) for name, category in pairs]

    for own, message in (
        (votes(1, 1), "all votes are of one category"),
        (votes(1, 2, 3), "at least 5 listeners"),
        (votes(1, 2), "no finite value|no estimate"),
    ):
        with pytest.raises(NotComputableError, match=message):
            compare_votes(own, "a")


def test_page_and_paper_have_all_methods(tmp_path: Path) -> None:
    app = typer.Typer()
    app.callback()(lambda: None)
    cli.register(app)
    write_judgements(tmp_path / "j.csv", fake_judgements())
    arguments = ["report", "--ratings", str(tmp_path / "j.csv"), "-o", str(tmp_path / "a.html")]
    result = CliRunner().invoke(app, [*arguments, "--format", "html,latex"])
    assert result.exit_code == 0, result.output
    page = (tmp_path / "a.html").read_text(encoding="utf-8")
    for text in ("SIMULATED", 'id="acr"', 'id="dcr"', 'id="abx"', 'id="ab"', "Odds of a higher category", "of 36"):
        assert text in page, text
    manifest = json.loads((tmp_path / "a_paper" / "manifest.json").read_text(encoding="utf-8"))
    assert {"figures/judgements-abx.pdf", "tables/judgements_acr_odds.tex", "data/judgements.csv"} <= set(
        manifest["files"]
    )
    with_run = CliRunner().invoke(app, [*arguments, "--force", str(tmp_path)])
    assert "holds judgements" in str(with_run.exception)


def test_training_does_not_count_and_alone_is_refused() -> None:
    training = [dataclasses.replace(own, is_training=True) for own in fake_judgements(2)]
    assert len(analyse([*training, *fake_judgements(6)]).judgements) == len(fake_judgements(6))
    with pytest.raises(SettingError, match="of the training"):
        analyse(training)
    with pytest.raises(SettingError, match="unknown condition 'Opus 7'"):
        analyse(fake_judgements(6), "Opus 7")


@pytest.mark.browser
@pytest.mark.parametrize("width_px", [1280, 390])
def test_page_fits_its_width(open_page: OpenPage, tmp_path: Path, width_px: int) -> None:
    judgements: list[Judgement] = fake_judgements(7)
    write_judgements(tmp_path / "j.csv", judgements)
    (tmp_path / "p.html").write_text(
        render(prepare(read_answers(tmp_path / "j.csv"), Options(), lambda step: None)), "utf-8"
    )
    page = open_page(tmp_path / "p.html", width_px, "light")
    axe = pytest.importorskip("axe_playwright_python.base")
    page.evaluate(axe.AXE_SCRIPT)
    found = page.evaluate("axe.run({resultTypes: ['violations']})")["violations"]
    assert [own["id"] for own in found] == []

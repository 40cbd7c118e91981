"""Too little or odd data on either side: the page with what can be said, or a clear message, never a wrong number."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

import pytest

from benchmarks.results import Failure, Row, Score
from flowmac.errors import SettingError
from listening_test.ratings import Rating, write_ratings
from reports.agreement.page import prepare, render
from reports.listening_report import Options
from reports.sources import read_answers
from tests.reports.agreement.fake_joint import GRADED, joint_ratings
from tests.reports.fake_run import fake_rows, write_run


def rows_of(*metrics: str) -> list[Row]:
    """Of the graded conditions, with these metrics alone."""
    return [
        dataclasses.replace(row, scores={name: row.scores[name] for name in metrics if name in row.scores})
        for row in fake_rows()
        if row.label in GRADED
    ]


def page_of(folder: Path, rows: list[Row], ratings: list[Rating]) -> str:
    write_run(folder / "run", rows)
    write_ratings(folder / "ratings.csv", ratings)
    html = render(prepare(folder / "run", read_answers(folder / "ratings.csv"), Options(), 0))
    own = re.sub(r"<svg.*?</svg>", "", html[html.index("<header") : html.index('id="part-test"')], flags=re.DOTALL)
    assert not re.search(r"\b(nan|None|inf)\b", own)
    return own


def test_one_listener(tmp_path: Path) -> None:
    page = page_of(tmp_path, rows_of("visqol_audio"), joint_ratings(1, 3))
    assert "against the grades of 1 listener on 3 items" in page
    assert "one half of the listeners with the other: Spearman's correlation – by item" in page
    assert "There is one metric, and nothing to compare it with." in page


def test_one_item_has_no_intervals(tmp_path: Path) -> None:
    page = page_of(tmp_path, rows_of("visqol_audio", "log_mel"), joint_ratings(6, 1))
    assert "With 1 item there are no intervals" in page
    assert "on 1 item: too few to tell it from the others" in page
    assert "1 pair of metrics has too few items in common to be compared." in page


def test_grades_that_are_all_alike_correlate_with_nothing(tmp_path: Path) -> None:
    ratings = [
        dataclasses.replace(own, score=95.0 if own.role != "mid_anchor" else 90.0) for own in joint_ratings(5, 5)
    ]
    ratings = [dataclasses.replace(own, score=90.0) for own in ratings]
    page = page_of(tmp_path, rows_of("visqol_audio"), ratings)
    assert "Speech: no metric has a correlation." in page


def test_a_metric_that_always_fails_is_left_out_and_one_that_often_does_is_counted(tmp_path: Path) -> None:
    broken = Score("1", None, Failure("too_short", "the recording is too short"))
    rows = [
        dataclasses.replace(
            row,
            scores={"log_mel": row.scores["log_mel"], "estoi": broken, "visqol_audio": row.scores["visqol_audio"]}
            if row.status == "ok" and row.clip.id != "speech_de_f"
            else {"estoi": broken, "log_mel": broken, "visqol_audio": broken},
        )
        for row in rows_of("visqol_audio", "log_mel")
    ]
    page = page_of(tmp_path, rows, joint_ratings(6, 6))
    assert "2 metrics against" in page
    assert re.search(r"Without a score, and left out pair by pair: .*\(1\d of 60\)", page)


def test_without_any_score_there_is_nothing_to_compare(tmp_path: Path) -> None:
    with pytest.raises(SettingError, match="no metric has a score of what was graded"):
        page_of(tmp_path, rows_of(), joint_ratings(5, 3))

"""Rows to tables, and what is damaged: the tables or a clear message, never a wrong number."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from benchmarks.results import ROWS_FILE, Failure, Row, Score
from flowmac.errors import SettingError
from reports import tables
from reports.tables import collect
from tests.reports.fake_run import write_run


def rewrite(folder: Path, change: Callable[[dict[str, Any]], object], line: int = 2) -> None:
    """Change the data of one line of the rows."""
    path = folder / ROWS_FILE
    lines = path.read_text(encoding="utf-8").splitlines()
    data = json.loads(lines[line - 1])
    change(data)
    lines[line - 1] = json.dumps(data)
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


@pytest.fixture
def folder(small_rows: list[Row], tmp_path: Path) -> Path:
    write_run(tmp_path, small_rows)
    return tmp_path


def test_read_and_collect_agree(folder: Path, small_rows: list[Row]) -> None:
    read, collected = tables.read(folder), collect(small_rows)
    assert read.conditions == collected.conditions
    assert read.clips == collected.clips
    assert read.environment == collected.environment == [(small_rows[0].environment, 15)]
    assert read.runs.equals(collected.runs)
    assert read.scores.equals(collected.scores)


def test_a_score_has_its_row_its_metric_and_its_outcome(small_rows: list[Row]) -> None:
    scores = collect(small_rows).scores
    for row in small_rows:
        own = scores[(scores["spec_id"] == row.spec_id) & (scores["clip_id"] == row.clip.id)].set_index("metric")
        assert set(own.index) == set(row.scores)
        for name, score in row.scores.items():
            outcome = score.failure.kind if score.failure else tables.SCORED
            assert own.loc[name, "outcome"] == outcome
            assert own.loc[name, "version"] == score.version
            assert own.loc[name, "value"] == pytest.approx(score.value, nan_ok=True) or score.value is None


def test_of_rows_with_one_id_the_last_counts(small_rows: list[Row]) -> None:
    failed = replace(small_rows[0], status="failed", failure=Failure("OSError", "no disk"), scores={})
    found = collect([failed, *small_rows[1:], small_rows[0]])
    assert len(found.runs) == 15
    assert found.runs["is_ok"].all()
    assert (found.scores["outcome"] != tables.CODEC_FAILED).all()


def test_metrics_that_some_rows_were_not_asked_for_are_not_failures(small_rows: list[Row]) -> None:
    small_rows[0] = replace(small_rows[0], scores={"visqol_audio": small_rows[0].scores["visqol_audio"]})
    scores = collect(small_rows).scores
    own = scores[(scores["spec_id"] == small_rows[0].spec_id) & (scores["clip_id"] == small_rows[0].clip.id)]
    assert sorted(own["outcome"]) == [tables.NOT_MEASURED] * 4 + [tables.SCORED]


@pytest.mark.parametrize(
    "change",
    [
        lambda data: data.pop("codec"),
        lambda data: data["clip"].pop("sha256"),
        lambda data: data.pop("scores"),
        lambda data: data.update(schema=2),
        lambda data: data.update(surprise=1),
        lambda data: data["clip"].update(duration_s=0.0),
        lambda data: data["clip"].update(duration_s="long"),
        lambda data: data.update(payload_bits="many"),
        lambda data: data["scores"]["visqol_audio"].update(value="good"),
        lambda data: data.update(scores=[1, 2]),
        lambda data: data.update(environment=None),
    ],
)
def test_damaged_rows_are_refused_by_line(folder: Path, change: Callable[[dict[str, Any]], object]) -> None:
    rewrite(folder, change)
    with pytest.raises(SettingError, match=r"rows\.jsonl, line 2: is no result row"):
        tables.read(folder)


@pytest.mark.parametrize("text", ["", "null", "[]", "not JSON", '{"schema": 1', "\x00"])
def test_lines_that_are_no_rows_are_refused(folder: Path, text: str) -> None:
    with (folder / ROWS_FILE).open("a", encoding="utf-8") as file:
        file.write(text + "\n")
    with pytest.raises(SettingError, match="line 16"):
        tables.read(folder)


def test_a_torn_last_line_is_passed_over(folder: Path) -> None:
    path = folder / ROWS_FILE
    path.write_bytes(path.read_bytes()[:-40])
    assert len(tables.read(folder).runs) == 14


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_values_that_are_no_numbers_are_failures(folder: Path, value: float) -> None:
    rewrite(folder, lambda data: data["scores"]["visqol_audio"].update(value=value))
    scores = tables.read(folder).scores
    failed = scores[scores["outcome"] == tables.FAILED]
    assert failed["kind"].tolist() == ["not_finite"]
    assert failed["value"].isna().all()


def test_mixed_versions_are_refused_on_reading(folder: Path) -> None:
    rewrite(folder, lambda data: data["scores"]["visqol_audio"].update(version="2"))
    with pytest.raises(SettingError, match="several versions"):
        tables.read(folder)


def test_a_folder_in_place_of_the_rows_is_refused(tmp_path: Path) -> None:
    (tmp_path / ROWS_FILE).mkdir()
    with pytest.raises(SettingError, match=ROWS_FILE):
        tables.read(tmp_path)


def test_scores_of_a_failed_codec_apply_where_the_metric_does(small_rows: list[Row]) -> None:
    failed = replace(
        small_rows[2], status="failed", failure=Failure("OSError", "no disk"), scores={"estoi": Score("1", 1.0)}
    )
    assert failed.clip.category == "music"
    scores = collect([*small_rows[:2], failed, *small_rows[3:]]).scores
    own = scores[(scores["spec_id"] == failed.spec_id) & (scores["clip_id"] == failed.clip.id)].set_index("metric")
    assert own.loc["estoi", "outcome"] == tables.NOT_APPLICABLE
    assert own.loc["visqol_audio", "outcome"] == tables.CODEC_FAILED
    assert own["value"].isna().all()

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from benchmarks.results import Failure, Row, Score
from flowmac.errors import SettingError
from reports import aggregate
from reports.aggregate import ALL
from reports.conditions import ordered_categories
from reports.tables import collect


def entry(rows: list[Row], label: str, metric: str, category: str = ALL) -> dict[str, float]:
    spec_id = next(row.spec_id for row in rows if row.label == label)
    table = aggregate.summarise(collect(rows).scores)
    chosen = (table["spec_id"] == spec_id) & (table["metric"] == metric) & (table["category"] == category)
    return table[chosen].iloc[0].to_dict()


def with_scores(row: Row, **scores: Score) -> Row:
    return replace(row, scores={**row.scores, **scores})


def test_mean_and_n_are_those_of_the_rows(small_rows: list[Row]) -> None:
    values = [row.scores["visqol_audio"].value for row in small_rows if row.label == "Opus 6 kbit/s"]
    found = entry(small_rows, "Opus 6 kbit/s", "visqol_audio")
    assert found["n"] == 3
    assert found["mean"] == pytest.approx(np.mean([value for value in values if value is not None]))
    assert math.isnan(found["low"])  # too few clips
    assert entry(small_rows, "Opus 6 kbit/s", "visqol_audio", "speech")["n"] == 2


def test_scores_that_do_not_apply_are_no_failures(small_rows: list[Row]) -> None:
    found = entry(small_rows, "Opus 6 kbit/s", "estoi")
    assert (found["n"], found["n_failed"], found["n_unmeasured"]) == (2, 0, 0)


def test_failed_scores_are_counted_and_change_no_mean(small_rows: list[Row]) -> None:
    place = next(i for i, row in enumerate(small_rows) if row.label == "Opus 6 kbit/s" and row.clip.id == "speech_a")
    small_rows[place] = with_scores(small_rows[place], estoi=Score("1", None, Failure("ValueError", "broken")))
    found = entry(small_rows, "Opus 6 kbit/s", "estoi")
    assert (found["n"], found["n_failed"]) == (1, 1)
    assert found["mean"] == small_rows[place + 1].scores["estoi"].value


def test_failed_codec_counts_as_a_failure_of_the_metrics_that_apply(small_rows: list[Row]) -> None:
    for place, row in enumerate(small_rows):
        if row.label == "Opus 6 kbit/s":
            small_rows[place] = replace(row, status="failed", failure=Failure("OSError", "no disk"), scores={})
    visqol, estoi = (entry(small_rows, "Opus 6 kbit/s", metric) for metric in ("visqol_audio", "estoi"))
    assert (visqol["n"], visqol["n_failed"]) == (0, 3)
    assert (estoi["n"], estoi["n_failed"]) == (0, 2)  # the music clip does not count
    assert math.isnan(visqol["mean"])


def test_absent_packages_are_not_failures(small_rows: list[Row]) -> None:
    found = entry(small_rows, "Opus 6 kbit/s", "distillmos")
    assert (found["n"], found["n_failed"], found["n_unmeasured"]) == (0, 0, 3)


@pytest.mark.parametrize("value", [math.nan, math.inf, None])
def test_value_that_is_no_number_is_a_failure(small_rows: list[Row], value: float | None) -> None:
    place = next(i for i, row in enumerate(small_rows) if row.label == "Opus 6 kbit/s")
    small_rows[place] = with_scores(small_rows[place], visqol_audio=Score("1", value))
    assert entry(small_rows, "Opus 6 kbit/s", "visqol_audio")["n_failed"] == 1


def test_mixed_metric_versions_are_refused(small_rows: list[Row]) -> None:
    small_rows[0] = with_scores(small_rows[0], visqol_audio=Score("2", 3.0))
    with pytest.raises(SettingError, match=r"'visqol_audio'.*version 1 \(14 scores\), version 2 \(1 scores\).*again"):
        collect(small_rows)


def test_versions_of_missing_scores_do_not_matter(small_rows: list[Row]) -> None:
    absent = Score("not installed", None, Failure("not_installed", "pip install it"))
    small_rows[0] = with_scores(small_rows[0], visqol_audio=absent)
    assert len(collect(small_rows).scores) == 15 * 5


def test_two_contents_of_one_clip_are_refused(small_rows: list[Row]) -> None:
    twin = replace(small_rows[0], row_id="other", clip=replace(small_rows[0].clip, sha256="0" * 64))
    with pytest.raises(SettingError, match="'speech_a' has two results"):
        collect([*small_rows, twin])


def test_conditions_are_ordered_and_have_their_roles(rows: list[Row]) -> None:
    found = collect(rows).conditions
    assert [condition.role for condition in found] == ["reference", *["codec"] * 13, *["anchor"] * 2]
    assert [condition.label for condition in found][1:3] == ["FlowMAC 0.75 kbit/s, NFE 1", "FlowMAC 0.75 kbit/s, NFE 4"]


def test_codec_that_always_failed_is_no_anchor(small_rows: list[Row]) -> None:
    failed = [replace(row, status="failed", payload_bits=None) for row in small_rows if row.codec == "opus"]
    assert collect(failed).conditions[0].role == "codec"


def test_equal_labels_are_told_apart(small_rows: list[Row]) -> None:
    labelled = [replace(row, label="the same") for row in small_rows]
    labels = [condition.label for condition in collect(labelled).conditions]
    assert len(set(labels)) == len(labels) == 5


def test_categories_come_in_the_usual_order() -> None:
    names = ["sounds", "zither", "speech", "applause", "music"]
    assert ordered_categories(names) == ["speech", "music", "sounds", "applause", "zither"]


def test_paired_differences_use_common_clips(small_rows: list[Row]) -> None:
    specs = {row.label: row.spec_id for row in small_rows}
    table = aggregate.paired_differences(collect(small_rows).scores, specs["Opus 6 kbit/s"])
    chosen = table[(table["spec_id"] == specs["Hidden reference"]) & (table["metric"] == "pesq_wb")].iloc[0]
    assert chosen["n"] == 2
    assert chosen["mean"] > 0
    assert specs["Opus 6 kbit/s"] not in set(table["spec_id"])


def test_one_row_and_rows_without_scores_are_tables_too(small_rows: list[Row]) -> None:
    assert entry(small_rows[:1], small_rows[0].label, "visqol_audio")["n"] == 1
    bare = [replace(row, scores={}) for row in small_rows]
    assert collect(bare).scores.empty
    assert aggregate.summarise(collect(bare).scores).empty

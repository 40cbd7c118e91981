"""The data of the figures, not their pixels."""

from __future__ import annotations

from dataclasses import replace

import pandas as pd
import pytest

from benchmarks.results import Row
from reports import aggregate, series
from reports.aggregate import ALL
from reports.tables import collect


def names(found: list[series.Series]) -> list[str]:
    return [entry.name for entry in found]


def test_series_along_the_rate_join_rates_and_nothing_else(rows: list[Row]) -> None:
    found = series.rate_series(collect(rows).conditions)
    assert names(found) == ["FlowMAC, NFE 1", "FlowMAC, NFE 4", "FlowMAC, NFE 16", "Opus"]
    assert [len(entry.spec_ids) for entry in found] == [3, 3, 3, 4]
    assert [entry.index for entry in found] == [0, 1, 2, 3]


def test_a_rate_in_another_unit_is_recognised(rows: list[Row]) -> None:
    conditions = [
        replace(condition, settings={"n_codebooks": round(condition.nominal_kbps * 2)})
        for condition in collect(rows).conditions
        if condition.codec == "opus" and condition.nominal_kbps
    ]
    assert names(series.rate_series(conditions)) == ["Opus"]


def test_series_over_evaluations_are_told_apart_by_rate(rows: list[Row]) -> None:
    found = series.nfe_series(collect(rows).conditions)
    assert names(found) == ["FlowMAC, 0.75 kbit/s", "FlowMAC, 1.5 kbit/s", "FlowMAC, 3 kbit/s"]


def test_one_number_of_evaluations_is_no_series(rows: list[Row]) -> None:
    one = [row for row in rows if row.n_evaluations in (None, 4)]
    assert series.nfe_series(collect(one).conditions) == []


def test_points_are_means_against_measured_rates(small_rows: list[Row]) -> None:
    runs = collect(small_rows).runs
    summary = aggregate.summarise(collect(small_rows).scores)
    opus = next(entry for entry in series.rate_series(collect(small_rows).conditions) if entry.codec == "opus")
    x = runs.groupby("spec_id")["payload_kbps"].mean()
    (point,) = series.points(opus, x, summary, "visqol_audio", ALL)
    own = [row for row in small_rows if row.codec == "opus"]
    assert point.x == pytest.approx(sum(row.payload_kbps or 0 for row in own) / 3)
    assert point.mean == pytest.approx(sum(row.scores["visqol_audio"].value or 0 for row in own) / 3)
    assert (point.n, point.low, point.high) == (3, None, None)


def test_points_without_a_value_or_rate_are_left_out(small_rows: list[Row]) -> None:
    summary = aggregate.summarise(collect(small_rows).scores)
    opus = next(entry for entry in series.rate_series(collect(small_rows).conditions) if entry.codec == "opus")
    rate = pd.Series({opus.spec_ids[0]: 6.0})
    assert series.points(opus, rate, summary, "estoi", "music") == []
    assert series.points(opus, pd.Series({opus.spec_ids[0]: float("nan")}), summary, "visqol_audio", ALL) == []
    assert series.points(opus, pd.Series(dtype="float64"), summary, "visqol_audio", ALL) == []


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        (["Lyra v2 3.2 kbit/s", "Lyra v2 6 kbit/s"], "Lyra v2"),
        (["Opus 6 kbit/s"], "Opus"),
        (["6 kbit/s", "8 kbit/s"], "opus"),
        (["", "x"], "opus"),
    ],
)
def test_codec_names_come_from_labels(rows: list[Row], labels: list[str], expected: str) -> None:
    opus = [condition for condition in collect(rows).conditions if condition.codec == "opus"]
    labelled = [replace(condition, label=label) for condition, label in zip(opus, labels, strict=False)]
    assert series.codec_names(labelled) == {"opus": expected}

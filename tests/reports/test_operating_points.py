"""Maps, fronts, solvers, BD-rates, worst clips and languages on a run that varies everything."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from benchmarks.results import Row
from reports import views, worst
from reports.analysis import Report, analyse
from reports.charts import PanelData
from reports.maps import MapData
from reports.page import SILENT, render
from reports.panel import FigureGroup
from reports.tables import collect
from tests.reports.grid_run import grid_rows


@pytest.fixture(scope="module")
def grid() -> list[Row]:
    return grid_rows()


@pytest.fixture(scope="module")
def report(grid: list[Row]) -> Report:
    return analyse(collect(grid), "Grid")


def mean_of(grid: list[Row], label: str, metric: str) -> float:
    values = [row.scores[metric].value for row in grid if row.label == label]
    return float(np.mean([value for value in values if value is not None]))


def maps_of(group: FigureGroup, metric: str) -> list[MapData]:
    return [
        panel.data for panel in group.panels if isinstance(panel.data, MapData) and panel.data.metric.name == metric
    ]


def test_maps_hold_the_means_and_frame_the_best(report: Report, grid: list[Row]) -> None:
    guidance, temperature = report.maps
    data = next(data for data in maps_of(guidance, "visqol_audio") if "euler" in data.title)
    assert data.rows == (1.0, 1.5, 2.0)
    assert data.columns == (2.0, 4.0, 8.0)
    assert data.means[1, 2] == pytest.approx(mean_of(grid, "FlowMAC 3 kbit/s, NFE 8, CFG 1.5", "visqol_audio"))
    assert data.n_evaluations.tolist() == [[2, 4, 8], [4, 8, 16], [4, 8, 16]]
    assert data.best == np.unravel_index(np.argmax(data.means), (3, 3))
    assert {data.rows for data in maps_of(temperature, "visqol_audio")} == {(0.5, 1.0)}


def test_lower_is_better_maps_frame_the_lowest(report: Report) -> None:
    for data in maps_of(report.maps[0], "log_mel"):
        assert data.best is not None
        assert data.means[data.best] == data.means.min()


def test_a_map_with_a_gap_is_drawn_and_described(grid: list[Row]) -> None:
    rows = [row for row in grid if row.label != "FlowMAC 3 kbit/s, NFE 4, CFG 1.5"]
    group = analyse(collect(rows), "Gap").maps[0]
    data = maps_of(group, "log_mel")[0]
    assert int(np.isnan(data.means).sum()) == 1
    assert group.panels[0].description.count("nfe") == 8


def test_solvers_are_compared_at_equal_evaluations(report: Report) -> None:
    assert len(report.solvers) == 9
    lines = views.solver_lines(report.solvers, report.shown)
    assert len(lines) == 9
    for group in report.solvers:
        assert {own.n_evaluations for own in group.others} == {group.reference.n_evaluations}
        assert group.reference.settings["solver"] == "euler"
    differences = pd.concat([group.differences for group in report.solvers])
    visqol = differences[differences["metric"] == "visqol_audio"]
    assert visqol["mean"].mean() == pytest.approx(-0.02 * 3.73, abs=0.03)


def test_fronts_of_the_table_hold_those_of_the_figure(report: Report) -> None:
    assert report.speed_figure is not None
    visqol = next(panel.data for panel in report.speed_figure.panels if panel.data.title == "ViSQOL audio")
    assert isinstance(visqol, PanelData)
    drawn = {point.spec_id for point in visqol.front}
    listed = {line.condition.spec_id for line in report.speed_lines if "ViSQOL audio" in line.on_front}
    with_rate = {line.condition.spec_id for line in report.speed_lines if "ViSQOL audio" in line.on_front_with_rate}
    assert drawn == listed < with_rate
    factors = [line.real_time_factor for line in report.speed_lines]
    assert factors == sorted(factors)


def test_bd_rates_are_against_the_baselines_series(report: Report) -> None:
    table = report.bd_table
    assert table is not None
    assert report.baseline is not None
    assert report.baseline.label == "FlowMAC 3 kbit/s, NFE 4"
    assert report.baseline.spec_id in table.anchor.spec_ids
    assert [own.name for own, _ in table.lines] == ["EnCodec"]
    by_metric = dict(zip((metric.name for metric in table.metrics), table.lines[0][1], strict=True))
    # Quality falls by 0.36 against FlowMAC's, and rises by 0.13 an octave of rate: 2.8 octaves, or 580 % more.
    assert by_metric["visqol_audio"].percent == pytest.approx(100 * (2 ** (0.36 / 0.13) - 1), rel=0.3)
    assert by_metric["log_mel"].percent is not None
    assert by_metric["log_mel"].percent > 100
    assert by_metric["log_mel"].overlap is not None
    assert 0 < by_metric["log_mel"].overlap[0] < by_metric["log_mel"].overlap[1]
    assert by_metric["visqol_audio"].low is not None
    assert len(table.too_short) == 3 * 3 * 2 - 1 + 3


def test_worst_clips_are_those_with_the_worst_scores(report: Report, grid: list[Row]) -> None:
    own = [row for row in grid if row.label == "FlowMAC 3 kbit/s, NFE 4"]
    for metric, pick in (("visqol_audio", min), ("log_mel", max)):
        values = {row.clip.id: row.scores[metric].value for row in own}
        listed = next(entry for entry in report.worst if entry.metric.name == metric)
        expected = pick(values, key=lambda clip_id: values[clip_id])  # type: ignore[type-var, return-value]
        assert listed.clips[0][0].id == expected
        assert len(listed.clips) == worst.N_LISTED
    heard = worst.to_hear(report.worst, 3)
    assert report.baseline is not None
    assert len({clip.id for clip in heard}) == len(heard) == 3
    assert heard[0].id == report.worst[0].clips[0][0].id
    beside = worst.rivals(report.tables.conditions, report.baseline)
    assert [condition.label for condition in beside] == [
        "Hidden reference",
        "FlowMAC 3 kbit/s, NFE 4",
        "EnCodec 12 kbit/s",
    ]


def test_generalisation_has_categories_and_languages(report: Report) -> None:
    table = views.generalisation(report.tables, report.shown, report.summary, report.by_language)[0]
    assert table.columns[:5] == ("all", "speech", "music", "mixed", "sounds")
    assert table.columns[5:] == tuple(f"language {name}" for name in ("de", "en", "fi", "hu", "ru"))
    for line in table.lines:
        marked = [cell for cell in line.cells if "lowest quality" in cell.note]
        assert len(marked) == (0 if line.condition.role == "reference" else 1)


def test_the_whole_grid_makes_a_page(report: Report) -> None:
    page = render(report, SILENT)
    for words in ("Guidance by NFE", "Temperature by NFE", "Solvers at equal", "BD-rate", "Worst clips", "language fi"):
        assert words in page

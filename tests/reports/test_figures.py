from __future__ import annotations

import re
import xml.etree.ElementTree as ElementTree

import pytest

from benchmarks.results import Row
from reports import aggregate, charts, figures, style
from reports.metric_info import MetricInfo, metric_infos
from reports.tables import collect
from tests.reports.fake_run import FakeCondition, fake_clip, fake_rows


def tables(rows: list[Row], baseline: str | None = None) -> figures.FigureTables:
    found = collect(rows)
    return figures.FigureTables(
        found.conditions, found.categories, found.runs, aggregate.summarise(found.scores), baseline
    )


def visqol() -> MetricInfo:
    return metric_infos(["visqol_audio"])[0]


def test_metric_infos_come_from_the_registry_and_unknown_ones_keep_their_names() -> None:
    found = metric_infos(["homemade", "visqol_audio", "log_mel"])
    assert [entry.name for entry in found] == ["visqol_audio", "log_mel", "homemade"]
    assert found[0].direction == "better ↑"
    assert found[1].direction == "better ↓"
    assert found[0].axis_label == "ViSQOL audio [MOS-LQO]  (better ↑)"
    assert found[2].direction == ""
    assert found[0].text(-0.5) == "−0.50"


def test_rate_figure_has_a_panel_for_all_and_each_category(small_rows: list[Row]) -> None:
    group = figures.against_rate(tables(small_rows), visqol())
    assert len(group.panels) == 3
    for title, panel in zip(("all, 3 clips", "speech, 2 clips", "music, 1 clip"), group.panels, strict=True):
        assert title in panel.svg
        assert "measured payload [kbit/s]" in panel.svg
        assert "better ↑" in panel.svg


def test_speech_metric_has_a_panel_for_speech_alone(small_rows: list[Row]) -> None:
    group = figures.against_rate(tables(small_rows), metric_infos(["estoi"])[0])
    assert len(group.panels) == 1
    assert "speech, 2 clips" in group.panels[0].svg


def test_description_says_what_the_picture_shows(small_rows: list[Row]) -> None:
    panel = figures.against_rate(tables(small_rows), visqol()).panels[0].svg
    label = re.search(r'aria-label="([^"]+)"', panel)
    assert label is not None
    assert "Hidden reference: 4.73" in label[1]
    assert re.search(r"Opus: \d\.\d+ at \d", label[1])


def test_svg_is_well_formed_themed_and_has_text(rows: list[Row]) -> None:
    group = figures.against_rate(tables(rows), visqol())
    pictures = [panel.svg for panel in (*group.panels, group.legend) if panel is not None]
    for svg in pictures:
        root = ElementTree.fromstring(svg)
        assert root.tag.endswith("svg")
        assert any(element.tag.endswith("text") for element in root.iter())
        assert "var(--text, " in svg
        assert "<image" not in svg
    ids = re.findall(r'\bid="([^"]+)"', "".join(pictures))
    assert len(ids) == len(set(ids))


def test_a_codec_has_one_colour_and_each_series_its_marker(rows: list[Row]) -> None:
    found = figures.series.rate_series(collect(rows).conditions)
    lines = [charts._series_line(entry) for entry in found]
    assert [line["color"] for line in lines[:3]] == [style.SERIES_COLOURS[0]] * 3
    assert lines[3]["color"] == style.SERIES_COLOURS[1]
    assert len({line["marker"] for line in lines}) == len(lines)


def test_a_codec_keeps_its_colour_whatever_else_is_there(rows: list[Row]) -> None:
    alone = figures.series.rate_series(collect([row for row in rows if row.codec == "opus"]).conditions)
    assert charts._series_line(alone[0])["color"] == style.codec_colour("opus") == style.SERIES_COLOURS[1]
    assert style.codec_colour("a new codec") == style.codec_colour("a new codec")
    assert style.codec_colour("a new codec") not in {style.codec_colour(name) for name in style.CODEC_COLOURS}
    assert len({style.codec_colour(name) for name in style.CODEC_COLOURS}) == len(style.CODEC_COLOURS)


def test_forty_conditions_are_not_drawn_over_each_other() -> None:
    conditions = [
        FakeCondition("flowmac", f"FlowMAC 3 kbit/s, seed {seed}", {"kbps": 3.0, "seed": seed}, 0.5, 9000, 3.0)
        for seed in range(36)
    ] + [FakeCondition(codec, codec, {}, 0.5, 9000, 6.0) for codec in ("opus", "dac", "encodec", "lyra")]
    found = tables(fake_rows(conditions, [fake_clip("a", "speech")]), conditions[30].spec_id)
    data = figures.against_rate(found, visqol()).panels[0].data
    assert isinstance(data, charts.PanelData)
    assert len(data.series) == figures.series.MAX_DRAWN
    assert len(data.context) == 40 - figures.series.MAX_DRAWN
    drawn = {spec_id for entry, _ in data.series for spec_id in entry.spec_ids}
    assert conditions[30].spec_id in drawn
    assert {entry.codec for entry, _ in data.series} == {"flowmac", "opus", "dac", "encodec", "lyra"}


def test_speed_figure_needs_times_and_evaluation_figure_several_nfe(small_rows: list[Row]) -> None:
    without_solver = [row for row in small_rows if row.codec in ("lowpass", "reference")]
    assert figures.against_real_time_factor(tables(without_solver), [visqol()]) is None
    assert figures.against_evaluations(tables(without_solver), [visqol()]) is None
    assert figures.against_real_time_factor(tables(small_rows), [visqol()]) is not None
    assert figures.against_evaluations(tables(small_rows), [visqol()]) is not None


def test_figure_without_scores_says_so(small_rows: list[Row]) -> None:
    group = figures.against_rate(tables(small_rows), metric_infos(["distillmos"])[0])
    assert "no scores" in group.panels[0].svg


@pytest.mark.parametrize(("values", "expected"), [([], None), ([2.0], (1.9, 2.1)), ([0.0], (-0.5, 0.5))])
def test_limits_of_few_values(values: list[float], expected: tuple[float, float] | None) -> None:
    found = charts.limits(values)
    assert found == (None if expected is None else pytest.approx(expected))


def test_drawing_leaves_the_settings_of_matplotlib_alone(small_rows: list[Row]) -> None:
    import matplotlib as mpl

    before = dict(mpl.rcParams)
    figures.against_rate(tables(small_rows), visqol())
    assert dict(mpl.rcParams) == before

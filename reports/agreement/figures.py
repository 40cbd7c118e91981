"""Scatter figures: listeners' means over each metric, a dot for each item and condition, and the fitted mapping."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from reports import style
from reports.agreement.analysis import Agreement, MetricAgreement
from reports.agreement.matching import Matched
from reports.listening_report.charts import SCALE_WORDS, short, watermark
from reports.panel import FigureGroup, Panel, identifier
from reports.statistics.agreement import mean_grades, oriented
from reports.statistics.mapping import MIN_POINTS, fit_mapping

PANEL_IN = (3.4, 2.7)
WIDE_LEGEND_IN = 7.2

#: With more conditions the key takes three columns and the whole width.
MAX_NARROW_ROWS = 14

N_CURVE_POINTS = 60


@dataclass(frozen=True)
class Dots:
    """One condition: a dot for each item with a score."""

    name: str
    colour: str
    marker: str
    x: tuple[float, ...]
    y: tuple[float, ...]


@dataclass(frozen=True)
class ScatterData:
    """Points over a metric; ``curve`` is the fitted mapping as x and y, empty where there are too few dots for one."""

    title: str
    x_label: str
    dots: tuple[Dots, ...]
    curve: tuple[tuple[float, ...], tuple[float, ...]]


def scatters(agreement: Agreement, *, is_simulated: bool) -> FigureGroup:
    """A panel for each metric, and one key for all."""
    matched = agreement.matched
    looks = condition_looks(matched)
    mark = "Simulated ratings. " if is_simulated else ""
    panels = []
    for own in agreement.scopes[0].metrics:
        data = scatter_data(matched, own, looks)
        name = identifier(f"agreement-{own.metric.name}")
        panels.append(Panel(name, data, draw(data, is_simulated=is_simulated), mark + _description(own)))
    key = _legend(matched, looks)
    legend = Panel("agreement-legend", looks, key, description="")
    return FigureGroup("agreement", "Grades over scores", tuple(panels), legend)


def condition_looks(matched: Matched) -> list[tuple[str, str]]:
    """Colour and marker of each condition: the codec's colour, as on all pages, and a marker for each of its settings.

    Anchors are grey and the reference is black.
    """
    n_of_codec: dict[str, int] = {}
    looks = []
    for condition, role in zip(matched.of_sweep, matched.roles, strict=True):
        colour = style.codec_colour(condition.codec)
        if role != "system":
            colour = style.FOREGROUND if role == "reference" else style.MUTED
        place = n_of_codec.setdefault(colour, 0)
        n_of_codec[colour] += 1
        looks.append((colour, style.MARKERS[place % len(style.MARKERS)]))
    return looks


def scatter_data(matched: Matched, own: MetricAgreement, looks: Sequence[tuple[str, str]]) -> ScatterData:
    """What the panel of one metric shows."""
    scores, means = matched.scores[own.metric], mean_grades(matched.grades)
    is_pair = ~(np.isnan(scores) | np.isnan(means))
    dots = []
    for place, (name, (colour, marker)) in enumerate(zip(matched.conditions, looks, strict=True)):
        chosen = is_pair[:, place]
        x, y = (tuple(values[chosen, place].tolist()) for values in (scores, means))
        dots.append(Dots(name, colour, marker, x, y))
    curve: tuple[tuple[float, ...], tuple[float, ...]] = ((), ())
    x_all, y_all = scores[is_pair], means[is_pair]
    if len(x_all) >= MIN_POINTS and np.ptp(x_all) > 0:
        turned = oriented(x_all, own.metric.higher_is_better)
        at = np.linspace(x_all.min(), x_all.max(), N_CURVE_POINTS)
        mapping = fit_mapping(turned, y_all)
        curve = (tuple(at.tolist()), tuple(mapping(oriented(at, own.metric.higher_is_better)).tolist()))
    return ScatterData(own.metric.label, own.metric.axis_label, tuple(dots), curve)


def draw(data: ScatterData, *, is_simulated: bool) -> Figure:
    """The picture of one metric."""
    with style.chart_style():
        figure = style.new_figure(*PANEL_IN)
        axes = figure.add_subplot()
        axes.set_title(data.title)
        if data.curve[0]:
            axes.plot(*data.curve, color=style.FOREGROUND, linewidth=1.1, zorder=2)
        for dots in data.dots:
            axes.scatter(dots.x, dots.y, s=13, color=dots.colour, marker=dots.marker, alpha=0.65, linewidths=0)
        axes.set_ylim(-2, 102)
        axes.set_yticks(range(0, 101, 20))
        axes.set_xlabel(data.x_label)
        axes.set_ylabel(f"Mean grade, {SCALE_WORDS[0].lower()} to {SCALE_WORDS[-1].lower()}")
        if is_simulated:
            watermark(figure)
        return style.settle(figure)


def _legend(matched: Matched, looks: Sequence[tuple[str, str]]) -> Figure:
    with style.chart_style():
        handles = [
            Line2D([], [], label=short(name), color=colour, marker=marker, linestyle="none", markeredgewidth=0)
            for name, (colour, marker) in zip(matched.conditions, looks, strict=True)
        ]
        handles.append(Line2D([], [], label="fitted mapping", color=style.FOREGROUND, linewidth=1.1))
        n_columns = 1 if len(handles) <= MAX_NARROW_ROWS else 3
        n_rows = -(-len(handles) // n_columns)
        width_in = PANEL_IN[0] if n_columns == 1 else WIDE_LEGEND_IN
        figure = style.new_figure(width_in, 0.19 * n_rows + 0.15)
        figure.legend(handles=handles, loc="upper left", ncols=n_columns, borderaxespad=0.2)
        return style.settle(figure)


def _description(own: MetricAgreement) -> str:
    value = own.item.spearman.value
    words = "no correlation" if value is None else f"Spearman's correlation {value:.2f}"
    return f"Mean grade of each item and condition over {own.metric.label}: {own.item.spearman.n} dots, {words}."

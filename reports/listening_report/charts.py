"""Draws the pictures of a listening test: one scale of 0 to 100 with its five words, and nothing but the data given."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from listening_test.screening import LISTENER_LIMIT_PERCENT
from reports import style

WIDTH_IN = 4.8
ROW_IN = 0.27
SCALE_WORDS = ("Bad", "Poor", "Fair", "Good", "Excellent")

#: With more points than this a picture keeps the dots as pixels, which takes less room than a shape for each.
MAX_VECTOR_POINTS = 2000
N_LETTERS = 34


@dataclass(frozen=True)
class Box:
    """One condition: quartiles, whiskers, mean with interval (None without), and the ratings drawn as dots."""

    name: str
    quartiles: tuple[float, float, float]
    whiskers: tuple[float, float]
    mean: float
    low: float | None
    high: float | None
    dots: tuple[float, ...]


@dataclass(frozen=True)
class BoxData:
    """Boxes of all conditions. ``has_all_dots``: every rating is drawn, and not only those beyond the whiskers."""

    title: str
    boxes: tuple[Box, ...]
    has_all_dots: bool


@dataclass(frozen=True)
class Difference:
    """Mean difference of one condition to the baseline, with its interval (None without)."""

    name: str
    mean: float
    low: float | None
    high: float | None
    is_significant: bool


@dataclass(frozen=True)
class DifferenceData:
    """Differences to ``baseline``; ``margin`` in points is drawn as a band."""

    baseline: str
    differences: tuple[Difference, ...]
    margin: float | None = None


@dataclass(frozen=True)
class RankData:
    """Mean ranks, the critical difference, and the groups (places) of what cannot be told apart."""

    names: tuple[str, ...]
    mean_ranks: tuple[float, ...]
    critical_difference: float
    groups: tuple[tuple[int, ...], ...]


@dataclass(frozen=True)
class ScreeningMark:
    """``n`` listeners at one place: per cent of hidden references below 90, and of mid anchors above 90."""

    reference_percent: float
    mid_anchor_percent: float
    is_excluded: bool
    n: int


@dataclass(frozen=True)
class ScreeningData:
    """All listeners, by place."""

    marks: tuple[ScreeningMark, ...]


@dataclass(frozen=True)
class PointData:
    """Points with the labels of their axes; with ``has_diagonal`` a line on which both are equal."""

    x_label: str
    y_label: str
    x: tuple[float, ...]
    y: tuple[float, ...]
    has_diagonal: bool = False


ListeningData = BoxData | DifferenceData | RankData | ScreeningData | PointData


@dataclass(frozen=True)
class Look:
    """The colour of each condition, the same in all pictures, and whether to say that nobody listened."""

    colours: dict[str, str]
    is_simulated: bool


def short(name: str) -> str:
    """A name that fits beside an axis."""
    return name if len(name) <= N_LETTERS else f"{name[: N_LETTERS - 1]}…"


def draw(data: ListeningData, look: Look) -> Figure:
    """The picture of ``data``."""
    with style.chart_style():
        match data:
            case BoxData():
                figure = _boxes(data, look)
            case DifferenceData():
                figure = _differences(data, look)
            case RankData():
                figure = _critical_differences(data, look)
            case ScreeningData():
                figure = _screening(data)
            case PointData():
                figure = _points(data)
        if look.is_simulated:
            watermark(figure)
        return style.settle(figure)


def _boxes(data: BoxData, look: Look) -> Figure:
    """A box for each condition, its mean with interval, and ratings as dots."""
    figure = style.new_figure(WIDTH_IN, 0.75 + ROW_IN * len(data.boxes))
    axes = figure.add_subplot()
    axes.set_title(short(data.title), pad=16 if data.title else None)
    _score_axis(axes)
    rng = np.random.default_rng(0)
    is_many = sum(len(box.dots) for box in data.boxes) > MAX_VECTOR_POINTS
    for place, box in enumerate(data.boxes):
        colour = look.colours[box.name]
        _draw_box(axes, box, place, colour)
        heights = place + (rng.uniform(-0.28, 0.28, len(box.dots)) if data.has_all_dots else np.zeros(len(box.dots)))
        axes.scatter(box.dots, heights, s=3, color=colour, alpha=0.35, linewidths=0, rasterized=is_many, zorder=2)
        if box.low is not None and box.high is not None:
            axes.plot([box.low, box.high], [place, place], color=style.FOREGROUND, linewidth=2.2, zorder=5)
        axes.plot(box.mean, place, "D", color=style.PAPER, markeredgecolor=style.FOREGROUND, markersize=4, zorder=6)
    _name_rows(axes, [box.name for box in data.boxes])
    return figure


def _draw_box(axes: Axes, box: Box, place: int, colour: str) -> None:
    first, median, third = box.quartiles
    axes.barh(place, third - first, left=first, height=0.62, color=colour, alpha=0.22, zorder=3)
    axes.barh(place, third - first, left=first, height=0.62, fill=False, edgecolor=colour, linewidth=1, zorder=4)
    axes.plot([median, median], [place - 0.31, place + 0.31], color=colour, linewidth=2, zorder=4)
    low, high = box.whiskers
    for start, end in ((low, first), (third, high)):
        axes.plot([start, end], [place, place], color=colour, linewidth=1, zorder=3)


def _differences(data: DifferenceData, look: Look) -> Figure:
    """Mean difference of each condition with its interval; full dots are significant (Holm)."""
    figure = style.new_figure(WIDTH_IN, 0.65 + ROW_IN * max(2, len(data.differences)))
    axes = figure.add_subplot()
    axes.axvline(0, color=style.MUTED, linewidth=0.9, zorder=1)
    if data.margin is not None:
        axes.axvspan(-data.margin, data.margin, color=style.GRID, alpha=0.7, linewidth=0, zorder=0)
    for place, own in enumerate(data.differences):
        colour = look.colours[own.name]
        if own.low is not None and own.high is not None:
            axes.plot([own.low, own.high], [place, place], color=colour, linewidth=1.6, zorder=2)
        face = colour if own.is_significant else style.PAPER
        axes.plot(own.mean, place, "o", color=face, markeredgecolor=colour, markersize=5, zorder=3)
    axes.set_xlabel(f"Points above {short(data.baseline)} (better →)")
    _name_rows(axes, [own.name for own in data.differences])
    return figure


def _critical_differences(data: RankData, look: Look) -> Figure:
    """Demšar's diagram: mean ranks on a line, the highest score at the right; bars join what cannot be told apart."""
    k = len(data.names)
    figure = style.new_figure(WIDTH_IN, 0.95 + 0.12 * len(data.groups) + ROW_IN * k)
    axes = figure.add_subplot()
    order = sorted(range(k), key=lambda place: -data.mean_ranks[place])
    for row, place in enumerate(order):
        rank, colour = data.mean_ranks[place], look.colours[data.names[place]]
        axes.plot([rank] * 2, [0, row + 1], color=style.GRID, linewidth=0.8, zorder=1)
        axes.plot(rank, row + 1, "o", color=colour, zorder=3)
    for level, group in enumerate(data.groups):
        ends = [data.mean_ranks[place] for place in group]
        height = -0.45 * (level + 1)
        line = [min(ends) - 0.04, max(ends) + 0.04]
        axes.plot(line, [height, height], color=style.FOREGROUND, linewidth=2.6, solid_capstyle="butt")
    top = -0.45 * (len(data.groups) + 1) - 0.5
    axes.plot([1, 1 + data.critical_difference], [top, top], color=style.MUTED, marker="|", linewidth=1)
    text = f"critical difference {data.critical_difference:.2f}"
    axes.text(1.15 + data.critical_difference, top, text, va="center", color=style.MUTED)
    axes.set_xlim(0.8, k + 0.2)
    axes.set_yticks(range(1, k + 1), [short(data.names[place]) for place in order])
    axes.set_ylim(k + 0.6, top - 0.4)
    axes.grid(visible=False, axis="y")
    axes.set_xlabel(f"Mean rank within listeners ({k} is the best)")
    return figure


def _screening(data: ScreeningData) -> Figure:
    """Each listener's share of missed hidden references and of mid anchors above 90, with the standard's lines."""
    figure = style.new_figure(WIDTH_IN * 0.9, 3.1)
    axes = figure.add_subplot()
    for mark in data.marks:
        colour, marker = (style.SERIES_COLOURS[1], "X") if mark.is_excluded else (style.SERIES_COLOURS[0], "o")
        place = (mark.reference_percent, mark.mid_anchor_percent)
        axes.scatter(*place, s=22 + 14 * math.sqrt(mark.n - 1), color=colour, marker=marker, zorder=3, clip_on=False)
        if mark.n > 1:
            axes.annotate(f"{mark.n}", place, (5, 4), textcoords="offset points", fontsize=7)
    axes.axvline(LISTENER_LIMIT_PERCENT, color=style.MUTED, linestyle=(0, (4, 3)))
    axes.axhline(LISTENER_LIMIT_PERCENT, color=style.MUTED, linestyle=(0, (4, 3)))
    ends = (end for mark in data.marks for end in (mark.reference_percent, mark.mid_anchor_percent))
    top = max([30.0, *ends]) * 1.06
    axes.set_xlim(-0.02 * top, top)
    axes.set_ylim(-0.02 * top, top)
    axes.set_xlabel("Items with the hidden reference below 90, %")
    axes.set_ylabel("Items with the mid anchor above 90, %")
    return figure


def _points(data: PointData) -> Figure:
    figure = style.new_figure(WIDTH_IN * 0.85, 2.9)
    axes = figure.add_subplot()
    if data.has_diagonal:
        ends = [min(data.x), max(data.x)]
        axes.plot(ends, ends, color=style.MUTED, linewidth=0.9)
    else:
        axes.set_xlim(0, 1.1 * max([*data.x, 5.0]))
        axes.set_ylim(0, 1.1 * max([*data.y, 5.0]))
    axes.scatter(data.x, data.y, s=12, color=style.SERIES_COLOURS[0], linewidths=0, zorder=3)
    axes.set_xlabel(data.x_label)
    axes.set_ylabel(data.y_label)
    return figure


def _score_axis(axes: Axes) -> None:
    axes.set_xlim(-1.5, 101.5)
    axes.set_xticks(range(0, 101, 20))
    for place, word in enumerate(SCALE_WORDS):
        axes.text(
            20 * place + 10, 1.01, word, transform=axes.get_xaxis_transform(), ha="center", va="bottom", fontsize=7,
            color=style.MUTED,
        )  # fmt: skip
    axes.set_xlabel("Score (better →)")


def _name_rows(axes: Axes, names: Sequence[str]) -> None:
    axes.set_yticks(range(len(names)), [short(name) for name in names])
    axes.set_ylim(max(len(names), 2) - 0.5, -0.5)
    axes.grid(visible=False, axis="y")


def watermark(figure: Figure) -> None:
    """Say on the picture itself that nobody listened, so that it is said wherever the picture goes."""
    figure.text(
        0.55, 0.5, "SIMULATED", ha="center", va="center", rotation=18, fontsize=30, color=style.MUTED, alpha=0.22,
        weight="bold",
    )  # fmt: skip

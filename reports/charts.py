"""Draws the figures: panels of quality against bit rate, real-time factor and network evaluations, and their legends.

Each panel is a picture of its own, so that a page can put as many side by side as its width allows.
"""

from __future__ import annotations

import textwrap
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter, NullLocator
from matplotlib.transforms import Bbox

from reports import style
from reports.series import Point, Series

PANEL_IN = (3.4, 2.5)

#: Longer names in a legend go on in a second line.
LEGEND_LETTERS = 38

#: Ticks of a logarithmic axis, as factors of a power of their base.
OCTAVES = (1.0,)
DECADES = (1.0, 2.0, 5.0)

#: Points of several series at one rate are set this fraction apart, so that their intervals can be told from another.
DODGE = 0.018

_FRONT_LINE: dict[str, Any] = {"color": style.FOREGROUND, "linewidth": 0.8, "linestyle": (0, (1, 1.5))}
_FRONT_RING: dict[str, Any] = {
    "marker": "o",
    "markersize": 8.0,
    "markerfacecolor": "none",
    "markeredgecolor": style.FOREGROUND,
    "markeredgewidth": 0.8,
}

#: Where a point's label may stand: offset in points, horizontal and vertical alignment.
_LABEL_PLACES = (
    ((5, 0), "left", "center"),
    ((-5, 0), "right", "center"),
    ((0, 4), "center", "bottom"),
    ((0, -4), "center", "top"),
)


@dataclass(frozen=True)
class Level:
    """A condition without a bit rate (hidden reference, anchor): a horizontal line across a panel."""

    name: str
    mean: float
    index: int
    is_reference: bool


@dataclass(frozen=True)
class PanelData:
    """What one panel shows.

    Attributes:
        series, context: what is drawn in full, and what is only hinted at where there is too much to draw.
        levels: conditions without a bit rate.
        front: the points of the Pareto front by rising x, marked by rings and joined by steps.
        y_limits: shared by the panels of a metric.
        labels: beside the points, by spec_id.
        x_mark: where to draw a vertical line.
    """

    title: str
    x_label: str
    y_label: str
    series: Sequence[tuple[Series, Sequence[Point]]]
    levels: Sequence[Level]
    context: Sequence[tuple[Series, Sequence[Point]]] = ()
    front: Sequence[Point] = ()
    y_limits: tuple[float, float] | None = None
    labels: dict[str, str] | None = None
    x_mark: float | None = None
    x_ticks: tuple[float, ...] = OCTAVES


def panel(data: PanelData) -> Figure:
    """One panel with a logarithmic x axis, intervals as bars, anchors as horizontal lines."""
    with style.chart_style():
        figure = style.new_figure(*PANEL_IN)
        axes = figure.add_subplot()
        axes.set_title(data.title)
        axes.set_xscale("log", base=2 if data.x_ticks is OCTAVES else 10)
        if data.y_limits is not None:
            axes.set_ylim(*data.y_limits)
        for level in data.levels:
            axes.axhline(level.mean, **_level_line(level), zorder=1)
        if data.x_mark is not None:
            axes.axvline(data.x_mark, color=style.MUTED, linewidth=0.8, linestyle="-", zorder=1)
        for series, points in data.context:
            axes.plot(
                [point.x for point in points], [point.mean for point in points], **_context_line(series), zorder=2
            )
        shown = [(series, points) for series, points in data.series if points]
        for place, (series, points) in enumerate(shown):
            shift = (1 + DODGE) ** (place - (len(shown) - 1) / 2) if data.labels is None else 1.0
            _draw_series(axes, series, points, shift)
        if data.front:
            _draw_front(axes, data.front)
        values = [point.x for _, points in (*shown, *data.context) for point in points]
        _scale_x(axes, values + ([] if data.x_mark is None else [data.x_mark]), data.x_ticks)
        axes.set_xlabel(data.x_label)
        axes.set_ylabel(data.y_label)
        if not shown:
            axes.text(0.5, 0.5, "no scores", transform=axes.transAxes, ha="center", va="center", color=style.MUTED)
        style.settle(figure)
        if data.labels is not None:
            _label_points(figure, axes, [point for _, points in shown for point in points], data.labels)
        return figure


def legend(
    series: Sequence[Series], levels: Sequence[Level], context: Sequence[Series] = (), *, has_front: bool = False
) -> Figure:
    """The key to a figure's panels, as a picture of its own."""
    with style.chart_style():
        handles = [Line2D([], [], label=entry.name, **_series_line(entry)) for entry in series]
        n_more = Counter(entry.codec for entry in context)
        for entry in {entry.codec: entry for entry in context}.values():
            label = f"{entry.name.split(',')[0]}: {n_more[entry.codec]} more series"
            handles.append(Line2D([], [], label=label, **_context_line(entry)))
        if has_front:
            handles.append(Line2D([], [], label="Pareto front", **_FRONT_LINE, **_FRONT_RING))
        handles += [Line2D([], [], label=level.name, **_level_line(level)) for level in levels]
        for handle in handles:
            handle.set_label(textwrap.fill(str(handle.get_label()), LEGEND_LETTERS, subsequent_indent="  "))
        n_lines = sum(str(handle.get_label()).count("\n") + 1 for handle in handles)
        figure = style.new_figure(PANEL_IN[0], max(0.3, 0.13 * n_lines + 0.06 * len(handles) + 0.1))
        figure.legend(handles=handles, loc="upper left", handlelength=3.2, labelspacing=0.55, borderaxespad=0.2)
        return style.settle(figure)


def limits(values: Sequence[float]) -> tuple[float, float] | None:
    """Limits of an axis that hold all ``values`` with a margin of 6 %; None without values."""
    if not values:
        return None
    low, high = min(values), max(values)
    margin = 0.06 * (high - low) or 0.05 * abs(high) or 0.5
    return low - margin, high + margin


def _draw_series(axes: Axes, series: Series, points: Sequence[Point], shift: float) -> None:
    x = [point.x * shift for point in points]
    for position, point in zip(x, points, strict=True):
        if point.low is not None and point.high is not None:
            colour = _series_colour(series)
            axes.plot([position, position], [point.low, point.high], color=colour, linewidth=0.9, alpha=0.75, zorder=2)
    axes.plot(x, [point.mean for point in points], zorder=3, **_series_line(series))


def _draw_front(axes: Axes, front: Sequence[Point]) -> None:
    """Steps, as what lies between two points of the front is reached by the first of them alone."""
    x, y = [point.x for point in front], [point.mean for point in front]
    axes.step(x, y, where="post", zorder=1.5, **_FRONT_LINE)
    axes.plot(x, y, linestyle="none", zorder=3.5, **_FRONT_RING)


def _series_colour(series: Series) -> str:
    return style.codec_colour(series.codec)


def _series_line(series: Series) -> dict[str, Any]:
    return {
        "color": _series_colour(series),
        "marker": style.MARKERS[series.index % len(style.MARKERS)],
        "linestyle": style.LINE_STYLES[series.index_in_codec % len(style.LINE_STYLES)],
    }


def _context_line(series: Series) -> dict[str, Any]:
    return {"color": _series_colour(series), "marker": ".", "markersize": 3.0, "linewidth": 0.6, "alpha": 0.4}


def _level_line(level: Level) -> dict[str, Any]:
    if level.is_reference:
        return {"color": style.FOREGROUND, "linewidth": 1.0, "linestyle": "-"}
    pattern = style.ANCHOR_LINE_STYLES[level.index % len(style.ANCHOR_LINE_STYLES)]
    return {"color": style.MUTED, "linewidth": 1.1, "linestyle": pattern}


def _scale_x(axes: Axes, values: Sequence[float], ticks: tuple[float, ...]) -> None:
    """Room around the values, ticks at octaves or at 1, 2 and 5 of each decade (fewer if many), plain numbers."""
    low, high = (min(values), max(values)) if values else (1.0, 2.0)
    axes.set_xlim(low / 1.3, high * 1.3)
    if ticks is OCTAVES:
        halves = (1.0, 1.5) if high < 8 * low else OCTAVES  # 4, 6, 8, 12: over few octaves these are needed
        axes.xaxis.set_major_locator(LogLocator(base=2, subs=halves, numticks=7))
    else:
        axes.xaxis.set_major_locator(LogLocator(base=10, subs=ticks, numticks=7))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:.3g}"))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_minor_formatter(NullFormatter())


def _label_points(figure: Figure, axes: Axes, points: Sequence[Point], labels: dict[str, str]) -> None:
    """Write each point's label beside it, on the first side that is free; a label without room is left out."""
    renderer = figure.canvas.get_renderer()  # type: ignore[attr-defined]
    centres = (axes.transData.transform((point.x, point.mean)) for point in points)
    taken = [Bbox.from_bounds(x - 3, y - 3, 6, 6) for x, y in centres]
    for point in points:
        for offset, horizontal, vertical in _LABEL_PLACES:
            text = axes.annotate(
                labels[point.spec_id],
                (point.x, point.mean),
                xytext=offset,
                textcoords="offset points",
                ha=horizontal,
                va=vertical,
                fontsize=6.5,
                color=style.MUTED,
            )
            box = text.get_window_extent(renderer)
            if not any(box.overlaps(other) for other in taken) and axes.bbox.contains(box.x0, box.y0):
                taken.append(box)
                break
            text.remove()

"""The pictures of a listening test: one scale of 0 to 100 with its five words; reference and anchors in all of them."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from listening_test.screening import LISTENER_LIMIT_PERCENT, WHISKER_IQR, Screening, quartiles
from reports import style
from reports.listening_report.analysis import Analysis
from reports.statistics.assumptions import Residuals
from reports.statistics.contrasts import PairComparison
from reports.statistics.cube import FloatArray
from reports.statistics.descriptive import Summary
from reports.statistics.nonparametric import cliques
from reports.statistics.reliability import RepeatReliability

WIDTH_IN = 5.2
ROW_IN = 0.27
SCALE_WORDS = ("Bad", "Poor", "Fair", "Good", "Excellent")

#: With more points than this a picture keeps the dots as pixels, which takes less room than a shape for each.
MAX_VECTOR_POINTS = 2000
N_LETTERS = 34


def short(name: str) -> str:
    """A name that fits beside an axis."""
    return name if len(name) <= N_LETTERS else f"{name[: N_LETTERS - 1]}…"


def colour_of(analysis: Analysis, condition: str) -> str:
    """Of a condition, the same in all pictures: systems in the order of the page, anchors grey, the reference black."""
    if condition in analysis.systems:
        return style.SERIES_COLOURS[analysis.systems.index(condition) % len(style.SERIES_COLOURS)]
    return style.FOREGROUND if analysis.roles[condition] == "reference" else style.MUTED


def boxes(analysis: Analysis, scores: FloatArray, summaries: Sequence[Summary], title: str, has_points: bool) -> Figure:
    """A box for each condition, its mean with interval, and all ratings.

    Args:
        scores: shape [n_listeners, n_items, n_conditions] or [n_listeners, n_conditions]; NaN where not rated.
        has_points: draw every rating; else only those beyond the whiskers.
    """
    with style.chart_style():
        names = analysis.conditions
        figure = style.new_figure(WIDTH_IN, 0.75 + ROW_IN * len(names))
        axes = figure.add_subplot()
        axes.set_title(title, pad=16 if title else None)
        _score_axis(axes)
        rng = np.random.default_rng(0)
        is_many = np.count_nonzero(~np.isnan(scores)) > MAX_VECTOR_POINTS
        for place, (name, summary) in enumerate(zip(names, summaries, strict=True)):
            own = scores[..., place].ravel()
            own = own[~np.isnan(own)]
            colour = colour_of(analysis, name)
            low, high = _draw_box(axes, own, place, colour)
            shown = own if has_points else own[(own < low) | (own > high)]
            heights = place + (rng.uniform(-0.28, 0.28, len(shown)) if has_points else np.zeros(len(shown)))
            axes.scatter(
                shown, heights, s=3, color=colour, alpha=0.35, linewidths=0, rasterized=is_many and has_points, zorder=2
            )
            if summary.low is not None and summary.high is not None:
                axes.plot([summary.low, summary.high], [place, place], color=style.FOREGROUND, linewidth=2.2, zorder=5)
            axes.plot(
                summary.mean, place, "D", color="#ffffff", markeredgecolor=style.FOREGROUND, markersize=4, zorder=6
            )
        _name_rows(axes, names)
        _watermark(figure, analysis)
        return figure


def differences(analysis: Analysis, pairs: Sequence[PairComparison], baseline: str) -> Figure:
    """Mean difference of each condition to ``baseline`` with its interval; full dots are significant (Holm)."""
    with style.chart_style():
        figure = style.new_figure(WIDTH_IN, 0.65 + ROW_IN * max(2, len(pairs)))
        axes = figure.add_subplot()
        axes.axvline(0, color=style.MUTED, linewidth=0.9, zorder=1)
        if analysis.margin is not None and baseline == analysis.baseline:
            axes.axvspan(-analysis.margin, analysis.margin, color=style.GRID, alpha=0.7, linewidth=0, zorder=0)
        for place, pair in enumerate(pairs):
            colour = colour_of(analysis, pair.first)
            if pair.low is not None and pair.high is not None:
                axes.plot([pair.low, pair.high], [place, place], color=colour, linewidth=1.6, zorder=2)
            face = colour if pair.p_adjusted < 0.05 else "#ffffff"
            axes.plot(pair.mean, place, "o", color=face, markeredgecolor=colour, markersize=5, zorder=3)
        axes.set_xlabel(f"Points above {short(baseline)} (better →)")
        _name_rows(axes, [pair.first for pair in pairs])
        _watermark(figure, analysis)
        return figure


def critical_differences(analysis: Analysis, mean_ranks: Sequence[float], difference: float) -> Figure:
    """Demšar's diagram: mean ranks on a line, the highest score at the right; bars join what cannot be told apart."""
    with style.chart_style():
        names = analysis.conditions
        groups = cliques(mean_ranks, difference)
        figure = style.new_figure(WIDTH_IN, 0.95 + 0.12 * len(groups) + ROW_IN * len(names))
        axes = figure.add_subplot()
        k = len(names)
        order = sorted(range(k), key=lambda place: -mean_ranks[place])
        for row, place in enumerate(order):
            colour = colour_of(analysis, names[place])
            axes.plot([mean_ranks[place]] * 2, [0, row + 1], color=style.GRID, linewidth=0.8, zorder=1)
            axes.plot(mean_ranks[place], row + 1, "o", color=colour, zorder=3)
        for level, group in enumerate(groups):
            ends = [mean_ranks[place] for place in group]
            height = -0.45 * (level + 1)
            line = [min(ends) - 0.04, max(ends) + 0.04]
            axes.plot(line, [height, height], color=style.FOREGROUND, linewidth=2.6, solid_capstyle="butt")
        top = -0.45 * (len(groups) + 1) - 0.5
        axes.plot([1, 1 + difference], [top, top], color=style.MUTED, marker="|", linewidth=1)
        axes.text(1.15 + difference, top, f"critical difference {difference:.2f}", va="center", color=style.MUTED)
        axes.set_xlim(0.8, k + 0.2)
        axes.set_yticks(range(1, k + 1), [short(names[place]) for place in order])
        axes.set_ylim(k + 0.6, top - 0.4)
        axes.grid(visible=False, axis="y")
        axes.set_xlabel(f"Mean rank within listeners ({k} is the best)")
        _watermark(figure, analysis)
        return figure


def screening(analysis: Analysis, result: Screening) -> Figure:
    """Each listener's share of missed hidden references and of mid anchors above 90, with the standard's lines."""
    with style.chart_style():
        figure = style.new_figure(WIDTH_IN * 0.85, 3.1)
        axes = figure.add_subplot()
        places: dict[tuple[float, float, bool], int] = {}
        for entry in result.listeners:
            x = 100 * entry.n_reference_below / entry.n_reference if entry.n_reference else 0.0
            y = 100 * entry.n_mid_anchor_above / entry.n_mid_anchor if entry.n_mid_anchor else 0.0
            places[x, y, entry.is_excluded] = places.get((x, y, entry.is_excluded), 0) + 1
        for (x, y, is_excluded), n in places.items():
            colour = style.SERIES_COLOURS[1] if is_excluded else style.SERIES_COLOURS[0]
            marker = "X" if is_excluded else "o"
            axes.scatter(x, y, s=22 + 14 * math.sqrt(n - 1), color=colour, marker=marker, zorder=3, clip_on=False)
            if n > 1:
                axes.annotate(f"{n}", (x, y), (5, 4), textcoords="offset points", fontsize=7)
        axes.axvline(LISTENER_LIMIT_PERCENT, color=style.MUTED, linestyle=(0, (4, 3)))
        axes.axhline(LISTENER_LIMIT_PERCENT, color=style.MUTED, linestyle=(0, (4, 3)))
        top = max([30.0, *(max(x, y) for x, y, _ in places)]) * 1.06
        axes.set_xlim(-0.02 * top, top)
        axes.set_ylim(-0.02 * top, top)
        axes.set_xlabel("Items with the hidden reference below 90, %")
        axes.set_ylabel("Items with the mid anchor above 90, %")
        _watermark(figure, analysis)
        return figure


def repeats(analysis: Analysis, entries: Sequence[RepeatReliability]) -> Figure:
    """Each listener's spread between signals against the spread between repeated ratings of one signal."""
    with style.chart_style():
        figure = style.new_figure(WIDTH_IN * 0.85, 2.9)
        axes = figure.add_subplot()
        x, y = [entry.measurement_sd for entry in entries], [entry.discrimination_sd for entry in entries]
        axes.scatter(x, y, s=20, color=style.SERIES_COLOURS[0], zorder=3)
        axes.set_xlim(0, 1.1 * max([*x, 5.0]))
        axes.set_ylim(0, 1.1 * max([*y, 5.0]))
        axes.set_xlabel("Spread of a repeated rating, points (reliable ←)")
        axes.set_ylabel("Spread between signals, points")
        _watermark(figure, analysis)
        return figure


def quantiles(analysis: Analysis, shape: Residuals) -> Figure:
    """Q-Q plot of the residuals: a normal distribution lies on the line."""
    with style.chart_style():
        figure = style.new_figure(WIDTH_IN * 0.75, 2.8)
        axes = figure.add_subplot()
        # Of many residuals every one near the ends is drawn and of the others a few hundred.
        chosen = np.unique(
            np.r_[: min(40, shape.n), np.linspace(0, shape.n - 1, 300).astype(int), shape.n - 40 : shape.n]
        )
        chosen = chosen[(chosen >= 0) & (chosen < shape.n)]
        ends = [float(shape.theoretical[0]), float(shape.theoretical[-1])]
        axes.plot(ends, ends, color=style.MUTED, linewidth=0.9)
        axes.scatter(shape.theoretical[chosen], shape.ordered[chosen], s=5, color=style.SERIES_COLOURS[0], linewidths=0)
        axes.set_xlabel("Normal quantile")
        axes.set_ylabel("Residual, standard deviations")
        _watermark(figure, analysis)
        return figure


def _draw_box(axes: Axes, scores: FloatArray, place: int, colour: str) -> tuple[float, float]:
    """Box, median and whiskers to the furthest grade within 1.5 IQR; returns where the whiskers end."""
    first, median, third = quartiles(scores.tolist())
    reach = WHISKER_IQR * (third - first)
    inside = scores[(scores >= first - reach) & (scores <= third + reach)]
    low, high = float(inside.min()), float(inside.max())
    axes.barh(place, third - first, left=first, height=0.62, color=colour, alpha=0.22, zorder=3)
    axes.barh(place, third - first, left=first, height=0.62, fill=False, edgecolor=colour, linewidth=1, zorder=4)
    axes.plot([median, median], [place - 0.31, place + 0.31], color=colour, linewidth=2, zorder=4)
    for start, end in ((low, first), (third, high)):
        axes.plot([start, end], [place, place], color=colour, linewidth=1, zorder=3)
    return low, high


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


def _watermark(figure: Figure, analysis: Analysis) -> None:
    """Say on the picture itself that nobody listened, so that it is said wherever the picture goes."""
    if analysis.is_simulated:
        figure.text(
            0.55, 0.5, "SIMULATED", ha="center", va="center", rotation=18, fontsize=30, color=style.MUTED, alpha=0.22,
            weight="bold",
        )  # fmt: skip

"""Forest plots: one line a condition, its difference and interval, and a line at zero."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.figure import Figure

from reports import style
from reports.comparison import Change


def forest(changes: Sequence[Change]) -> Figure:
    """The changes of one metric, of which there is at least one; full dots are significant, rings are not."""
    metric = changes[0].metric
    n_lines = len(changes)
    with style.chart_style():
        figure = style.new_figure(5.4, 0.19 * n_lines + 0.75)
        axes = figure.add_subplot()
        axes.axvline(0, color=style.MUTED, linewidth=0.9, zorder=1)
        for place, change in enumerate(changes):
            is_significant = change.verdict in ("better", "worse", "changed")
            colour = style.SERIES_COLOURS[1] if change.verdict == "worse" else style.SERIES_COLOURS[0]
            colour = colour if is_significant else style.MUTED
            if change.low is not None and change.high is not None:
                axes.plot([change.low, change.high], [place, place], color=colour, linewidth=1.3, zorder=2)
            face = colour if is_significant else "none"
            axes.plot(change.difference, place, "o", color=colour, markerfacecolor=face, markersize=4.5, zorder=3)
        axes.set_yticks(range(n_lines), [change.label for change in changes])
        axes.set_ylim(n_lines - 0.5, -0.5)
        axes.set_title(metric.label)
        axes.set_xlabel(f"difference{f' [{metric.unit}]' if metric.unit else ''}{_sides(metric.higher_is_better)}")
        axes.grid(visible=False, axis="y")
        axes.tick_params(axis="y", length=0)
        return style.settle(figure)


def _sides(higher_is_better: bool | None) -> str:
    if higher_is_better is None:
        return ""
    return "   (worse ←  → better)" if higher_is_better else "   (better ←  → worse)"


def description(changes: Sequence[Change]) -> str:
    """The plot in words: every difference that it shows."""
    metric = changes[0].metric
    return f"Differences of {metric.axis_label}. " + "; ".join(
        f"{change.label}: {metric.text(change.difference)}, {change.verdict}" for change in changes
    )

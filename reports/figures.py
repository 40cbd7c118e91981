"""The figures of a page: for each metric a group of panels with one legend, and their text alternatives."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from reports import charts, series, style
from reports.aggregate import ALL, Condition
from reports.metric_info import MetricInfo
from reports.series import Point, Series


@dataclass(frozen=True)
class FigureGroup:
    """One figure of the page: ``panels`` and ``legend`` are inline SVG."""

    id: str
    title: str
    panels: tuple[str, ...]
    legend: str


@dataclass(frozen=True)
class FigureTables:
    """What all figures are drawn from: see `reports.aggregate` for the tables."""

    conditions: Sequence[Condition]
    categories: Sequence[str]
    runs: pd.DataFrame
    summary: pd.DataFrame

    def means_by_condition(self, column: str, category: str) -> pd.Series[float]:
        """Mean of a column of the run table over the clips of a category, by spec_id."""
        chosen = self.runs if category == ALL else self.runs[self.runs["category"] == category]
        means: pd.Series[float] = chosen[chosen["is_ok"]].groupby("spec_id")[column].mean()
        return means

    def levels(self, metric: str, category: str) -> list[charts.Level]:
        """The conditions without a bit rate."""
        chosen = self.summary[(self.summary["metric"] == metric) & (self.summary["category"] == category)]
        means = chosen[chosen["n"] > 0].set_index("spec_id")["mean"]
        without_rate = [condition for condition in self.conditions if condition.role != "codec"]
        anchors = [condition for condition in without_rate if condition.role == "anchor"]
        return [
            charts.Level(
                condition.label,
                float(means[condition.spec_id]),
                index=anchors.index(condition) if condition in anchors else 0,
                is_reference=condition.role == "reference",
            )
            for condition in without_rate
            if condition.spec_id in means.index
        ]

    def y_limits(self, metric: str, categories: Sequence[str]) -> tuple[float, float] | None:
        """Limits that hold all means and intervals of a metric in ``categories``."""
        chosen = self.summary[(self.summary["metric"] == metric) & self.summary["category"].isin(categories)]
        ends = chosen[["mean", "low", "high"]].to_numpy().ravel()
        return charts.limits(ends[~np.isnan(ends)].tolist())


def against_rate(tables: FigureTables, metric: MetricInfo) -> FigureGroup:
    """Quality against measured payload rate: a panel for all clips and one for each category with scores."""
    found = series.rate_series(tables.conditions)
    scored = tables.summary[(tables.summary["metric"] == metric.name) & (tables.summary["n"] > 0)]
    with_scores = [name for name in tables.categories if name in set(scored["category"])]
    shown = [ALL, *with_scores] if len(with_scores) > 1 else with_scores or [ALL]
    panels = []
    for category in shown:
        x = tables.means_by_condition("payload_kbps", category)
        n_clips = int(scored.loc[scored["category"] == category, "n"].max()) if not scored.empty else 0
        data = charts.PanelData(
            title=f"{category}, {n_clips} {'clip' if n_clips == 1 else 'clips'}",
            x_label="measured payload [kbit/s]",
            y_label=metric.axis_label,
            series=[(entry, series.points(entry, x, tables.summary, metric.name, category)) for entry in found],
            levels=tables.levels(metric.name, category),
            y_limits=tables.y_limits(metric.name, shown),
        )
        panels.append(_svg(data, f"rate-{metric.name}-{category}"))
    return _group(f"rate-{metric.name}", f"{metric.label} against bit rate", panels, found, tables, metric)


def against_real_time_factor(tables: FigureTables, metrics: Sequence[MetricInfo]) -> FigureGroup | None:
    """Quality against real-time factor, a panel for each metric; None where nothing was timed."""
    found = series.rate_series(tables.conditions)
    x = tables.means_by_condition("real_time_factor", ALL)
    rates = tables.means_by_condition("payload_kbps", ALL)
    labels = {str(spec_id): f"{rate:.2g}" if rate < 10 else f"{rate:.3g}" for spec_id, rate in rates.items()}
    panels = []
    for metric in metrics:
        shown = [(entry, series.points(entry, x, tables.summary, metric.name, ALL)) for entry in found]
        if not any(points for _, points in shown):
            continue
        data = charts.PanelData(
            title=metric.label,
            x_label="real-time factor (faster ←)",
            y_label=metric.axis_label,
            series=shown,
            levels=(),
            y_limits=_ends(shown),
            labels=labels,
            x_mark=1.0,
            x_ticks=charts.DECADES,
        )
        panels.append(_svg(data, f"speed-{metric.name}"))
    return _group("speed", "Quality against real-time factor", panels, found, None, None) if panels else None


def against_evaluations(tables: FigureTables, metrics: Sequence[MetricInfo]) -> FigureGroup | None:
    """Quality over network evaluations, a panel for each metric; None where a sweep has only one number of them."""
    found = series.nfe_series(tables.conditions)
    n_evaluations = {
        condition.spec_id: float(condition.n_evaluations)
        for condition in tables.conditions
        if condition.n_evaluations is not None
    }
    x = pd.Series(n_evaluations, dtype="float64")
    panels = []
    for metric in metrics:
        shown = [(entry, series.points(entry, x, tables.summary, metric.name, ALL)) for entry in found]
        if not any(points for _, points in shown):
            continue
        data = charts.PanelData(
            title=metric.label,
            x_label="network evaluations (NFE)",
            y_label=metric.axis_label,
            series=shown,
            levels=(),
            y_limits=_ends(shown),
        )
        panels.append(_svg(data, f"nfe-{metric.name}"))
    return _group("nfe", "Quality over network evaluations", panels, found, None, None) if panels else None


def _group(
    group_id: str,
    title: str,
    panels: list[str],
    found: list[Series],
    tables: FigureTables | None,
    metric: MetricInfo | None,
) -> FigureGroup:
    levels = tables.levels(metric.name, ALL) if tables is not None and metric is not None else []
    key = style.to_svg(charts.legend(found, levels), f"{_identifier(group_id)}-legend", "")
    return FigureGroup(group_id, title, tuple(panels), key)


def _ends(shown: Sequence[tuple[Series, Sequence[Point]]]) -> tuple[float, float] | None:
    """Limits that hold the means and intervals of all points."""
    ends = (end for _, points in shown for point in points for end in (point.mean, point.low, point.high))
    return charts.limits([end for end in ends if end is not None])


def _svg(data: charts.PanelData, name: str) -> str:
    return style.to_svg(charts.panel(data), _identifier(name), " ".join(_description(data)))


def _description(data: charts.PanelData) -> Iterator[str]:
    """The panel in words: every mean that it shows."""
    yield f"{data.y_label} over {data.x_label}, {data.title}."
    for entry, points in data.series:
        if points:
            yield f"{entry.name}: {_in_words(points)}."
    for level in data.levels:
        yield f"{level.name}: {level.mean:.3g}."


def _in_words(points: Sequence[Point]) -> str:
    return ", ".join(f"{point.mean:.3g} at {point.x:.3g}" for point in points)


def _identifier(name: str) -> str:
    return "".join(letter if letter.isascii() and letter.isalnum() else "-" for letter in name)

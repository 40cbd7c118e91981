"""The figures of a page: for each metric a group of panels with one legend, and their text alternatives."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from reports import charts, maps, pareto, series
from reports.aggregate import ALL
from reports.conditions import Condition
from reports.metric_info import MetricInfo
from reports.panel import FigureGroup, Panel, identifier
from reports.series import Point, Series


@dataclass(frozen=True)
class FigureTables:
    """What all figures are drawn from: see `reports.tables` and `reports.aggregate`. ``baseline`` is a spec_id."""

    conditions: Sequence[Condition]
    categories: Sequence[str]
    runs: pd.DataFrame
    summary: pd.DataFrame
    baseline: str | None = None

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
    drawn, context = series.drawn_series(series.rate_series(tables.conditions), tables.baseline)
    scored = tables.summary[(tables.summary["metric"] == metric.name) & (tables.summary["n"] > 0)]
    with_scores = [name for name in tables.categories if name in set(scored["category"])]
    shown = [ALL, *with_scores] if len(with_scores) > 1 else with_scores or [ALL]
    panels = []
    for category in shown:
        x = tables.means_by_condition("payload_kbps", category)
        n_clips = int(scored.loc[scored["category"] == category, "n"].max()) if not scored.empty else 0
        data = charts.PanelData(
            title=f"{category}, {n_clips:,} {'clip' if n_clips == 1 else 'clips'}",
            x_label="measured payload [kbit/s]",
            y_label=metric.axis_label,
            series=_with_points(drawn, x, tables, metric, category),
            context=_with_points(context, x, tables, metric, category),
            levels=tables.levels(metric.name, category),
            y_limits=tables.y_limits(metric.name, shown),
        )
        panels.append(_panel(data, f"rate-{metric.name}-{category}"))
    levels = tables.levels(metric.name, ALL)
    return _group(f"rate-{metric.name}", f"{metric.label} against bit rate", panels, drawn, context, levels)


def against_real_time_factor(tables: FigureTables, metrics: Sequence[MetricInfo]) -> FigureGroup | None:
    """Quality against real-time factor with the Pareto front, a panel for each metric; None where nothing was timed."""
    drawn, context = series.drawn_series(series.rate_series(tables.conditions), tables.baseline)
    x = tables.means_by_condition("real_time_factor", ALL)
    rates = tables.means_by_condition("payload_kbps", ALL)
    labels = {str(spec_id): f"{rate:.2g}" if rate < 10 else f"{rate:.3g}" for spec_id, rate in rates.items()}
    panels = []
    for metric, data in _by_metric(tables, metrics, drawn, context, x, "real-time factor (faster ←)"):
        points = [point for _, own in (*data.series, *data.context) for point in own]
        is_directed = metric.higher_is_better is not None
        front = pareto.front(points, higher_is_better=bool(metric.higher_is_better)) if is_directed else ()
        data = replace(data, front=front, labels=labels, x_mark=1.0, x_ticks=charts.DECADES)
        panels.append(_panel(data, f"speed-{metric.name}"))
    if not panels:
        return None
    return _group("speed", "Quality against real-time factor", panels, drawn, context, has_front=True)


def against_evaluations(tables: FigureTables, metrics: Sequence[MetricInfo]) -> FigureGroup | None:
    """Quality over network evaluations, a panel for each metric; None where a sweep has only one number of them."""
    drawn, context = series.drawn_series(series.nfe_series(tables.conditions), tables.baseline)
    n_evaluations = {
        condition.spec_id: float(condition.n_evaluations)
        for condition in tables.conditions
        if condition.n_evaluations is not None
    }
    x = pd.Series(n_evaluations, dtype="float64")
    panels = [
        _panel(data, f"nfe-{metric.name}")
        for metric, data in _by_metric(tables, metrics, drawn, context, x, "network evaluations (NFE)")
    ]
    return _group("nfe", "Quality over network evaluations", panels, drawn, context) if panels else None


def setting_maps(
    tables: FigureTables, metrics: Sequence[MetricInfo], row_setting: str, column_setting: str
) -> FigureGroup | None:
    """Quality over two settings of the decoder, a panel for each metric and group; None where they do not both vary."""
    name = f"map-{row_setting}-{column_setting}"
    panels = [
        Panel(identifier(f"{name}-{metric.name}-{place}"), data, maps.draw(data), maps.description(data))
        for metric in metrics
        for place, data in enumerate(
            maps.maps(tables.conditions, tables.summary, metric, row_setting, column_setting), start=1
        )
    ]
    words = {"cfg": "Guidance", "temperature": "Temperature"}
    title = f"{words.get(row_setting, row_setting)} by {column_setting.upper()}"
    return FigureGroup(name, title, tuple(panels), None) if panels else None


def _by_metric(
    tables: FigureTables,
    metrics: Sequence[MetricInfo],
    drawn: Sequence[Series],
    context: Sequence[Series],
    x: pd.Series[float],
    x_label: str,
) -> Iterator[tuple[MetricInfo, charts.PanelData]]:
    """What to draw of each metric over ``x``, all clips together; metrics without a point are passed over."""
    for metric in metrics:
        shown = _with_points(drawn, x, tables, metric, ALL)
        hinted = _with_points(context, x, tables, metric, ALL)
        if any(points for _, points in (*shown, *hinted)):
            yield (
                metric,
                charts.PanelData(
                    title=metric.label,
                    x_label=x_label,
                    y_label=metric.axis_label,
                    series=shown,
                    context=hinted,
                    levels=(),
                    y_limits=_ends([*shown, *hinted]),
                ),
            )


def _with_points(
    found: Sequence[Series], x: pd.Series[float], tables: FigureTables, metric: MetricInfo, category: str
) -> list[tuple[Series, list[Point]]]:
    return [(entry, series.points(entry, x, tables.summary, metric.name, category)) for entry in found]


def _group(
    group_id: str,
    title: str,
    panels: list[Panel],
    drawn: Sequence[Series],
    context: Sequence[Series],
    levels: Sequence[charts.Level] = (),
    *,
    has_front: bool = False,
) -> FigureGroup:
    key = charts.legend(drawn, levels, context, has_front=has_front)
    return FigureGroup(
        group_id, title, tuple(panels), Panel(f"{identifier(group_id)}-legend", panels[0].data, key, description="")
    )


def _ends(shown: Sequence[tuple[Series, Sequence[Point]]]) -> tuple[float, float] | None:
    """Limits that hold the means and intervals of all points."""
    ends = (end for _, points in shown for point in points for end in (point.mean, point.low, point.high))
    return charts.limits([end for end in ends if end is not None])


def _panel(data: charts.PanelData, name: str) -> Panel:
    return Panel(identifier(name), data, charts.panel(data), " ".join(_description(data)))


def _description(data: charts.PanelData) -> Iterator[str]:
    """The panel in words: every mean that it shows."""
    yield f"{data.y_label} over {data.x_label}, {data.title}."
    for entry, points in (*data.series, *data.context):
        if points:
            yield f"{entry.name}: {_in_words(points)}."
    for level in data.levels:
        yield f"{level.name}: {level.mean:.3g}."
    if data.front:
        yield f"Pareto front: {_in_words(data.front)}."


def _in_words(points: Sequence[Point]) -> str:
    return ", ".join(f"{point.mean:.3g} at {point.x:.3g}" for point in points)

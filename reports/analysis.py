"""From tables to all numbers and figures of a report, before they are written in one form or another."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from flowmac.errors import unknown_name
from reports import aggregate, figures, maps, operating_points, series, tables, worst
from reports.conditions import Condition
from reports.metric_info import MetricInfo, metric_infos
from reports.panel import FigureGroup
from reports.tables import Tables


@dataclass(frozen=True)
class Report:
    """All numbers and figures of a report.

    ``shown`` are the metrics with values or failures, ``metrics`` all that the rows name. ``baseline`` is None where
    there is nothing to compare with.
    """

    title: str
    tables: Tables
    summary: pd.DataFrame
    by_language: pd.DataFrame
    metrics: tuple[MetricInfo, ...]
    shown: tuple[MetricInfo, ...]
    baseline: Condition | None
    differences: pd.DataFrame | None
    rate_figures: tuple[FigureGroup, ...]
    speed_figure: FigureGroup | None
    nfe_figure: FigureGroup | None
    maps: tuple[FigureGroup, ...]
    speed_lines: tuple[operating_points.SpeedLine, ...]
    solvers: tuple[operating_points.SolverGroup, ...]
    bd_table: operating_points.BdTable | None
    worst: tuple[worst.WorstList, ...]

    @property
    def figures(self) -> list[FigureGroup]:
        """All figures in the order of the page."""
        found = [*self.rate_figures, self.speed_figure, self.nfe_figure, *self.maps]
        return [figure for figure in found if figure is not None]


def analyse(found: Tables, title: str, baseline: str | None = None) -> Report:
    """All numbers and figures of a run.

    Raises:
        SettingError: an unknown baseline.
    """
    scores, conditions = found.scores, found.conditions
    summary = aggregate.summarise(scores)
    languages = aggregate.language_groups(scores, found.clips)
    metrics = metric_infos([str(name) for name in dict.fromkeys(scores["metric"])])
    tried = set(scores.loc[scores["outcome"].isin([tables.SCORED, tables.FAILED]), "metric"])
    shown = [metric for metric in metrics if metric.name in tried]
    chosen = choose_baseline(conditions, baseline)
    drawn = figures.FigureTables(
        conditions, found.categories, found.runs, summary, chosen.spec_id if chosen is not None else None
    )
    has_differences = chosen is not None and len(conditions) > 1 and not scores.empty
    by_setting = (figures.setting_maps(drawn, shown, *pair) for pair in maps.PAIRS)
    return Report(
        title=title,
        tables=found,
        summary=summary,
        by_language=aggregate.summarise_by(scores, languages) if languages.nunique() > 1 else summary[:0],
        metrics=tuple(metrics),
        shown=tuple(shown),
        baseline=chosen,
        differences=aggregate.paired_differences(scores, chosen.spec_id) if chosen and has_differences else None,
        rate_figures=tuple(figures.against_rate(drawn, metric) for metric in shown),
        speed_figure=figures.against_real_time_factor(drawn, shown),
        nfe_figure=figures.against_evaluations(drawn, shown),
        maps=tuple(group for group in by_setting if group is not None),
        speed_lines=tuple(operating_points.speed_lines(drawn, shown)),
        solvers=tuple(operating_points.solver_groups(conditions, scores)),
        bd_table=operating_points.bd_table(drawn, scores, shown),
        worst=tuple(worst.worst_lists(scores, found.clips, shown, chosen.spec_id)) if chosen is not None else (),
    )


def choose_baseline(conditions: Sequence[Condition], label: str | None) -> Condition | None:
    """The condition of that label; without one FlowMAC's; None where there is neither.

    FlowMAC's is that of the series with the most rates, so that no experiment at one rate takes its place, at the
    highest rate and NFE.

    Raises:
        SettingError: no condition has the label.
    """
    if label is None:
        own = [condition for condition in conditions if condition.codec == "flowmac"]
        n_rates = {spec_id: len(found.spec_ids) for found in series.rate_series(own) for spec_id in found.spec_ids}
        return max(
            own,
            key=lambda own: (n_rates.get(own.spec_id, 0), own.nominal_kbps or 0, own.n_evaluations or 0),
            default=None,
        )
    chosen = next((condition for condition in conditions if condition.label == label), None)
    if chosen is None:
        raise unknown_name("condition", label, [condition.label for condition in conditions])
    return chosen

"""Which setting to run: speed against quality as a table, solvers at equal cost, BD-rates of whole codecs."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from reports import aggregate, pareto, series
from reports.bd_rate import MIN_POINTS, BdRate, Curve, bd_rate
from reports.conditions import Condition
from reports.figures import FigureTables
from reports.metric_info import MetricInfo
from reports.series import Series


@dataclass(frozen=True)
class SpeedLine:
    """Cost of one condition, and the metrics by which no other is at once faster and better.

    ``on_front_with_rate`` asks for a lower bit rate too, so it holds the whole of ``on_front``.
    """

    condition: Condition
    real_time_factor: float
    payload_kbps: float
    on_front: tuple[str, ...]
    on_front_with_rate: tuple[str, ...]


def speed_lines(tables: FigureTables, metrics: Sequence[MetricInfo]) -> list[SpeedLine]:
    """A line for each timed condition, the fastest first."""
    cost = tables.means_by_condition("real_time_factor", aggregate.ALL)
    rate = tables.means_by_condition("payload_kbps", aggregate.ALL)
    overall = tables.summary[tables.summary["category"] == aggregate.ALL]
    means = overall.pivot(index="spec_id", columns="metric", values="mean")
    timed = [condition for condition in tables.conditions if condition.spec_id in cost.index]
    timed = [condition for condition in timed if condition.role == "codec" and condition.spec_id in rate.dropna().index]
    ids = [condition.spec_id for condition in timed]
    fronts: dict[bool, dict[str, set[str]]] = {False: {}, True: {}}
    for metric in metrics:
        if metric.higher_is_better is None or metric.name not in means:
            continue
        quality = (-1 if metric.higher_is_better else 1) * means[metric.name].reindex(ids).to_numpy(dtype="float64")
        columns = [cost[ids].to_numpy(), quality, rate[ids].to_numpy()]
        for with_rate, own in fronts.items():
            is_best = pareto.is_efficient(np.column_stack(columns if with_rate else columns[:2]))
            own[metric.label] = {spec_id for spec_id, is_kept in zip(ids, is_best, strict=True) if is_kept}
    lines = [
        SpeedLine(
            condition,
            float(cost[condition.spec_id]),
            float(rate[condition.spec_id]),
            *(
                tuple(label for label, members in fronts[with_rate].items() if condition.spec_id in members)
                for with_rate in (False, True)
            ),
        )
        for condition in timed
    ]
    return sorted(lines, key=lambda line: line.real_time_factor)


@dataclass(frozen=True)
class SolverGroup:
    """Conditions that differ in their solver alone, evaluations being equal; differences are against ``reference``."""

    reference: Condition
    differences: pd.DataFrame
    others: tuple[Condition, ...]


def solver_groups(conditions: Sequence[Condition], scores: pd.DataFrame) -> list[SolverGroup]:
    """Solvers at equal network evaluations and equal other settings; differences as in `paired_differences`."""
    groups: dict[str, list[Condition]] = {}
    for condition in conditions:
        if "solver" in condition.settings and condition.n_evaluations is not None:
            others = {
                name: value for name, value in condition.settings.items() if name not in ("solver", series.NFE_SETTING)
            }
            key = json.dumps([condition.codec, condition.n_evaluations, others], sort_keys=True)
            groups.setdefault(key, []).append(condition)
    found = []
    for own in groups.values():
        if len({condition.settings["solver"] for condition in own}) < 2:
            continue
        first, *rest = sorted(own, key=lambda condition: (condition.settings["solver"] != "euler", condition.label))
        chosen = scores[scores["spec_id"].isin([condition.spec_id for condition in own])]
        differences = aggregate.paired_differences(chosen, first.spec_id)
        found.append(SolverGroup(first, differences, tuple(rest)))
    return found


@dataclass(frozen=True)
class BdTable:
    """BD-rates against ``anchor``, by series and metric. ``too_short`` are series with too few rates for any."""

    anchor: Series
    metrics: tuple[MetricInfo, ...]
    lines: tuple[tuple[Series, tuple[BdRate, ...]], ...]
    too_short: tuple[Series, ...]


def bd_table(tables: FigureTables, scores: pd.DataFrame, metrics: Sequence[MetricInfo]) -> BdTable | None:
    """BD-rates against the series that holds the baseline; None without one, without others, or without a metric."""
    found = series.rate_series(tables.conditions)
    anchor = next((own for own in found if tables.baseline in own.spec_ids), None)
    directed = tuple(metric for metric in metrics if metric.higher_is_better is not None)
    if anchor is None or len(found) < 2 or not directed:
        return None
    too_short = tuple(own for own in found if len(own.spec_ids) < MIN_POINTS)
    others = [own for own in found if own is not anchor and own not in too_short and anchor not in too_short]
    rates = tables.runs[tables.runs["is_ok"]].pivot(index="clip_id", columns="spec_id", values="payload_kbps")
    values = {
        metric.name: (1 if metric.higher_is_better else -1)
        * aggregate.clip_values(scores[scores["metric"] == metric.name])
        for metric in directed
    }
    lines = tuple(
        (own, tuple(_bd_rate(own, anchor, rates, values[metric.name], metric) for metric in directed)) for own in others
    )
    return BdTable(anchor, directed, lines, too_short)


def _bd_rate(own: Series, anchor: Series, rates: pd.DataFrame, values: pd.DataFrame, metric: MetricInfo) -> BdRate:
    """Over the clips that are scored at all rates of both."""
    ids = [*own.spec_ids, *anchor.spec_ids]
    quality = values.reindex(columns=ids).dropna()
    kbps = rates.reindex(index=quality.index.astype("str"), columns=ids).dropna()
    quality = quality[quality.index.isin(kbps.index)]
    curve, base = (
        Curve(kbps[list(one.spec_ids)].to_numpy(dtype="float64").T, quality[list(one.spec_ids)].to_numpy().T)
        for one in (own, anchor)
    )
    found = bd_rate(curve, base)
    if found.overlap is None or metric.higher_is_better:
        return found
    low, high = found.overlap  # of the negated scores
    return BdRate(found.n, found.percent, found.low, found.high, (-high, -low), found.reason)

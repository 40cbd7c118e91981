"""Tables as the page shows them: every value formatted, every gap explained. Plain data for the template."""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from reports.aggregate import ALL
from reports.bd_rate import BdRate
from reports.conditions import Condition
from reports.metric_info import MetricInfo
from reports.operating_points import BdTable, SolverGroup, SpeedLine
from reports.tables import Tables

DASH = "–"

#: One line of a table by column.
Entry = dict[Hashable, Any]


@dataclass(frozen=True)
class Cell:
    """One figure of a table.

    Attributes:
        sort: the number to sort by, empty for gaps.
        note, tone: what there is to say beside it, and how: failed, better, worse or nothing.
        strip: its interval and mean on the column's scale in percent (low, mean, high); None if not to be drawn.
    """

    text: str
    sort: str = ""
    interval: str = ""
    n: int | None = None
    note: str = ""
    tone: str = ""
    strip: tuple[float, float, float] | None = None


@dataclass(frozen=True)
class Line:
    """One line of a table: a condition and its cells."""

    condition: Condition
    cells: tuple[Cell, ...]


def number(value: float, form: str) -> Cell:
    """A bare number, or a dash where there is none."""
    return Cell(DASH) if math.isnan(value) else Cell(format(value, form), sort=repr(value))


def mean_cell(entry: Entry | None, metric: MetricInfo, scale: tuple[float, float] | None) -> Cell:
    """Mean, interval, n and failures of one condition and metric. ``scale`` is the column's range for the strip."""
    if entry is None:
        return Cell(DASH, note="no runs")
    n, n_failed, n_unmeasured = int(entry["n"]), int(entry["n_failed"]), int(entry["n_unmeasured"])
    note = _counts({"failed": n_failed, "not measured": n_unmeasured})
    tone = "failed" if n_failed else ""
    if n == 0:
        return Cell(DASH, note=note or "does not apply", tone=tone)
    mean, low, high = float(entry["mean"]), float(entry["low"]), float(entry["high"])
    has_interval = not math.isnan(low)
    strip = None
    if scale is not None and scale[1] > scale[0]:
        ends = (low, mean, high) if has_interval else (mean, mean, mean)
        first, second, third = (round(100 * (end - scale[0]) / (scale[1] - scale[0]), 1) for end in ends)
        strip = (first, second, third)
    interval = f"[{metric.text(low)}, {metric.text(high)}]" if has_interval else ""
    return Cell(metric.text(mean), repr(mean), interval, n, note, tone, strip)


def _counts(n_by_word: dict[str, int]) -> str:
    return ", ".join(f"{n} {word}" for word, n in n_by_word.items() if n)


def summary_lines(
    conditions: Sequence[Condition], metrics: Sequence[MetricInfo], runs: pd.DataFrame, summary: pd.DataFrame
) -> list[Line]:
    """The table at the top: clips done, payload and total kbit/s, real-time factor, then each metric over all clips."""
    overall = summary[summary["category"] == ALL]
    entries = _entries(overall, "spec_id", "metric")
    columns = ["payload_kbps", "total_kbps", "real_time_factor"]
    means = runs[runs["is_ok"]].groupby("spec_id")[columns].mean()
    n_clips = runs["clip_id"].nunique()
    scales = {metric.name: _scale(overall, metric.name) for metric in metrics}
    lines = []
    for condition in conditions:
        own = runs[runs["spec_id"] == condition.spec_id]
        n_ok, n_failed, n_absent = int(own["is_ok"].sum()), int((~own["is_ok"]).sum()), n_clips - len(own)
        note = _counts({"failed": n_failed, "not run": n_absent})
        cells = [Cell(str(n_ok), sort=str(n_ok), note=note, tone="failed" if note else "")]
        for column, form in zip(columns, (".3f", ".3f", ".2g"), strict=True):
            value = float(means[column].get(condition.spec_id, math.nan)) if condition.role == "codec" else math.nan
            cells.append(number(value, form))
        for metric in metrics:
            cells.append(mean_cell(entries.get((condition.spec_id, metric.name)), metric, scales[metric.name]))
        lines.append(Line(condition, tuple(cells)))
    return lines


@dataclass(frozen=True)
class Generalisation:
    """One metric: conditions by categories and languages."""

    metric: MetricInfo
    columns: tuple[str, ...]
    lines: tuple[Line, ...]


def generalisation(
    tables: Tables, metrics: Sequence[MetricInfo], summary: pd.DataFrame, by_language: pd.DataFrame
) -> list[Generalisation]:
    """Means by category and by language. ``note`` marks the category in which a codec scores worst."""
    languages = sorted(set(by_language["category"]))
    several = tables.categories if len(tables.categories) > 1 else []
    columns = (ALL, *several, *(f"language {name}" for name in languages))
    found = []
    for metric in metrics:
        own = summary[summary["metric"] == metric.name]
        entries = _entries(own, "spec_id", "category")
        entries |= {
            (spec_id, f"language {name}"): entry
            for (spec_id, name), entry in _entries(
                by_language[by_language["metric"] == metric.name], "spec_id", "category"
            ).items()
        }
        lines = []
        for condition in tables.conditions:
            worst = _worst_category(condition, metric, several, entries)
            cells = []
            for column in columns:
                cell = mean_cell(entries.get((condition.spec_id, column)), metric, None)
                cells.append(
                    replace(cell, note=cell.note or "lowest quality", tone="worse") if column == worst else cell
                )
            lines.append(Line(condition, tuple(cells)))
        scored = [column for column in columns if any(line.cells[columns.index(column)].n for line in lines)]
        kept = [columns.index(column) for column in scored]
        lines = [Line(line.condition, tuple(line.cells[place] for place in kept)) for line in lines]
        found.append(Generalisation(metric, tuple(scored), tuple(lines)))
    return found


def _worst_category(
    condition: Condition, metric: MetricInfo, categories: Sequence[str], entries: dict[tuple[str, ...], Entry]
) -> str | None:
    """The category with the worst mean; None for references, and with fewer than two means."""
    means = {
        category: float(entries[condition.spec_id, category]["mean"])
        for category in categories
        if (condition.spec_id, category) in entries and entries[condition.spec_id, category]["n"] > 0
    }
    if condition.role == "reference" or len(means) < 2 or metric.higher_is_better is None:
        return None
    return (min if metric.higher_is_better else max)(means, key=lambda category: means[category])


def speed_lines(lines: Sequence[SpeedLine]) -> list[Line]:
    """Real-time factor, payload rate, and the metrics by which a condition is on the front."""
    return [
        Line(
            line.condition,
            (
                number(line.real_time_factor, ".2g"),
                number(line.payload_kbps, ".3f"),
                Cell(", ".join(line.on_front) or DASH),
                Cell(", ".join(label for label in line.on_front_with_rate if label not in line.on_front) or DASH),
            ),
        )
        for line in lines
    ]


def bd_lines(table: BdTable) -> list[tuple[str, list[Cell]]]:
    """Name of each series and its BD-rate by each metric, or the reason why there is none."""
    return [
        (own.name, [_bd_cell(found, metric) for found, metric in zip(results, table.metrics, strict=True)])
        for own, results in table.lines
    ]


def _bd_cell(found: BdRate, metric: MetricInfo) -> Cell:
    if found.percent is None:
        return Cell("not computable", note=found.reason)
    overlap = (
        "" if found.overlap is None else f"between {metric.text(found.overlap[0])} and {metric.text(found.overlap[1])}"
    )
    interval, tone = "", ""
    if found.low is not None and found.high is not None:
        interval = f"[{_percent(found.low)}, {_percent(found.high)}]"
        if found.low > 0 or found.high < 0:
            tone = "better" if found.high < 0 else "worse"
    note = "; ".join(part for part in (tone, overlap, found.reason) if part)
    return Cell(f"{_percent(found.percent)} %", repr(found.percent), interval, found.n, note, tone)


def _percent(value: float) -> str:
    n_decimals = 0 if abs(value) >= 100 else 1 if abs(value) >= 10 else 2
    return f"{value:+,.{n_decimals}f}".replace("-", "−")


def difference_lines(
    conditions: Sequence[Condition], metrics: Sequence[MetricInfo], differences: pd.DataFrame
) -> list[Line]:
    """Each condition minus the baseline. ``note`` marks intervals that leave out zero, by which end is better."""
    entries = _entries(differences, "spec_id", "metric")
    lines = []
    for condition in conditions:
        if condition.spec_id not in set(differences["spec_id"]):
            continue
        cells = (_difference_cell(entries[condition.spec_id, metric.name], metric) for metric in metrics)
        lines.append(Line(condition, tuple(cells)))
    return lines


def solver_lines(groups: Sequence[SolverGroup], metrics: Sequence[MetricInfo]) -> list[Line]:
    """Each solver minus the first of its group, the label saying which."""
    return [
        replace(line, condition=replace(line.condition, label=f"{line.condition.label}, minus {group.reference.label}"))
        for group in groups
        for line in difference_lines(group.others, metrics, group.differences)
    ]


def _difference_cell(entry: Entry, metric: MetricInfo) -> Cell:
    n, mean, low, high = int(entry["n"]), float(entry["mean"]), float(entry["low"]), float(entry["high"])
    if n == 0:
        return Cell(DASH, note="no clip in common")
    text = ("+" if mean > 0 else "") + metric.text(mean)
    if math.isnan(low):
        return Cell(text, repr(mean), n=n)
    note = ""
    if metric.higher_is_better is not None and (low > 0 or high < 0):
        note = "better" if (low > 0) == metric.higher_is_better else "worse"
    return Cell(text, repr(mean), f"[{metric.text(low)}, {metric.text(high)}]", n, note, tone=note)


def _scale(overall: pd.DataFrame, metric: str) -> tuple[float, float] | None:
    chosen = overall.loc[overall["metric"] == metric, ["mean", "low", "high"]].to_numpy().ravel()
    ends = chosen[~np.isnan(chosen)]
    return (float(ends.min()), float(ends.max())) if len(ends) else None


def _entries(table: pd.DataFrame, *keys: str) -> dict[tuple[str, ...], Entry]:
    return {tuple(str(entry[key]) for key in keys): entry for entry in table.to_dict("records")}

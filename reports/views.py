"""Tables as the page shows them: every value formatted, every gap explained. Plain data for the template."""

from __future__ import annotations

import json
import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.results import Row
from reports import aggregate
from reports.aggregate import ALL, Condition
from reports.metric_info import MetricInfo

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


def category_lines(
    conditions: Sequence[Condition], metric: MetricInfo, categories: Sequence[str], summary: pd.DataFrame
) -> list[Line]:
    """One metric: conditions by categories."""
    entries = _entries(summary[summary["metric"] == metric.name], "spec_id", "category")
    lines = []
    for condition in conditions:
        cells = (mean_cell(entries.get((condition.spec_id, category)), metric, None) for category in categories)
        lines.append(Line(condition, tuple(cells)))
    return lines


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


@dataclass(frozen=True)
class FailureGroup:
    """Failures of one condition with one reason."""

    condition: str
    what: str
    kind: str
    message: str
    clips: tuple[str, ...]


def failure_groups(
    rows: Sequence[Row], conditions: Sequence[Condition], scores: pd.DataFrame, metrics: Sequence[MetricInfo]
) -> list[FailureGroup]:
    """Everything that failed, by condition, step and reason."""
    label = {condition.spec_id: condition.label for condition in conditions}
    metric_label = {metric.name: metric.label for metric in metrics}
    found: dict[tuple[str, str, str, str], list[str]] = {}
    for row in rows:
        if row.status == "failed":
            kind = row.failure.kind if row.failure else "unknown"
            message = row.failure.message if row.failure else "no reason was recorded"
            found.setdefault((label[row.spec_id], "codec", kind, message), []).append(row.clip.id)
    failed = scores[scores["outcome"] == aggregate.FAILED]
    for entry in failed.itertuples():
        key = (label[str(entry.spec_id)], metric_label[str(entry.metric)], str(entry.kind), str(entry.message))
        found.setdefault(key, []).append(str(entry.clip_id))
    return [FailureGroup(*key, tuple(sorted(clips))) for key, clips in found.items()]


@dataclass(frozen=True)
class Provenance:
    """One line of the environment: what was recorded, and by how many rows."""

    name: str
    values: tuple[tuple[str, int], ...]


def environment(rows: Sequence[Row]) -> list[Provenance]:
    """Packages, machine and commit that the rows name, each with the number of rows."""
    names = dict.fromkeys(name for row in rows for name in row.environment)
    found = []
    for name in names:
        values = pd.Series([row.environment.get(name, "not recorded") for row in rows]).value_counts()
        found.append(Provenance(name, tuple((str(value), int(n)) for value, n in values.items())))
    return found


def settings_text(condition: Condition) -> str:
    """All settings of a condition in one line."""
    return ", ".join(f"{name} = {json.dumps(value, ensure_ascii=False)}" for name, value in condition.settings.items())


def delay_text(runs: pd.DataFrame, condition: Condition) -> str:
    """Delay found and removed before scoring: median, and the range where it varies."""
    delays_ms = runs.loc[runs["spec_id"] == condition.spec_id, "delay_s"].dropna() * 1000
    if delays_ms.empty:
        return DASH
    low, high = float(delays_ms.min()), float(delays_ms.max())
    middle = f"{delays_ms.median():.1f}"
    return middle if high - low < 0.05 else f"{middle} ({low:.1f} to {high:.1f})"

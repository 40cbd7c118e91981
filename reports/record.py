"""What a page keeps on record: failures and their reasons, packages and machines, settings and delays."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from reports.conditions import Condition
from reports.metric_info import MetricInfo
from reports.tables import FAILED, Tables
from reports.views import DASH


@dataclass(frozen=True)
class FailureGroup:
    """Failures of one condition with one reason."""

    condition: str
    what: str
    kind: str
    message: str
    clips: tuple[str, ...]


def failure_groups(tables: Tables, metrics: Sequence[MetricInfo]) -> list[FailureGroup]:
    """Everything that failed, by condition, step and reason."""
    label = {condition.spec_id: condition.label for condition in tables.conditions}
    metric_label = {metric.name: metric.label for metric in metrics}
    found: dict[tuple[str, str, str, str], list[str]] = {}
    for run in tables.runs[~tables.runs["is_ok"]].to_dict("records"):
        key = (label[run["spec_id"]], "codec", run["failure_kind"], run["failure_message"])
        found.setdefault(key, []).append(run["clip_id"])
    failed = tables.scores[tables.scores["outcome"] == FAILED]
    for entry in failed.itertuples():
        key = (label[str(entry.spec_id)], metric_label[str(entry.metric)], str(entry.kind), str(entry.message))
        found.setdefault(key, []).append(str(entry.clip_id))
    return [FailureGroup(*key, tuple(sorted(clips))) for key, clips in found.items()]


@dataclass(frozen=True)
class Provenance:
    """One line of the environment: what was recorded, and by how many rows."""

    name: str
    values: tuple[tuple[str, int], ...]


def environment(tables: Tables) -> list[Provenance]:
    """Packages, machine and commit that the rows name, each with the number of rows."""
    names = dict.fromkeys(name for recorded, _ in tables.environment for name in recorded)
    found = []
    for name in names:
        n_by_value: Counter[str] = Counter()
        for recorded, n_rows in tables.environment:
            n_by_value[recorded.get(name, "not recorded")] += n_rows
        found.append(Provenance(name, tuple(n_by_value.most_common())))
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

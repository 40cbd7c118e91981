"""Rows of a sweep to tidy tables: what was compared, one line a run, one line a score, means by condition and category.

Nothing is dropped in silence: a run or score without a value stays in the tables with the reason, and is counted.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import pandas as pd

from benchmarks.results import Row, Score
from flowmac.errors import SettingError
from reports.statistics import mean_interval, paired_difference

#: The category that stands for the clips of all categories together.
ALL = "all"

#: Categories in the order in which people expect them; others follow by name.
CATEGORY_ORDER = ("speech", "music", "mixed", "sounds")

Role = Literal["reference", "codec", "anchor"]
_ROLE_ORDER: tuple[Role, ...] = ("reference", "codec", "anchor")

#: What became of a score. Only ``failed`` and ``codec_failed`` are failures.
SCORED = "scored"
FAILED = "failed"
CODEC_FAILED = "codec_failed"
NOT_APPLICABLE = "not_applicable"
NOT_INSTALLED = "not_installed"
NOT_MEASURED = "not_measured"
OUTCOME_WORDS = {
    SCORED: "scored",
    FAILED: "failed",
    CODEC_FAILED: "without audio, as the codec failed",
    NOT_APPLICABLE: "to which it does not apply",
    NOT_INSTALLED: "not measured, its package being absent",
    NOT_MEASURED: "not asked for",
}

SUMMARY_COLUMNS = ["spec_id", "category", "metric", "n", "mean", "low", "high", "n_failed", "n_unmeasured"]


@dataclass(frozen=True)
class Condition:
    """One codec setting, the thing that is compared. ``label`` is unique among the conditions of a report."""

    spec_id: str
    codec: str
    label: str
    role: Role
    settings: dict[str, Any]
    nominal_kbps: float | None
    n_evaluations: int | None
    weights_sha256: str | None


def conditions(rows: Sequence[Row]) -> list[Condition]:
    """The conditions of ``rows``: the reference first, then codecs by name and rate, then anchors."""
    by_spec: dict[str, list[Row]] = {}
    for row in rows:
        by_spec.setdefault(row.spec_id, []).append(row)
    n_same_label = Counter(own[0].label for own in by_spec.values())
    found = [_condition(own, is_ambiguous=n_same_label[own[0].label] > 1) for own in by_spec.values()]
    return sorted(found, key=_condition_order)


def _condition(rows: list[Row], *, is_ambiguous: bool) -> Condition:
    first = rows[0]
    role: Role = "codec"
    if first.codec == "reference":
        role = "reference"
    elif first.nominal_kbps is None and all(row.payload_bits is None for row in rows):
        role = "anchor"
    return Condition(
        spec_id=first.spec_id,
        codec=first.codec,
        label=f"{first.label} [{first.spec_id[:6]}]" if is_ambiguous else first.label,
        role=role,
        settings=first.settings,
        nominal_kbps=first.nominal_kbps,
        n_evaluations=next((row.n_evaluations for row in rows if row.n_evaluations is not None), None),
        weights_sha256=first.weights_sha256,
    )


def _condition_order(condition: Condition) -> tuple[Any, ...]:
    return (
        _ROLE_ORDER.index(condition.role),
        condition.codec,
        condition.nominal_kbps or 0.0,
        condition.n_evaluations or 0,
        condition.label,
    )


def categories(rows: Iterable[Row]) -> list[str]:
    """The categories of the clips, in the order of `CATEGORY_ORDER`."""
    return ordered_categories(row.clip.category for row in rows)


def ordered_categories(names: Iterable[str]) -> list[str]:
    """``names`` once each, in the order of `CATEGORY_ORDER`, others by name."""
    found = set(names)
    known = [name for name in CATEGORY_ORDER if name in found]
    return known + sorted(found - set(known))


def run_table(rows: Sequence[Row]) -> pd.DataFrame:
    """One line a row: rates, times and outcome of the codec itself.

    Raises:
        SettingError: a condition has two rows for one clip, because the clip's content changed between two sweeps.
    """
    table = pd.DataFrame(
        {
            "spec_id": [row.spec_id for row in rows],
            "clip_id": [row.clip.id for row in rows],
            "category": [row.clip.category for row in rows],
            "is_ok": [row.status == "ok" for row in rows],
            "payload_kbps": pd.Series([row.payload_kbps for row in rows], dtype="float64"),
            "total_kbps": pd.Series([row.total_kbps for row in rows], dtype="float64"),
            "real_time_factor": pd.Series([row.real_time_factor for row in rows], dtype="float64"),
            "delay_s": pd.Series([row.delay_s for row in rows], dtype="float64"),
        }
    )
    is_double = table.duplicated(["spec_id", "clip_id"])
    if is_double.any():
        row = rows[int(is_double.to_numpy().argmax())]
        raise SettingError(
            f"clip '{row.clip.id}' has two results for '{row.label}': its file changed between two sweeps into one "
            "folder; sweep the clips as they are now into a new folder"
        )
    return table


def score_table(rows: Sequence[Row]) -> pd.DataFrame:
    """One line for each row and each metric of the run, whether or not there is a value.

    Columns: spec_id, clip_id, category, metric, version, value (NaN without one), outcome, kind, message.

    Raises:
        SettingError: the values of one metric come from several of its versions.
    """
    metrics = list(dict.fromkeys(name for row in rows for name in row.scores))
    inapplicable = {
        (row.clip.id, name)
        for row in rows
        for name, score in row.scores.items()
        if score.failure is not None and score.failure.kind == NOT_APPLICABLE
    }
    records = []
    for row in rows:
        for metric in metrics:
            value, outcome, kind, message = _outcome(row, row.scores.get(metric))
            if outcome == CODEC_FAILED and (row.clip.id, metric) in inapplicable:
                outcome = NOT_APPLICABLE
            version = row.scores[metric].version if metric in row.scores else ""
            records.append(
                (row.spec_id, row.clip.id, row.clip.category, metric, version, value, outcome, kind, message)
            )
    columns = ["spec_id", "clip_id", "category", "metric", "version", "value", "outcome", "kind", "message"]
    table = pd.DataFrame.from_records(records, columns=columns).astype({"value": "float64"})
    _refuse_mixed_versions(table)
    return table


def _outcome(row: Row, score: Score | None) -> tuple[float, str, str, str]:
    """Value, outcome, and kind and message of the failure of one score."""
    if row.status == "failed":
        kind, message = (
            (row.failure.kind, row.failure.message) if row.failure else ("unknown", "no reason was recorded")
        )
        return math.nan, CODEC_FAILED, kind, message
    if score is None:
        return math.nan, NOT_MEASURED, "", "the sweep did not ask for this metric"
    if score.failure is not None:
        kind = score.failure.kind
        return math.nan, kind if kind in (NOT_APPLICABLE, NOT_INSTALLED) else FAILED, kind, score.failure.message
    if score.value is None or not math.isfinite(score.value):
        return math.nan, FAILED, "not_finite", f"the recorded value is {score.value}"
    return float(score.value), SCORED, "", ""


def _refuse_mixed_versions(scores: pd.DataFrame) -> None:
    scored = scores[scores["outcome"] == SCORED]
    for metric, group in scored.groupby("metric", sort=False):
        n_by_version = group["version"].value_counts()
        if len(n_by_version) > 1:
            found = ", ".join(f"version {version} ({n} scores)" for version, n in n_by_version.items())
            raise SettingError(
                f"metric '{metric}' was measured in several versions, which must not be averaged: {found}; "
                "run the sweep again into a new folder, so that one version scores everything"
            )


def summarise(scores: pd.DataFrame) -> pd.DataFrame:
    """Mean and interval of each metric by condition and category, `ALL` included.

    Columns: `SUMMARY_COLUMNS`. ``n`` counts values, ``n_failed`` failures of codec or metric, ``n_unmeasured`` scores
    that were never tried (package absent, metric not asked for). Scores that do not apply are in none of them.
    """
    everything = pd.concat([scores.assign(category=ALL), scores], ignore_index=True)
    records = []
    for (spec_id, category, metric), group in everything.groupby(["spec_id", "category", "metric"], sort=False):
        interval = mean_interval(group.loc[group["outcome"] == SCORED, "value"].to_numpy())
        n_failed = int(group["outcome"].isin([FAILED, CODEC_FAILED]).sum())
        n_unmeasured = int(group["outcome"].isin([NOT_INSTALLED, NOT_MEASURED]).sum())
        mean = math.nan if interval.mean is None else interval.mean
        low = math.nan if interval.low is None else interval.low
        high = math.nan if interval.high is None else interval.high
        records.append((spec_id, category, metric, interval.n, mean, low, high, n_failed, n_unmeasured))
    return pd.DataFrame.from_records(records, columns=SUMMARY_COLUMNS)


def paired_differences(scores: pd.DataFrame, baseline: str) -> pd.DataFrame:
    """Each condition minus the condition ``baseline`` (a spec_id), clip by clip, over the clips that both have.

    Columns: spec_id, metric, n, mean, low, high.
    """
    records = []
    for metric, group in scores.groupby("metric", sort=False):
        values = group.pivot(index="clip_id", columns="spec_id", values="value")
        for spec_id in values.columns.drop(baseline):
            interval = paired_difference(values[spec_id].to_numpy(), values[baseline].to_numpy())
            records.append((spec_id, metric, interval.n, interval.mean, interval.low, interval.high))
    table = pd.DataFrame.from_records(records, columns=["spec_id", "metric", "n", "mean", "low", "high"])
    return table.astype({"mean": "float64", "low": "float64", "high": "float64"})

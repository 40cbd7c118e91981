"""Tidy tables of scores to means by condition and category, and to paired differences against a baseline."""

from __future__ import annotations

import math
from collections.abc import Sequence

import pandas as pd

from benchmarks.results import Clip
from reports.intervals import clip_interval, paired_clip_interval
from reports.tables import CODEC_FAILED, FAILED, NOT_INSTALLED, NOT_MEASURED, SCORED

#: The category that stands for the clips of all categories together.
ALL = "all"

SUMMARY_COLUMNS = ["spec_id", "category", "metric", "n", "mean", "low", "high", "n_failed", "n_unmeasured"]


def summarise(scores: pd.DataFrame) -> pd.DataFrame:
    """Mean and interval of each metric by condition and category, `ALL` included.

    Columns: `SUMMARY_COLUMNS`. ``n`` counts values, ``n_failed`` failures of codec or metric, ``n_unmeasured`` scores
    that were never tried (package absent, metric not asked for). Scores that do not apply are in none of them.
    """
    if scores.empty:
        return pd.DataFrame(columns=SUMMARY_COLUMNS)
    everything = pd.Series(pd.Categorical([ALL]).repeat(len(scores)), index=scores.index)
    return pd.concat([summarise_by(scores, everything), summarise_by(scores, scores["category"])], ignore_index=True)


def summarise_by(scores: pd.DataFrame, groups: pd.Series[str]) -> pd.DataFrame:
    """As `summarise`, by any grouping of the scores, which stands in the column ``category``; NaN is in no group."""
    keyed = scores[["spec_id", "metric", "value", "outcome"]].assign(category=groups)
    keyed = keyed.dropna(subset=["category"])
    value = keyed["value"].to_numpy()
    is_scored = (keyed["outcome"] == SCORED).to_numpy()
    is_failed = keyed["outcome"].isin([FAILED, CODEC_FAILED]).to_numpy()
    is_unmeasured = keyed["outcome"].isin([NOT_INSTALLED, NOT_MEASURED]).to_numpy()
    records = []
    # Positions, as making a table of each group would take most of the time.
    groups_found = keyed.groupby(["spec_id", "category", "metric"], sort=False, observed=True).indices
    for key, own in groups_found.items():
        spec_id, category, metric = (str(part) for part in key)  # type: ignore[attr-defined]
        interval = clip_interval(value[own][is_scored[own]])
        ends = (math.nan if end is None else end for end in (interval.mean, interval.low, interval.high))
        records.append(
            (
                str(spec_id),
                str(category),
                str(metric),
                interval.n,
                *ends,
                is_failed[own].sum(),
                is_unmeasured[own].sum(),
            )
        )
    return pd.DataFrame.from_records(records, columns=SUMMARY_COLUMNS)


def language_groups(scores: pd.DataFrame, clips: Sequence[Clip]) -> pd.Series[str]:
    """The language of each score's clip for `summarise_by`; NaN for clips without one."""
    languages = {clip.id: clip.language for clip in clips if clip.language}
    return scores["clip_id"].astype("str").map(languages)


def paired_differences(scores: pd.DataFrame, baseline: str) -> pd.DataFrame:
    """Each condition minus the condition ``baseline`` (a spec_id), clip by clip, over the clips that both have.

    Columns: spec_id, metric, n, mean, low, high.
    """
    records = []
    for metric, group in scores.groupby("metric", sort=False, observed=True):
        values = clip_values(group)
        for spec_id in values.columns.drop(baseline):
            interval = paired_clip_interval(values[spec_id].to_numpy(), values[baseline].to_numpy())
            records.append((str(spec_id), str(metric), interval.n, interval.mean, interval.low, interval.high))
    table = pd.DataFrame.from_records(records, columns=["spec_id", "metric", "n", "mean", "low", "high"])
    return table.astype({"mean": "float64", "low": "float64", "high": "float64"})


def clip_values(scores: pd.DataFrame) -> pd.DataFrame:
    """The scores of one metric as clips by conditions, NaN where there is none."""
    return scores.pivot(index="clip_id", columns="spec_id", values="value")

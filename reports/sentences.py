"""The plain summary at the top of a page: what was compared on what, measured rates, cost, failures. No judgement."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import pandas as pd

from benchmarks.results import Clip
from reports import series, tables
from reports.conditions import Condition, ordered_categories
from reports.metric_info import MetricInfo
from reports.statistics import MIN_CLIPS

#: Metrics at or below this sample rate miss part of what a listener hears.
NARROW_RATE_HZ = 16000

#: Metrics that a low-pass at 3.5 kHz hardly moves, measured on the speech of a development set (ESTOI 0.99, PESQ 3.6).
BAND_BLIND_METRICS = frozenset({"estoi", "pesq_wb"})


def count(n: int, noun: str, plural: str = "") -> str:
    """``n`` with its noun: 1 clip, 2 clips."""
    return f"{n:,} {noun if n == 1 else plural or noun + 's'}"


def listed(words: Sequence[str]) -> str:
    """Words as a list in a sentence: a, b and c."""
    return " and ".join([", ".join(words[:-1]), words[-1]]) if len(words) > 1 else "".join(words)


def summary(conditions: Sequence[Condition], clips: Sequence[Clip], runs: pd.DataFrame, scores: pd.DataFrame) -> str:
    """One paragraph that holds for any run."""
    return " ".join(
        (
            _compared(conditions, clips),
            *_rates(runs),
            *_cost(runs),
            *_outcome(runs, scores),
            *_absent(len(conditions) * len(clips), len(runs)),
        )
    )


def _compared(conditions: Sequence[Condition], clips: Sequence[Clip]) -> str:
    codecs = [condition for condition in conditions if condition.role == "codec"]
    n_anchors = sum(condition.role == "anchor" for condition in conditions)
    names = series.codec_names(codecs)
    parts = []
    if codecs:
        parts += [
            f"{names[codec]} ({count(sum(condition.codec == codec for condition in codecs), 'setting')})"
            for codec in series.codec_order(codecs)
        ]
    if n_anchors:
        parts.append(count(n_anchors, "anchor"))
    if any(condition.role == "reference" for condition in conditions):
        parts.append("the hidden reference")
    n_by_category = pd.Series([clip.category for clip in clips]).value_counts()
    by_category = ", ".join(f"{n_by_category[name]} {name}" for name in ordered_categories(n_by_category.index))
    duration_s = sum(clip.duration_s for clip in clips)
    n_clips = count(len(clips), "clip")
    return f"This page compares {listed(parts)} on {n_clips} ({by_category}; {duration_s:,.0f} s in all)."


def _rates(runs: pd.DataFrame) -> Iterator[str]:
    means = runs[runs["is_ok"]].groupby("spec_id")["payload_kbps"].mean().dropna()
    if len(means) > 1:
        yield f"Measured payload rates run from {means.min():.3g} to {means.max():.3g} kbit/s."
    elif len(means) == 1:
        yield f"The measured payload rate is {means.iloc[0]:.3g} kbit/s."


def _cost(runs: pd.DataFrame) -> Iterator[str]:
    means = runs[runs["is_ok"] & runs["payload_kbps"].notna()].groupby("spec_id")["real_time_factor"].mean().dropna()
    if len(means):
        low, high = f"{means.min():.2g}", f"{means.max():.2g}"
        span = low if low == high else f"{low} to {high}"
        yield f"Encoding and decoding on one thread took {span} times the duration of the audio."


def _outcome(runs: pd.DataFrame, scores: pd.DataFrame) -> Iterator[str]:
    n_runs_failed = int((~runs["is_ok"]).sum())
    n_scores_failed = int((scores["outcome"] == tables.FAILED).sum())
    if n_runs_failed == n_scores_failed == 0:
        yield f"No run failed, of {len(runs):,}, and no score."
        return
    yield (
        f"Of {count(len(runs), 'run')}, {n_runs_failed} failed, and {count(n_scores_failed, 'score')} of the others "
        "could not be computed; failures are counted beside each mean, never replaced by a number."
    )


def _absent(n_planned: int, n_found: int) -> Iterator[str]:
    if n_found < n_planned:
        n_absent = n_planned - n_found
        yield f"{count(n_absent, 'run')} of {n_planned:,} {'is' if n_absent == 1 else 'are'} not there yet."


def cautions(
    conditions: Sequence[Condition],
    clips: Sequence[Clip],
    runs: pd.DataFrame,
    scores: pd.DataFrame,
    metrics: Sequence[MetricInfo],
    n_processors: int,
) -> list[str]:
    """What a reader must know before comparing figures of this run."""
    found = []
    narrow = [metric for metric in metrics if (metric.sample_rate_hz or math.inf) <= NARROW_RATE_HZ]
    if narrow:
        verb = "hears" if len(narrow) == 1 else "hear"
        found.append(
            f"{listed([metric.label for metric in narrow])} {verb} recordings at a sample rate of "
            f"{NARROW_RATE_HZ // 1000} kHz at most, so all that is lost above {NARROW_RATE_HZ // 2000} kHz goes unseen."
        )
    unmoved = [metric.label for metric in metrics if metric.name in BAND_BLIND_METRICS]
    if unmoved:
        found.append(
            f"{listed(unmoved)} {'forgives' if len(unmoved) == 1 else 'forgive'} much of a narrow band even below "
            "that: a telephone-like recording can score above a codec of full bandwidth. Read beside a metric that "
            "hears the whole band, and listen."
        )
    found.append(
        "Each metric models hearing with blind spots of its own; where they disagree, none of them is the answer."
    )
    if len(runs) < len(conditions) * len(clips) or not runs["is_ok"].all():
        found.append("Not every condition has a result on every clip: compare means only where n agrees.")
    n_by_category = pd.Series([clip.category for clip in clips]).value_counts()
    few = [
        f"{name} ({n_by_category[name]})"
        for name in ordered_categories(n_by_category.index)
        if n_by_category[name] < MIN_CLIPS
    ]
    if few:
        found.append(
            f"Means over fewer than {MIN_CLIPS} clips have no interval, because none would be honest: {listed(few)}."
        )
    absent = set(scores.loc[scores["outcome"] == tables.NOT_INSTALLED, "metric"])
    not_installed = [metric.label for metric in metrics if metric.name in absent]
    if not_installed:
        found.append(f"Not measured for lack of a package: {listed(not_installed)}.")
    if n_processors > 1:
        found.append(f"The rows come from {n_processors} kinds of processor: real-time factors cannot be compared.")
    return found

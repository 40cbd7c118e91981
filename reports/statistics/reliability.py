"""How far listeners agree with one another and with themselves: intraclass correlation, Cronbach's alpha, repeats."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

from listening_test.ratings import Rating
from reports.statistics.bootstrap import CONFIDENCE
from reports.statistics.cube import FloatArray, NotComputableError


@dataclass(frozen=True)
class Icc:
    """Intraclass correlation, two-way random effects, absolute agreement.

    Attributes:
        single, low, high: ICC(2,1), of one listener's score, with its interval.
        average: ICC(2,k), of the mean over the k listeners at hand.
    """

    n_targets: int
    n_listeners: int
    single: float
    low: float
    high: float
    average: float


def icc(table: FloatArray, confidence: float = CONFIDENCE) -> Icc:
    """ICC(2,1) and ICC(2,k) of Shrout and Fleiss (Psychological Bulletin 86, 1979).

    Args:
        table: shape [n_targets, n_listeners] without gaps; a target is an item with a condition.

    Raises:
        NotComputableError: fewer than two targets or listeners, or scores that do not vary.
    """
    n, k = table.shape
    if n < 2 or k < 2:
        raise NotComputableError("agreement needs at least two listeners who rated everything, and two signals")
    ms_target, ms_listener, ms_rest = _mean_squares(table)
    if ms_target + ms_listener + ms_rest < 1e-20:
        raise NotComputableError("all scores are equal")
    single = (ms_target - ms_rest) / (ms_target + (k - 1) * ms_rest + k * (ms_listener - ms_rest) / n)
    average = (ms_target - ms_rest) / (ms_target + (ms_listener - ms_rest) / n)
    if ms_rest < 1e-12 * ms_target:
        return Icc(n, k, single, single, single, average)
    a = k * single / (n * (1 - single))
    b = 1 + k * single * (n - 1) / (n * (1 - single))
    df = (a * ms_listener + b * ms_rest) ** 2 / (
        (a * ms_listener) ** 2 / (k - 1) + (b * ms_rest) ** 2 / ((n - 1) * (k - 1))
    )
    tail = 0.5 + confidence / 2
    upper_f, lower_f = stats.f.ppf(tail, n - 1, df), stats.f.ppf(tail, df, n - 1)
    rest = k * ms_listener + (k * n - k - n) * ms_rest
    low = n * (ms_target - upper_f * ms_rest) / (upper_f * rest + n * ms_target)
    high = n * (lower_f * ms_target - ms_rest) / (rest + n * lower_f * ms_target)
    return Icc(n, k, float(single), float(low), float(high), float(average))


def cronbachs_alpha(table: FloatArray) -> float:
    """Cronbach's alpha of the listeners, as items of a scale; ``table`` as for `icc`.

    Raises:
        NotComputableError: as for `icc`, or targets that do not differ.
    """
    n, k = table.shape
    if n < 2 or k < 2:
        raise NotComputableError("agreement needs at least two listeners who rated everything, and two signals")
    total = float(table.sum(axis=1).var(ddof=1))
    if total < 1e-20:
        raise NotComputableError("the sums over listeners do not vary")
    return k / (k - 1) * (1 - float(table.var(axis=0, ddof=1).sum()) / total)


def _mean_squares(table: FloatArray) -> tuple[float, float, float]:
    """Of targets, listeners and the rest."""
    n, k = table.shape
    grand = table.mean()
    targets, listeners = table.mean(axis=1), table.mean(axis=0)
    rest = table - targets[:, None] - listeners[None, :] + grand
    return (
        float(k * ((targets - grand) ** 2).sum() / (n - 1)),
        float(n * ((listeners - grand) ** 2).sum() / (k - 1)),
        float((rest**2).sum() / ((n - 1) * (k - 1))),
    )


@dataclass(frozen=True)
class RepeatReliability:
    """One listener's repeated ratings against the first ones.

    Attributes:
        n_pairs: signals rated twice (a first and a second rating).
        measurement_sd: standard deviation of a rating, sqrt(mean squared difference / 2), in points.
        correlation: Pearson's, between first and second ratings; None where they do not vary.
        discrimination_sd: standard deviation of the means of the two ratings over signals: how far apart the listener
            puts them. A reliable listener has much of this and little of ``measurement_sd``.
    """

    listener: str
    n_pairs: int
    measurement_sd: float
    correlation: float | None
    discrimination_sd: float


def repeats(ratings: Sequence[Rating]) -> list[RepeatReliability]:
    """Reliability of each listener who rated at least two signals a second time."""
    pairs: dict[str, dict[tuple[str, str], dict[int, float]]] = defaultdict(lambda: defaultdict(dict))
    for rating in ratings:
        pairs[rating.listener][rating.item, rating.condition][rating.repeat] = rating.score
    found = []
    for listener, signals in pairs.items():
        both = np.array([[scores[0], scores[1]] for scores in signals.values() if 0 in scores and 1 in scores])
        if len(both) < 2:
            continue
        difference = both[:, 0] - both[:, 1]
        varies = np.ptp(both[:, 0]) > 0 and np.ptp(both[:, 1]) > 0
        found.append(
            RepeatReliability(
                listener=listener,
                n_pairs=len(both),
                measurement_sd=math.sqrt(float((difference**2).mean()) / 2),
                correlation=float(np.corrcoef(both.T)[0, 1]) if varies else None,
                discrimination_sd=float(both.mean(axis=1).std(ddof=1)),
            )
        )
    return found

"""Intervals of means over clips: bootstrap, seeded, for single conditions and for paired differences."""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import special

FloatArray = npt.NDArray[np.float64]

CONFIDENCE = 0.95
N_RESAMPLES = 5000

#: With fewer clips no bootstrap interval is honest: at 4 even the range from the smallest to the largest clip covers
#: the median of the population with a probability of 1 - 2 / 2^4 = 87.5 % only.
MIN_CLIPS = 5


@dataclass(frozen=True)
class MeanInterval:
    """A mean over ``n`` clips with its confidence interval.

    ``mean`` is None without values; ``low`` and ``high`` are None with fewer than `MIN_CLIPS` values.
    """

    n: int
    mean: float | None
    low: float | None
    high: float | None


def mean_interval(values: npt.ArrayLike, confidence: float = CONFIDENCE, seed: int = 0) -> MeanInterval:
    """Mean and bootstrap interval of ``values``, shape [n], one finite value a clip.

    The expanded percentile interval of Hesterberg, "What Teachers Should Know About the Bootstrap" (The American
    Statistician 69, 2015, section 4.3): the plain percentile interval is too narrow for few clips, so its tail
    probability is lowered from alpha / 2 to Phi(-sqrt(n / (n - 1)) t[1 - alpha/2, n - 1]).

    Raises:
        ValueError: a value is not finite.
    """
    array = np.asarray(values, dtype=np.float64)
    if not np.isfinite(array).all():
        raise ValueError("an interval needs finite values; leave out missing ones before")
    n = len(array)
    if n == 0:
        return MeanInterval(0, None, None, None)
    mean = float(array.mean())
    if n < MIN_CLIPS:
        return MeanInterval(n, mean, None, None)
    tail = expanded_tail(n, confidence)
    low, high = np.quantile(_resampling_weights(n, seed) @ array, [tail, 1 - tail])
    return MeanInterval(n, mean, float(low), float(high))


def paired_difference(
    values: npt.ArrayLike, baseline: npt.ArrayLike, confidence: float = CONFIDENCE, seed: int = 0
) -> MeanInterval:
    """Mean of ``values - baseline`` with its interval; both of shape [n], the same clips in the same order.

    NaN marks a clip that has no value; only clips with both values count.

    Raises:
        ValueError: the two have different lengths.
    """
    first, second = np.asarray(values, dtype=np.float64), np.asarray(baseline, dtype=np.float64)
    if first.shape != second.shape:
        raise ValueError(f"paired values need equal lengths, got {first.shape} and {second.shape}")
    difference = first - second
    return mean_interval(difference[~np.isnan(difference)], confidence, seed)


def expanded_tail(n: int, confidence: float = CONFIDENCE) -> float:
    """Tail probability at which to cut the bootstrap distribution of a mean over ``n`` > 1 values."""
    t = special.stdtrit(n - 1, 0.5 + confidence / 2)
    return float(special.ndtr(-math.sqrt(n / (n - 1)) * t))


@functools.lru_cache(maxsize=16)
def _resampling_weights(n: int, seed: int) -> FloatArray:
    """How often each clip was drawn in each resample, over n: shape [N_RESAMPLES, n], rows sum to 1.

    Depends on n and the seed alone, so that the same clips are drawn for every condition and metric.
    """
    counts = np.random.default_rng(seed).multinomial(n, np.full(n, 1 / n), size=N_RESAMPLES)
    return counts / n

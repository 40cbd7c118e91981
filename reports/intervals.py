"""Intervals over clips for any number of them: resampling for few, its limit in closed form for many."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
from scipy import special

from reports.statistics import CONFIDENCE, MeanInterval, expanded_tail, mean_interval

FloatArray = npt.NDArray[np.float64]

#: Up to this many clips are resampled. Beyond it the expansion is closer to the true quantiles of the bootstrap
#: distribution than a few thousand resamples are, at a thousandth of the cost.
MAX_RESAMPLED = 200


def clip_interval(values: npt.ArrayLike) -> MeanInterval:
    """Mean and bootstrap interval of ``values``, shape [n], one finite value a clip: see `statistics.mean_interval`.

    Above `MAX_RESAMPLED` clips the quantiles of the bootstrap distribution come from its cumulants (Cornish and Fisher,
    Revue de l'Institut International de Statistique 5, 1938), up to the fourth.
    """
    array = np.asarray(values, dtype=np.float64)
    if len(array) <= MAX_RESAMPLED:
        return mean_interval(array)
    n, mean, deviation = len(array), float(array.mean()), float(array.std())
    if deviation == 0:
        return MeanInterval(n, mean, mean, mean)
    standard = (array - mean) / deviation
    skewness = float((standard**3).mean()) / math.sqrt(n)
    kurtosis = (float((standard**4).mean()) - 3) / n
    z = float(special.ndtri(expanded_tail(n, CONFIDENCE)))
    low, high = (mean + deviation / math.sqrt(n) * _cornish_fisher(end, skewness, kurtosis) for end in (z, -z))
    return MeanInterval(n, mean, low, high)


def paired_clip_interval(values: FloatArray, baseline: FloatArray) -> MeanInterval:
    """Mean of ``values - baseline`` with its interval, over the clips that have both; NaN marks one without."""
    difference = values - baseline
    return clip_interval(difference[~np.isnan(difference)])


def _cornish_fisher(z: float, skewness: float, kurtosis: float) -> float:
    """The quantile of a standardised distribution with these cumulants where a normal one has ``z``."""
    return z + (z**2 - 1) * skewness / 6 + (z**3 - 3 * z) * kurtosis / 24 - (2 * z**3 - 5 * z) * skewness**2 / 36

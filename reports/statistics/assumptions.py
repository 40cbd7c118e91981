"""What the ratings look like where a parametric analysis assumes something: normal residuals, one mode, sphericity."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import stats

from reports.statistics.cube import FloatArray, NotComputableError

#: Limits of BS.1534-3 Attachment 4: a skewness to note, and one at which to leave the analysis of variance.
SKEWNESS_TO_NOTE, SKEWNESS_TOO_LARGE = 0.5, 1.0

#: Sarle's coefficient of a uniform distribution; above it more than one mode is likely.
BIMODALITY_LIMIT = 5 / 9


@dataclass(frozen=True)
class Residuals:
    """Shape of the residuals of score = listener + item x condition.

    Attributes:
        skewness, excess_kurtosis: unbiased; 0 for a normal distribution.
        theoretical, ordered: normal quantiles and sorted standardised residuals, for a Q-Q plot.
    """

    n: int
    skewness: float
    excess_kurtosis: float
    theoretical: FloatArray
    ordered: FloatArray


def residuals(scores: FloatArray) -> Residuals:
    """Residuals of ``scores``, shape [n_listeners, n_items, n_conditions]; NaN where a trial was not rated.

    Raises:
        NotComputableError: fewer than two listeners, or nothing left over.
    """
    if len(scores) < 2:
        raise NotComputableError("residuals need at least two listeners")
    centred = scores - np.nanmean(scores, axis=(1, 2), keepdims=True)
    centred = centred - np.nanmean(centred, axis=0, keepdims=True)
    values = np.sort(centred[~np.isnan(centred)])
    if len(values) < 4 or values.std() < 1e-9:
        raise NotComputableError("listeners agree without any residual")
    positions = (np.arange(1, len(values) + 1) - 0.375) / (len(values) + 0.25)
    return Residuals(
        n=len(values),
        skewness=float(stats.skew(values, bias=False)),
        excess_kurtosis=float(stats.kurtosis(values, bias=False)),
        theoretical=np.asarray(stats.norm.ppf(positions)),
        ordered=values / values.std(ddof=1),
    )


def bimodality(values: npt.ArrayLike) -> float | None:
    """Sarle's coefficient b = (g^2 + 1) / (k + 3 (n - 1)^2 / ((n - 2) (n - 3))); None with four values or fewer or
    none that vary. BS.1534-3 Attachment 4: above 5/9 the scores may have more than one mode.
    """
    array = np.asarray(values, dtype=np.float64)
    n = len(array)
    if n <= 4 or np.ptp(array) == 0:
        return None
    skewness, kurtosis = float(stats.skew(array, bias=False)), float(stats.kurtosis(array, bias=False))
    return (skewness**2 + 1) / (kurtosis + 3 * (n - 1) ** 2 / ((n - 2) * (n - 3)))

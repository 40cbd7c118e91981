"""How large a difference is, beside whether there is one: effect sizes of paired comparisons."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import stats

from reports.statistics.bootstrap import CONFIDENCE
from reports.statistics.cube import FloatArray


@dataclass(frozen=True)
class HodgesLehmann:
    """The median of all means of two differences, with its interval; None with fewer than six listeners."""

    estimate: float
    low: float | None
    high: float | None


def rank_biserial(differences: npt.ArrayLike) -> float:
    """Matched-pairs rank-biserial correlation: (W+ - W-) / (W+ + W-), from -1 to 1; 0 where all differences are zero.

    Source: Kerby, "The simple difference formula" (Comprehensive Psychology 3, 2014).
    """
    array = np.asarray(differences, dtype=np.float64)
    array = array[array != 0]
    if len(array) == 0:
        return 0.0
    ranks = stats.rankdata(np.abs(array))
    return float((ranks * np.sign(array)).sum() / ranks.sum())


def cohens_dz(differences: npt.ArrayLike) -> float | None:
    """Mean of the differences over their standard deviation; None where they do not vary or there is but one."""
    array = np.asarray(differences, dtype=np.float64)
    if len(array) < 2 or np.ptp(array) == 0:
        return None
    return float(array.mean() / array.std(ddof=1))


def hodges_lehmann(differences: npt.ArrayLike, confidence: float = CONFIDENCE) -> HodgesLehmann:
    """Estimate and interval that belong to Wilcoxon's test, from its exact distribution without ties.

    Source: Hollander, Wolfe and Chicken, "Nonparametric Statistical Methods" (2014), section 3.2 and 3.3.

    Args:
        differences: one a listener, shape [n], n > 0.
    """
    array = np.asarray(differences, dtype=np.float64)
    n = len(array)
    first, second = np.triu_indices(n)
    walsh = np.sort((array[first] + array[second]) / 2)
    estimate = float(np.median(walsh))
    tail = (1 - confidence) / 2
    if 0.5**n > tail:  # even the range of all of them covers less than that
        return HodgesLehmann(estimate, None, None)
    rank = max(1, int(np.searchsorted(np.cumsum(_signed_rank_distribution(n)), tail)))
    return HodgesLehmann(estimate, float(walsh[rank - 1]), float(walsh[len(walsh) - rank]))


def _signed_rank_distribution(n: int) -> FloatArray:
    """Probability of each sum of positive ranks, 0 to n (n + 1) / 2, where every sign is as likely."""
    distribution = np.zeros(n * (n + 1) // 2 + 1)
    distribution[0] = 1.0
    for rank in range(1, n + 1):
        shifted = np.zeros_like(distribution)
        shifted[rank:] = distribution[:-rank]
        distribution = (distribution + shifted) / 2
    return distribution

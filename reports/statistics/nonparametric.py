"""Tests that assume neither normal scores nor equal distances on the scale: Friedman, Wilcoxon, sign flips, Holm.

Their unit is the listener: one value for each listener and condition, the mean over items. Ratings of one listener are
not independent; tests that take them so raise false alarms in a quarter of cases.
"""

from __future__ import annotations

import functools
import math
import warnings
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
from scipy import stats

from reports.statistics.cube import FloatArray, NotComputableError

ALPHA = 0.05
N_SIGN_FLIPS = 99_999

#: Up to this number of listeners all sign patterns are gone through: 2^16 of them, as the opposite ones are alike.
MAX_EXACT_LISTENERS = 17
_CHUNK = 8192


@dataclass(frozen=True)
class FriedmanResult:
    """Friedman's test on ranks within listeners.

    Attributes:
        chi_squared, p: the statistic, corrected for ties, and its asymptotic p.
        f, p_f: Iman and Davenport's F, which finds more and raises slightly more false alarms with few listeners.
        kendalls_w: agreement of the listeners, 0 to 1.
        mean_ranks: 1 is the lowest score, in the order of the conditions.
    """

    n_listeners: int
    n_conditions: int
    chi_squared: float
    p: float
    f: float
    p_f: float
    kendalls_w: float
    mean_ranks: tuple[float, ...]


def friedman(means: FloatArray) -> FriedmanResult:
    """Do the conditions differ at all? ``means`` has shape [n_listeners, n_conditions].

    Source: Friedman (1937); Iman and Davenport, "Approximations of the critical region of the Friedman statistic"
    (Communications in Statistics A9, 1980).

    Raises:
        NotComputableError: fewer than two listeners or three conditions, or no listener tells any two apart.
    """
    n, k = means.shape
    if n < 2:
        raise NotComputableError("Friedman's test needs at least two listeners")
    if k < 3:
        raise NotComputableError("Friedman's test needs at least three conditions; compare the two as a pair")
    if (means == means[:, :1]).all():
        raise NotComputableError("every listener gives all conditions the same score, so that there is nothing to rank")
    ranks = stats.rankdata(means, axis=1)
    chi_squared, p = stats.friedmanchisquare(*means.T)
    w = float(chi_squared) / (n * (k - 1))
    # Full agreement makes the F infinite, and its p zero.
    f = math.inf if w > 1 - 1e-12 else (n - 1) * w / (1 - w)
    p_f = float(stats.f.sf(f, k - 1, (k - 1) * (n - 1)))
    mean_ranks = tuple(float(rank) for rank in ranks.mean(axis=0))
    return FriedmanResult(n, k, float(chi_squared), float(p), f, p_f, w, mean_ranks)


def critical_difference(n_listeners: int, n_conditions: int, alpha: float = ALPHA) -> float:
    """Nemenyi's: mean ranks that lie further apart differ. Source: Demšar (JMLR 7, 2006), section 3.2.2."""
    q = stats.studentized_range.ppf(1 - alpha, n_conditions, math.inf) / math.sqrt(2)
    return float(q * math.sqrt(n_conditions * (n_conditions + 1) / (6 * n_listeners)))


def cliques(mean_ranks: npt.ArrayLike, difference: float) -> list[tuple[int, ...]]:
    """The largest groups of conditions whose mean ranks span less than ``difference``: indices, two or more each."""
    ranks = np.asarray(mean_ranks, dtype=np.float64)
    order = np.argsort(ranks, kind="stable")
    groups: list[tuple[int, ...]] = []
    last_end = -1
    for start in range(len(order)):
        end = int(np.searchsorted(ranks[order], ranks[order[start]] + difference, side="left")) - 1
        if end > start and end > last_end:
            groups.append(tuple(int(index) for index in order[start : end + 1]))
            last_end = end
    return groups


def wilcoxon(differences: npt.ArrayLike) -> float:
    """Two-sided p of Wilcoxon's signed-rank test on one difference a listener, shape [n].

    Exact without ties up to 50 listeners, else normal with the correction for ties; zeros are left out. It is 1 where
    all differences are zero.

    Raises:
        NotComputableError: no listener.
    """
    array = np.asarray(differences, dtype=np.float64)
    if len(array) == 0:
        raise NotComputableError("Wilcoxon's test needs listeners")
    array = array[array != 0]
    if len(array) == 0:
        return 1.0
    sizes = np.abs(array)
    is_exact = len(np.unique(sizes)) == len(sizes) and len(sizes) <= 50
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Sample size too small for normal approximation")
        return float(stats.wilcoxon(array, method="exact" if is_exact else "approx").pvalue)


def sign_flip(differences: FloatArray, seed: int = 0, n_flips: int = N_SIGN_FLIPS) -> FloatArray:
    """Two-sided p of the sign-flip permutation test on mean differences, for several comparisons at once.

    If a condition is not better than another, a listener's difference could as well have the other sign. Exact up to
    `MAX_EXACT_LISTENERS` listeners; above, ``n_flips`` random patterns, and p = (count + 1) / (n_flips + 1).

    Args:
        differences: shape [n_listeners, n_comparisons], one difference a listener and comparison.
        seed: of the random patterns; the same for all comparisons.

    Returns:
        Shape [n_comparisons]. Identical conditions have p = 1.

    Raises:
        NotComputableError: no listener.
    """
    n, n_comparisons = differences.shape
    if n == 0:
        raise NotComputableError("the sign-flip test needs listeners")
    observed = np.abs(differences.sum(axis=0))
    # Sums of the same numbers in another order differ in their last digits.
    threshold = observed - 1e-9 * np.abs(differences).sum(axis=0)
    count = np.zeros(n_comparisons, dtype=np.int64)
    if n <= MAX_EXACT_LISTENERS:
        patterns = _all_signs(n)
        for start in range(0, len(patterns), _CHUNK):
            count += (np.abs(patterns[start : start + _CHUNK] @ differences) >= threshold).sum(axis=0)
        return np.asarray(count / len(patterns))
    rng = np.random.default_rng(seed)
    for start in range(0, n_flips, _CHUNK):
        signs = rng.integers(0, 2, (min(_CHUNK, n_flips - start), n), dtype=np.int8) * 2.0 - 1.0
        count += (np.abs(signs @ differences) >= threshold).sum(axis=0)
    return np.asarray((count + 1) / (n_flips + 1))


@functools.lru_cache(maxsize=4)
def _all_signs(n: int) -> FloatArray:
    """All patterns of signs whose first is plus, shape [2^(n - 1), n]."""
    bits = np.arange(2 ** (n - 1))[:, None] >> np.arange(n - 1) & 1
    return np.hstack([np.ones((len(bits), 1)), 1.0 - 2.0 * bits])


def adjust(p_values: npt.ArrayLike, method: Literal["holm", "hochberg"] = "holm") -> FloatArray:
    """p values corrected for their number; compare them with alpha as they are.

    Holm (1979) assumes nothing; Hochberg (1988), which BS.1534-3 Attachment 4 names, assumes no negative dependence.
    """
    p = np.asarray(p_values, dtype=np.float64)
    if not len(p):
        return p
    order = np.argsort(p, kind="stable")
    scaled = p[order] * np.arange(len(p), 0, -1)
    scaled = np.maximum.accumulate(scaled) if method == "holm" else np.minimum.accumulate(scaled[::-1])[::-1]
    adjusted = np.empty_like(p)
    adjusted[order] = np.minimum(scaled, 1)
    return adjusted

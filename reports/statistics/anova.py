"""What BS.1534-3 itself describes: repeated-measures ANOVA (Attachment 4) and the permutation test (Attachment 3).

Both are shown for readers who expect them, with their assumptions; the tests of `nonparametric` need fewer.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import linalg, stats

from reports.statistics.cube import FloatArray, NotComputableError

ANOVA_ASSUMPTIONS = (
    "Assumes scores on an interval scale, normal residuals, and differences of equal variance (sphericity; the "
    "corrected p values relax the last). Items are taken as fixed: it says nothing of other material."
)
PERMUTATION_ASSUMPTIONS = (
    "Assumes that all ratings are independent of one another. They are not, as each listener gives many: the test "
    "ignores the pairing, which costs power, and the tastes of listeners, which raise false alarms."
)
N_PERMUTATIONS = 10_000


@dataclass(frozen=True)
class AnovaEffect:
    """One effect of a repeated-measures ANOVA.

    Attributes:
        epsilon_gg, epsilon_hf: Greenhouse and Geisser's, and Huynh and Feldt's, departure from sphericity; 1 is none.
        p, p_gg, p_hf: without correction, and with the degrees of freedom multiplied by each.
        partial_eta_squared: share of the variance that the effect explains.
    """

    name: str
    f: float
    df_effect: int
    df_error: int
    p: float
    epsilon_gg: float
    epsilon_hf: float
    p_gg: float
    p_hf: float
    partial_eta_squared: float


def repeated_measures_anova(scores: FloatArray) -> list[AnovaEffect]:
    """Factors condition and item, both within listeners: effects of the two and of their interaction.

    Args:
        scores: shape [n_listeners, n_items, n_conditions] without gaps. With one item the condition is the one factor.

    Raises:
        NotComputableError: fewer than two listeners or conditions, gaps, or an error term without variance.
    """
    n, n_items, n_conditions = scores.shape
    if n < 2 or n_conditions < 2:
        raise NotComputableError("the analysis of variance needs two listeners and two conditions with all items rated")
    if np.isnan(scores).any():
        raise NotComputableError("the analysis of variance needs every trial of every listener")
    item_mean, condition_mean = (np.full((size, 1), 1 / math.sqrt(size)) for size in (n_items, n_conditions))
    # Orthonormal contrasts over the cells, which lie in memory item by item.
    terms = {"condition": np.kron(item_mean, _contrasts(n_conditions))}
    if n_items > 1:
        terms["item"] = np.kron(_contrasts(n_items), condition_mean)
        terms["condition x item"] = np.kron(_contrasts(n_items), _contrasts(n_conditions))
    cells = scores.reshape(n, n_items * n_conditions)
    return [_effect(name, cells @ matrix) for name, matrix in terms.items()]


def _contrasts(size: int) -> FloatArray:
    """Orthonormal contrasts, shape [size, size - 1]: columns of length 1 that sum to 0."""
    return np.asarray(linalg.helmert(size).T)


def _effect(name: str, projected: FloatArray) -> AnovaEffect:
    """The test of one effect from the listeners' values on its contrasts, shape [n_listeners, n_contrasts]."""
    n, q = projected.shape
    mean = projected.mean(axis=0)
    deviation = projected - mean
    ss_effect, ss_error = float(n * mean @ mean), float((deviation**2).sum())
    if ss_error <= 1e-20 * max(1.0, ss_effect):
        raise NotComputableError("listeners agree without any spread, so that there is no error to compare with")
    df_error = q * (n - 1)
    f = (ss_effect / q) / (ss_error / df_error)
    # The squared covariance's trace by the smaller of the two products.
    gram = deviation @ deviation.T if n < q else deviation.T @ deviation
    gg = float(np.trace(gram) ** 2 / (q * (gram**2).sum()))
    spread = n - 1 - q * gg
    hf = min(1.0, (n * q * gg - 2) / (q * spread)) if spread > 1e-12 else 1.0
    return AnovaEffect(
        name=name,
        f=f,
        df_effect=q,
        df_error=df_error,
        p=float(stats.f.sf(f, q, df_error)),
        epsilon_gg=gg,
        epsilon_hf=max(hf, gg),
        p_gg=float(stats.f.sf(f, q * gg, df_error * gg)),
        p_hf=float(stats.f.sf(f, q * max(hf, gg), df_error * max(hf, gg))),
        partial_eta_squared=ss_effect / (ss_effect + ss_error),
    )


def median_permutation(
    first: npt.ArrayLike, second: npt.ArrayLike, seed: int = 0, n_permutations: int = N_PERMUTATIONS
) -> float:
    """Two-sided p of the difference of medians of two samples of ratings, shapes [n] and [m], under random pooling.

    BS.1534-3 Attachment 3: the two are pooled and split anew 10,000 times; where there are fewer splits than that, all
    are gone through. A random split is drawn as the number of times that each distinct score goes to the first sample,
    which is the same and takes less time.

    Raises:
        NotComputableError: a sample is empty.
    """
    a, b = np.asarray(first, dtype=np.float64), np.asarray(second, dtype=np.float64)
    if not len(a) or not len(b):
        raise NotComputableError("the permutation test needs ratings of both conditions")
    values, counts = np.unique(np.concatenate([a, b]), return_counts=True)
    observed = abs(float(np.median(a) - np.median(b)))
    if math.comb(len(a) + len(b), len(a)) <= n_permutations:
        pooled = np.concatenate([a, b])
        chosen = np.array(list(itertools.combinations(range(len(pooled)), len(a))))
        is_first = np.zeros((len(chosen), len(pooled)), dtype=bool)
        np.put_along_axis(is_first, chosen, True, axis=1)
        splits = np.broadcast_to(pooled, is_first.shape)
        firsts, seconds = (splits[mask].reshape(len(chosen), -1) for mask in (is_first, ~is_first))
        medians = np.median(firsts, axis=1), np.median(seconds, axis=1)
        return float((np.abs(medians[0] - medians[1]) >= observed - 1e-9).mean())
    rng = np.random.default_rng(seed)
    chunk = max(1, 4_000_000 // len(values))
    n_as_large = 0
    for start in range(0, n_permutations, chunk):
        drawn = rng.multivariate_hypergeometric(
            counts, len(a), size=min(chunk, n_permutations - start), method="marginals"
        )
        medians = _medians(values, drawn, len(a)), _medians(values, counts - drawn, len(b))
        n_as_large += int((np.abs(medians[0] - medians[1]) >= observed - 1e-9).sum())
    return (n_as_large + 1) / (n_permutations + 1)


def _medians(values: FloatArray, counts: npt.NDArray[np.int64], n: int) -> FloatArray:
    """Medians of samples of ``n`` given as counts of sorted ``values``, shape [n_samples, n_values]."""
    cumulated = np.cumsum(counts, axis=1)
    lower = values[np.argmax(cumulated > (n - 1) // 2, axis=1)]
    upper = values[np.argmax(cumulated > n // 2, axis=1)]
    return np.asarray((lower + upper) / 2)

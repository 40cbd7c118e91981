"""Claims on new material: a linear mixed model in which listeners and items are both drawn from larger populations."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy import optimize, stats

from reports.statistics.bootstrap import CONFIDENCE
from reports.statistics.cube import FloatArray, NotComputableError


@dataclass(frozen=True)
class MixedComparison:
    """Mean difference of two conditions, expected on other listeners and other items.

    Attributes:
        mean, low, high: in points, with the interval of Student's t with ``df`` degrees of freedom (Satterthwaite).
        listener_sd, item_sd, residual_sd: spread of the difference over listeners (taste), over items, and the rest.
    """

    n_listeners: int
    n_items: int
    mean: float
    low: float
    high: float
    df: float
    p: float
    listener_sd: float
    item_sd: float
    residual_sd: float


def mixed_comparison(differences: FloatArray, confidence: float = CONFIDENCE) -> MixedComparison:
    """Compare two conditions by their differences within trials.

    The model is difference = mean + listener + item + residual with crossed random effects, fitted by restricted
    maximum likelihood. As it is of differences, the spread of listeners and items is that of their interactions with
    the condition, which is what a claim on new material has to allow for. Degrees of freedom after Satterthwaite, which
    is quasi-F where every listener rates every item: Baayen, Davidson and Bates (Journal of Memory and Language 59,
    2008); Clark (Journal of Verbal Learning and Verbal Behavior 12, 1973).

    Args:
        differences: shape [n_listeners, n_items], in points; NaN where a trial was not rated.

    Raises:
        NotComputableError: fewer than two listeners or items, differences that do not vary, or no fit.
    """
    is_rated = ~np.isnan(differences)
    differences = differences[is_rated.any(axis=1)][:, is_rated.any(axis=0)]
    n_listeners, n_items = differences.shape
    if n_listeners < 2 or n_items < 2:
        raise NotComputableError("a claim on new listeners and items needs at least two of each")
    values = differences[~np.isnan(differences)]
    if np.ptp(values) == 0:
        raise NotComputableError("all differences are equal, so that their spread is unknown")
    if len(values) < n_listeners + n_items:
        raise NotComputableError("too few trials to tell listeners, items and noise apart")
    mean, variances = _fit(differences)
    # Expected mean squares at the mean numbers of trials of a listener and of an item; exact where all are rated.
    per_listener, per_item = len(values) / n_listeners, len(values) / n_items
    ms_rest = variances[2]
    ms_listener, ms_item = ms_rest + per_listener * variances[0], ms_rest + per_item * variances[1]
    df_listener, df_item = n_listeners - 1, n_items - 1
    total = ms_listener + ms_item - ms_rest
    df_rest = max(1, len(values) - n_listeners - n_items + 1)
    df = total**2 / (ms_listener**2 / df_listener + ms_item**2 / df_item + ms_rest**2 / df_rest)
    error = math.sqrt(total / len(values))
    half_width = float(stats.t.ppf(0.5 + confidence / 2, df)) * error
    p = float(2 * stats.t.sf(abs(mean) / error, df))
    sds = (math.sqrt(variance) for variance in variances)
    return MixedComparison(n_listeners, n_items, mean, mean - half_width, mean + half_width, df, p, *sds)


def _fit(differences: FloatArray) -> tuple[float, tuple[float, float, float]]:
    """Mean, and the variances of listeners, items and residuals, by restricted maximum likelihood.

    The covariance is s^2 (I + a^2 L L' + b^2 K K'), L and K telling whose and of what each trial is. Mean and s^2 have
    a closed form given a and b, so that a search over these two is left. It uses no gradients: they vanish where a
    variance is zero, which is common, and methods that follow them stop there.

    Raises:
        NotComputableError: the search does not end.
    """
    is_rated = ~np.isnan(differences)
    n = int(is_rated.sum())
    centre = float(differences[is_rated].mean())
    centred = np.where(is_rated, differences - centre, 0.0)
    counts = is_rated.astype(np.float64)
    # Sums over the trials of each listener and item: of the values, and of the ones that the mean stands for.
    of_listeners = np.column_stack([centred.sum(axis=1), counts.sum(axis=1)])
    of_items = np.column_stack([centred.sum(axis=0), counts.sum(axis=0)])
    products = np.array([[float((centred**2).sum()), float(centred.sum())], [float(centred.sum()), float(n)]])

    def weighted_products(roots: FloatArray) -> tuple[FloatArray, float]:
        """``products`` by the inverse of the covariance over s^2 (Woodbury), and the logarithm of its determinant."""
        a, b = roots
        listeners = 1 + a**2 * counts.sum(axis=1)
        mixed = a * b * counts / listeners[:, None]
        items = np.diag(1 + b**2 * counts.sum(axis=0)) - a * b * counts.T @ mixed
        rest = b * of_items - a * mixed.T @ of_listeners
        explained = a**2 * of_listeners.T @ (of_listeners / listeners[:, None]) + rest.T @ np.linalg.solve(items, rest)
        log_determinant = float(np.log(listeners).sum() + np.linalg.slogdet(items)[1])
        return np.asarray(products - explained), log_determinant

    def mean_and_rest(weighted: FloatArray) -> tuple[float, float]:
        mean = float(weighted[0, 1] / weighted[1, 1])
        return mean, float(weighted[0, 0] - mean * weighted[0, 1])

    def cost(roots: FloatArray) -> float:
        weighted, log_determinant = weighted_products(roots)
        return log_determinant + math.log(weighted[1, 1]) + (n - 1) * math.log(mean_and_rest(weighted)[1])

    options = {"xatol": 1e-9, "fatol": 1e-12, "maxiter": 2000}
    found = optimize.minimize(cost, np.array([0.5, 0.5]), method="Nelder-Mead", options=options)
    if not found.success:
        raise NotComputableError("the mixed model has no solution for these data")
    mean, rest = mean_and_rest(weighted_products(found.x)[0])
    variance = rest / (n - 1)
    return centre + mean, (variance * float(found.x[0]) ** 2, variance * float(found.x[1]) ** 2, variance)

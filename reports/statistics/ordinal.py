"""Votes on a scale of categories by an ordinal model: it takes the categories as ordered, and not as equally far apart.

The cumulative link model with proportional odds (McCullagh, "Regression models for ordinal data", Journal of the Royal
Statistical Society B 42, 1980), fitted by statsmodels. Votes of one listener are not independent: standard errors are
those of clusters of listeners, and Student's t has one degree of freedom less than listeners.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import stats

from reports.statistics.bootstrap import CONFIDENCE
from reports.statistics.cube import FloatArray, NotComputableError
from reports.statistics.nonparametric import adjust

IntArray = npt.NDArray[np.int64]

MIN_LISTENERS = 5

#: Log odds beyond this come of a condition whose votes all lie in one category, and have no finite estimate.
MAX_LOG_ODDS = 15.0


@dataclass(frozen=True)
class Vote:
    """One vote: who, on which item and condition, and the category as a number."""

    listener: str
    item: str
    condition: str
    category: int


@dataclass(frozen=True)
class OddsComparison:
    """A condition against the baseline.

    Attributes:
        odds_ratio, low, high: how many times the odds of a higher category are those of the baseline.
        p, p_adjusted: alone, and corrected for all conditions (Holm).
    """

    condition: str
    baseline: str
    odds_ratio: float
    low: float
    high: float
    p: float
    p_adjusted: float


def compare_votes(votes: Sequence[Vote], baseline: str, confidence: float = CONFIDENCE) -> list[OddsComparison]:
    """Each condition against ``baseline``, items being accounted for.

    Raises:
        NotComputableError: too few listeners, conditions or categories, or votes that leave no finite estimate.
    """
    listeners, items, conditions = (
        list(dict.fromkeys(names))
        for names in zip(*((vote.listener, vote.item, vote.condition) for vote in votes), strict=True)
    )
    others = [name for name in conditions if name != baseline]
    if len(listeners) < MIN_LISTENERS:
        raise NotComputableError(f"an ordinal model needs at least {MIN_LISTENERS} listeners")
    if baseline not in conditions or not others:
        raise NotComputableError("an ordinal model needs votes on the baseline and on another condition")
    if len({vote.category for vote in votes}) < 2:
        raise NotComputableError("all votes are of one category")
    columns = [[vote.condition == name for vote in votes] for name in others]
    columns += [[vote.item == name for vote in votes] for name in items[1:]]
    estimates, errors = _fit(
        np.array([vote.category for vote in votes]),
        np.array(columns, dtype=np.float64).T,
        np.array([listeners.index(vote.listener) for vote in votes]),
    )
    if not (np.isfinite(errors[: len(others)]).all() and np.abs(estimates[: len(others)]).max() < MAX_LOG_ODDS):
        raise NotComputableError("a condition got votes of one category alone, so that its odds have no finite value")
    df = len(listeners) - 1
    reach = float(stats.t.ppf(0.5 + confidence / 2, df))
    found = []
    p_values = [float(2 * stats.t.sf(abs(b) / error, df)) for b, error in zip(estimates, errors, strict=True)]
    p_values = p_values[: len(others)]
    for place, (name, p_adjusted) in enumerate(zip(others, adjust(p_values), strict=True)):
        log_odds, error = float(estimates[place]), float(errors[place])
        low, high = (math.exp(log_odds + sign * reach * error) for sign in (-1, 1))
        p = p_values[place]
        found.append(OddsComparison(name, baseline, math.exp(log_odds), low, high, p, float(p_adjusted)))
    return found


def _fit(categories: IntArray, columns: FloatArray, clusters: IntArray) -> tuple[FloatArray, FloatArray]:
    """Log odds of each column and their standard errors."""
    from statsmodels.miscmodels.ordinal_model import OrderedModel

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            model = OrderedModel(categories, columns, distr="logit")
            fitted = model.fit(
                method="bfgs", disp=False, maxiter=1000, cov_type="cluster", cov_kwds={"groups": clusters}
            )
        except (Warning, np.linalg.LinAlgError, ValueError) as error:
            raise NotComputableError(f"the ordinal model found no estimate ({error})") from error
    n = columns.shape[1]
    return np.asarray(fitted.params)[:n], np.asarray(fitted.bse)[:n]

"""Whether one condition is as good as another: equivalence and non-inferiority with a margin stated in points."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import stats

from reports.statistics.cube import NotComputableError
from reports.statistics.nonparametric import ALPHA


@dataclass(frozen=True)
class Equivalence:
    """Two one-sided t tests on one difference a listener.

    Attributes:
        mean, low, high: of the difference, with its 1 - 2 alpha interval: the one that belongs to the two tests.
        p: of equivalence, the larger of the two one-sided ones.
        p_non_inferior: of the difference lying above minus the margin.
    """

    n_listeners: int
    margin: float
    alpha: float
    mean: float
    low: float
    high: float
    p: float
    p_non_inferior: float

    @property
    def is_equivalent(self) -> bool:
        """The difference lies within the margin on both sides."""
        return self.p < self.alpha

    @property
    def is_non_inferior(self) -> bool:
        """The first condition is worse by less than the margin, if at all."""
        return self.p_non_inferior < self.alpha


def equivalence(differences: npt.ArrayLike, margin: float, alpha: float = ALPHA) -> Equivalence:
    """Is the mean difference within ``margin`` points? ``differences`` has one value a listener, shape [n].

    Source: Schuirmann (Journal of Pharmacokinetics and Biopharmaceutics 15, 1987). The margin must have been chosen
    before the ratings were seen.

    Raises:
        ValueError: the margin is not positive.
        NotComputableError: fewer than two listeners, or differences that do not vary.
    """
    if not (margin > 0 and math.isfinite(margin)):
        raise ValueError(f"the margin must be positive, got {margin}")
    array = np.asarray(differences, dtype=np.float64)
    n = len(array)
    if n < 2:
        raise NotComputableError("equivalence needs at least two listeners")
    if np.ptp(array) == 0:
        raise NotComputableError("all listeners have the same difference, so that its spread is unknown")
    mean, error = float(array.mean()), float(array.std(ddof=1) / math.sqrt(n))
    p_above = float(stats.t.sf((mean + margin) / error, n - 1))
    p_below = float(stats.t.cdf((mean - margin) / error, n - 1))
    half_width = float(stats.t.ppf(1 - alpha, n - 1)) * error
    return Equivalence(n, margin, alpha, mean, mean - half_width, mean + half_width, max(p_above, p_below), p_above)

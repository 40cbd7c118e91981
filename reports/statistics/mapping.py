"""The monotone mapping from an objective score to points of a listening test, before errors are compared.

ITU-T P.1401 asks for a mapping by a polynomial of third order that is monotone over the range of the scores. Ours
is the least-squares one among those with non-decreasing Bernstein coefficients: each is monotone, and a straight line
is among them. Beyond the range of the scores it was fitted to, the mapping keeps the value at the end.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import optimize

from reports.statistics.cube import FloatArray

#: A cubic has four coefficients; a fit to fewer points than two more would follow the noise.
MIN_POINTS = 6


@dataclass(frozen=True)
class Mapping:
    """A rising cubic over the scores from ``low`` to ``high``; ``coefficients`` are Bernstein's."""

    low: float
    high: float
    coefficients: tuple[float, float, float, float]

    def __call__(self, scores: npt.ArrayLike) -> FloatArray:
        """Points for ``scores``, of any shape."""
        values = np.asarray(scores, dtype=np.float64)
        return np.asarray(_basis(self._place(values)) @ np.array(self.coefficients))

    def _place(self, values: FloatArray) -> FloatArray:
        span = self.high - self.low
        return np.clip((values - self.low) / span, 0.0, 1.0) if span > 0 else np.zeros_like(values)


def fit_mapping(scores: FloatArray, points: FloatArray) -> Mapping:
    """The mapping that follows ``points`` best; both of shape [n], finite, and more of a score is better."""
    low, high = float(scores.min()), float(scores.max())
    empty = Mapping(low, high, (0.0, 0.0, 0.0, 0.0))
    # The first coefficient and three rises: bounds on these are all that monotony needs.
    rises = np.tril(np.ones((4, 4)))
    found = optimize.lsq_linear(
        _basis(empty._place(scores)) @ rises,
        points,
        bounds=([-np.inf, 0.0, 0.0, 0.0], np.full(4, np.inf)),
        method="bvls",
    )
    first, second, third, fourth = (float(value) for value in rises @ found.x)
    return Mapping(low, high, (first, second, third, fourth))


def cross_validated(scores: FloatArray, points: FloatArray, groups: npt.NDArray[np.int64]) -> FloatArray:
    """Points predicted for each group by the mapping fitted to all other groups; all of shape [n]."""
    predicted = np.empty_like(points)
    for group in np.unique(groups):
        own = groups == group
        predicted[own] = fit_mapping(scores[~own], points[~own])(scores[own])
    return predicted


def _basis(place: FloatArray) -> FloatArray:
    """Bernstein's polynomials of third order at ``place`` in 0 to 1, shape [..., 4]."""
    rest = 1.0 - place
    return np.stack([rest**3, 3 * place * rest**2, 3 * place**2 * rest, place**3], axis=-1)

"""Pareto fronts: the settings that no other setting beats in everything that counts."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from reports.series import Point


def front(points: Sequence[Point], *, higher_is_better: bool) -> list[Point]:
    """The points that no other beats in cost and quality, by rising cost. Of equal points all stay."""
    sign = -1.0 if higher_is_better else 1.0
    is_best = is_efficient(np.array([[point.x, sign * point.mean] for point in points]).reshape(-1, 2))
    chosen = [point for point, is_kept in zip(points, is_best, strict=True) if is_kept]
    return sorted(chosen, key=lambda point: (point.x, point.mean))


def is_efficient(costs: npt.NDArray[np.float64]) -> npt.NDArray[np.bool_]:
    """Which of N points, ``costs`` of shape [N, D], lower being better, no other point beats; shape [N].

    A point is beaten by one that is nowhere worse and somewhere better. A point with a NaN is never on the front.
    """
    is_no_worse = (costs[:, np.newaxis] <= costs).all(axis=2)
    is_better = (costs[:, np.newaxis] < costs).any(axis=2)
    return np.asarray(~(is_no_worse & is_better).any(axis=0) & ~np.isnan(costs).any(axis=1))

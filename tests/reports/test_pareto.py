from __future__ import annotations

import numpy as np
import pytest

from reports.pareto import front, is_efficient
from reports.series import Point


def points(*places: tuple[float, float]) -> list[Point]:
    return [Point(f"{x}-{mean}", x, mean, None, None, 1) for x, mean in places]


@pytest.mark.parametrize(
    ("higher_is_better", "expected"),
    [(True, [(1, 2), (2, 3), (4, 5)]), (False, [(1, 2), (3, 1)])],
)
def test_front_by_hand(higher_is_better: bool, expected: list[tuple[float, float]]) -> None:
    found = front(points((3, 1), (1, 2), (4, 5), (2, 3), (4, 4)), higher_is_better=higher_is_better)
    assert [(point.x, point.mean) for point in found] == expected


def test_front_is_what_a_search_over_all_pairs_finds() -> None:
    costs = np.random.default_rng(0).integers(0, 6, (60, 3)).astype(float)
    for own, kept in zip(costs, is_efficient(costs), strict=True):
        is_beaten = any((other <= own).all() and (other < own).any() for other in costs)
        assert kept == (not is_beaten)


def test_equal_points_stay_and_missing_ones_go() -> None:
    assert is_efficient(np.array([[1.0, 1.0], [1.0, 1.0], [np.nan, 0.0]])).tolist() == [True, True, False]
    assert front([], higher_is_better=True) == []

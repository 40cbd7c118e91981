"""What a listening test found, in plain numbers: median and quartiles, mean and its interval over listeners."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from listening_test.screening import quartiles
from reports.statistics.bootstrap import mean_interval
from reports.statistics.cube import Cube, FloatArray


@dataclass(frozen=True)
class Summary:
    """One condition, over all items or some.

    Attributes:
        n_listeners: the n of the interval. Ratings of one listener are not independent and do not raise it.
        n_ratings: scores behind median and quartiles.
        low, high: bootstrap interval of the mean over listeners; None with fewer than five of them.
    """

    condition: str
    n_listeners: int
    n_ratings: int
    median: float
    first_quartile: float
    third_quartile: float
    mean: float
    low: float | None
    high: float | None

    @property
    def iqr(self) -> float:
        """Interquartile range, quartiles as in BS.1534-3."""
        return self.third_quartile - self.first_quartile


def by_condition(cube: Cube) -> list[Summary]:
    """Each condition over all items."""
    return _summaries(cube, cube.items)


def by_item(cube: Cube) -> dict[str, list[Summary]]:
    """Each condition on each item."""
    return {item: _summaries(cube, [item]) for item in cube.items}


def by_category(cube: Cube, category_of_item: Mapping[str, str]) -> dict[str, list[Summary]]:
    """Each condition over the items of each category; items without a category are left out."""
    items: dict[str, list[str]] = {}
    for item in cube.items:
        if category_of_item.get(item):
            items.setdefault(category_of_item[item], []).append(item)
    return {category: _summaries(cube, own) for category, own in items.items()}


def _summaries(cube: Cube, items: Sequence[str]) -> list[Summary]:
    means: FloatArray = cube.of_items(items)
    scores = cube.scores[:, [cube.items.index(item) for item in items], :]
    summaries = []
    for index, condition in enumerate(cube.conditions):
        own = scores[:, :, index]
        own = own[~np.isnan(own)]
        first, median, third = quartiles(own.tolist())
        interval = mean_interval(means[:, index])
        mean = float(means[:, index].mean())
        summaries.append(
            Summary(condition, interval.n, len(own), median, first, third, mean, interval.low, interval.high)
        )
    return summaries

"""The table of a listening test: scores by listener, item and condition, of whole trials only."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from listening_test.ratings import Rating

FloatArray = npt.NDArray[np.float64]


class NotComputableError(ValueError):
    """A statistic that these data do not allow; the message says why, in words for a page."""


@dataclass(frozen=True, eq=False)
class Cube:
    """Scores, shape [n_listeners, n_items, n_conditions], in points of 0 to 100.

    A trial (a listener and an item) counts only if every condition was rated, so that means over items compare the
    same items; else all its scores are NaN. Repeated ratings are averaged. Listeners and items without any whole trial
    are left out.

    Attributes:
        n_incomplete_trials: trials left out because a condition was not rated.
    """

    listeners: tuple[str, ...]
    items: tuple[str, ...]
    conditions: tuple[str, ...]
    scores: FloatArray
    n_incomplete_trials: int = 0

    @property
    def listener_means(self) -> FloatArray:
        """Mean over each listener's items, shape [n_listeners, n_conditions]: the unit of the default tests."""
        return np.asarray(np.nanmean(self.scores, axis=1))

    @property
    def whole(self) -> FloatArray:
        """Scores of the listeners who rated every item, shape [n_whole_listeners, n_items, n_conditions]."""
        return self.scores[~np.isnan(self.scores).any(axis=(1, 2))]

    def of_item(self, item: str) -> FloatArray:
        """Scores of one item by the listeners who rated it, shape [n_raters, n_conditions]."""
        scores = self.scores[:, self.items.index(item), :]
        return scores[~np.isnan(scores).any(axis=1)]

    def of_items(self, items: Sequence[str]) -> FloatArray:
        """Listener means over some of the items, shape [n_raters, n_conditions]; who rated none of them is left out."""
        scores = self.scores[:, [self.items.index(item) for item in items], :]
        scores = scores[~np.isnan(scores).all(axis=(1, 2))]
        return np.asarray(np.nanmean(scores, axis=1))


def cube_of(ratings: Sequence[Rating], listeners: Sequence[str] | None = None) -> Cube:
    """The cube of ``ratings``, or of those by ``listeners`` alone (the ones that post-screening keeps).

    Raises:
        NotComputableError: no whole trial is left.
    """
    kept = set(listeners) if listeners is not None else {rating.listener for rating in ratings}
    own = [rating for rating in ratings if rating.listener in kept]
    if not own:
        raise NotComputableError("no listener is left")
    listener_index, item_index, condition_index = (
        {name: index for index, name in enumerate(dict.fromkeys(names))}
        for names in (
            [rating.listener for rating in own],
            [rating.item for rating in own],
            [rating.condition for rating in own],
        )
    )
    shape = (len(listener_index), len(item_index), len(condition_index))
    total, count = np.zeros(shape), np.zeros(shape)
    places = (
        np.array([listener_index[rating.listener] for rating in own]),
        np.array([item_index[rating.item] for rating in own]),
        np.array([condition_index[rating.condition] for rating in own]),
    )
    np.add.at(total, places, np.array([rating.score for rating in own]))
    np.add.at(count, places, 1)
    is_whole = np.asarray((count > 0).all(axis=2))
    if not is_whole.any():
        raise NotComputableError("in no trial are all conditions rated, so that none compares them all")
    scores = np.where(is_whole[:, :, None], total / np.maximum(count, 1), np.nan)
    has_trial, is_rated = np.asarray(is_whole.any(axis=1)), np.asarray(is_whole.any(axis=0))
    return Cube(
        listeners=tuple(name for name, index in listener_index.items() if has_trial[index]),
        items=tuple(name for name, index in item_index.items() if is_rated[index]),
        conditions=tuple(condition_index),
        scores=scores[np.ix_(has_trial, is_rated)],
        n_incomplete_trials=int((np.asarray(count.any(axis=2)) & ~is_whole).sum()),
    )

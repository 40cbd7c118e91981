"""Post-screening of assessors and outlying grades: Recommendation ITU-R BS.1534-3 (10/2015), to the letter.

An assessor is excluded who grades the hidden reference below 90 on more than 15 % of the items, or the mid-range anchor
above 90 on more than 15 % of the items. Where more than 25 % of the assessors grade an item's mid-range anchor above
90, the anchor did not impair that item, and no assessor is excluded on account of it: the grade is not counted, while
the item stays one of the test items that the 15 % are of. Repeated ratings count as items of their own. Shares are
compared in whole numbers, so that exactly 15 % and exactly 25 % do not exceed their limits.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from listening_test.ratings import Rating

SCORE_LIMIT = 90.0
LISTENER_LIMIT_PERCENT = 15
GUARD_PERCENT = 25
WHISKER_IQR = 1.5


def exceeds(count: int, total: int, percent: int) -> bool:
    """Whether ``count`` of ``total`` is more than ``percent`` per cent, without rounding; never for a total of 0."""
    return 100 * count > percent * total


@dataclass(frozen=True)
class ListenerScreening:
    """The counts of one assessor.

    Attributes:
        n_reference, n_reference_below: grades of the hidden reference, and how many are below 90.
        n_mid_anchor, n_mid_anchor_above: grades of the mid-range anchor, and how many above 90 count.
        n_guarded: how many above 90 do not count, as more than 25 % of the assessors graded that item so.
    """

    listener: str
    n_reference: int
    n_reference_below: int
    n_mid_anchor: int
    n_mid_anchor_above: int
    n_guarded: int

    @property
    def fails_reference(self) -> bool:
        """The hidden reference is below 90 on more than 15 % of the items."""
        return exceeds(self.n_reference_below, self.n_reference, LISTENER_LIMIT_PERCENT)

    @property
    def fails_mid_anchor(self) -> bool:
        """The mid-range anchor is above 90 on more than 15 % of the items, guarded items not counted."""
        return exceeds(self.n_mid_anchor_above, self.n_mid_anchor, LISTENER_LIMIT_PERCENT)

    @property
    def is_excluded(self) -> bool:
        """Either rule excludes the assessor."""
        return self.fails_reference or self.fails_mid_anchor

    @property
    def reasons(self) -> tuple[str, ...]:
        """A sentence with its numbers for each rule that excludes the assessor."""
        sentences = []
        if self.fails_reference:
            sentences.append(
                f"hidden reference below 90 on {self.n_reference_below} of {self.n_reference} items "
                f"({100 * self.n_reference_below / self.n_reference:.1f} %, allowed are {LISTENER_LIMIT_PERCENT} %)"
            )
        if self.fails_mid_anchor:
            sentences.append(
                f"mid anchor above 90 on {self.n_mid_anchor_above} of {self.n_mid_anchor} items "
                f"({100 * self.n_mid_anchor_above / self.n_mid_anchor:.1f} %, allowed are {LISTENER_LIMIT_PERCENT} %)"
            )
        return tuple(sentences)


@dataclass(frozen=True)
class GuardedItem:
    """An item whose mid-range anchor more than 25 % of the assessors grade above 90."""

    item: str
    n_above: int
    n_assessors: int


@dataclass(frozen=True)
class Screening:
    """Result of the post-screening. A rule whose signal is not in the test excludes nobody."""

    listeners: tuple[ListenerScreening, ...]
    guarded_items: tuple[GuardedItem, ...]
    has_reference: bool
    has_mid_anchor: bool

    @property
    def kept(self) -> tuple[str, ...]:
        """Assessors whose ratings count."""
        return tuple(entry.listener for entry in self.listeners if not entry.is_excluded)

    @property
    def excluded(self) -> tuple[ListenerScreening, ...]:
        """Assessors whose ratings do not count, with the numbers."""
        return tuple(entry for entry in self.listeners if entry.is_excluded)


@dataclass(frozen=True)
class OutlyingGrade:
    """A grade outside the whiskers of its condition and item. Only for a shown error may it be removed."""

    rating: Rating
    low: float
    high: float


def screen(ratings: Sequence[Rating]) -> Screening:
    """Both rules of BS.1534-3 on ``ratings``, which may also be those of a test that is still running."""
    reference: dict[str, list[float]] = defaultdict(list)
    mid_anchor: dict[str, list[tuple[str, float]]] = defaultdict(list)
    for rating in ratings:
        if rating.role == "reference":
            reference[rating.listener].append(rating.score)
        elif rating.role == "mid_anchor":
            mid_anchor[rating.listener].append((rating.item, rating.score))
    guarded = _guarded_items(mid_anchor)
    guarded_names = {entry.item for entry in guarded}
    counts = []
    for listener in dict.fromkeys(rating.listener for rating in ratings):
        above = [item for item, score in mid_anchor[listener] if score > SCORE_LIMIT]
        n_guarded = sum(item in guarded_names for item in above)
        counts.append(
            ListenerScreening(
                listener=listener,
                n_reference=len(reference[listener]),
                n_reference_below=sum(score < SCORE_LIMIT for score in reference[listener]),
                n_mid_anchor=len(mid_anchor[listener]),
                n_mid_anchor_above=len(above) - n_guarded,
                n_guarded=n_guarded,
            )
        )
    roles = {rating.role for rating in ratings}
    return Screening(tuple(counts), guarded, "reference" in roles, "mid_anchor" in roles)


def _guarded_items(mid_anchor: dict[str, list[tuple[str, float]]]) -> tuple[GuardedItem, ...]:
    """Items on which more than 25 % of the assessors, counted once each, grade the mid-range anchor above 90."""
    assessors: dict[str, set[str]] = defaultdict(set)
    above: dict[str, set[str]] = defaultdict(set)
    for listener, grades in mid_anchor.items():
        for item, score in grades:
            assessors[item].add(listener)
            if score > SCORE_LIMIT:
                above[item].add(listener)
    return tuple(
        GuardedItem(item, len(above[item]), len(everyone))
        for item, everyone in assessors.items()
        if exceeds(len(above[item]), len(everyone), GUARD_PERCENT)
    )


def quartiles(scores: Sequence[float]) -> tuple[float, float, float]:
    """First quartile, median and third quartile as in BS.1534-3: medians of the halves, the median in both when odd.

    Raises:
        ValueError: no scores.
    """
    ordered = sorted(scores)
    n = len(ordered)
    if n == 0:
        raise ValueError("quartiles need at least one score")
    half = (n + 1) // 2
    return _median(ordered[:half]), _median(ordered), _median(ordered[n - half :])


def _median(ordered: Sequence[float]) -> float:
    middle = len(ordered) // 2
    return ordered[middle] if len(ordered) % 2 else (ordered[middle - 1] + ordered[middle]) / 2


def outlying_grades(ratings: Sequence[Rating]) -> list[OutlyingGrade]:
    """Grades beyond 1.5 interquartile ranges from the quartiles of their condition and item, to be looked at."""
    cells: dict[tuple[str, str], list[Rating]] = defaultdict(list)
    for rating in ratings:
        cells[rating.condition, rating.item].append(rating)
    found = []
    for cell in cells.values():
        first, _, third = quartiles([rating.score for rating in cell])
        low, high = first - WHISKER_IQR * (third - first), third + WHISKER_IQR * (third - first)
        found += [OutlyingGrade(rating, low, high) for rating in cell if not low <= rating.score <= high]
    return found

"""A model of a listener: taste, noise, a ceiling, and some who do not listen. For tests and planning, never results.

The grade of a condition is its quality plus what items, this listener's taste and the moment add, cut to the scale.
The standard deviations are of the size that MUSHRA tests show; qualities of systems are made up.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from listening_test.study import Condition

ITEM_SD, SEVERITY_SD, TASTE_SD, NOISE_SD = 4.0, 6.0, 4.0, 6.0

#: Share of hidden references that an attentive listener recognises.
P_REFERENCE_FOUND = 0.95

#: Difference in points at which a difference is noticed (ABX) in 63 % of the cases.
NOTICED_POINTS = 10.0

_QUALITY_OF_ROLE = {"reference": 100.0, "mid_anchor": 50.0, "low_anchor": 20.0, "anchor": 35.0}


def made_up_qualities(conditions: Sequence[Condition], wanted: Mapping[str, float] | None = None) -> dict[str, float]:
    """A quality of 0 to 100 for each condition: ``wanted`` where given, else by role; systems evenly from 45 to 90."""
    systems = [condition.id for condition in conditions if condition.role == "system"]
    spread = dict(zip(systems, np.linspace(45, 90, len(systems)).tolist(), strict=True))
    made = {c.id: _QUALITY_OF_ROLE.get(c.role, spread.get(c.id, 0.0)) for c in conditions}
    return made | dict(wanted or {})


class SimulatedListener:
    """One listener; the same numbers give the same answers to the same sequence of questions.

    Args:
        qualities: of the conditions, 0 to 100.
        reference: the condition that is the reference, if there is one.
        seed: of the test, for what items do; ``number`` tells listeners apart.
        is_inattentive: answers without listening.
    """

    def __init__(
        self,
        qualities: Mapping[str, float],
        reference: str | None,
        seed: int,
        number: int,
        is_inattentive: bool = False,
    ) -> None:
        self._qualities = dict(qualities)
        self._reference = reference
        self._seed = seed
        self._random = np.random.default_rng([seed, number])
        self._severity = self._random.normal(0, SEVERITY_SD)
        self._taste = {name: self._random.normal(0, TASTE_SD) for name in sorted(self._qualities)}
        self._is_inattentive = is_inattentive

    def scores(self, item: str, conditions: Sequence[str]) -> list[int]:
        """Grades of a MUSHRA trial, 0 to 100; one of them is 100, as the instructions ask."""
        if self._is_inattentive:
            grades = self._random.integers(0, 101, len(conditions)).tolist()
        else:
            grades = [self._grade(item, condition) for condition in conditions]
        if conditions and 100 not in grades:
            grades[int(np.argmax(grades))] = 100
        return grades

    def opinion(self, item: str, condition: str) -> int:
        """An opinion of 1 to 5 (acr, dcr)."""
        if self._is_inattentive:
            return int(self._random.integers(1, 6))
        return 1 + round(4 * self._grade(item, condition) / 100)

    def preferred(self, item: str, first: str, second: str) -> str:
        """The one of two that is preferred (ab)."""
        if self._is_inattentive:
            return first if self._random.random() < 0.5 else second
        return first if self._perceived(item, first) >= self._perceived(item, second) else second

    def heard_as(self, x: str, other: str) -> str:
        """What X is said to be (abx): noticed, or guessed."""
        difference = abs(self._qualities[x] - self._qualities[other])
        is_noticed = not self._is_inattentive and self._random.random() < 1 - math.exp(-difference / NOTICED_POINTS)
        return x if is_noticed or self._random.random() < 0.5 else other

    def _grade(self, item: str, condition: str) -> int:
        if condition == self._reference and self._random.random() < P_REFERENCE_FOUND:
            return 100
        return round(min(100.0, max(0.0, self._perceived(item, condition))))

    def _perceived(self, item: str, condition: str) -> float:
        of_item = np.random.default_rng([self._seed, *f"{item}/{condition}".encode()]).normal(0, ITEM_SD)
        own = self._severity + self._taste[condition] + self._random.normal(0, NOISE_SD)
        return self._qualities[condition] + float(of_item) + float(own)

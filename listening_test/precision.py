"""How precise a running test is: the 95 % interval of each condition's mean, and the listeners still needed.

The unit is the listener: the grades that a listener gave a condition are averaged over items and repeats first. The
interval is Student's, t(n - 1) s / sqrt(n) on either side of the mean over listeners. The number of listeners for a
wanted half-width is that of Stein's two-stage procedure (Annals of Mathematical Statistics 16, 1945): the smallest n
with t(n0 - 1) s / sqrt(n) no more than wanted, where s and n0 are those of the listeners so far. It keeps its promise
of 95 % although s is only an estimate. The final report has bootstrap intervals beside; they differ little.
"""

from __future__ import annotations

import math
import statistics
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from listening_test.judgements import Judgement
from listening_test.ratings import Rating
from listening_test.screening import screen

CONFIDENCE = 0.95

#: With fewer listeners nothing is said of their spread.
MIN_LISTENERS = 3


@dataclass(frozen=True)
class Precision:
    """Of one condition, in the unit of its grades.

    Attributes:
        half_width: of the 95 % interval of the mean over listeners; None with fewer than `MIN_LISTENERS`.
        n_needed: listeners in all for the wanted half-width, below n_listeners where there are more than enough; None
            where half_width is.
    """

    condition: str
    n_listeners: int
    mean: float
    half_width: float | None
    n_needed: int | None

    @property
    def n_missing(self) -> int | None:
        """Listeners still needed; 0 when the wanted precision is reached."""
        return None if self.n_needed is None else max(0, self.n_needed - self.n_listeners)


def precision_of_ratings(ratings: Sequence[Rating], wanted: float) -> list[Precision]:
    """Precision of each system and anchor of a MUSHRA test, in points, over the listeners that screening keeps.

    The hidden reference is left out: most grades are 100, and its interval says nothing of the systems.

    Raises:
        ValueError: ``wanted`` is not above 0.
    """
    kept = set(screen(ratings).kept)
    return precision_of(
        (
            (rating.listener, rating.condition, rating.score)
            for rating in ratings
            if rating.listener in kept and rating.role != "reference"
        ),
        wanted,
    )


def precision_of_judgements(judgements: Iterable[Judgement], wanted: float) -> list[Precision]:
    """Precision of opinions (acr, dcr: points of 1 to 5) or of shares in per cent. Training does not count.

    The shares: right answers (abx); how often the first of a pair in alphabetical order was preferred (ab).

    Raises:
        ValueError: ``wanted`` is not above 0.
    """
    return precision_of((_graded(judgement) for judgement in judgements if not judgement.is_training), wanted)


def precision_of(grades: Iterable[tuple[str, str, float]], wanted: float) -> list[Precision]:
    """Precision from ``grades``, each a listener, a condition and a grade; conditions in the order of appearance.

    Raises:
        ValueError: ``wanted`` is not above 0.
    """
    if not wanted > 0:
        raise ValueError(f"the wanted half-width is {wanted}, expected more than 0")
    own: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for listener, condition, grade in grades:
        own[condition][listener].append(grade)
    return [
        _precision(condition, [statistics.fmean(given) for given in by_listener.values()], wanted)
        for condition, by_listener in own.items()
    ]


def listeners_needed(found: Iterable[Precision]) -> int | None:
    """Listeners still needed until every condition has the wanted precision; None while nothing can be said."""
    missing = [precision.n_missing for precision in found]
    known = [n for n in missing if n is not None]
    return max(known) if known and len(known) == len(missing) else None


def _graded(judgement: Judgement) -> tuple[str, str, float]:
    if judgement.method in ("acr", "dcr"):
        return judgement.listener, judgement.condition_a, float(judgement.answer)
    first, second = sorted((judgement.condition_a, judgement.condition_b))
    if judgement.method == "abx":
        return judgement.listener, f"{first} / {second}", 100.0 * bool(judgement.is_correct)
    return judgement.listener, f"{first} over {second}", 100.0 * (judgement.answer == first)


def _precision(condition: str, means: Sequence[float], wanted: float) -> Precision:
    n = len(means)
    if n < MIN_LISTENERS:
        return Precision(condition, n, statistics.fmean(means), None, None)
    from scipy import stats

    reach = float(stats.t.ppf(0.5 + CONFIDENCE / 2, n - 1)) * statistics.stdev(means)
    n_needed = max(MIN_LISTENERS, math.ceil((reach / wanted) ** 2 - 1e-9))
    return Precision(condition, n, statistics.fmean(means), reach / math.sqrt(n), n_needed)

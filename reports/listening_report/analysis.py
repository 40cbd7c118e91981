"""All statistics of a listening test, in one pass: what the page shows is here, and nothing else is computed later."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ParamSpec, TypeVar

import numpy as np

from flowmac.errors import SettingError, unknown_name
from listening_test.ratings import Rating, Role
from listening_test.screening import OutlyingGrade, Screening, outlying_grades, screen
from reports.statistics import descriptive
from reports.statistics.anova import AnovaEffect, median_permutation, repeated_measures_anova
from reports.statistics.assumptions import Residuals, bimodality, residuals
from reports.statistics.contrasts import PairComparison, against, all_pairs, compare
from reports.statistics.cube import Cube, NotComputableError, cube_of
from reports.statistics.descriptive import Summary
from reports.statistics.equivalence import Equivalence, equivalence
from reports.statistics.mixed import MixedComparison, mixed_comparison
from reports.statistics.nonparametric import FriedmanResult, adjust, friedman
from reports.statistics.power import PilotDifferences, listeners_needed, smallest_difference
from reports.statistics.reliability import Icc, RepeatReliability, icc, repeats

P = ParamSpec("P")
T = TypeVar("T")

#: Differences in points for which the listeners needed are stated.
PLANNING_POINTS = (3.0, 5.0, 10.0)


@dataclass(frozen=True)
class Contrast:
    """One contrast, by the default test and by those that others may ask for. A text in place of a result is why not.

    Attributes:
        p_mixed_adjusted: of ``mixed``, corrected for the family (Holm); None where there is none.
        p_standard: BS.1534-3 Attachment 3: permutation of the pooled ratings, difference of medians.
    """

    pair: PairComparison
    mixed: MixedComparison | str
    p_mixed_adjusted: float | None
    p_standard: float | str
    equivalence: Equivalence | str | None


@dataclass(frozen=True)
class Power:
    """What this test could find with 80 %, by the spread of the median contrast.

    Attributes:
        difference_sd: standard deviation over listeners of that contrast's difference.
        listeners: points and how many listeners they need; None for more than 400.
    """

    contrast: tuple[str, str]
    difference_sd: float
    smallest_difference: float | None
    listeners: tuple[tuple[float, int | None], ...]


@dataclass(frozen=True, eq=False)
class Analysis:
    """Everything the page shows. Conditions are in the order of the page: reference, systems from the best, anchors.

    Attributes:
        cube: of the listeners whom post-screening keeps.
        is_planned: the contrasts are those of a chosen baseline, and not all pairs of systems.
        margin: in points, for equivalence; None if none was stated.
    """

    ratings: Sequence[Rating]
    roles: dict[str, Role]
    screening: Screening
    outlying: Sequence[OutlyingGrade]
    cube: Cube
    summaries: Sequence[Summary]
    by_item: dict[str, list[Summary]]
    by_category: dict[str, list[Summary]]
    to_reference: Sequence[PairComparison]
    baseline: str | None
    is_planned: bool
    contrasts: Sequence[Contrast]
    pairs: Sequence[PairComparison]
    friedman: FriedmanResult | str
    anova: Sequence[AnovaEffect] | str
    residuals: Residuals | str
    bimodality: dict[str, float | None]
    icc: Icc | str
    repeats: Sequence[RepeatReliability]
    power: Power | str
    margin: float | None

    @property
    def is_simulated(self) -> bool:
        """At least one rating was made by a model."""
        return any(rating.is_simulated for rating in self.ratings)

    @property
    def conditions(self) -> tuple[str, ...]:
        """In the order of the page."""
        return self.cube.conditions

    @property
    def reference(self) -> str | None:
        """The hidden reference, if the test has one."""
        return next((name for name in self.conditions if self.roles[name] == "reference"), None)

    @property
    def systems(self) -> tuple[str, ...]:
        """Conditions that are neither reference nor anchor."""
        return tuple(name for name in self.conditions if self.roles[name] == "system")


def analyse(ratings: Sequence[Rating], baseline: str | None = None, margin: float | None = None) -> Analysis:
    """Screen, describe, compare.

    Args:
        ratings: checked ones, as `read_ratings` gives them.
        baseline: the condition that the planned contrasts refer to.
        margin: in points, for "as good as the baseline".

    Raises:
        SettingError: nobody is left after post-screening, no trial is whole, or an unknown baseline.
    """
    screening = screen(ratings)
    if not screening.kept:
        first = screening.excluded[0]
        raise SettingError(
            f"post-screening (BS.1534-3) excludes all {len(screening.listeners)} listeners, so that nothing is left to "
            f"report; the first, {first.listener}: {'; '.join(first.reasons)}"
        )
    try:
        cube = cube_of(ratings, screening.kept)
    except NotComputableError as error:
        raise SettingError(f"nothing can be compared: {error}") from error
    roles = {rating.condition: rating.role for rating in ratings}
    cube = _in_order(cube, roles)
    if baseline is not None and baseline not in cube.conditions:
        raise unknown_name("condition", baseline, cube.conditions)
    systems = [name for name in cube.conditions if roles[name] == "system"]
    reference = next((name for name in cube.conditions if roles[name] == "reference"), None)
    kept = [rating for rating in ratings if rating.listener in set(cube.listeners)]
    contrasts = _contrasts(cube, systems, baseline, margin)
    pairs = [contrast.pair for contrast in contrasts]
    whole = cube.whole
    categories = {rating.item: rating.category for rating in ratings}
    return Analysis(
        ratings=ratings,
        roles=roles,
        screening=screening,
        outlying=outlying_grades(kept),
        cube=cube,
        summaries=descriptive.by_condition(cube),
        by_item=descriptive.by_item(cube),
        by_category=descriptive.by_category(cube, categories),
        to_reference=against(cube, reference, cube.conditions) if reference else [],
        baseline=baseline,
        is_planned=baseline is not None,
        contrasts=contrasts,
        pairs=all_pairs(cube),
        friedman=_attempt(friedman, cube.listener_means),
        anova=_attempt(repeated_measures_anova, whole),
        residuals=_attempt(residuals, cube.scores),
        bimodality=_bimodality(cube),
        icc=_attempt(icc, whole.reshape(len(whole), len(cube.items) * len(cube.conditions)).T),
        repeats=repeats(kept),
        power=_attempt(_power, cube, pairs),
        margin=margin,
    )


def _attempt(function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T | str:
    """The result, or why there is none."""
    try:
        return function(*args, **kwargs)
    except NotComputableError as error:
        return str(error)


def _in_order(cube: Cube, roles: dict[str, Role]) -> Cube:
    """The cube with its conditions in the order of the page."""
    ranks = {"reference": 0, "system": 1, "mid_anchor": 2, "anchor": 2, "low_anchor": 2}
    means = cube.listener_means.mean(axis=0)
    places = range(len(cube.conditions))
    order = sorted(places, key=lambda place: (ranks[roles[cube.conditions[place]]], -means[place]))
    conditions = tuple(cube.conditions[place] for place in order)
    return Cube(cube.listeners, cube.items, conditions, cube.scores[:, :, order], cube.n_incomplete_trials)


def _contrasts(cube: Cube, systems: Sequence[str], baseline: str | None, margin: float | None) -> list[Contrast]:
    """Each other system minus the baseline; all pairs of systems without one."""
    if baseline is None:
        pairs = compare(cube, list(itertools.combinations(systems, 2)))
    else:
        pairs = against(cube, baseline, systems)
    index = {condition: place for place, condition in enumerate(cube.conditions)}
    differences = [cube.scores[:, :, index[pair.first]] - cube.scores[:, :, index[pair.second]] for pair in pairs]
    mixed = [_attempt(mixed_comparison, own) for own in differences]
    p_of_place = {place: result.p for place, result in enumerate(mixed) if not isinstance(result, str)}
    p_adjusted = dict(zip(p_of_place, adjust(list(p_of_place.values())).tolist(), strict=True))
    contrasts = []
    for place, (pair, own) in enumerate(zip(pairs, differences, strict=True)):
        columns = [cube.scores[:, :, index[name]].ravel() for name in (pair.first, pair.second)]
        first, second = (column[~np.isnan(column)] for column in columns)
        p_standard = _attempt(median_permutation, first, second)
        means = np.nanmean(own, axis=1)
        is_within = None if margin is None else _attempt(equivalence, means, margin)
        contrasts.append(Contrast(pair, mixed[place], p_adjusted.get(place), p_standard, is_within))
    return contrasts


def _bimodality(cube: Cube) -> dict[str, float | None]:
    """Of the scores of each condition."""
    columns = (cube.scores[:, :, place].ravel() for place in range(len(cube.conditions)))
    found = [bimodality(column[~np.isnan(column)]) for column in columns]
    return dict(zip(cube.conditions, found, strict=True))


def _power(cube: Cube, pairs: Sequence[PairComparison]) -> Power:
    if not pairs:
        raise NotComputableError("power needs two systems")
    means = cube.listener_means
    index = {condition: place for place, condition in enumerate(cube.conditions)}
    if len(means) < 2:
        raise NotComputableError("power needs the spread of two or more listeners")
    differences = [means[:, index[pair.first]] - means[:, index[pair.second]] for pair in pairs]
    order = np.argsort([own.std(ddof=1) for own in differences])
    median = int(order[len(order) // 2])
    own = differences[median]
    model = PilotDifferences(tuple(own.tolist()))
    return Power(
        contrast=(pairs[median].first, pairs[median].second),
        difference_sd=float(own.std(ddof=1)),
        smallest_difference=smallest_difference(model, len(own)),
        listeners=tuple((points, listeners_needed(model, points)) for points in PLANNING_POINTS),
    )

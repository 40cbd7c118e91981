"""Comparisons of pairs of conditions: the planned contrasts first, and all pairs only as a look around.

Each family is corrected for its own number of comparisons (Holm). Few contrasts that were chosen before the ratings
came keep more power than all pairs; which ones is for the person who plans the test to say.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from reports.statistics.bootstrap import mean_interval
from reports.statistics.cube import Cube
from reports.statistics.effects import HodgesLehmann, hodges_lehmann, rank_biserial
from reports.statistics.nonparametric import adjust, sign_flip, wilcoxon


@dataclass(frozen=True)
class PairComparison:
    """One condition minus another, over listeners.

    Attributes:
        mean, low, high: of the difference in points, with its bootstrap interval (None with fewer than 5 listeners).
        p, p_adjusted: sign-flip permutation test, alone and corrected for the family (Holm).
        p_wilcoxon, p_wilcoxon_adjusted: Wilcoxon's signed-rank test, likewise.
        rank_biserial: effect size, -1 to 1; positive where ``first`` is better.
    """

    first: str
    second: str
    n_listeners: int
    mean: float
    low: float | None
    high: float | None
    p: float
    p_adjusted: float
    p_wilcoxon: float
    p_wilcoxon_adjusted: float
    rank_biserial: float
    hodges_lehmann: HodgesLehmann


def compare(cube: Cube, pairs: Sequence[tuple[str, str]]) -> list[PairComparison]:
    """Compare each pair of conditions; ``pairs`` is the family that the correction is for.

    Raises:
        ValueError: a name is no condition of the cube, or a pair is of one condition.
    """
    for first, second in pairs:
        if first == second or first not in cube.conditions or second not in cube.conditions:
            raise ValueError(f"'{first}' and '{second}' are not two conditions of {', '.join(cube.conditions)}")
    if not pairs:
        return []
    means = cube.listener_means
    index = {condition: place for place, condition in enumerate(cube.conditions)}
    differences = np.column_stack([means[:, index[first]] - means[:, index[second]] for first, second in pairs])
    p = sign_flip(differences)
    p_wilcoxon = np.array([wilcoxon(column) for column in differences.T])
    p_adjusted, p_wilcoxon_adjusted = adjust(p), adjust(p_wilcoxon)
    comparisons = []
    for place, (first, second) in enumerate(pairs):
        own = differences[:, place]
        interval = mean_interval(own)
        comparisons.append(
            PairComparison(
                first=first,
                second=second,
                n_listeners=len(own),
                mean=float(own.mean()),
                low=interval.low,
                high=interval.high,
                p=float(p[place]),
                p_adjusted=float(p_adjusted[place]),
                p_wilcoxon=float(p_wilcoxon[place]),
                p_wilcoxon_adjusted=float(p_wilcoxon_adjusted[place]),
                rank_biserial=rank_biserial(own),
                hodges_lehmann=hodges_lehmann(own),
            )
        )
    return comparisons


def all_pairs(cube: Cube) -> list[PairComparison]:
    """Every pair of conditions, as one family."""
    return compare(cube, list(itertools.combinations(cube.conditions, 2)))


def against(cube: Cube, baseline: str, others: Sequence[str]) -> list[PairComparison]:
    """Each of ``others`` minus ``baseline``: the usual planned contrasts."""
    return compare(cube, [(other, baseline) for other in others if other != baseline])

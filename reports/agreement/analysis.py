"""All statistics of a sweep's scores against listeners' ratings; what the page shows is here."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from reports.agreement.matching import Matched
from reports.metric_info import MetricInfo
from reports.statistics.agreement import (
    Correlation,
    CorrelationDifference,
    ErrorAfterMapping,
    Level,
    Resamples,
    WithinItems,
    best_of,
    correlation,
    correlation_difference,
    draw,
    error_after_mapping,
    halves_agreement,
    oriented,
    within_items,
)
from reports.statistics.bootstrap import MIN_CLIPS
from reports.statistics.cube import FloatArray
from reports.statistics.nonparametric import adjust

LEVELS: tuple[Level, ...] = ("item", "system")


@dataclass(frozen=True)
class LevelAgreement:
    """How one metric follows the listeners, item by item or system by system."""

    pearson: Correlation
    spearman: Correlation
    error: ErrorAfterMapping


@dataclass(frozen=True)
class MetricAgreement:
    """One metric against the listeners; a metric whose low values are good is turned round before."""

    metric: MetricInfo
    item: LevelAgreement
    system: LevelAgreement
    within: WithinItems


@dataclass(frozen=True)
class Scope:
    """All metrics over a choice of conditions.

    Attributes:
        ceiling: correlation of one half of the listeners with the other, by level.
    """

    title: str
    n_conditions: int
    metrics: tuple[MetricAgreement, ...]
    ceiling: dict[Level, float | None]


@dataclass(frozen=True)
class CategoryTrust:
    """Which metric to trust on the items of one category.

    Attributes:
        correlations: Spearman's, item by item, in the order of the metrics.
        best: place of the highest one; None where there is none.
        tied: places of those whose difference to the best one the ratings do not show (uncorrected).
    """

    category: str
    n_items: int
    correlations: tuple[Correlation, ...]
    best: int | None
    tied: tuple[int, ...]


@dataclass(frozen=True)
class MetricPair:
    """Two metrics compared, Spearman's correlation item by item; ``p_adjusted`` is for all pairs (Holm)."""

    first: MetricInfo
    second: MetricInfo
    result: CorrelationDifference
    p_adjusted: float


@dataclass(frozen=True, eq=False)
class Agreement:
    """Everything that the page shows of scores against ratings.

    Attributes:
        scopes: all conditions, and the systems without anchors and hidden reference.
        pairs: of metrics, over all conditions.
        n_not_compared: pairs of metrics without enough items in common.
    """

    matched: Matched
    scopes: tuple[Scope, ...]
    categories: tuple[CategoryTrust, ...]
    pairs: tuple[MetricPair, ...]
    n_not_compared: int

    @property
    def metrics(self) -> tuple[MetricInfo, ...]:
        """In the order of all tables."""
        return tuple(self.matched.scores)


def analyse(matched: Matched) -> Agreement:
    """All statistics of ``matched``."""
    scores = {metric: oriented(own, metric.higher_is_better) for metric, own in matched.scores.items()}
    everything = np.ones(len(matched.conditions), dtype=bool)
    scopes = [_scope("All conditions", matched, scores, everything)]
    if 1 < matched.is_system.sum() < len(everything):
        scopes.append(_scope("Systems alone", matched, scores, matched.is_system))
    pairs = []
    n_not_compared = 0
    for (first, own), (second, other) in itertools.combinations(scores.items(), 2):
        result = correlation_difference(own, other, matched.grades, "spearman", "item")
        if result is None:
            n_not_compared += 1
        else:
            pairs.append(MetricPair(first, second, result, result.p))
    p_adjusted = adjust([pair.result.p for pair in pairs])
    return Agreement(
        matched=matched,
        scopes=tuple(scopes),
        categories=tuple(_trust(matched, scores, name) for name in matched.category_names),
        pairs=tuple(replace(pair, p_adjusted=float(p)) for pair, p in zip(pairs, p_adjusted, strict=True)),
        n_not_compared=n_not_compared,
    )


def _scope(title: str, matched: Matched, scores: dict[MetricInfo, FloatArray], chosen: npt.NDArray[np.bool_]) -> Scope:
    grades = matched.grades[:, :, chosen]
    drawn = draw(grades)
    metrics = []
    for metric, every in scores.items():
        own = every[:, chosen]
        item, system = (_level(own, grades, drawn, level) for level in LEVELS)
        metrics.append(MetricAgreement(metric, item, system, within_items(own, grades)))
    ceiling = {level: halves_agreement(grades, level) for level in LEVELS}
    return Scope(title, int(chosen.sum()), tuple(metrics), ceiling)


def _level(scores: FloatArray, grades: FloatArray, drawn: Resamples, level: Level) -> LevelAgreement:
    return LevelAgreement(
        correlation(scores, grades, drawn, "pearson", level),
        correlation(scores, grades, drawn, "spearman", level),
        error_after_mapping(scores, grades, level),
    )


def _trust(matched: Matched, scores: dict[MetricInfo, FloatArray], category: str) -> CategoryTrust:
    chosen = matched.in_category(category)
    grades = matched.grades[:, chosen]
    drawn = draw(grades)
    own = [values[chosen] for values in scores.values()]
    correlations = tuple(correlation(values, grades, drawn, "spearman", "item") for values in own)
    best = best_of([found.value for found in correlations])
    tied = []
    if best is not None and chosen.sum() >= MIN_CLIPS:
        for place, values in enumerate(own):
            difference = correlation_difference(own[best], values, grades, "spearman", "item")
            if place != best and difference is not None and difference.p > 0.05:
                tied.append(place)
    return CategoryTrust(category, int(chosen.sum()), correlations, best, tuple(tied))

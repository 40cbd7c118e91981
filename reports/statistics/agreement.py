"""How well an objective score follows the listeners' mean: correlations, errors after a mapping, and their intervals.

Values of one item belong together, as do the grades of one listener. Intervals and tests therefore draw whole items and
whole listeners anew (the crossed bootstrap of Owen, "The pigeonhole bootstrap", Annals of Applied Statistics 1, 2007);
Steiger's and Williams's tests take each pair of item and condition as independent, and are not used for that reason.
The conditions stay as they are: nothing here speaks of codecs that were not graded.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
from scipy import stats

from reports.statistics.bootstrap import MIN_CLIPS, MeanInterval, expanded_tail, mean_interval
from reports.statistics.cube import FloatArray
from reports.statistics.mapping import MIN_POINTS, cross_validated

Kind = Literal["pearson", "spearman"]
Level = Literal["item", "system"]

N_RESAMPLES = 2000

#: A correlation of fewer pairs says nothing.
MIN_PAIRS = 3


@dataclass(frozen=True)
class Correlation:
    """A correlation of ``n`` pairs; None where it is not defined, ends also with fewer than `MIN_CLIPS` items."""

    n: int
    value: float | None
    low: float | None
    high: float | None


@dataclass(frozen=True)
class ErrorAfterMapping:
    """Root mean square error in points after a monotone mapping, cross-validated; None where there are too few pairs.

    Attributes:
        low, high: over items (items left out one at a time) or over conditions (those).
    """

    value: float | None
    low: float | None
    high: float | None


@dataclass(frozen=True)
class WithinItems:
    """Does the score rank the conditions of one item as the listeners do? Means over items with their intervals.

    Attributes:
        n_items: with three or more conditions that both the score and the listeners tell apart.
        kendall: Kendall's tau-b.
        share_in_order: of the pairs of conditions that the listeners' means tell apart; a tied score counts one half.
    """

    n_items: int
    kendall: MeanInterval
    share_in_order: MeanInterval


@dataclass(frozen=True, eq=False)
class Resamples:
    """Items and listeners drawn anew.

    Attributes:
        items: shape [n_resamples, n_items], places of the items drawn.
        means: shape [n_resamples, n_items, n_conditions], mean grades of those items over the listeners drawn.
    """

    items: npt.NDArray[np.int64]
    means: FloatArray


def draw(grades: FloatArray, n_resamples: int = N_RESAMPLES, seed: int = 0) -> Resamples:
    """Resamples of ``grades``, shape [n_listeners, n_items, n_conditions], NaN where not graded."""
    n_listeners, n_items, n_conditions = grades.shape
    rng = np.random.default_rng(seed)
    items = rng.integers(0, n_items, (n_resamples, n_items))
    weights = rng.multinomial(n_listeners, np.full(n_listeners, 1 / n_listeners), size=n_resamples).astype(np.float64)
    is_graded = ~np.isnan(grades)
    flat = (n_listeners, n_items * n_conditions)
    total = weights @ np.where(is_graded, grades, 0.0).reshape(flat)
    count = weights @ is_graded.astype(np.float64).reshape(flat)
    # Where an item lost all its listeners in a resample, it keeps the mean of all of them.
    means = np.where(count > 0, total / np.maximum(count, 1), mean_grades(grades).reshape(1, -1))
    means = means.reshape(n_resamples, n_items, n_conditions)
    return Resamples(items, np.take_along_axis(means, items[:, :, None], axis=1))


def mean_grades(grades: FloatArray) -> FloatArray:
    """Mean over listeners, shape [n_items, n_conditions]; NaN where nobody graded."""
    count = (~np.isnan(grades)).sum(axis=0)
    return np.asarray(np.where(count > 0, np.nansum(grades, axis=0) / np.maximum(count, 1), np.nan))


def correlation(scores: FloatArray, grades: FloatArray, drawn: Resamples, kind: Kind, level: Level) -> Correlation:
    """Of a score with the listeners' means.

    Args:
        scores: shape [n_items, n_conditions], NaN where there is none.
        grades: shape [n_listeners, n_items, n_conditions].
        drawn: resamples of ``grades``.
        level: ``item`` for each item and condition, ``system`` for the means over items of each condition.
    """
    first, second = _pairs(scores[None], mean_grades(grades)[None], level)
    n = int((~np.isnan(first)).sum())
    if n < MIN_PAIRS:
        return Correlation(n, None, None, None)
    value = float(_correlate(first, second, kind)[0])
    if math.isnan(value):
        return Correlation(n, None, None, None)
    resampled = _resampled(scores, drawn, kind, level)
    n_items = scores.shape[0]
    if n_items < MIN_CLIPS or np.isnan(resampled).mean() > 0.05:
        return Correlation(n, value, None, None)
    tail = expanded_tail(n_items)
    low, high = np.nanquantile(resampled, [tail, 1 - tail])
    return Correlation(n, value, float(low), float(high))


@dataclass(frozen=True)
class CorrelationDifference:
    """The correlation of one score minus that of another, over the pairs that have both.

    Attributes:
        p: two-sided, from the bootstrap's standard error and Student's t with one degree of freedom less than items.
    """

    n: int
    difference: float
    low: float
    high: float
    p: float


def correlation_difference(
    first: FloatArray, second: FloatArray, grades: FloatArray, kind: Kind, level: Level
) -> CorrelationDifference | None:
    """Does one score follow the listeners better than another? Both are drawn in the same resamples.

    Returns:
        None with too few items or pairs, or where a correlation is not defined.
    """
    has_both = ~(np.isnan(first) | np.isnan(second))
    kept = has_both.any(axis=1)
    n_items = int(kept.sum())
    if n_items < MIN_CLIPS:
        return None
    first, second = (np.where(has_both, own, np.nan)[kept] for own in (first, second))
    drawn = draw(grades[:, kept])
    found = []
    for own in (first, second):
        pairs = _pairs(own[None], mean_grades(grades[:, kept])[None], level)
        n = int((~np.isnan(pairs[0])).sum())
        if n < MIN_PAIRS:
            return None
        found.append((float(_correlate(*pairs, kind)[0]), _resampled(own, drawn, kind, level)))
    difference = found[0][0] - found[1][0]
    resampled = found[0][1] - found[1][1]
    if math.isnan(difference) or np.isnan(resampled).mean() > 0.05:
        return None
    resampled = resampled[~np.isnan(resampled)]
    sd = float(resampled.std(ddof=1))
    p = 1.0 if sd == 0 else float(2 * stats.t.sf(abs(difference) / sd, n_items - 1))
    tail = expanded_tail(n_items)
    low, high = np.quantile(resampled, [tail, 1 - tail])
    return CorrelationDifference(n, difference, float(low), float(high), p)


def error_after_mapping(scores: FloatArray, grades: FloatArray, level: Level) -> ErrorAfterMapping:
    """Error in points of the grades predicted from a score; arguments as for `correlation`.

    The mapping is fitted without the item (or, between systems, without the condition) that it then predicts.
    """
    first, second = (own[0] for own in _pairs(scores[None], mean_grades(grades)[None], level))
    groups = np.repeat(np.arange(scores.shape[0]), scores.shape[1]) if level == "item" else np.arange(len(first))
    is_pair = ~np.isnan(first)
    first, second, groups = first[is_pair], second[is_pair], groups[is_pair]
    if len(first) < MIN_POINTS + 1 or len(np.unique(groups)) < 2 or np.ptp(first) == 0:
        return ErrorAfterMapping(None, None, None)
    squared = (second - cross_validated(first, second, groups)) ** 2
    own = mean_interval([float(squared[groups == group].mean()) for group in np.unique(groups)])
    ends = (None if end is None else math.sqrt(max(end, 0.0)) for end in (own.low, own.high))
    return ErrorAfterMapping(math.sqrt(float(squared.mean())), *ends)


def within_items(scores: FloatArray, grades: FloatArray) -> WithinItems:
    """Ranking of the conditions of each item; arguments as for `correlation`."""
    means = mean_grades(grades)
    taus, shares = [], []
    for own_scores, own_means in zip(scores, means, strict=True):
        is_pair = ~(np.isnan(own_scores) | np.isnan(own_means))
        x, y = own_scores[is_pair], own_means[is_pair]
        if len(x) < MIN_PAIRS or np.ptp(x) == 0 or np.ptp(y) == 0:
            continue
        taus.append(float(stats.kendalltau(x, y).statistic))
        first, second = np.triu_indices(len(x), 1)
        products = np.sign(x[first] - x[second]) * np.sign(y[first] - y[second])
        is_told_apart = y[first] != y[second]
        shares.append(float((products[is_told_apart] / 2 + 0.5).mean()))
    return WithinItems(len(taus), mean_interval(taus), mean_interval(shares))


def halves_agreement(grades: FloatArray, level: Level, n_splits: int = 200, seed: int = 0) -> float | None:
    """Mean Spearman correlation of one half of the listeners with the other: what a score can hardly exceed.

    None with fewer than four listeners, or where half of them did not grade the same.
    """
    n_listeners = len(grades)
    if n_listeners < 4:
        return None
    rng = np.random.default_rng(seed)
    found = []
    for _ in range(n_splits):
        order = rng.permutation(n_listeners)
        first, second = (mean_grades(grades[own])[None] for own in np.array_split(order, 2))
        pairs = _pairs(first, second, level)
        if (~np.isnan(pairs[0])).sum() >= MIN_PAIRS:
            found.append(float(_correlate(*pairs, "spearman")[0]))
    valid = [value for value in found if not math.isnan(value)]
    return float(np.mean(valid)) if valid else None


def _resampled(scores: FloatArray, drawn: Resamples, kind: Kind, level: Level) -> FloatArray:
    return _correlate(*_pairs(scores[drawn.items], drawn.means, level), kind)


def _pairs(scores: FloatArray, means: FloatArray, level: Level) -> tuple[FloatArray, FloatArray]:
    """Pairs to correlate, shape [n_resamples, n_pairs] each, NaN in both where either is missing.

    A system's means are over the items that have both.
    """
    is_pair = ~(np.isnan(scores) | np.isnan(means))
    first, second = np.where(is_pair, scores, np.nan), np.where(is_pair, means, np.nan)
    if level == "item":
        return first.reshape(len(first), -1), second.reshape(len(second), -1)
    count = is_pair.sum(axis=1)
    means_of = (np.where(count > 0, np.nansum(own, axis=1) / np.maximum(count, 1), np.nan) for own in (first, second))
    return next(means_of), next(means_of)


def _correlate(first: FloatArray, second: FloatArray, kind: Kind) -> FloatArray:
    """Correlation along the last axis, NaN where one side does not vary; pairs are NaN on both sides or neither."""
    if kind == "spearman":
        first, second = _ranks(first), _ranks(second)
    is_pair = ~np.isnan(first)
    n = np.maximum(is_pair.sum(axis=1, keepdims=True), 1)
    centred = [np.where(is_pair, own, 0.0) - np.nansum(own, axis=1, keepdims=True) / n for own in (first, second)]
    x, y = (np.where(is_pair, own, 0.0) for own in centred)
    spread = np.sqrt((x**2).sum(axis=1) * (y**2).sum(axis=1))
    scale = np.nanmax(np.abs(first), axis=1, initial=1.0) * np.nanmax(np.abs(second), axis=1, initial=1.0)
    is_defined = spread > 1e-12 * scale
    return np.asarray(np.where(is_defined, (x * y).sum(axis=1) / np.where(is_defined, spread, 1.0), np.nan))


def _ranks(values: FloatArray) -> FloatArray:
    """Ranks along the last axis, ties sharing their mean; missing values, which come last, stay missing."""
    is_missing = np.isnan(values)
    ranks = stats.rankdata(np.where(is_missing, np.inf, values), axis=1)
    return np.asarray(np.where(is_missing, np.nan, ranks))


def oriented(scores: FloatArray, higher_is_better: bool | None) -> FloatArray:
    """Scores turned so that more is better, so that agreement with listeners is a positive correlation."""
    return -scores if higher_is_better is False else scores


def best_of(values: Sequence[float | None]) -> int | None:
    """Place of the highest value; None without any."""
    found = [place for place, value in enumerate(values) if value is not None]
    return max(found, key=lambda place: values[place] or 0.0) if found else None

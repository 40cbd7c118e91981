"""Correlations against scipy, the mapping against closed forms, and the error rate of the comparison of metrics."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from reports.statistics.agreement import (
    Kind,
    Level,
    correlation,
    correlation_difference,
    draw,
    error_after_mapping,
    halves_agreement,
    mean_grades,
    oriented,
    within_items,
)
from reports.statistics.cube import FloatArray
from reports.statistics.mapping import cross_validated, fit_mapping

SHAPE = (12, 8, 6)


def made_up(rng: np.random.Generator, shape: tuple[int, int, int] = SHAPE) -> tuple[FloatArray, FloatArray]:
    """True quality, shape [n_items, n_conditions], and grades by listeners with tastes and noise."""
    n_listeners, n_items, n_conditions = shape
    quality = (
        np.linspace(20, 90, n_conditions) + rng.normal(0, 5, (n_items, 1)) + rng.normal(0, 6, (n_items, n_conditions))
    )
    tastes = rng.normal(0, 6, (n_listeners, 1, 1)) + rng.normal(0, 5, (n_listeners, 1, n_conditions))
    return quality, np.clip(quality + tastes + rng.normal(0, 9, shape), 0, 100)


@pytest.mark.parametrize("level", ["item", "system"])
@pytest.mark.parametrize(("kind", "oracle"), [("pearson", stats.pearsonr), ("spearman", stats.spearmanr)])
def test_correlations_are_those_of_scipy(kind: Kind, oracle: object, level: Level) -> None:
    rng = np.random.default_rng(0)
    quality, grades = made_up(rng)
    scores = np.round(quality + rng.normal(0, 15, quality.shape), -1)  # with ties
    scores[2, 3] = scores[5, 0] = np.nan
    found = correlation(scores, grades, draw(grades, 200), kind, level)
    means = mean_grades(grades)
    is_pair = ~np.isnan(scores)
    if level == "item":
        pairs = scores[is_pair], means[is_pair]
    else:
        pairs = np.nanmean(scores, axis=0), np.nanmean(np.where(is_pair, means, np.nan), axis=0)
    assert found.value == pytest.approx(oracle(*pairs).statistic, abs=1e-12)  # type: ignore[operator]
    assert found.n == len(pairs[0])
    assert found.low is not None
    assert found.high is not None
    assert found.low < found.high


def test_interval_holds_the_value_and_needs_five_items() -> None:
    quality, grades = made_up(np.random.default_rng(1))
    scores = quality + np.random.default_rng(2).normal(0, 12, quality.shape)
    found = correlation(scores, grades, draw(grades), "spearman", "item")
    assert found.low is not None
    assert found.value is not None
    assert found.high is not None
    assert found.low < found.value < found.high
    few = correlation(scores[:4], grades[:, :4], draw(grades[:, :4]), "spearman", "item")
    assert few.value is not None
    assert few.low is None


def test_what_is_not_defined_is_none() -> None:
    _, grades = made_up(np.random.default_rng(1))
    flat = np.ones(SHAPE[1:])
    assert correlation(flat, grades, draw(grades, 50), "pearson", "item").value is None
    assert correlation(np.full(SHAPE[1:], np.nan), grades, draw(grades, 50), "spearman", "item").n == 0
    assert error_after_mapping(flat, grades, "item").value is None
    assert within_items(flat, grades).n_items == 0
    assert correlation_difference(flat, flat, grades, "spearman", "item") is None
    assert halves_agreement(grades[:3], "item") is None


def test_a_metric_that_falls_with_quality_is_turned_round() -> None:
    quality, grades = made_up(np.random.default_rng(3))
    drawn = draw(grades, 100)
    turned = correlation(oriented(100 - quality, higher_is_better=False), grades, drawn, "spearman", "item")
    assert turned == correlation(quality, grades, drawn, "spearman", "item")


def test_mapping_reproduces_what_it_can_and_never_falls() -> None:
    at = np.linspace(1, 5, 40)
    for points in (10 + 18 * at, 3 * (at - 1) ** 3 + 2):
        assert fit_mapping(at, points)(at) == pytest.approx(points, abs=1e-6)
    noisy = 60 - 10 * at + np.random.default_rng(0).normal(0, 5, len(at))
    assert (np.diff(fit_mapping(at, noisy)(np.linspace(0, 6, 200))) >= -1e-9).all()
    assert fit_mapping(at, noisy)(at) == pytest.approx(noisy.mean(), abs=1e-6)  # nothing rises: the mean is best


def test_error_is_of_points_that_the_mapping_has_not_seen() -> None:
    rng = np.random.default_rng(5)
    quality, grades = made_up(rng)
    means = mean_grades(grades)
    assert error_after_mapping(np.log(means), grades, "item").value == pytest.approx(0, abs=0.6)
    noise = rng.normal(0, 1, quality.shape)
    found = error_after_mapping(noise, grades, "item")
    x, y = noise.ravel(), means.ravel()
    fitted = float(np.sqrt(np.mean((y - fit_mapping(x, y)(x)) ** 2)))
    assert found.value is not None
    assert found.value > fitted
    groups = np.repeat(np.arange(8), 6)
    first = fit_mapping(x[groups != 0], y[groups != 0])(x[groups == 0])
    assert cross_validated(x, y, groups)[groups == 0] == pytest.approx(first)


def test_ranking_within_items_is_kendalls() -> None:
    rng = np.random.default_rng(6)
    quality, grades = made_up(rng)
    scores = quality + rng.normal(0, 20, quality.shape)
    means = mean_grades(grades)
    found = within_items(scores, grades)
    taus = [stats.kendalltau(x, y).statistic for x, y in zip(scores, means, strict=True)]
    assert found.kendall.mean == pytest.approx(np.mean(taus))
    # Without ties tau is twice the share in order, less one.
    assert found.share_in_order.mean == pytest.approx((np.mean(taus) + 1) / 2)
    assert within_items(means, grades).share_in_order.mean == 1


def test_listeners_who_agree_agree_in_halves() -> None:
    _, grades = made_up(np.random.default_rng(0))
    assert halves_agreement(np.repeat(grades[:1], 6, axis=0), "item") == pytest.approx(1)
    noisy = halves_agreement(grades, "item")
    assert noisy is not None
    assert 0.7 < noisy < 1


def test_items_that_not_all_graded_are_resampled_too() -> None:
    quality, grades = made_up(np.random.default_rng(8))
    grades[1:, 0] = np.nan  # one listener alone on this item: many resamples have none of it
    found = correlation(quality, grades, draw(grades, 300), "pearson", "item")
    assert found.low is not None
    assert np.isfinite(found.low)


@pytest.mark.slow
def test_equally_good_metrics_are_rarely_told_apart_and_unequal_ones_are() -> None:
    rng = np.random.default_rng(0)
    n_runs, false_alarms, n_found = 120, 0, 0
    for _ in range(n_runs):
        quality, grades = made_up(rng)
        first, second = (quality + rng.normal(0, 8, quality.shape) for _ in range(2))
        equal = correlation_difference(first, second, grades, "spearman", "item")
        worse = correlation_difference(first, first + rng.normal(0, 25, quality.shape), grades, "spearman", "item")
        assert equal is not None
        assert worse is not None
        false_alarms += equal.p < 0.05
        n_found += worse.p < 0.05
    assert false_alarms / n_runs < 0.08  # 0.02 in 300 runs
    assert n_found / n_runs > 0.8

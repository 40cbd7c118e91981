from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from reports.statistics import MIN_CLIPS, expanded_tail, mean_interval, paired_difference


def test_mean_is_the_mean_and_the_interval_holds_it() -> None:
    values = np.random.default_rng(1).normal(3, 1, 20)
    interval = mean_interval(values)
    assert interval.n == 20
    assert interval.mean == pytest.approx(values.mean())
    assert interval.low is not None
    assert interval.high is not None
    assert values.min() < interval.low < values.mean() < interval.high < values.max()


def test_expanded_tail_is_the_closed_form() -> None:
    expected = stats.norm.cdf(-math.sqrt(8 / 7) * stats.t.ppf(0.975, 7))
    assert expanded_tail(8) == pytest.approx(expected)
    assert expanded_tail(8) < 0.025
    assert expanded_tail(100_000) == pytest.approx(0.025, rel=1e-3)


def test_interval_of_many_normal_values_is_the_t_interval() -> None:
    values = np.random.default_rng(2).normal(0, 1, 400)
    interval = mean_interval(values)
    half_width = stats.t.ppf(0.975, 399) * values.std(ddof=1) / math.sqrt(400)
    assert interval.high == pytest.approx(values.mean() + half_width, abs=0.06 * half_width)
    assert interval.low == pytest.approx(values.mean() - half_width, abs=0.06 * half_width)


@pytest.mark.parametrize("n", [8, 24])
def test_coverage_is_near_95_percent(n: int) -> None:
    rng = np.random.default_rng(3)
    n_runs = 1500
    n_covered = 0
    for _ in range(n_runs):
        interval = mean_interval(rng.normal(0, 1, n))
        assert interval.low is not None
        assert interval.high is not None
        n_covered += interval.low <= 0 <= interval.high
    assert 0.93 <= n_covered / n_runs <= 0.97


def test_equal_values_have_an_interval_of_no_width() -> None:
    interval = mean_interval([2.5] * 6)
    assert (interval.low, interval.mean, interval.high) == pytest.approx((2.5, 2.5, 2.5))


@pytest.mark.parametrize("n", range(1, MIN_CLIPS))
def test_few_values_have_a_mean_but_no_interval(n: int) -> None:
    interval = mean_interval(np.arange(n))
    assert interval.mean == (n - 1) / 2
    assert interval.low is None
    assert interval.high is None


def test_no_values_have_no_mean() -> None:
    assert mean_interval([]).mean is None
    assert mean_interval([]).n == 0


def test_values_that_are_not_finite_are_refused() -> None:
    with pytest.raises(ValueError, match="finite"):
        mean_interval([1.0, math.nan, 2.0])


def test_seed_decides_the_interval() -> None:
    values = np.random.default_rng(4).normal(0, 1, 12)
    assert mean_interval(values) == mean_interval(values)
    assert mean_interval(values) != mean_interval(values, seed=1)


def test_shift_and_scale_move_the_interval_with_the_values() -> None:
    values = np.random.default_rng(5).normal(0, 1, 10)
    before, after = mean_interval(values), mean_interval(3 * values + 7)
    assert before.low is not None
    assert after.low == pytest.approx(3 * before.low + 7)


def test_paired_difference_of_a_constant_offset_is_exact() -> None:
    values = np.random.default_rng(6).normal(0, 5, 9)
    difference = paired_difference(values + 0.25, values)
    assert (difference.low, difference.mean, difference.high) == pytest.approx((0.25, 0.25, 0.25))


def test_paired_difference_counts_only_pairs() -> None:
    values = np.array([1.0, 2, 3, math.nan, 5, 6, 7])
    baseline = np.array([1.0, math.nan, 2, 3, 4, 5, 6])
    difference = paired_difference(values, baseline)
    assert difference.n == 5
    assert difference.mean == pytest.approx(0.8)


def test_paired_difference_refuses_other_lengths() -> None:
    with pytest.raises(ValueError, match="equal lengths"):
        paired_difference([1.0, 2.0], [1.0])

from __future__ import annotations

import numpy as np
import pytest

from reports import intervals
from reports.intervals import clip_interval, paired_clip_interval
from reports.statistics import mean_interval


@pytest.mark.parametrize("draw", ["normal", "exponential", "lognormal"])
def test_the_expansion_is_the_limit_of_resampling(draw: str, monkeypatch: pytest.MonkeyPatch) -> None:
    values = getattr(np.random.default_rng(3), draw)(size=200)
    resampled = mean_interval(values)
    monkeypatch.setattr(intervals, "MAX_RESAMPLED", 10)
    expanded = clip_interval(values)
    assert resampled.low is not None
    assert resampled.high is not None
    width = resampled.high - resampled.low
    assert expanded.mean == resampled.mean
    assert expanded.low == pytest.approx(resampled.low, abs=0.03 * width)
    assert expanded.high == pytest.approx(resampled.high, abs=0.03 * width)


def test_few_clips_are_resampled_and_equal_ones_have_no_width() -> None:
    values = np.random.default_rng(0).normal(size=30)
    assert clip_interval(values) == mean_interval(values)
    assert clip_interval(np.full(300, 2.0)).low == clip_interval(np.full(300, 2.0)).high == 2.0


def test_paired_intervals_leave_out_clips_without_both() -> None:
    first, second = np.array([1.0, 2, np.nan, 4, 5, 6, 7]), np.array([0.0, 1, 2, np.nan, 4, 5, 6])
    found = paired_clip_interval(first, second)
    assert (found.n, found.mean, found.low, found.high) == (5, 1.0, 1.0, 1.0)

"""BD-rate against published numbers, an independent implementation, closed forms, and curves without an answer."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.interpolate import PchipInterpolator

from reports import bd_rate
from reports.bd_rate import Curve, bd_rate_of_points

# The example of the HEVC textbook (Wien, "High Efficiency Video Coding", 2015) that BD implementations are checked by.
ANCHOR = ([9487.76, 4593.60, 2486.44, 1358.24], [40.037, 38.615, 36.845, 34.851])
TEST = ([9787.80, 4469.00, 2451.52, 1356.24], [40.121, 38.651, 36.970, 34.987])


def curve(kbps: list[float], quality: np.ndarray) -> Curve:
    return Curve(np.tile(np.array(kbps)[:, np.newaxis], (1, quality.shape[1])), quality)


def test_textbook_numbers() -> None:
    found = bd_rate_of_points(*TEST, *ANCHOR)
    assert found.percent == pytest.approx(-4.42, abs=0.02)
    assert found.overlap == (34.987, 40.037)


def test_agreement_with_an_independent_implementation() -> None:
    bjontegaard = pytest.importorskip("bjontegaard")
    rng = np.random.default_rng(1)
    for _ in range(20):
        pairs = [(np.cumsum(rng.uniform(0.5, 4, 5)), np.cumsum(rng.uniform(0.1, 1, 5))) for _ in range(2)]
        found = bd_rate_of_points(*pairs[0], *pairs[1])
        expected = bjontegaard.bd_rate(
            *pairs[1], *pairs[0], method="pchip", require_matching_points=False, min_overlap=0
        )
        assert found.percent == pytest.approx(expected, abs=1e-6)


def test_interpolation_is_that_of_scipy() -> None:
    rng = np.random.default_rng(0)
    x, y = np.cumsum(rng.uniform(0.1, 1, (50, 6)), axis=1), np.cumsum(rng.uniform(0.01, 1, (50, 6)), axis=1)
    low, high = x[:, 0] + 0.05, x[:, -1] - 0.07
    expected = [PchipInterpolator(a, b).integrate(c, d) for a, b, c, d in zip(x, y, low, high, strict=True)]
    assert bd_rate._pchip_integral(x, y, low, high) == pytest.approx(np.array(expected), rel=1e-12)


def test_half_the_rate_is_minus_fifty_percent_and_order_does_not_matter() -> None:
    rates, quality = [2.0, 4.0, 8.0, 16.0], [1.0, 2.0, 2.5, 2.7]
    halves = bd_rate_of_points([8.0, 1.0, 4.0, 2.0], [2.7, 1.0, 2.5, 2.0], rates, quality)
    assert halves.percent == pytest.approx(-50)
    assert bd_rate_of_points(rates, quality, rates, quality).percent == pytest.approx(0)


@pytest.mark.parametrize(
    ("kbps", "quality", "reason"),
    [
        ([1, 2, 3], [1, 2, 3], "the curve has 3 of 4 rates"),
        ([1, 2, 3, 4], [1, 3, 2, 4], "does not rise"),
        ([1, 2, 3, 4], [1, 2, 4, 4], "does not rise"),
        ([1, 2, 2, 4], [1, 2, 3, 4], "two points at one rate"),
        ([1, 2, 3, 4], [1, 2, np.nan, 4], "without a number"),
        ([0, 2, 3, 4], [1, 2, 3, 4], "without a number"),
        ([1, 2, 3, 4], [11, 12, 13, 14], "lies above"),
        ([1, 2, 3, 4], [-4, -3, -2, -1], "lies below"),
    ],
)
def test_curves_without_an_answer_have_a_reason(kbps: list[float], quality: list[float], reason: str) -> None:
    found = bd_rate_of_points(kbps, quality, [1, 2, 4, 8], [1, 2, 3, 4])
    assert found.percent is None
    assert reason in found.reason


def test_interval_holds_the_number_and_shrinks_with_clips() -> None:
    rng = np.random.default_rng(0)
    widths = []
    for n in (10, 160, 2500):  # the last from the normal limit
        hardness = rng.normal(0, 0.3, n)
        quality = np.array([1.0, 2.0, 2.8, 3.3])[:, np.newaxis] + hardness
        found = bd_rate.bd_rate(
            curve([1, 2, 4, 8], quality + rng.normal(0.2, 0.05, (4, n))),
            curve([1, 2, 4, 8], quality + rng.normal(0, 0.05, (4, n))),
        )
        assert found.percent is not None
        assert found.low is not None
        assert found.high is not None
        assert found.low < found.percent < found.high < 0
        widths.append(found.high - found.low)
    assert widths[1] < widths[0] / 2
    assert widths[2] == pytest.approx(widths[1] / np.sqrt(2500 / 160), rel=0.15)


def test_interval_is_left_out_where_it_would_not_be_honest() -> None:
    quality = np.array([1.0, 2.0, 3.0, 4.0])[:, np.newaxis]
    few = bd_rate.bd_rate(curve([1, 2, 4, 8], quality + np.zeros(3)), curve([1, 2, 4, 8], quality + np.zeros(3)))
    assert (few.percent, few.low, few.reason) == (pytest.approx(0), None, "no interval: fewer than 5 clips")
    wild = quality * 0.01 + np.random.default_rng(0).normal(0, 1, (4, 20))
    wild += quality * 0.01 - wild.mean(axis=1, keepdims=True)
    found = bd_rate.bd_rate(curve([1, 2, 4, 8], wild), curve([1, 2, 4, 8], quality + np.zeros(20)))
    assert found.low is None
    found = bd_rate.bd_rate(curve([1, 2, 4, 8], wild + 1), curve([1, 2, 4, 8], quality + np.zeros(20)))
    assert "of the resamples have no answer" in found.reason


def test_no_clips_and_unequal_clips() -> None:
    empty = Curve(np.zeros((4, 0)), np.zeros((4, 0)))
    assert "no clip" in bd_rate.bd_rate(empty, empty).reason
    with pytest.raises(ValueError, match="same clips"):
        bd_rate.bd_rate(empty, Curve(np.zeros((4, 2)), np.zeros((4, 2))))

"""Bjontegaard delta rate: how much more or less bit rate one codec needs than another for equal quality.

The log rate is interpolated over quality by monotone piecewise cubics (PCHIP: Fritsch and Carlson, SIAM Journal on
Numerical Analysis 17, 1980), as later practice of video coding has it (ITU-T HSTP-VID-WPOM, 2020), in place
of the single cubic of Bjontegaard (VCEG-M33, 2001), which answers non-monotone curves with a wrong number in silence.
Here such curves have no answer but a reason.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from reports.intervals import MAX_RESAMPLED
from reports.statistics import MIN_CLIPS, expanded_tail

FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]

#: Points that a curve needs: the four of VCEG-M33.
MIN_POINTS = 4

N_RESAMPLES = 1000

#: No interval is given if the curves of more resamples than this share have no answer.
MAX_UNANSWERED = 0.05


@dataclass(frozen=True)
class Curve:
    """Rates and scores of one codec's settings on the same clips: ``kbps`` and ``quality`` of shape [P, N].

    P settings by N clips; higher quality is better.
    """

    kbps: FloatArray
    quality: FloatArray


@dataclass(frozen=True)
class BdRate:
    """The result over ``n`` clips.

    Attributes:
        percent: mean difference of rate at equal quality; negative is saved rate. None where not computable.
        low, high: bootstrap interval over clips, None with too few clips or where resamples have no answer.
        overlap: the qualities that both curves reach, over which the mean is taken.
        reason: why there is no number or no interval; empty where there are both.
    """

    n: int
    percent: float | None = None
    low: float | None = None
    high: float | None = None
    overlap: tuple[float, float] | None = None
    reason: str = ""


def bd_rate(curve: Curve, anchor: Curve, seed: int = 0) -> BdRate:
    """Rate of ``curve`` against ``anchor`` at equal quality; both on the same clips in the same order.

    The interval is an expanded percentile interval; the `N_RESAMPLES` resamples of the clips serve both curves.

    Raises:
        ValueError: the two have different numbers of clips.
    """
    n = curve.quality.shape[1]
    if anchor.quality.shape[1] != n:
        raise ValueError(f"both curves need the same clips, got {n} and {anchor.quality.shape[1]}")
    if n == 0:
        return BdRate(0, reason="no clip is scored at all rates of both")
    everything = np.full((1, n), 1 / n)
    means = _means(curve, everything), _means(anchor, everything)
    reason = _obstacle(*means)
    if reason:
        return BdRate(n, reason=reason)
    low_end, high_end = _overlap(*means)
    overlap = (float(low_end[0]), float(high_end[0]))
    percent = float(_percent(*means)[0])
    if n < MIN_CLIPS:
        return BdRate(n, percent, overlap=overlap, reason=f"no interval: fewer than {MIN_CLIPS} clips")
    resampled = _resampled(curve, anchor, seed)
    is_answered = _rises(resampled[0]) & _rises(resampled[1])
    is_answered &= np.less(*_overlap(*resampled))
    n_unanswered = int((~is_answered).sum())
    if n_unanswered > MAX_UNANSWERED * N_RESAMPLES:
        share = f"{100 * n_unanswered / N_RESAMPLES:.0f} %"
        return BdRate(n, percent, overlap=overlap, reason=f"no interval: {share} of the resamples have no answer")
    answered = _percent(*((rate[is_answered], quality[is_answered]) for rate, quality in resampled))
    tail = expanded_tail(n)
    low, high = np.quantile(answered, [tail, 1 - tail])
    return BdRate(n, percent, float(low), float(high), overlap)


def bd_rate_of_points(
    kbps: npt.ArrayLike, quality: npt.ArrayLike, anchor_kbps: npt.ArrayLike, anchor_quality: npt.ArrayLike
) -> BdRate:
    """As `bd_rate`, of two plain curves without clips behind them."""
    curve, anchor = (
        Curve(*(np.asarray(values, dtype=np.float64)[:, np.newaxis] for values in pair))
        for pair in ((kbps, quality), (anchor_kbps, anchor_quality))
    )
    return bd_rate(curve, anchor)


#: Mean log10 rates and mean qualities of a curve in each resample, of shape [B, P] each, by rising rate.
_Means = tuple[FloatArray, FloatArray]


def _means(curve: Curve, weights: FloatArray) -> _Means:
    """``weights``: shape [B, N], rows sum to 1."""
    order = np.argsort(curve.kbps.mean(axis=1))
    with np.errstate(divide="ignore", invalid="ignore"):
        log_rate = np.log10(weights @ curve.kbps[order].T)
    return log_rate, weights @ curve.quality[order].T


def _resampled(curve: Curve, anchor: Curve, seed: int) -> tuple[_Means, _Means]:
    """Means of both in `N_RESAMPLES` resamples of the clips; above `MAX_RESAMPLED` clips from their normal limit."""
    rng = np.random.default_rng(seed)
    n = curve.quality.shape[1]
    if n <= MAX_RESAMPLED:
        weights = rng.multinomial(n, np.full(n, 1 / n), size=N_RESAMPLES) / n
        return _means(curve, weights), _means(anchor, weights)
    values = np.concatenate((curve.kbps, curve.quality, anchor.kbps, anchor.quality))
    drawn = rng.multivariate_normal(values.mean(axis=1), np.cov(values, ddof=0) / n, N_RESAMPLES, method="eigh")
    ends = np.cumsum([len(curve.kbps), len(curve.quality), len(anchor.kbps)])
    parts = [part.T for part in np.split(drawn, ends, axis=1)]
    nothing_to_average = np.eye(N_RESAMPLES)
    return _means(Curve(*parts[:2]), nothing_to_average), _means(Curve(*parts[2:]), nothing_to_average)


def _obstacle(curve: _Means, anchor: _Means) -> str:
    """Why the two have no BD-rate, in words; empty if they have one."""
    for name, (log_rate, quality) in (("the curve", curve), ("the baseline's curve", anchor)):
        n_points = quality.shape[1]
        if n_points < MIN_POINTS:
            return f"{name} has {n_points} of {MIN_POINTS} rates needed"
        if not (np.isfinite(log_rate).all() and np.isfinite(quality).all()):
            return f"{name} has a point without a number"
        if (np.diff(log_rate) <= 0).any():
            return f"{name} has two points at one rate"
        if (np.diff(quality) <= 0).any():
            return f"{name} does not rise with the rate"
    low, high = _overlap(curve, anchor)
    if low[0] >= high[0]:
        side = "above" if curve[1].min() > anchor[1].max() else "below"
        return f"no quality in common: all of the curve lies {side} the baseline's"
    return ""


def _rises(means: _Means) -> BoolArray:
    """In which resamples rate and quality rise together; shape [B]."""
    log_rate, quality = means
    return np.asarray((np.diff(log_rate, axis=1) > 0).all(axis=1) & (np.diff(quality, axis=1) > 0).all(axis=1))


def _overlap(curve: _Means, anchor: _Means) -> tuple[FloatArray, FloatArray]:
    """Ends of the range of quality that both curves reach; shape [B] each."""
    return (
        np.maximum(curve[1].min(axis=1), anchor[1].min(axis=1)),
        np.minimum(curve[1].max(axis=1), anchor[1].max(axis=1)),
    )


def _percent(curve: _Means, anchor: _Means) -> FloatArray:
    low, high = _overlap(curve, anchor)
    areas = [_pchip_integral(quality, log_rate, low, high) for log_rate, quality in (curve, anchor)]
    return np.asarray(100 * (10 ** ((areas[0] - areas[1]) / (high - low)) - 1))


def _pchip_integral(x: FloatArray, y: FloatArray, low: FloatArray, high: FloatArray) -> FloatArray:
    """Integrals from ``low`` to ``high`` (shape [B]) of the PCHIP curves through ``x``, ``y`` (shape [B, P])."""
    width, slopes = np.diff(x, axis=1), _pchip_slopes(x, y)
    ends = [np.clip((end[:, np.newaxis] - x[:, :-1]) / width, 0, 1) for end in (low, high)]
    lower, upper = (_hermite_area(t, y[:, :-1], y[:, 1:], width * slopes[:, :-1], width * slopes[:, 1:]) for t in ends)
    return np.asarray((width * (upper - lower)).sum(axis=1))


def _hermite_area(t: FloatArray, y0: FloatArray, y1: FloatArray, d0: FloatArray, d1: FloatArray) -> FloatArray:
    """Area from 0 to ``t`` under the cubic with values ``y0``, ``y1`` and slopes ``d0``, ``d1`` at 0 and 1."""
    return np.asarray(
        y0 * (t**4 / 2 - t**3 + t)
        + y1 * (t**3 - t**4 / 2)
        + d0 * (t**4 / 4 - 2 * t**3 / 3 + t**2 / 2)
        + d1 * (t**4 / 4 - t**3 / 3)
    )


def _pchip_slopes(x: FloatArray, y: FloatArray) -> FloatArray:
    """Slopes at the points: weighted harmonic means of the secants inside, three-point slopes at the ends.

    Fritsch and Butland, SIAM Journal on Scientific and Statistical Computing 5, 1984; for ends Moler, "Numerical
    Computing with MATLAB", 2004, section 3.6. Here y rises with x throughout, which leaves out the case of a turn.
    """
    width = np.diff(x, axis=1)
    secant = np.diff(y, axis=1) / width
    before, after = 2 * width[:, 1:] + width[:, :-1], width[:, 1:] + 2 * width[:, :-1]
    inner = (before + after) / (before / secant[:, :-1] + after / secant[:, 1:])
    first = _end_slope(width[:, 0], width[:, 1], secant[:, 0], secant[:, 1])
    last = _end_slope(width[:, -1], width[:, -2], secant[:, -1], secant[:, -2])
    return np.column_stack((first, inner, last))


def _end_slope(width: FloatArray, next_width: FloatArray, secant: FloatArray, next_secant: FloatArray) -> FloatArray:
    slope = ((2 * width + next_width) * secant - width * next_secant) / (width + next_width)
    return np.asarray(np.where(slope * secant <= 0, 0.0, slope))

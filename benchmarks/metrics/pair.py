"""A reference and what a codec made of it, ready to be scored: checked once, resampled once for each rate."""

from __future__ import annotations

import numpy as np

from flowmac.audio import FloatArray, Waveform

#: Half a step of 16-bit audio: a channel that never exceeds it has nothing to judge.
SILENCE_PEAK = 2.0**-16

#: Full scale is 1; far beyond it the sums of squares inside a metric overflow.
MAX_PEAK = 1e3

#: Rounding to whole samples at another rate may make a pair this unequal.
MAX_LENGTH_DIFFERENCE_S = 0.001


class UnmeasurableError(Exception):
    """This material has no score by this metric. ``kind`` is a short stable word for `Failure.kind`."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind


class Pair:
    """An aligned pair at any sample rate. Metrics of one row share it, and so its resampling."""

    def __init__(self, reference: Waveform, degraded: Waveform) -> None:
        self.reference = reference
        self.degraded = degraded
        self._at_rate: dict[int, tuple[FloatArray, FloatArray]] = {}

    @property
    def duration_s(self) -> float:
        """Duration of the shorter recording in seconds."""
        return min(self.reference.duration_s, self.degraded.duration_s)

    def at(self, sample_rate_hz: int) -> tuple[FloatArray, FloatArray]:
        """Reference and degraded recording at ``sample_rate_hz``.

        Channels that are silent on both sides are left out: there is nothing in them to judge.

        Returns:
            two float32 arrays, shape [C, N], finite, no channel silent.

        Raises:
            UnmeasurableError: ``channels`` (their numbers differ), ``unequal_length``, ``not_finite``, ``too_loud``,
                ``too_short`` (no sample is left at this rate) or ``silent``.
        """
        if sample_rate_hz not in self._at_rate:
            self._at_rate[sample_rate_hz] = self._brought_to(sample_rate_hz)
        return self._at_rate[sample_rate_hz]

    def _brought_to(self, sample_rate_hz: int) -> tuple[FloatArray, FloatArray]:
        a, b = self.reference, self.degraded
        if a.n_channels != b.n_channels:
            raise UnmeasurableError("channels", f"{b.n_channels} channels cannot be judged against {a.n_channels}")
        tolerance_s = max(MAX_LENGTH_DIFFERENCE_S, 1 / min(a.sample_rate_hz, b.sample_rate_hz))
        if abs(a.duration_s - b.duration_s) > tolerance_s:
            raise UnmeasurableError(
                "unequal_length",
                f"the reference lasts {a.duration_s:.4g} s, the decoded recording {b.duration_s:.4g} s",
            )
        reference = _resampled("reference", a, sample_rate_hz)
        degraded = _resampled("decoded recording", b, sample_rate_hz)
        n_samples = min(reference.shape[1], degraded.shape[1])
        is_heard = _heard(reference, degraded)
        return reference[is_heard, :n_samples], degraded[is_heard, :n_samples]


def _resampled(which: str, waveform: Waveform, sample_rate_hz: int) -> FloatArray:
    if round(waveform.duration_s * sample_rate_hz) < 1:
        raise UnmeasurableError("too_short", f"the {which} has no sample at {sample_rate_hz} Hz")
    _refuse_extremes(which, waveform.samples)  # a waveform's samples may have been written to since it was made
    samples = np.ascontiguousarray(waveform.resampled(sample_rate_hz).samples)
    _refuse_extremes(which, samples)
    return samples


def _refuse_extremes(which: str, samples: FloatArray) -> None:
    if not np.isfinite(samples).all():
        raise UnmeasurableError("not_finite", f"the {which} has samples that are not finite")
    peak = float(np.abs(samples).max())
    if peak > MAX_PEAK:
        raise UnmeasurableError("too_loud", f"the {which} peaks at {peak:.3g}, full scale is 1")


def _heard(reference: FloatArray, degraded: FloatArray) -> list[int]:
    """Indices of the channels that are silent on neither side."""
    heard = []
    for channel, pair in enumerate(zip(reference, degraded, strict=True)):
        silent = [bool(np.abs(samples).max() < SILENCE_PEAK) for samples in pair]
        if not any(silent):
            heard.append(channel)
        elif not all(silent):
            which = "reference" if silent[0] else "decoded recording"
            raise UnmeasurableError("silent", f"channel {channel + 1} of the {which} is silent")
    if not heard:
        raise UnmeasurableError("silent", "both recordings are silent")
    return heard

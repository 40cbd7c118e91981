"""Loudness of the decoded recording against that of the reference."""

from __future__ import annotations

import math

import numpy as np

from benchmarks.metrics.base import Metric
from benchmarks.metrics.pair import UnmeasurableError
from flowmac.audio import FloatArray


class LoudnessDifference(Metric):
    """Difference of programme loudness to the reference, louder or softer: integrated, gated, K-weighted.

    Of all channels together, as the recommendation defines it. A listening test should be told of more than 0.5 LU.
    """

    name = "loudness_difference"
    label = "loudness difference"
    unit = "LU"
    worst, best = float("inf"), 0.0
    sample_rate_hz = 48000
    min_duration_s = 0.4  # one gating block
    modules = ("pyloudnorm",)
    distribution = "pyloudnorm"
    method = "integrated, absolute difference"
    citation = "ITU-R BS.1770-4 (10/2015)"

    def compare(self, reference: FloatArray, degraded: FloatArray) -> float:
        """Difference in LU of one channel; 0 for equal loudness."""
        return self.compare_channels(reference[np.newaxis], degraded[np.newaxis])

    def compare_channels(self, reference: FloatArray, degraded: FloatArray) -> float:
        """Difference in LU; 0 for equal loudness."""
        return abs(self._lufs("reference", reference) - self._lufs("decoded recording", degraded))

    def _lufs(self, which: str, samples: FloatArray) -> float:
        from pyloudnorm import Meter

        if len(samples) > 5:
            raise UnmeasurableError("channels", f"BS.1770 weights up to 5 channels, got {len(samples)}")
        with np.errstate(all="ignore"):
            lufs = float(Meter(self.sample_rate_hz).integrated_loudness(samples.T.astype(np.float64)))
        if not math.isfinite(lufs):
            raise UnmeasurableError("silent", f"the {which} is below the gate of -70 LUFS")
        return lufs

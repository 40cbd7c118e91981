"""Audio bandwidth: up to where a recording has something to hear, whatever its sample rate promises."""

from __future__ import annotations

import numpy as np

from benchmarks.metrics.base import Metric
from benchmarks.metrics.spectral import magnitudes
from flowmac.audio import FloatArray

#: A frequency counts as present where the long-term spectrum comes this near its peak.
RANGE_DB = 60.0

_N_FFT = 2048


class Bandwidth(Metric):
    """Audio bandwidth of the decoded recording: the highest frequency within 60 dB of the long-term spectrum's peak.

    Hears the decoded recording alone. More is better only up to the bandwidth of the reference, which is the score of
    the hidden reference; noise in an otherwise empty band counts as bandwidth.
    """

    name = "bandwidth"
    label = "audio bandwidth"
    unit = "kHz"
    worst, best = 0.0, 24.0
    sample_rate_hz = 48000
    needs_reference = False
    min_duration_s = 0.05
    method = "revision 1, -60 dB from the peak, window 2048"
    citation = (
        "threshold on the long-term spectrum as in Bakhturina et al., Hi-Fi Multi-Speaker English TTS Dataset, "
        "Interspeech 2021"
    )

    def compare(self, reference: FloatArray, degraded: FloatArray) -> float:
        """Bandwidth in kHz; ``reference`` is not heard."""
        return bandwidth_khz(degraded, self.sample_rate_hz)


class BandwidthDifference(Metric):
    """Difference of audio bandwidth to the reference, either way: what was lost, or made up above it."""

    name = "bandwidth_difference"
    label = "bandwidth difference"
    unit = "kHz"
    worst, best = 24.0, 0.0
    sample_rate_hz = 48000
    min_duration_s = 0.05
    method = Bandwidth.method
    citation = Bandwidth.citation

    def compare(self, reference: FloatArray, degraded: FloatArray) -> float:
        """Difference in kHz; 0 for equal recordings."""
        a, b = (bandwidth_khz(x, self.sample_rate_hz) for x in (reference, degraded))
        return abs(a - b)


def bandwidth_khz(samples: FloatArray, sample_rate_hz: int) -> float:
    """The highest frequency within 60 dB of the peak of the mean power spectrum, in kHz."""
    power = np.square(magnitudes(samples, _N_FFT, _N_FFT // 2, _N_FFT), dtype=np.float64).mean(axis=0)
    highest = int(np.flatnonzero(power >= power.max() * 10 ** (-RANGE_DB / 10))[-1])
    return highest * sample_rate_hz / _N_FFT / 1000

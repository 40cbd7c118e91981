"""Metrics computed from the signal alone, without a model of hearing or quality."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import scipy.signal

from benchmarks.metrics.base import Metric
from benchmarks.metrics.mel import mel_weights
from benchmarks.metrics.pair import UnmeasurableError
from flowmac.audio import FloatArray


class LogMelDistance(Metric):
    """Mean absolute difference of the natural logarithms of two mel spectrograms.

    100 triangular bands with peak 1 on the mel scale 2595 log10(1 + f / 700 Hz) from 0 to 12 kHz; magnitudes of
    frames of 1024 samples (Hann) every 256 at 24 kHz; 1e-5 is added before the logarithm. Sees lost bandwidth and
    level, does not see phase.
    """

    name = "log_mel"
    label = "log-mel distance"
    unit = "nepers"
    worst, best = float("inf"), 0.0
    sample_rate_hz = 24000
    min_duration_s = 0.05  # a window and a little
    method = "revision 1, 100 bands, window 1024, hop 256"
    citation = "L1 distance of log-mel spectrograms, as in Kong, Kim & Bae, HiFi-GAN, NeurIPS 2020"

    def compare(self, reference: FloatArray, degraded: FloatArray) -> float:
        """Distance in nepers; 0 for equal recordings."""
        return float(np.abs(_log_mel(reference) - _log_mel(degraded)).mean())


_N_FFT = 1024
_HOP_SAMPLES = 256
_N_BANDS = 100
_FLOOR = 1e-5


def _log_mel(samples: FloatArray) -> npt.NDArray[np.float64]:
    """Shape [100 bands, frames]."""
    _, _, spectrum = scipy.signal.stft(
        samples, window="hann", nperseg=_N_FFT, noverlap=_N_FFT - _HOP_SAMPLES, boundary="zeros"
    )
    magnitudes = np.abs(spectrum) * (_N_FFT / 2)  # scipy divides by the sum of the window
    return np.asarray(np.log(mel_weights(_N_FFT, _N_BANDS).T @ magnitudes + _FLOOR))


class SiSdr(Metric):
    """Scale-invariant signal-to-distortion ratio: fidelity of the waveform, phase included.

    Codecs that make their own phase score far below their quality. Equal recordings would be infinite; the range is
    declared to end at +-100 dB, beyond the resolution of 16-bit audio.
    """

    name = "si_sdr"
    label = "SI-SDR"
    unit = "dB"
    worst, best = -100.0, 100.0
    sample_rate_hz = 48000
    min_duration_s = 0.02
    method = "revision 2, mean removed, limited to +-100 dB"
    citation = "Le Roux, Wisdom, Erdogan & Hershey, SDR - half-baked or well done?, ICASSP 2019, equation 2"

    def compare(self, reference: FloatArray, degraded: FloatArray) -> float:
        """Ratio in dB."""
        reference64, degraded64 = (x.astype(np.float64) - x.mean(dtype=np.float64) for x in (reference, degraded))
        if not (reference64.any() and degraded64.any()):
            raise UnmeasurableError("silent", "one of the recordings is constant")
        target = (degraded64 @ reference64) / (reference64 @ reference64) * reference64
        error = degraded64 - target
        with np.errstate(divide="ignore"):
            ratio_db = 10 * (np.log10(target @ target) - np.log10(error @ error))
        return float(np.clip(ratio_db, self.worst, self.best))

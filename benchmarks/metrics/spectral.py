"""Distances between short-time magnitude spectra of the whole audible band.

Magnitudes are scaled so that a sine at full scale has 0 dB. They end at -100 dB: what lies below is not heard, and
without an end the empty band above a codec's bandwidth would decide every mean.
"""

from __future__ import annotations

import functools

import numpy as np
import numpy.typing as npt
import scipy.fft

from benchmarks.metrics.base import Metric
from flowmac.audio import FloatArray

Spectrogram = npt.NDArray[np.float32]

FLOOR_DB = -100.0

#: Length of transform, hop and window in samples at 48 kHz: the durations of Parallel WaveGAN at 24 kHz.
RESOLUTIONS = ((1024, 100, 480), (2048, 240, 1200), (4096, 480, 2400))


class MultiResolutionStft(Metric):
    """Multi-resolution STFT distance: spectral convergence plus the mean absolute difference of natural log magnitudes.

    The mean over windows of 10, 25 and 50 ms. The usual loss of neural vocoders. Sees spectral detail at several
    resolutions, does not see phase; a level difference counts in full.
    """

    name = "mr_stft"
    label = "multi-resolution STFT distance"
    worst, best = float("inf"), 0.0
    sample_rate_hz = 48000
    min_duration_s = 0.05  # the longest window
    method = "revision 1, windows 10, 25 and 50 ms, floor -100 dB"
    citation = "Yamamoto, Song & Kim, Parallel WaveGAN, ICASSP 2020, equations 4 to 6"

    def compare(self, reference: FloatArray, degraded: FloatArray) -> float:
        """Distance; 0 for equal recordings."""
        distances = []
        for resolution in RESOLUTIONS:
            a, b = (magnitudes(x, *resolution) for x in (reference, degraded))
            log_distance = np.abs(_decibels(a) - _decibels(b)).mean() * np.log(10) / 20
            distances.append(_convergence(a, b) + log_distance)
        return float(np.mean(distances))


class SpectralConvergence(Metric):
    """Spectral convergence: energy of the difference of two magnitude spectrograms over that of the reference, a root.

    The mean over windows of 10, 25 and 50 ms. Loud partials decide; what is quiet is not seen, nor is phase.
    """

    name = "spectral_convergence"
    label = "spectral convergence"
    worst, best = float("inf"), 0.0
    sample_rate_hz = 48000
    min_duration_s = 0.05
    method = "revision 1, windows 10, 25 and 50 ms"
    citation = "Arik, Jun & Diamos, Fast Spectrogram Inversion Using Multi-head CNNs, IEEE SPL 26(1), 2019"

    def compare(self, reference: FloatArray, degraded: FloatArray) -> float:
        """Ratio; 0 for equal recordings."""
        pairs = ((magnitudes(reference, *size), magnitudes(degraded, *size)) for size in RESOLUTIONS)
        return float(np.mean([_convergence(a, b) for a, b in pairs]))


class LogSpectralDistance(Metric):
    """Log-spectral distance: root mean square difference of two log spectra in dB, averaged over frames of 43 ms.

    All frequencies to 24 kHz count alike, so lost bandwidth dominates; does not see phase.
    """

    name = "lsd"
    label = "log-spectral distance"
    unit = "dB"
    worst, best = float("inf"), 0.0
    sample_rate_hz = 48000
    min_duration_s = 0.05
    method = "revision 1, window 2048, hop 512, floor -100 dB"
    citation = "Gray & Markel, Distance Measures for Speech Processing, IEEE TASSP 24(5), 1976"

    def compare(self, reference: FloatArray, degraded: FloatArray) -> float:
        """Distance in dB; 0 for equal recordings."""
        a, b = (_decibels(magnitudes(x, 2048, 512, 2048)) for x in (reference, degraded))
        return float(np.sqrt(np.square(a - b).mean(axis=1)).mean())


def magnitudes(samples: FloatArray, n_fft: int, hop_samples: int, window_samples: int) -> Spectrogram:
    """Magnitudes of frames that lie wholly within the recording, Hann window, shape [frames, n_fft // 2 + 1].

    Args:
        samples: shape [N], N at least ``window_samples``.
        n_fft: length of the transform; frames are padded with zeros to it.
        hop_samples: from frame to frame.
        window_samples: length of a frame.
    """
    frames = np.lib.stride_tricks.sliding_window_view(samples, window_samples)[::hop_samples]
    return np.abs(scipy.fft.rfft(frames * _hann(window_samples), n_fft, axis=1))


@functools.cache
def _hann(n_samples: int) -> FloatArray:
    """Periodic Hann window with the sum 2, so that a sine at full scale has magnitude 1."""
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(n_samples) / n_samples)
    return np.asarray(2 * window / window.sum(), np.float32)


def _decibels(magnitude: Spectrogram) -> Spectrogram:
    return 20 * np.log10(np.maximum(magnitude, 10 ** (FLOOR_DB / 20)))


def _convergence(reference: Spectrogram, degraded: Spectrogram) -> float:
    return float(np.linalg.norm(reference - degraded) / np.linalg.norm(reference))

"""Mel bands of the metrics that are made here, and mel spectrograms in dB as pictures."""

from __future__ import annotations

import functools

import numpy as np
import numpy.typing as npt

from benchmarks.metrics.spectral import magnitudes
from flowmac.audio import FloatArray

DoubleArray = npt.NDArray[np.float64]

SAMPLE_RATE_HZ = 24000

#: Of pictures: bands, window and hop in samples.
N_BANDS = 64
WINDOW_SAMPLES = 1024
HOP_SAMPLES = 256

#: Added to each power: what lies 80 dB below a sine at full scale has no texture that could be heard.
FLOOR_DB = -80.0


@functools.cache
def mel_weights(n_fft: int, n_bands: int) -> DoubleArray:
    """Triangles with peak 1 over the bins of a transform at 24 kHz, shape [n_fft // 2 + 1 bins, bands].

    Their corners are equally spaced from 0 to 12 kHz on the mel scale 2595 log10(1 + f / 700 Hz).
    """
    top_hz = SAMPLE_RATE_HZ / 2
    corners_hz = 700 * (10 ** (np.linspace(0, np.log10(1 + top_hz / 700), n_bands + 2)) - 1)
    bins_hz = np.fft.rfftfreq(n_fft, 1 / SAMPLE_RATE_HZ)[:, np.newaxis]
    low, peak, high = corners_hz[:-2], corners_hz[1:-1], corners_hz[2:]
    return np.clip(np.minimum((bins_hz - low) / (peak - low), (high - bins_hz) / (high - peak)), 0, None)


def mel_power(samples: FloatArray, window_samples: int, hop_samples: int, n_bands: int) -> DoubleArray:
    """Power in mel bands of frames that lie wholly within the recording, shape [bands, frames].

    Args:
        samples: shape [N], at 24 kHz, N at least ``window_samples``; a sine at full scale has the power 1.
        window_samples, hop_samples: of the frames.
        n_bands: number of bands.
    """
    power = np.square(magnitudes(samples, window_samples, hop_samples, window_samples), dtype=np.float64)
    return (power @ mel_weights(window_samples, n_bands)).T


def mel_picture(samples: FloatArray) -> DoubleArray:
    """Mel spectrogram in dB with 64 bands and 93.75 frames a second, shape [bands, frames]."""
    power = mel_power(samples, WINDOW_SAMPLES, HOP_SAMPLES, N_BANDS)
    return 10 * np.log10(power + 10 ** (FLOOR_DB / 10))

"""Spectrograms as small WebP pictures, all on one scale, so that the versions of a clip can be compared by eye.

Only the picture is made here; the page draws its axes, in the text colour of its theme.
"""

from __future__ import annotations

import io

import matplotlib
import numpy as np
import numpy.typing as npt
from PIL import Image

from flowmac.audio import Waveform

FloatArray = npt.NDArray[np.float64]

#: Shown range below the loudest point of the reference.
RANGE_DB = 80.0
COLOUR_MAP = "magma"

WINDOW_S = 0.032
WIDTH_PX, HEIGHT_PX = 400, 128

#: Above this there is nothing to hear and nothing to show.
MAX_FREQUENCY_HZ = 20_000


def top_frequency_hz(reference: Waveform) -> float:
    """The upper end of the frequency axis for all versions of a clip."""
    return min(reference.sample_rate_hz / 2, MAX_FREQUENCY_HZ)


def power_db(waveform: Waveform) -> FloatArray:
    """Short-time power spectrum of the mono mix in dB, shape [F, T]: F frequencies up to half the rate, T times."""
    samples = waveform.mono().samples[0].astype(np.float64)
    window_samples = max(16, round(WINDOW_S * waveform.sample_rate_hz))
    samples = np.pad(samples, (window_samples // 2, window_samples))
    hop_samples = max(1, len(samples) // (2 * WIDTH_PX))
    frames = np.lib.stride_tricks.sliding_window_view(samples, window_samples)[::hop_samples]
    spectrum = np.fft.rfft(frames * np.hanning(window_samples), axis=1)
    power: FloatArray = 10 * np.log10(np.abs(spectrum.T) ** 2 + 1e-12)
    return power


def picture(levels_db: FloatArray, sample_rate_hz: int, top_hz: float, peak_db: float) -> bytes:
    """A WebP picture, `WIDTH_PX` x `HEIGHT_PX`, of ``levels_db`` (from `power_db`) from 0 Hz up to ``top_hz``.

    ``peak_db``, the loudest level of the reference, gets the brightest colour; frequencies that the recording does
    not have are as dark as silence.
    """
    shown_hz = np.linspace(0, top_hz, HEIGHT_PX)
    own_hz = np.linspace(0, sample_rate_hz / 2, len(levels_db))
    bins = np.clip(np.round(shown_hz / own_hz[1]).astype(int), 0, len(levels_db) - 1)
    image = np.where((shown_hz <= own_hz[-1])[:, None], levels_db[bins], peak_db - RANGE_DB)
    columns = np.linspace(0, image.shape[1] - 1, WIDTH_PX).round().astype(int)
    level = np.clip((image[::-1, columns] - peak_db) / RANGE_DB + 1, 0, 1)
    colours = matplotlib.colormaps[COLOUR_MAP](level, bytes=True)
    buffer = io.BytesIO()
    Image.fromarray(colours[..., :3]).save(buffer, format="WEBP", quality=55, method=4)
    return buffer.getvalue()


def axis_ticks(end: float, n_most: int = 6) -> list[float]:
    """Round values from 0 to ``end`` for an axis, at most ``n_most``."""
    if end <= 0:
        return [0.0]
    rough = end / (n_most - 1)
    magnitude = 10.0 ** np.floor(np.log10(rough))
    step = next(factor * magnitude for factor in (1, 2, 5, 10) if factor * magnitude >= rough * (1 - 1e-9))
    return [float(tick) for tick in np.arange(0, end * (1 + 1e-9), step)]

"""Texture: how the envelopes of a recording move, whenever they do it."""

from __future__ import annotations

import functools

import numpy as np
import numpy.typing as npt

from benchmarks.metrics.base import Metric
from benchmarks.metrics.spectral import magnitudes
from flowmac.audio import FloatArray

DoubleArray = npt.NDArray[np.float64]

_N_FFT = 480
_HOP_SAMPLES = 120  # envelopes at 200 Hz
_N_BANDS = 32
_TOP_HZ = 12000.0

#: Edges of the octaves of modulation in Hz: from words to the roughness of a voice.
_OCTAVES_HZ = (2.0, 4.0, 8.0, 16.0, 32.0, 64.0)

#: Envelopes end at -100 dB of a sine at full scale, and modulation at a depth of about 1 %.
_ENVELOPE_FLOOR = 1e-5
_MODULATION_FLOOR = 1e-4


class ModulationDistance(Metric):
    """Modulation-spectrum distance: mean absolute difference in dB of how much the envelopes of 32 mel bands move.

    Five octaves of modulation from 2 to 64 Hz. Compares statistics of the whole recording, not moments: noise made
    anew with the right texture scores well, smeared or buzzing sound does not. Sees neither level nor phase.
    """

    name = "modulation"
    label = "modulation distance"
    unit = "dB"
    worst, best = float("inf"), 0.0
    sample_rate_hz = 24000
    min_duration_s = 1.0  # two periods of the slowest modulation
    method = "revision 1, 32 bands, window 480, hop 120, 5 octaves"
    citation = "modulation power of McDermott & Simoncelli, Sound Texture Perception, Neuron 71(5), 2011"

    def compare(self, reference: FloatArray, degraded: FloatArray) -> float:
        """Distance in dB; 0 for equal recordings."""
        a, b = (10 * np.log10(modulation_power(x) + _MODULATION_FLOOR) for x in (reference, degraded))
        return float(np.abs(a - b).mean())


def modulation_power(samples: FloatArray) -> DoubleArray:
    """Power of the movement of each envelope over the square of its mean, shape [32 bands, 5 octaves].

    An envelope of 1 + m cos has the power m^2 / 2 in the octave of its frequency.
    """
    power = np.square(magnitudes(samples, _N_FFT, _HOP_SAMPLES, _N_FFT), dtype=np.float64)
    envelopes = np.sqrt(power @ _mel_weights()).T + _ENVELOPE_FLOOR
    movement = envelopes / envelopes.mean(axis=1, keepdims=True) - 1
    window = np.hanning(movement.shape[1] + 2)[1:-1]
    spectrum = 2 * np.square(np.abs(np.fft.rfft(movement * window))) / (len(window) * np.square(window).sum())
    frequencies_hz = np.fft.rfftfreq(len(window), _HOP_SAMPLES / ModulationDistance.sample_rate_hz)
    octave_of = np.digitize(frequencies_hz, _OCTAVES_HZ)
    octaves = range(1, len(_OCTAVES_HZ))
    return np.stack([spectrum[:, octave_of == octave].sum(axis=1) for octave in octaves], axis=1)


@functools.cache
def _mel_weights() -> DoubleArray:
    """Triangular weights, shape [241 bins, 32 bands]."""
    corners_hz = 700 * (10 ** (np.linspace(0, np.log10(1 + _TOP_HZ / 700), _N_BANDS + 2)) - 1)
    bins_hz = np.fft.rfftfreq(_N_FFT, 1 / ModulationDistance.sample_rate_hz)[:, np.newaxis]
    low, peak, high = corners_hz[:-2], corners_hz[1:-1], corners_hz[2:]
    return np.clip(np.minimum((bins_hz - low) / (peak - low), (high - bins_hz) / (high - peak)), 0, None)

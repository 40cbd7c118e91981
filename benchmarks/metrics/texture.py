"""Texture: how a recording moves over time and across the spectrum, whenever it does so."""

from __future__ import annotations

import numpy as np
import scipy.fft

from benchmarks.metrics.base import Metric
from benchmarks.metrics.mel import HOP_SAMPLES, N_BANDS, SAMPLE_RATE_HZ, DoubleArray, mel_picture, mel_power
from flowmac.audio import FloatArray

#: Edges of the octaves of modulation in Hz: from words to the roughness of a voice.
_OCTAVES_HZ = (2.0, 4.0, 8.0, 16.0, 32.0, 64.0)

#: Envelopes have 200 Hz.
_ENVELOPE_WINDOW_SAMPLES = 480
_ENVELOPE_HOP_SAMPLES = 120
_N_ENVELOPES = 32

#: Envelopes end at -100 dB of a sine at full scale, and modulation at a depth of about 1 %.
_ENVELOPE_FLOOR = 1e-5
_MODULATION_FLOOR = 1e-4

#: Where densities of ripples begin, in half periods across the 64 bands; the first is the level of all bands.
_DENSITIES = (0, 1, 2, 4, 8, 16, 32)

#: Ripples end at 0.1 dB.
_RIPPLE_FLOOR = 1e-2


class ModulationDistance(Metric):
    """Modulation-spectrum distance: mean absolute difference in dB of how much the envelopes of 32 mel bands move.

    Five octaves of modulation from 2 to 64 Hz. Compares statistics of the whole recording, not moments: noise made
    anew with the right texture scores well, smeared or buzzing sound does not. Sees neither level nor phase.
    """

    name = "modulation"
    label = "modulation distance"
    unit = "dB"
    worst, best = float("inf"), 0.0
    sample_rate_hz = SAMPLE_RATE_HZ
    min_duration_s = 1.0  # two periods of the slowest modulation
    method = "revision 1, 32 bands, window 480, hop 120, 5 octaves"
    citation = "modulation power of McDermott & Simoncelli, Sound Texture Perception, Neuron 71(5), 2011"

    def compare(self, reference: FloatArray, degraded: FloatArray) -> float:
        """Distance in dB; 0 for equal recordings."""
        a, b = (10 * np.log10(modulation_power(x) + _MODULATION_FLOOR) for x in (reference, degraded))
        return float(np.abs(a - b).mean())


class TextureDistance(Metric):
    """Texture distance: mean absolute difference in dB of two modulation spectra of the mel spectrogram in dB.

    Ripples of the picture are sorted by rate (four octaves from 2 to 32 Hz, and the rest to 47 Hz) and by density
    across the bands (seven steps, from the level of all bands to the finest grain). A recording whose detail was
    averaged away has too little of the fine and fast ones, one with noise in place of partials too much. Like
    `ModulationDistance` it compares statistics, not moments, and sees neither constant level nor phase.
    """

    name = "texture"
    label = "texture distance"
    unit = "dB"
    worst, best = float("inf"), 0.0
    sample_rate_hz = SAMPLE_RATE_HZ
    min_duration_s = 1.0
    method = "revision 1, 64 bands, window 1024, hop 256, floor -80 dB, 5 rates x 7 densities"
    citation = "modulation spectrum of Elliott & Theunissen, PLoS Computational Biology 5(3), 2009"

    def compare(self, reference: FloatArray, degraded: FloatArray) -> float:
        """Distance in dB; 0 for equal recordings."""
        a, b = (10 * np.log10(ripple_power(mel_picture(x)) + _RIPPLE_FLOOR) for x in (reference, degraded))
        return float(np.abs(a - b).mean())


def modulation_power(samples: FloatArray) -> DoubleArray:
    """Power of the movement of each envelope over the square of its mean, shape [32 bands, 5 octaves].

    An envelope of 1 + m cos has the power m^2 / 2 in the octave of its frequency.
    """
    power = mel_power(samples, _ENVELOPE_WINDOW_SAMPLES, _ENVELOPE_HOP_SAMPLES, _N_ENVELOPES)
    envelopes = np.sqrt(power) + _ENVELOPE_FLOOR
    movement = envelopes / envelopes.mean(axis=1, keepdims=True) - 1
    return _octave_power(movement, SAMPLE_RATE_HZ / _ENVELOPE_HOP_SAMPLES)


def ripple_power(picture: DoubleArray) -> DoubleArray:
    """Power of a picture's ripples in dB squared, shape [7 densities, 5 rates].

    A picture that is m dB * cos(2 pi rate t) * cos(pi k (band + 1/2) / 64) has the power m^2 / 4 (m^2 / 2 for k = 0)
    in the density of k, the number of half periods across the bands, and the octave of the rate.

    Args:
        picture: in dB, shape [64 bands, frames].
    """
    movement = picture - picture.mean(axis=1, keepdims=True)
    ripples = scipy.fft.dct(movement, axis=0, norm="ortho") / np.sqrt(N_BANDS)
    power = _octave_power(ripples, SAMPLE_RATE_HZ / HOP_SAMPLES)
    return np.asarray(np.add.reduceat(power, _DENSITIES, axis=0))


def _octave_power(movement: DoubleArray, rate_hz: float) -> DoubleArray:
    """Mean power of each line of ``movement`` in each octave of modulation, shape [lines, 5 octaves]."""
    window = np.hanning(movement.shape[1] + 2)[1:-1]
    spectrum = 2 * np.square(np.abs(np.fft.rfft(movement * window))) / (len(window) * np.square(window).sum())
    octave_of = np.digitize(np.fft.rfftfreq(len(window), 1 / rate_hz), _OCTAVES_HZ)
    octaves = range(1, len(_OCTAVES_HZ))
    return np.stack([spectrum[:, octave_of == octave].sum(axis=1) for octave in octaves], axis=1)

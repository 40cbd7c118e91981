"""The low-pass anchors, measured on audio that went through them: mask of ITU-R BS.1534-3, and no lag.

The standard gives the mask for 3.5 kHz; the mid anchor keeps to it with the frequencies doubled. At 16 kHz the mid
anchor's 25 dB are due at the Nyquist frequency, and its 50 dB beyond it.
"""

from __future__ import annotations

import numpy as np
import pytest
import scipy.signal

from benchmarks.codecs.anchors import LowpassAnchor, LowpassSettings
from benchmarks.metrics.align import find_delay_s
from flowmac.audio import FloatArray, Waveform

ANCHORS_HZ = (3500, 7000)
RATES_HZ = (16000, 24000, 32000, 44100, 48000)
N_SAMPLES = 1 << 14


def through_anchor(samples: FloatArray, cutoff_hz: int, sample_rate_hz: int) -> FloatArray:
    anchor = LowpassAnchor(LowpassSettings.model_validate({"cutoff_hz": cutoff_hz}))
    return anchor.decode(anchor.encode(Waveform(samples[np.newaxis], sample_rate_hz))).samples[0]


@pytest.mark.parametrize("cutoff_hz", ANCHORS_HZ)
@pytest.mark.parametrize("sample_rate_hz", RATES_HZ)
def test_mask(cutoff_hz: int, sample_rate_hz: int) -> None:
    impulse = np.zeros(N_SAMPLES, np.float32)
    impulse[N_SAMPLES // 2] = 1
    response = through_anchor(impulse, cutoff_hz, sample_rate_hz)
    gain_db = 20 * np.log10(np.abs(np.fft.rfft(response.astype(np.float64))) + 1e-12)
    frequency_hz = np.fft.rfftfreq(N_SAMPLES, 1 / sample_rate_hz)
    scale = cutoff_hz / 3500
    assert np.abs(gain_db[frequency_hz <= cutoff_hz]).max() <= 0.1
    assert gain_db[frequency_hz >= 4000 * scale].max() <= -25
    if sample_rate_hz / 2 >= 4500 * scale:
        assert gain_db[frequency_hz >= 4500 * scale].max() <= -50


@pytest.mark.parametrize("cutoff_hz", ANCHORS_HZ)
@pytest.mark.parametrize("sample_rate_hz", RATES_HZ)
def test_no_lag(cutoff_hz: int, sample_rate_hz: int) -> None:
    """Neither by the alignment of sweeps, nor by a fraction of a sample: the response is even."""
    samples = (0.1 * np.random.default_rng(0).standard_normal(2 * sample_rate_hz)).astype(np.float32)
    filtered = through_anchor(samples, cutoff_hz, sample_rate_hz)
    assert len(filtered) == len(samples)
    pair = [Waveform(x[np.newaxis], sample_rate_hz) for x in (samples, filtered)]
    assert find_delay_s(*pair) == 0
    correlation = scipy.signal.correlate(filtered, samples, "full", "fft")
    middle = len(samples) - 1
    assert int(np.argmax(correlation)) == middle
    impulse = np.zeros(N_SAMPLES + 1, np.float32)
    impulse[N_SAMPLES // 2] = 1
    response = through_anchor(impulse, cutoff_hz, sample_rate_hz)
    np.testing.assert_allclose(response, response[::-1], atol=1e-6)

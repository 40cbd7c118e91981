"""Conditions of a MUSHRA test that are no codecs: low-pass anchors and the hidden reference (ITU-R BS.1534-3).

Their "stream" is the recording itself, so that they pass through the same two calls as the codecs.
"""

from __future__ import annotations

import io
from typing import Literal

import numpy as np
import scipy.signal
import soundfile

from benchmarks.codecs.base import CodecAdapter, CodecSettings
from flowmac.audio import FloatArray, Waveform

#: Width of the transition band. The mask asks for 25 dB at 0.5 kHz and 50 dB at 1 kHz above the cut-off.
TRANSITION_HZ = 500.0
STOPBAND_DB = 60.0


class HiddenReference(CodecAdapter):
    """The recording itself; a listening test hides it among the codecs."""

    name = "reference"
    summary = "the recording itself (hidden reference of a MUSHRA test)"
    has_stream = False
    timing = "none"

    @property
    def label(self) -> str:
        """Name in tables."""
        return "Hidden reference"

    def encode(self, waveform: Waveform) -> bytes:
        """The recording as a WAV file of float samples, without loss."""
        buffer = io.BytesIO()
        soundfile.write(buffer, waveform.samples.T, waveform.sample_rate_hz, format="WAV", subtype="FLOAT")
        return buffer.getvalue()

    def decode(self, data: bytes) -> Waveform:
        """The recording again."""
        samples, sample_rate_hz = soundfile.read(io.BytesIO(data), dtype="float32", always_2d=True)
        return Waveform(samples.T, sample_rate_hz)

    def payload_bits(self, data: bytes) -> None:
        """None: there is no stream."""


class LowpassSettings(CodecSettings):
    """``cutoff_hz``: 3500 is the low anchor and 7000 the mid anchor of BS.1534."""

    cutoff_hz: Literal[3500, 7000]


class LowpassAnchor(HiddenReference):
    """The recording through a low-pass filter without delay, at its own sample rate."""

    name = "lowpass"
    summary = "low-pass anchors of a MUSHRA test, 3.5 and 7 kHz (BS.1534 mask, no delay)"
    settings_model = LowpassSettings
    settings: LowpassSettings

    @property
    def label(self) -> str:
        """Name in tables."""
        return f"{self.settings.cutoff_hz / 1000:g} kHz anchor"

    def decode(self, data: bytes) -> Waveform:
        """The filtered recording."""
        waveform = super().decode(data)
        taps = lowpass_taps(self.settings.cutoff_hz, waveform.sample_rate_hz)
        # "full" and a cut rather than "same": the latter swaps the roles of a clip shorter than the filter
        filtered = scipy.signal.fftconvolve(waveform.samples, taps[np.newaxis], mode="full", axes=1)
        delay_samples = len(taps) // 2
        filtered = filtered[:, delay_samples : delay_samples + waveform.n_samples]
        return Waveform(filtered.astype(np.float32), waveform.sample_rate_hz)


def lowpass_taps(cutoff_hz: float, sample_rate_hz: int) -> FloatArray:
    """Linear-phase FIR low-pass that meets the anchor mask of ITU-R BS.1534-3, section 5.

    Pass-band ripple under 0.1 dB up to ``cutoff_hz``, at least 25 dB at 500 Hz and 50 dB at 1 kHz above it. BS.1534
    gives the mask for 3.5 kHz; the same transition is used for 7 kHz.

    Returns:
        odd number of taps, shape [n_taps]; a single 1 where the recording has nothing above the cut-off.
    """
    nyquist_hz = sample_rate_hz / 2
    if cutoff_hz + TRANSITION_HZ >= nyquist_hz:
        return np.ones(1, dtype=np.float32)
    n_taps, beta = scipy.signal.kaiserord(STOPBAND_DB, TRANSITION_HZ / nyquist_hz)
    n_taps |= 1  # an odd number has a middle, so that the delay is a whole number of samples
    taps = scipy.signal.firwin(
        n_taps, cutoff_hz + TRANSITION_HZ / 2, window=("kaiser", beta), fs=sample_rate_hz, scale=True
    )
    return np.asarray(taps, dtype=np.float32)

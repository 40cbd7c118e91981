"""Delay of the decoded recording against its reference: found once, removed, and recorded with the row.

Sample-wise metrics collapse under a delay that nobody hears (22 samples of G.722 cost 47 dB of SI-SDR), so every metric
gets the same aligned pair.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import scipy.fft

from flowmac.audio import FloatArray, Waveform
from flowmac.errors import AudioError

DoubleArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

#: Longest delay that is looked for.
MAX_DELAY_S = 0.5

#: A peak of the phase correlation counts when it explains this share of all phase. A pure delay explains all of it,
#: Opus at 6 kbit/s leaves 0.12 to 0.45, a random phase (Griffin-Lim) 0.01 to 0.07.
MIN_PHASE_SHARE = 0.1

#: Frequencies this far below the strongest are left out of the phase correlation: their phase is rounding noise.
FLOOR_DB = 60.0

#: Rate of the envelopes, the correlation from which they are believed, and the delay below which they tell nothing.
ENVELOPE_HZ = 500
MIN_ENVELOPE_CORRELATION = 0.5
ENVELOPE_RESOLUTION_S = 0.01


def align(reference: Waveform, decoded: Waveform) -> tuple[Waveform, float]:
    """Bring ``decoded`` in step with ``reference``.

    A mono recording stands for all channels of the reference, as it is heard on all loudspeakers.

    Returns:
        the decoded recording at its own rate, with the channels and duration of the reference (zeros where the codec
        gave nothing), and its delay in seconds, positive where it came late.

    Raises:
        AudioError: the numbers of channels do not fit.
    """
    if decoded.n_channels not in (1, reference.n_channels):
        raise AudioError(f"the codec gave {decoded.n_channels} channels for {reference.n_channels}")
    delay_s = find_delay_s(reference, decoded)
    delay_samples = round(delay_s * decoded.sample_rate_hz)
    n_samples = max(1, round(reference.duration_s * decoded.sample_rate_hz))
    samples = decoded.samples[:, max(0, delay_samples) :]
    samples = np.pad(samples, [(0, 0), (max(0, -delay_samples), n_samples)])[:, :n_samples]
    samples = np.broadcast_to(samples, (reference.n_channels, n_samples))
    return Waveform(np.ascontiguousarray(samples), decoded.sample_rate_hz), delay_s


def find_delay_s(reference: Waveform, decoded: Waveform) -> float:
    """Delay of ``decoded`` in seconds, in whole samples of the reference.

    By generalised cross-correlation with phase transform (Knapp & Carter 1976). Codecs that make their own phase leave
    it no peak; there the correlation of the envelopes decides, which sees delays of 10 ms and more and says 0 below.
    """
    sample_rate_hz = reference.sample_rate_hz
    a = reference.mono().samples[0]
    b = decoded.mono().resampled(sample_rate_hz).samples[0]
    lags, shares = _phase_correlation(a, b, round(MAX_DELAY_S * sample_rate_hz))
    best = int(np.argmax(shares))
    if shares[best] >= MIN_PHASE_SHARE:
        return float(lags[best]) / sample_rate_hz
    return _envelope_delay_s(a, b, sample_rate_hz)


def _phase_correlation(a: FloatArray, b: FloatArray, max_lag: int) -> tuple[IntArray, DoubleArray]:
    """Lags in samples, and the share of all audible phase that each explains, at most 1."""
    n_fft, cross = _cross_spectrum(a, b)
    magnitude = np.abs(cross)
    audible = magnitude > magnitude.max() * 10 ** (-2 * FLOOR_DB / 20)
    if not audible.any():  # silence
        return np.zeros(1, np.int64), np.zeros(1)
    phase = np.where(audible, cross / np.where(audible, magnitude, 1.0), 0.0)
    lags = _lags(max_lag, n_fft)
    return lags, scipy.fft.irfft(phase, n_fft)[lags] * n_fft / (2 * audible.sum())


def _envelope_delay_s(a: FloatArray, b: FloatArray, sample_rate_hz: int) -> float:
    n_block = max(1, sample_rate_hz // ENVELOPE_HZ)
    if min(len(a), len(b)) < 2 * n_block:
        return 0.0
    envelopes = [np.abs(x[: len(x) // n_block * n_block]).reshape(-1, n_block).mean(axis=1) for x in (a, b)]
    envelopes = [envelope - envelope.mean() for envelope in envelopes]
    n_fft, cross = _cross_spectrum(*envelopes)
    lags = _lags(round(MAX_DELAY_S * sample_rate_hz / n_block), n_fft)
    correlation = scipy.fft.irfft(cross, n_fft)[lags]
    best = int(np.argmax(correlation))
    energy = np.prod([np.square(envelope).sum() for envelope in envelopes])
    delay_s = float(lags[best]) * n_block / sample_rate_hz
    is_certain = energy > 0 and correlation[best] >= MIN_ENVELOPE_CORRELATION * np.sqrt(energy)
    return delay_s if is_certain and abs(delay_s) >= ENVELOPE_RESOLUTION_S else 0.0


def _cross_spectrum(a: FloatArray, b: FloatArray) -> tuple[int, npt.NDArray[np.complex128]]:
    """Transform length, long enough that nothing wraps around, and cross spectrum, shape [n_fft // 2 + 1]."""
    n_fft = scipy.fft.next_fast_len(len(a) + len(b) - 1, real=True)
    spectra = [scipy.fft.rfft(np.asarray(x, dtype=np.float64), n_fft) for x in (a, b)]
    return n_fft, np.conj(spectra[0]) * spectra[1]


def _lags(max_lag: int, n_fft: int) -> IntArray:
    """Indices into a circular correlation; positive lags mean that the second signal is late."""
    max_lag = min(max_lag, (n_fft - 1) // 2)
    return np.arange(-max_lag, max_lag + 1)

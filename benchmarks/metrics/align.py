"""Delay of the decoded recording against its reference: found once, removed, and recorded with the row.

Sample-wise metrics collapse under a delay that nobody hears (22 samples of G.722 cost 47 dB of SI-SDR), so every metric
gets the same aligned pair.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
import scipy.fft

from flowmac.audio import FloatArray, Waveform
from flowmac.errors import AudioError

ComplexArray = npt.NDArray[np.complex128]
IntArray = npt.NDArray[np.int64]

#: Changes with anything here that could change a score; part of every metric's version.
REVISION = 2

#: Longest delay that is looked for.
MAX_DELAY_S = 0.5

#: The best phase correlation is believed from this value of its height over the next best, times the correlation of
#: the waveforms at its delay. A phase made up by the decoder leaves at most 0.3: its best is hardly better than the
#: next, though a pitch period may correlate well. Noise at -10 dB signal-to-noise ratio leaves 0.7, a low-pass at 1 kHz
#: 1.2, Opus at 6 kbit/s 1.0 and more.
MIN_EVIDENCE = 0.5

#: Peaks nearer than this are one peak.
PEAK_WIDTH_S = 0.001

#: Frequencies this far below the strongest are left out of the phase correlation: their phase is rounding noise.
FLOOR_DB = 60.0

#: Rate of the envelopes; they are believed from this correlation, when it exceeds that without a delay by this much,
#: and for no delay shorter than this. Sustained sounds correlate well at many delays.
ENVELOPE_HZ = 500
MIN_ENVELOPE_CORRELATION = 0.5
MIN_ENVELOPE_GAIN = 0.1
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
    """Delay of ``decoded`` in seconds, in whole samples of the higher of the two rates.

    By generalised cross-correlation with phase transform (Knapp & Carter 1976). Codecs that make their own phase leave
    no waveform to correlate; there the correlation of the envelopes decides, which sees delays of 10 ms and more and
    says 0 below.
    """
    # at the lower rate a delay of whole samples would come out up to half a sample wrong, which SI-SDR hears
    sample_rate_hz = max(reference.sample_rate_hz, decoded.sample_rate_hz)
    a, b = (waveform.mono().resampled(sample_rate_hz).samples[0] for waveform in (reference, decoded))
    n_fft, cross = _cross_spectrum(a, b)
    magnitude = np.abs(cross)
    audible = magnitude > magnitude.max() * 10 ** (-2 * FLOOR_DB / 20)
    phase = np.where(audible, cross / np.where(audible, magnitude, 1.0), 0.0)
    lags = _lags(round(MAX_DELAY_S * sample_rate_hz), n_fft)
    heights = np.abs(scipy.fft.irfft(phase, n_fft)[lags])  # either sign: a decoder may turn the polarity
    lag = int(lags[int(np.argmax(heights))])
    rivals = heights[np.abs(lags - lag) > PEAK_WIDTH_S * sample_rate_hz]
    prominence = heights.max() / max(rivals.max(initial=0.0), np.finfo(float).tiny) if rivals.size else 1.0
    if prominence * _correlation(cross, n_fft, lag, a, b) >= MIN_EVIDENCE:
        return lag / sample_rate_hz
    return _envelope_delay_s(a, b, sample_rate_hz)


def _envelope_delay_s(a: FloatArray, b: FloatArray, sample_rate_hz: int) -> float:
    n_block = max(1, sample_rate_hz // ENVELOPE_HZ)
    if min(len(a), len(b)) < 2 * n_block:
        return 0.0
    envelopes = [np.abs(x[: len(x) // n_block * n_block]).reshape(-1, n_block).mean(axis=1) for x in (a, b)]
    envelopes = [envelope - envelope.mean() for envelope in envelopes]
    n_fft, cross = _cross_spectrum(*envelopes)
    lags = _lags(round(MAX_DELAY_S * sample_rate_hz / n_block), n_fft)
    lag = lags[int(np.argmax(scipy.fft.irfft(cross, n_fft)[lags]))]
    delay_s = float(lag) * n_block / sample_rate_hz
    at_lag, at_zero = (_correlation(cross, n_fft, n, *envelopes) for n in (lag, 0))
    is_certain = at_lag >= MIN_ENVELOPE_CORRELATION and at_lag - at_zero >= MIN_ENVELOPE_GAIN
    return delay_s if is_certain and abs(delay_s) >= ENVELOPE_RESOLUTION_S else 0.0


def _correlation(cross: ComplexArray, n_fft: int, lag: int, a: FloatArray, b: FloatArray) -> float:
    """Correlation coefficient of two signals at one lag, without its sign; 0 for silence."""
    energy = float(np.square(a, dtype=np.float64).sum() * np.square(b, dtype=np.float64).sum())
    return abs(float(scipy.fft.irfft(cross, n_fft)[lag])) / math.sqrt(energy) if energy > 0 else 0.0


def _cross_spectrum(a: FloatArray, b: FloatArray) -> tuple[int, ComplexArray]:
    """Transform length, long enough that nothing wraps around, and cross spectrum, shape [n_fft // 2 + 1]."""
    n_fft = scipy.fft.next_fast_len(len(a) + len(b) - 1, real=True)
    spectra = [scipy.fft.rfft(np.asarray(x, dtype=np.float64), n_fft) for x in (a, b)]
    return n_fft, np.conj(spectra[0]) * spectra[1]


def _lags(max_lag: int, n_fft: int) -> IntArray:
    """Indices into a circular correlation; positive lags mean that the second signal is late."""
    max_lag = min(max_lag, (n_fft - 1) // 2)
    return np.arange(-max_lag, max_lag + 1)

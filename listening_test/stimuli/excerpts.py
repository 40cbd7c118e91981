"""Cutting: a lively passage of a recording, starting in a pause, faded in and out."""

from __future__ import annotations

import numpy as np
import scipy.signal

from benchmarks.codecs.anchors import lowpass_taps
from flowmac.audio import FloatArray, Waveform

#: Raised-cosine fades at both ends, in place of clicks.
FADE_S = 0.02

#: Frames in which liveliness is measured, and how far a start may move to find a pause.
FRAME_S = 0.02
PAUSE_SEARCH_S = 0.3
N_BANDS = 8


def choose_start(waveform: Waveform, length_s: float) -> int:
    """First sample of the liveliest passage of ``length_s``; 0 for a recording that is no longer.

    Liveliness is spectral flux: the sum of all rises of the level in octave bands, in decibels above 60 below the
    loudest. The start then moves to the softest frame near it, and from there to a zero crossing.
    """
    rate = waveform.sample_rate_hz
    n_length = round(length_s * rate)
    if waveform.n_samples <= n_length:
        return 0
    mono = waveform.samples.mean(axis=0)
    n_frame = max(2, round(FRAME_S * rate))
    frames = mono[: len(mono) // n_frame * n_frame].reshape(-1, n_frame)
    power = np.square(np.abs(np.fft.rfft(frames * np.hanning(n_frame)[np.newaxis], axis=1)))
    edges = np.unique(np.geomspace(1, power.shape[1], N_BANDS + 1).astype(int))
    bands = np.add.reduceat(power, edges[:-1], axis=1)
    level_db = 10 * np.log10(np.maximum(bands, bands.max() * 1e-6) + 1e-30)
    flux = np.maximum(np.diff(level_db, axis=0, prepend=level_db[:1]), 0).sum(axis=1)
    n_window = min(n_length // n_frame, len(flux))
    total = np.convolve(flux, np.ones(n_window), mode="valid")
    best = int(np.argmax(total))
    reach = round(PAUSE_SEARCH_S / FRAME_S)
    near = range(max(0, best - reach), min(len(total), best + reach + 1))
    energy = np.square(frames).sum(axis=1)
    start = min(near, key=lambda frame: (energy[frame], abs(frame - best))) * n_frame
    start = min(start, waveform.n_samples - n_length)
    crossings = np.flatnonzero(
        np.signbit(mono[start : start + n_frame - 1]) != np.signbit(mono[start + 1 :][: n_frame - 1])
    )
    moved = start + int(crossings[0]) if len(crossings) else start
    return min(moved, waveform.n_samples - n_length)


def cut(waveform: Waveform, start: int, n_samples: int) -> Waveform:
    """``n_samples`` from sample ``start``, faded at both ends."""
    samples = waveform.samples[:, start : start + n_samples].copy()
    n_fade = min(round(FADE_S * waveform.sample_rate_hz), samples.shape[1] // 2)
    ramp = (0.5 - 0.5 * np.cos(np.pi * (np.arange(n_fade) + 0.5) / max(1, n_fade))).astype(np.float32)
    samples[:, :n_fade] *= ramp
    samples[:, samples.shape[1] - n_fade :] *= ramp[::-1]
    return Waveform(samples, waveform.sample_rate_hz)


def with_channels(waveform: Waveform, n_channels: int) -> Waveform:
    """Mono on all channels, or all channels mixed down to mono; else the recording itself."""
    if waveform.n_channels == 1 and n_channels > 1:
        return Waveform(np.repeat(waveform.samples, n_channels, axis=0), waveform.sample_rate_hz)
    return waveform.mono() if n_channels == 1 else waveform


def lowpass(waveform: Waveform, cutoff_hz: float) -> Waveform:
    """An anchor: the recording through the filter of BS.1534-3, without delay."""
    taps = lowpass_taps(cutoff_hz, waveform.sample_rate_hz)
    n_delay = len(taps) // 2
    filtered: FloatArray = scipy.signal.oaconvolve(waveform.samples, taps[np.newaxis], mode="full", axes=1)
    return Waveform(filtered[:, n_delay : n_delay + waveform.n_samples], waveform.sample_rate_hz)

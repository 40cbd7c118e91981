"""Metrics against closed forms, other implementations and each other."""

from __future__ import annotations

import warnings
from unittest import mock

import numpy as np
import pytest
import scipy.signal
import torch

from benchmarks.metrics import dnsmos, no_reference, perceptual
from benchmarks.metrics.bandwidth import Bandwidth, BandwidthDifference
from benchmarks.metrics.base import Metric, measure
from benchmarks.metrics.loudness import LoudnessDifference
from benchmarks.metrics.spectral import (
    RESOLUTIONS,
    LogSpectralDistance,
    MultiResolutionStft,
    SpectralConvergence,
    magnitudes,
)
from benchmarks.metrics.texture import ModulationDistance
from flowmac.audio import FloatArray, Waveform

from .conftest import babble

RATE_HZ = 48000


def noise(duration_s: float, seed: int = 0) -> FloatArray:
    n_samples = round(duration_s * RATE_HZ)
    return (0.1 * np.random.default_rng(seed).standard_normal(n_samples)).astype(np.float32)


def ready(metric_class: type[Metric]) -> Metric:
    missing = metric_class.missing()
    if missing:
        pytest.skip(missing)
    return metric_class()


def value(
    metric_class: type[Metric], reference: FloatArray, degraded: FloatArray, sample_rate_hz: int = RATE_HZ
) -> float:
    pair = [Waveform(np.atleast_2d(x).astype(np.float32), sample_rate_hz) for x in (reference, degraded)]
    score = measure(ready(metric_class), *pair, "music")
    assert score.value is not None, score.failure
    return score.value


def test_sine_at_full_scale_has_magnitude_one() -> None:
    sine = np.sin(2 * np.pi * 3000 * np.arange(RATE_HZ) / RATE_HZ).astype(np.float32)
    for resolution in RESOLUTIONS:
        assert magnitudes(sine, *resolution).max() == pytest.approx(1, abs=2e-3)


def test_spectral_distances_of_a_gain_are_closed_forms() -> None:
    samples = noise(1.0)
    gain = 10 ** (-6 / 20)
    assert value(LogSpectralDistance, samples, gain * samples) == pytest.approx(6, abs=1e-3)
    assert value(SpectralConvergence, samples, gain * samples) == pytest.approx(1 - gain, abs=1e-4)
    expected = 1 - gain + 6 / 20 * np.log(10)
    assert value(MultiResolutionStft, samples, gain * samples) == pytest.approx(expected, abs=1e-3)


def test_multi_resolution_distance_agrees_with_one_made_of_torch() -> None:
    reference, degraded = noise(1.0), noise(1.0) + 0.3 * noise(1.0, seed=1)
    distances = []
    for n_fft, hop, window_samples in RESOLUTIONS:
        window = torch.hann_window(window_samples, dtype=torch.float64)
        pair = []
        for samples in (reference, degraded):
            frames = torch.from_numpy(samples.astype(np.float64)).unfold(0, window_samples, hop) * window
            pair.append((torch.fft.rfft(frames, n_fft).abs() * 2 / window.sum()).clamp_min(1e-5))
        convergence = torch.linalg.matrix_norm(pair[0] - pair[1]) / torch.linalg.matrix_norm(pair[0])
        distances.append(float(convergence + (pair[0].log() - pair[1].log()).abs().mean()))
    assert value(MultiResolutionStft, reference, degraded) == pytest.approx(np.mean(distances), rel=1e-3)


def test_what_lies_below_the_floor_does_not_count() -> None:
    """Quantisation to 16 bit leaves noise far below -100 dB in each bin."""
    sine = 0.5 * np.sin(2 * np.pi * 1000 * np.arange(RATE_HZ) / RATE_HZ)
    assert value(LogSpectralDistance, sine, np.round(32768 * sine) / 32768) < 0.6


@pytest.mark.parametrize("cutoff_hz", [3500, 7000, 12000])
def test_bandwidth_of_low_passed_noise(cutoff_hz: int) -> None:
    samples = noise(2.0)
    taps = scipy.signal.firwin(1201, cutoff_hz, window=("kaiser", 9.0), fs=RATE_HZ)
    low = scipy.signal.fftconvolve(samples, taps, "same")
    assert value(Bandwidth, samples, low) == pytest.approx(cutoff_hz / 1000, abs=0.2)
    assert value(BandwidthDifference, samples, low) == pytest.approx(24 - cutoff_hz / 1000, abs=0.2)
    assert value(BandwidthDifference, low, samples) == pytest.approx(24 - cutoff_hz / 1000, abs=0.2)


def test_bandwidth_is_not_the_sample_rate() -> None:
    samples = scipy.signal.resample_poly(noise(2.0), 1, 3)  # to 16 kHz
    reference = Waveform(samples[np.newaxis].astype(np.float32), 16000)
    score = measure(Bandwidth(), reference, reference.resampled(RATE_HZ), "music")
    assert score.value == pytest.approx(8, abs=0.3)


def test_modulation_distance_of_half_the_depth() -> None:
    """Clicks at the rate of the frames have a still envelope; at half the depth one octave in five loses 6 dB."""
    rate_hz = ModulationDistance.sample_rate_hz
    n_samples = 4 * rate_hz
    clicks = np.where(np.arange(n_samples) % 120 == 60, 0.5, 0.0)
    move = np.cos(2 * np.pi * 6 * np.arange(n_samples) / rate_hz)
    full, half = ((clicks * (1 + depth * move)) for depth in (0.8, 0.4))
    assert value(ModulationDistance, full, half, rate_hz) == pytest.approx(20 * np.log10(2) / 5, abs=0.02)


def test_modulation_distance_hears_texture_and_not_moments() -> None:
    """Other noise with the same envelope is near; the same noise without an envelope is far."""
    reference, anew = babble(4.0, seed=0), babble(4.0, seed=1)
    steady = (0.1 * np.random.default_rng(0).standard_normal(len(reference))).astype(np.float32)
    near, far = (value(ModulationDistance, reference, x, 24000) for x in (anew, steady))
    assert near < 0.5 * far
    assert value(ModulationDistance, reference, 0.1 * reference, 24000) < 0.1


@pytest.mark.parametrize("gain_db", [-6.0, 3.0])
def test_loudness_difference_of_a_gain(gain_db: float) -> None:
    samples = noise(2.0)
    assert value(LoudnessDifference, samples, 10 ** (gain_db / 20) * samples) == pytest.approx(abs(gain_db), abs=0.01)


def test_loudness_is_of_all_channels_together() -> None:
    """A channel that falls to a tenth of its power costs the sum 10 log10(2 / 1.1) dB, not the mean of 0 and 10 dB."""
    left, right = noise(2.0), noise(2.0, seed=1)
    difference = value(LoudnessDifference, np.stack([left, right]), np.stack([left, right * 10**-0.5]))
    assert difference == pytest.approx(10 * np.log10(2 / 1.1), abs=0.05)


def test_zimtohrli_averages_pieces(speech: Waveform) -> None:
    metric = ready(perceptual.Zimtohrli)
    samples = speech.resampled(RATE_HZ).samples[0]
    degraded = (samples + 0.01 * noise(len(samples) / RATE_HZ)).astype(np.float32)
    half = len(samples) // 2
    halves = [metric.compare(samples[part], degraded[part]) for part in (slice(half), slice(half, 2 * half))]
    with mock.patch.object(perceptual, "MAX_PIECE_S", len(samples) / RATE_HZ / 2 + 0.001):
        pieces = metric.compare(samples[: 2 * half], degraded[: 2 * half])
    assert pieces == pytest.approx(np.mean(halves), abs=1e-6)


def test_dnsmos_agrees_with_its_authors_function(speech: Waveform) -> None:
    pytest.importorskip("librosa")
    metrics = [ready(kind) for kind in (dnsmos.DnsmosOverall, dnsmos.DnsmosSignal, dnsmos.DnsmosBackground)]
    samples = speech.resampled(16000).samples[0]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from speechmos import dnsmos as published

        # the spectrogram is for a fourth score, and would compile for half a minute
        with mock.patch.object(published.DNSMOS, "audio_melspec", return_value=np.zeros((900, 120))):
            expected = published.run(samples, 16000)
    for metric, key in zip(metrics, ("ovrl_mos", "sig_mos", "bak_mos"), strict=True):
        assert metric.compare(samples, samples) == pytest.approx(expected[key], abs=1e-3)


def test_plcmos_agrees_with_its_authors_function(speech: Waveform) -> None:
    """Theirs draws other listeners each time."""
    metric = ready(dnsmos.PlcMos)
    from speechmos import plcmos as published

    samples = speech.resampled(16000).samples[0]
    assert metric.compare(samples, samples) == metric.compare(samples, samples)
    with mock.patch("speechmos.plcmos.float", lambda x: np.asarray(x).item(), create=True):
        assert metric.compare(samples, samples) == pytest.approx(published.run(samples, 16000)["plcmos"], abs=0.15)


def test_speech_share_of_speech_and_of_noise(speech: Waveform) -> None:
    metric = ready(no_reference.SpeechShare)
    loud = Waveform(noise(2.0)[np.newaxis], RATE_HZ)
    assert 60 < (measure(metric, speech, speech, "speech").value or 0) <= 100
    assert (measure(metric, loud, loud, "speech").value or 0) < 5

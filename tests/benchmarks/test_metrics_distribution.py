"""Texture and Frechet distance: closed forms, what they must hear, and what they must not."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.linalg
import scipy.ndimage

from benchmarks.metrics import frechet
from benchmarks.metrics.frechet import FrechetDistance, frechet_squared
from benchmarks.metrics.mel import HOP_SAMPLES, N_BANDS, SAMPLE_RATE_HZ, DoubleArray, mel_picture
from benchmarks.metrics.texture import TextureDistance, ripple_power
from flowmac.audio import FloatArray, Waveform

from .conftest import babble


def noise(duration_s: float, seed: int = 0) -> FloatArray:
    n_samples = round(duration_s * SAMPLE_RATE_HZ)
    return (0.1 * np.random.default_rng(seed).standard_normal(n_samples)).astype(np.float32)


def random_covariance(rank: int, n_dimensions: int = 6, seed: int = 0) -> DoubleArray:
    factor = np.random.default_rng(seed).standard_normal((n_dimensions, rank))
    return np.asarray(factor @ factor.T)


def test_frechet_distance_of_commuting_gaussians_is_that_of_their_deviations() -> None:
    """Covariances with common axes: the difference of the deviations along each."""
    axes = np.linalg.qr(np.random.default_rng(0).standard_normal((4, 4)))[0]
    deviations = np.array([[3.0, 2.0, 1.0, 0.0], [1.0, 2.5, 1.0, 0.5]])
    a, b = ((axes * s**2) @ axes.T for s in deviations)
    means = np.array([[1.0, 0, 0, 2], [0.0, 0, 2, 2]])
    expected = np.square(deviations[0] - deviations[1]).sum() + 1 + 4
    assert frechet_squared(means[0], a, means[1], b) == pytest.approx(expected)


@pytest.mark.parametrize("ranks", [(6, 6), (6, 2), (2, 3)])
def test_frechet_distance_agrees_with_the_matrix_root_of_scipy(ranks: tuple[int, int]) -> None:
    """Also where covariances lack full rank; there the root is taken of the regularised ones."""
    zero = np.zeros(6)
    a, b = (random_covariance(rank, seed=seed) for seed, rank in enumerate(ranks))
    tiny = 1e-9 * np.eye(6)
    overlap = np.trace(scipy.linalg.sqrtm((a + tiny) @ (b + tiny)).real)
    expected = np.trace(a) + np.trace(b) - 2 * overlap
    assert frechet_squared(zero, a, zero, b) == pytest.approx(expected, abs=1e-3)
    assert frechet_squared(zero, b, zero, a) == pytest.approx(frechet_squared(zero, a, zero, b))
    assert frechet_squared(zero, a, zero, a) == pytest.approx(0, abs=1e-9)


def test_patches_have_themoments_of_their_picture() -> None:
    """Independent values have the deviation on the diagonal and nothing beside it."""
    picture = np.random.default_rng(0).normal(-30, 5, (N_BANDS, 4000))
    mean, covariance = frechet.moments(picture)
    assert mean == pytest.approx(np.full(64, -30), abs=0.1)
    assert covariance == pytest.approx(25 * np.eye(64), abs=0.6)


@pytest.mark.parametrize("gain_db", [-6.0, 3.0])
def test_frechet_distance_of_a_gain_is_the_gain(gain_db: float) -> None:
    samples = noise(3)
    assert FrechetDistance().compare(samples, 10 ** (gain_db / 20) * samples) == pytest.approx(abs(gain_db), abs=0.01)


def test_frechet_distance_of_half_the_detail(monkeypatch: pytest.MonkeyPatch) -> None:
    """Independent values of a deviation of 4 dB, halved: 2 dB."""
    detail = np.random.default_rng(0).normal(0, 4, (N_BANDS, 1000))
    pictures = iter((detail - 30, 0.5 * detail - 30))
    monkeypatch.setattr(frechet, "mel_picture", lambda samples: next(pictures))
    assert FrechetDistance().compare(noise(2), noise(2)) == pytest.approx(2, abs=0.05)


def test_what_finitely_many_patches_leave_is_as_documented() -> None:
    for duration_s in (2.0, 8.0, 32.0):
        pairs = [(noise(duration_s, seed), noise(duration_s, seed + 100)) for seed in range(2)]
        left = np.mean([FrechetDistance().compare(*pair) for pair in pairs])
        assert 0.3 < left * np.sqrt(duration_s) < 0.5


@pytest.mark.parametrize("n_half_periods", [0, 1, 5, 20, 63])
def test_power_of_a_ripple(n_half_periods: int) -> None:
    """3 dB of a ripple at 10 Hz, in its own density and octave and nowhere else."""
    times_s = np.arange(1500) * HOP_SAMPLES / SAMPLE_RATE_HZ
    across = np.cos(np.pi * n_half_periods * (np.arange(N_BANDS) + 0.5) / N_BANDS)
    picture = 3 * across[:, np.newaxis] * np.cos(2 * np.pi * 10 * times_s) - 40
    power = ripple_power(picture)
    expected = np.zeros((7, 5))
    expected[n_half_periods.bit_length(), 2] = 9 / 4 if n_half_periods else 9 / 2
    assert power == pytest.approx(expected, abs=1e-3)


def test_texture_does_not_depend_on_level() -> None:
    samples = babble(4.0)
    assert TextureDistance().compare(samples, 0.5 * samples) < 0.2


@pytest.mark.parametrize("metric", [TextureDistance(), FrechetDistance()])
def test_distribution_is_heard_and_notmoments(metric: TextureDistance | FrechetDistance) -> None:
    """Other noise with the same envelope is near; the same noise without an envelope is far."""
    reference, anew = babble(4.0, seed=0), babble(4.0, seed=1)
    steady = noise(4.0)
    assert metric.compare(reference, anew) < 0.5 * metric.compare(reference, steady)


@pytest.mark.parametrize("metric", [TextureDistance(), FrechetDistance()])
def test_distance_grows_as_detail_is_averaged_away(
    metric: TextureDistance | FrechetDistance, speech: Waveform, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Pictures smoothed more and more, as networks that give the mean of all that is possible do."""
    picture = mel_picture(speech.resampled(SAMPLE_RATE_HZ).samples[0])
    distances = []
    for deviation in (0.3, 0.6, 1.2, 2.4):
        pictures = iter((picture, scipy.ndimage.gaussian_filter(picture, deviation)))
        monkeypatch.setattr(f"{type(metric).__module__}.mel_picture", lambda samples, it=pictures: next(it))
        distances.append(metric.compare(noise(2), noise(2)))
    assert (np.diff([0, *distances]) > 0).all()

"""The contract that every metric keeps; needs the extras ``pesq`` and ``neural`` for those metrics."""

from __future__ import annotations

import csv
import math
from pathlib import Path

import numpy as np
import pytest

from benchmarks.metrics import METRICS
from benchmarks.metrics.base import NOT_INSTALLED, Metric, measure
from benchmarks.metrics.signal import LogMelDistance, SiSdr
from flowmac.audio import Waveform, read_audio

from .conftest import babble

NAMES = METRICS.names()


@pytest.fixture(scope="module")
def excerpt(speech: Waveform) -> Waveform:
    """Two seconds of speech."""
    return Waveform(speech.samples[:, : 2 * speech.sample_rate_hz], speech.sample_rate_hz)


def make(name: str) -> Metric:
    metric = METRICS.get(name)
    missing = metric.missing()
    if missing:
        pytest.skip(missing)
    return metric()


def noisy(waveform: Waveform, snr_db: float) -> Waveform:
    """With noise modulated by the signal, as the reference unit of ITU-T P.810 makes it."""
    noise = np.random.default_rng(0).standard_normal(waveform.samples.shape)
    degraded = waveform.samples * (1 + 10 ** (-snr_db / 20) * noise)
    return Waveform(degraded.astype(np.float32), waveform.sample_rate_hz)


@pytest.mark.parametrize("name", NAMES)
def test_declarations_are_whole(name: str) -> None:
    metric = METRICS.get(name)
    assert metric.name == name
    assert metric.citation
    assert metric.best != metric.worst
    assert metric.higher_is_better() == (metric.best > metric.worst)
    assert metric.label in metric.axis_label()
    assert ("higher" if metric.higher_is_better() else "lower") in metric.axis_label()
    assert metric.missing() or metric.version() != NOT_INSTALLED


@pytest.mark.parametrize("name", NAMES)
def test_equal_recordings_reach_the_ceiling(name: str, excerpt: Waveform) -> None:
    metric = make(name)
    score = measure(metric, excerpt, excerpt, "speech")
    assert score.failure is None
    assert score.value is not None
    if metric.needs_reference:
        assert score.value == pytest.approx(metric.best, abs=2e-4)
    else:
        assert metric.worst <= score.value <= metric.best


@pytest.mark.parametrize("name", NAMES)
def test_score_falls_with_the_signal_to_noise_ratio(name: str, excerpt: Waveform) -> None:
    metric = make(name)
    ratios_db = (40, 25, 10, -5) if metric.needs_reference else (40, 25, 10)  # the last is beyond all judgement alone
    values = [measure(metric, excerpt, noisy(excerpt, snr_db), "speech").value for snr_db in ratios_db]
    direction = 1 if metric.higher_is_better() else -1
    assert all(value is not None for value in values)
    assert values == sorted(values, key=lambda value: -direction * (value or 0))
    assert len(set(values)) == len(values)
    low, high = sorted((metric.worst, metric.best))
    assert all(low <= (value or 0) <= high for value in values)


@pytest.mark.parametrize("name", NAMES)
def test_score_does_not_depend_on_the_common_sample_rate(name: str, excerpt: Waveform) -> None:
    """The pair is brought to the metric's rate, whatever it came in."""
    metric = make(name)
    degraded = noisy(excerpt, 20)
    value = measure(metric, excerpt, degraded, "speech").value
    other = measure(metric, excerpt, degraded.resampled(48000), "speech").value
    assert other == pytest.approx(value, rel=0.02)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("which", ["reference", "degraded", "both"])
def test_silence_gives_a_reason(name: str, which: str, excerpt: Waveform) -> None:
    metric = make(name)
    silence = Waveform(np.zeros_like(excerpt.samples), excerpt.sample_rate_hz)
    pair = {"reference": (silence, excerpt), "degraded": (excerpt, silence), "both": (silence, silence)}[which]
    score = measure(metric, *pair, "speech")
    assert score.value is None
    assert score.failure is not None
    assert score.failure.kind == "silent"


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("n_samples", [1, 10, 1000, 5000])
def test_short_recordings_give_a_number_or_a_reason(name: str, n_samples: int, excerpt: Waveform) -> None:
    metric = make(name)
    short = Waveform(excerpt.samples[:, 20000 : 20000 + n_samples], excerpt.sample_rate_hz)
    score = measure(metric, short, noisy(short, 10), "speech")
    if score.value is None:
        assert score.failure is not None
        assert score.failure.kind in {"too_short", "silent"}
    else:
        assert metric.min_duration_s <= short.duration_s
        assert math.isfinite(score.value)


@pytest.mark.parametrize("name", NAMES)
def test_speech_metrics_judge_speech_alone(name: str, excerpt: Waveform) -> None:
    metric = make(name)
    for category in ("music", "mixed", "environment", "unknown"):
        if metric.speech_only:
            failure = measure(metric, excerpt, excerpt, category).failure
            assert failure is not None
            assert failure.kind == "not_applicable"
            assert category in failure.message


def test_metrics_of_all_audio_judge_music(excerpt: Waveform) -> None:
    assert measure(LogMelDistance(), excerpt, excerpt, "music").value == 0


@pytest.mark.parametrize("name", ["log_mel", "si_sdr", "estoi"])
def test_channels_are_scored_apart_and_averaged(name: str, excerpt: Waveform) -> None:
    metric = make(name)
    left, right = excerpt, Waveform(excerpt.samples[:, ::-1], excerpt.sample_rate_hz)
    bad_left, bad_right = noisy(left, 20), noisy(right, 0)
    alone = [measure(metric, a, b, "speech").value or 0 for a, b in ((left, bad_left), (right, bad_right))]
    stereo = measure(
        metric,
        Waveform(np.concatenate([left.samples, right.samples]), left.sample_rate_hz),
        Waveform(np.concatenate([bad_left.samples, bad_right.samples]), left.sample_rate_hz),
        "speech",
    )
    assert stereo.value == pytest.approx(np.mean(alone), rel=1e-4)


@pytest.mark.usefixtures("fakes")
@pytest.mark.parametrize(
    ("name", "kind", "message"),
    [
        ("failing", "MemoryError", "no room for the model"),
        ("infinite", "not_finite", "inf"),
        ("absent", "not_installed", "pip install"),
    ],
)
def test_what_goes_wrong_is_a_reason(name: str, kind: str, message: str, excerpt: Waveform) -> None:
    score = measure(METRICS.get(name)(), excerpt, excerpt, "speech")
    assert score.value is None
    assert score.failure is not None
    assert score.failure.kind == kind
    assert message in score.failure.message
    assert (score.version == NOT_INSTALLED) == (kind == "not_installed")


def test_si_sdr_of_a_known_mixture() -> None:
    """Noise orthogonal to the signal at a tenth of its amplitude is 20 dB below it, at any gain."""
    signal, noise = (x - x.mean() for x in (babble(1.0, 48000), babble(1.0, 48000, seed=1)))
    noise -= (noise @ signal) / (signal @ signal) * signal
    noise *= 0.1 * np.linalg.norm(signal) / np.linalg.norm(noise)
    for gain in (1.0, -0.5, 0.01):
        degraded = Waveform((gain * (signal + noise))[np.newaxis], 48000)
        value = measure(SiSdr(), Waveform(signal[np.newaxis], 48000), degraded, "music").value
        assert value == pytest.approx(20, abs=0.01)


def test_log_mel_distance_of_a_gain_is_its_logarithm() -> None:
    samples = np.random.default_rng(0).standard_normal((1, 48000)).astype(np.float32)
    louder = Waveform(np.e * samples, 24000)
    assert measure(LogMelDistance(), Waveform(samples, 24000), louder, "music").value == pytest.approx(1, abs=1e-3)


def test_log_mel_bands_follow_their_definition() -> None:
    """A tone lies in the two bands whose corners enclose it."""
    tone = np.sin(2 * np.pi * 3000 * np.arange(24000) / 24000)[np.newaxis].astype(np.float32)
    quiet = Waveform(0.5 * tone, 24000)
    value = measure(LogMelDistance(), Waveform(tone, 24000), quiet, "music").value
    assert value is not None
    assert 0 < value < math.log(2)


@pytest.mark.testset
def test_visqol_agrees_with_the_published_conformance_scores(repository: Path) -> None:
    folder = repository.parent / "shared" / "visqol_conformance"
    if not folder.is_dir():
        pytest.skip("needs ../shared/visqol_conformance")
    metric = make("visqol_audio")
    with (folder / "expected.csv").open(newline="") as file:
        pairs = [row for row in csv.DictReader(file) if row["mode"] == "audio"]
    assert pairs
    for pair in pairs:
        # Google's own program downmixes, and takes pairs of unequal length
        reference, degraded = (read_audio(folder / pair[key]).mono().samples[0] for key in ("reference", "degraded"))
        value = metric.compare(reference, degraded)
        assert value == pytest.approx(float(pair["expected_mos_lqo"]), abs=1e-3), pair["degraded"]

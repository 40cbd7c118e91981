"""The contract that every metric keeps; needs the extras ``pesq`` and ``neural`` for those metrics."""

from __future__ import annotations

import math
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from benchmarks.metrics import METRICS
from benchmarks.metrics.base import NOT_INSTALLED, measure, measure_all
from benchmarks.metrics.pair import Pair
from benchmarks.metrics.signal import LogMelDistance, SiSdr
from flowmac.audio import Waveform, read_audio
from tests.benchmarks.conftest import make_metric

from .conftest import babble

NAMES = METRICS.names()

#: The lattice of ViSQOL's speech mode gives every recording a ceiling of its own.
WITHOUT_CEILING = {"visqol_speech_lattice"}

#: More noise does not fill a band that is full.
SATURATED = {"bandwidth_difference"}

#: Beyond these nothing is left to judge: for ears without a reference, and for the lattice near its 1.0.
MILD_NOISE_ONLY = {"visqol_speech_lattice", "distillmos"}

#: Bandwidth grows with noise; the share of speech stays as long as speech is heard; DNSMOS and PLCMOS hear such noise
#: in no certain order.
NOT_OF_NOISE = {"bandwidth", "speech_share", "dnsmos_overall", "dnsmos_signal", "dnsmos_background", "plcmos"}


@pytest.fixture(scope="module")
def excerpt(speech: Waveform) -> Waveform:
    """Some two seconds of speech; doubled twice, they fill DNSMOS's window once."""
    return Waveform(speech.samples[:, : round(2.3 * speech.sample_rate_hz)], speech.sample_rate_hz)


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
    assert metric.licence
    assert metric.best != metric.worst
    assert metric.higher_is_better() == (metric.best > metric.worst)
    assert metric.label in metric.axis_label()
    assert ("higher" if metric.higher_is_better() else "lower") in metric.axis_label()
    assert metric.missing() or metric.version() != NOT_INSTALLED
    assert metric.distribution or metric.method.startswith("revision ")


def test_declarations_load_nothing_heavy() -> None:
    """Reports read unit, direction and citation of every metric, and load no torch."""
    script = (
        "import sys; from benchmarks.metrics import METRICS; [METRICS.get(name) for name in METRICS.names()];"
        "print(*{'torch', 'onnxruntime', 'numba', 'visqol', 'pyloudnorm', 'soundfile'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert set(done.stdout.split()) <= {"soundfile"}


@pytest.mark.parametrize("name", NAMES)
def test_equal_recordings_reach_the_ceiling(name: str, excerpt: Waveform) -> None:
    metric = make_metric(name)
    score = measure(metric, excerpt, excerpt, "speech")
    assert score.failure is None
    assert score.value is not None
    if metric.needs_reference and name not in WITHOUT_CEILING:
        assert score.value == pytest.approx(metric.best, abs=2e-4)
    low, high = sorted((metric.worst, metric.best))
    assert low - 1e-6 <= score.value <= high + 1e-6


@pytest.mark.parametrize("name", NAMES)
def test_score_falls_with_the_signal_to_noise_ratio(name: str, excerpt: Waveform) -> None:
    metric = make_metric(name)
    ratios_db = (40, 25, 10) if name in MILD_NOISE_ONLY else (40, 25, 10, -5)
    scores = [measure(metric, excerpt, noisy(excerpt, snr_db), "speech") for snr_db in ratios_db]
    values = [score.value for score in scores if score.value is not None]
    assert len(values) == len(ratios_db)
    steps = np.diff(values) * (1 if metric.higher_is_better() else -1)
    if name in SATURATED:
        assert (steps <= 0).all()
        assert steps.any()
    elif name not in NOT_OF_NOISE:
        assert (steps < 0).all()
    low, high = sorted((metric.worst, metric.best))
    assert all(low <= value <= high for value in values)


@pytest.mark.parametrize("name", NAMES)
def test_scores_are_the_same_to_the_last_digit(name: str, excerpt: Waveform) -> None:
    """Whatever was computed before: a sweep that was broken off comes to the same rows."""
    degraded = noisy(excerpt, 20)
    first = measure(make_metric(name), excerpt, degraded, "speech")
    np.random.random()  # noqa: NPY002
    before = np.random.get_state()[1]  # noqa: NPY002
    assert measure(make_metric(name), excerpt, degraded, "speech") == first
    np.testing.assert_array_equal(np.random.get_state()[1], before)  # noqa: NPY002


@pytest.mark.slow
@pytest.mark.testset
@pytest.mark.parametrize("clip", ["speech_hu_f", "music_brahms_strings", "mixed_en_over_tabla", "env_birds"])
def test_full_reference_scores_fall_on_real_recordings(clip: str, repository: Path) -> None:
    folder = repository.parent / "shared" / "testset"
    if not folder.is_dir():
        pytest.skip("needs ../shared/testset")
    whole = read_audio(folder / f"{clip}.flac")
    reference = Waveform(whole.samples[:, : 4 * whole.sample_rate_hz], whole.sample_rate_hz)
    category = "speech" if clip.startswith("speech") else "music"
    classes = [METRICS.get(name) for name in NAMES if name not in SATURATED | NOT_OF_NOISE | WITHOUT_CEILING]
    metrics = [kind() for kind in classes if kind.needs_reference and not kind.missing()]
    values: dict[str, list[float]] = {}
    for snr_db in (40, 25, 10):
        for name, score in measure_all(metrics, reference, noisy(reference, snr_db), category).items():
            if score.value is not None:
                values.setdefault(name, []).append(score.value)
    assert len(values) == len([metric for metric in metrics if category == "speech" or not metric.speech_only])
    for metric in metrics:
        steps = np.diff(values.get(metric.name, [])) * (1 if metric.higher_is_better() else -1)
        assert (steps < 0).all(), (metric.name, values[metric.name])


@pytest.mark.parametrize("name", NAMES)
def test_score_does_not_depend_on_the_common_sample_rate(name: str, excerpt: Waveform) -> None:
    """The pair is brought to the metric's rate, whatever it came in."""
    metric = make_metric(name)
    degraded = noisy(excerpt, 20)
    value = measure(metric, excerpt, degraded, "speech").value
    other = measure(metric, excerpt, degraded.resampled(48000), "speech").value
    assert other == pytest.approx(value, rel=0.02, abs=0.02)


@pytest.mark.parametrize("name", NAMES)
def test_speech_metrics_judge_speech_alone(name: str, excerpt: Waveform) -> None:
    metric = make_metric(name)
    for category in ("music", "mixed", "environment", "unknown"):
        if metric.speech_only:
            failure = measure(metric, excerpt, excerpt, category).failure
            assert failure is not None
            assert failure.kind == "not_applicable"
            assert category in failure.message


def test_metrics_of_all_audio_judge_music(excerpt: Waveform) -> None:
    assert measure(LogMelDistance(), excerpt, excerpt, "music").value == 0


@pytest.mark.parametrize("name", ["log_mel", "si_sdr", "estoi", "zimtohrli", "mr_stft", "modulation", "bandwidth"])
def test_channels_are_scored_apart_and_averaged(name: str, excerpt: Waveform) -> None:
    metric = make_metric(name)
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


def test_metrics_of_a_row_share_one_resampling(excerpt: Waveform) -> None:
    metrics = [make_metric(name) for name in ("log_mel", "modulation", "si_sdr")]
    degraded = noisy(excerpt, 20)
    scores = measure_all(metrics, excerpt, degraded, "speech")
    assert list(scores) == ["log_mel", "modulation", "si_sdr"]
    for metric in metrics:
        assert scores[metric.name] == measure(metric, excerpt, degraded, "speech")
    pair = Pair(excerpt, degraded)
    assert pair.at(16000)[0] is pair.at(16000)[0]


def test_version_names_implementation_variant_and_alignment() -> None:
    version = make_metric("pesq_wb").version()
    assert version.startswith("pesq 0.")
    assert "without Corrigendum 2" in version
    assert version.endswith("alignment 2")


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

"""Whatever a codec gives back, every metric gives a number or a reason, and the process lives."""

from __future__ import annotations

import math
import subprocess
import sys
from collections.abc import Callable

import numpy as np
import pytest

from benchmarks.metrics import METRICS
from benchmarks.metrics.base import Metric, measure
from benchmarks.results import Score
from flowmac.audio import FloatArray, Waveform
from flowmac.errors import AudioError
from tests.benchmarks.conftest import make_metric

from .conftest import babble

NAMES = METRICS.names()
RATE_HZ = 24000


def mono(samples: FloatArray, sample_rate_hz: int = RATE_HZ) -> Waveform:
    return Waveform(samples[np.newaxis], sample_rate_hz)


def is_sound(metric: Metric, score: Score) -> bool:
    """A finite number within the range, or a reason with words; not both."""
    if score.value is None:
        return score.failure is not None and bool(score.failure.message)
    low, high = sorted((metric.worst, metric.best))
    return score.failure is None and math.isfinite(score.value) and low - 1e-6 <= score.value <= high + 1e-6


@pytest.fixture(scope="module")
def sound() -> FloatArray:
    return babble(2.2, RATE_HZ)  # every metric takes two seconds


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("which", ["reference", "degraded", "both"])
def test_silence_gives_a_reason(name: str, which: str, sound: FloatArray) -> None:
    metric = make_metric(name)
    heard, silence = mono(sound), mono(np.zeros_like(sound))
    pair = {"reference": (silence, heard), "degraded": (heard, silence), "both": (silence, silence)}[which]
    score = measure(metric, *pair, "speech")
    assert score.value is None
    assert score.failure is not None
    assert score.failure.kind == "silent"


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("which", [0, 1])
def test_samples_that_are_not_finite_give_a_reason(name: str, bad: float, which: int, sound: FloatArray) -> None:
    """A waveform refuses them when it is made; here they are written into it afterwards."""
    pair = [mono(sound.copy()), mono(sound.copy())]
    pair[which].samples[0, 1000] = bad
    failure = measure(make_metric(name), pair[0], pair[1], "speech").failure
    assert failure is not None
    assert failure.kind == "not_finite"


def test_an_empty_or_unfinished_recording_is_no_waveform(sound: FloatArray) -> None:
    with pytest.raises(AudioError, match="empty"):
        mono(sound[:0])
    with pytest.raises(AudioError, match="not finite"):
        mono(sound * np.float32(np.nan))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("n_samples", [1, 2, 10, 240, 1000, 5000, 10000])
@pytest.mark.parametrize("sample_rate_hz", [RATE_HZ, 44100])
def test_short_recordings_give_a_number_or_a_reason(
    name: str, n_samples: int, sample_rate_hz: int, sound: FloatArray
) -> None:
    metric = make_metric(name)
    reference = mono(sound[4000 : 4000 + n_samples], sample_rate_hz)
    degraded = mono(reference.samples[0] + 0.01 * sound[:n_samples], sample_rate_hz)
    score = measure(metric, reference, degraded, "speech")
    assert is_sound(metric, score)
    if score.value is None:
        assert score.failure is not None
        assert score.failure.kind in {"too_short", "silent"}
    else:
        assert metric.min_duration_s <= reference.duration_s


@pytest.mark.parametrize("name", NAMES)
def test_ten_milliseconds_are_too_short(name: str, sound: FloatArray) -> None:
    failure = measure(make_metric(name), mono(sound[:240]), mono(sound[:240]), "speech").failure
    assert failure is not None
    assert failure.kind == "too_short"


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("n_channels", [(1, 2), (2, 1), (2, 3)])
def test_different_numbers_of_channels_give_a_reason(name: str, n_channels: tuple[int, int], sound: FloatArray) -> None:
    reference, degraded = (Waveform(np.stack([sound] * n), RATE_HZ) for n in n_channels)
    failure = measure(make_metric(name), reference, degraded, "speech").failure
    assert failure is not None
    assert failure.kind == "channels"


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("cut_s", [0.1, -0.1])
def test_different_lengths_give_a_reason(name: str, cut_s: float, sound: FloatArray) -> None:
    shorter = sound[: -round(abs(cut_s) * RATE_HZ)]
    pair = (mono(sound), mono(shorter)) if cut_s > 0 else (mono(shorter), mono(sound))
    failure = measure(make_metric(name), *pair, "speech").failure
    assert failure is not None
    assert failure.kind == "unequal_length"


@pytest.mark.parametrize("name", NAMES)
def test_a_wrong_sample_rate_gives_a_reason(name: str, sound: FloatArray) -> None:
    """Samples at 24 kHz that claim to be at 16 kHz last longer than their reference."""
    failure = measure(make_metric(name), mono(sound), mono(sound, 16000), "speech").failure
    assert failure is not None
    assert failure.kind == "unequal_length"


HOSTILE: dict[str, Callable[[FloatArray], FloatArray]] = {
    "constant": lambda x: np.full_like(x, 0.5),
    "impulse": lambda x: np.eye(1, len(x), 5000, dtype=np.float32)[0],
    "square wave": lambda x: np.sign(np.sin(np.arange(len(x)) / 50)).astype(np.float32),
    "far beyond full scale": lambda x: 500 * x / np.abs(x).max(),
    "beyond all measure": lambda x: np.float32(1e30) * x,
    "faint": lambda x: np.float32(2e-5) * x / np.abs(x).max(),
    "half silent": lambda x: x * (np.arange(len(x)) < len(x) // 2),
    "inverted": lambda x: -x,
    "white noise": lambda x: np.random.default_rng(3).standard_normal(len(x)).astype(np.float32),
    "one least significant bit": lambda x: np.where(np.arange(len(x)) % 2, 2.0**-15, 0).astype(np.float32),
}


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("kind", list(HOSTILE))
def test_odd_signals_give_a_number_or_a_reason(name: str, kind: str, sound: FloatArray) -> None:
    metric = make_metric(name)
    odd = mono(HOSTILE[kind](sound))
    for pair in ((mono(sound), odd), (odd, mono(sound)), (odd, odd)):
        score = measure(metric, *pair, "speech")
        assert is_sound(metric, score), (score, kind)


@pytest.mark.parametrize("name", ["log_mel", "si_sdr", "loudness_difference", "zimtohrli"])
def test_a_channel_that_is_silent_on_both_sides_is_not_judged(name: str, sound: FloatArray) -> None:
    metric = make_metric(name)
    degraded, silence = sound + 0.01 * babble(2.2, RATE_HZ, seed=1), np.zeros_like(sound)
    alone = measure(metric, mono(sound), mono(degraded), "music")
    reference = Waveform(np.stack([sound, silence]), RATE_HZ)
    assert measure(metric, reference, Waveform(np.stack([degraded, silence]), RATE_HZ), "music") == alone
    leaking = measure(metric, reference, Waveform(np.stack([degraded, degraded]), RATE_HZ), "music")
    assert leaking.failure is not None
    assert "channel 2 of the reference is silent" in leaking.failure.message


@pytest.mark.parametrize("name", ["pesq_wb", "pesq_nb"])
def test_many_utterances_do_not_end_the_process(name: str) -> None:
    """More than 50 in one call overrun an array in PESQ's C code."""
    make_metric(name)
    script = f"""
import numpy as np
from benchmarks.metrics import METRICS
from benchmarks.metrics.base import measure
from flowmac.audio import Waveform
t = np.arange(90 * 16000) / 16000
noise = 0.1 * np.random.default_rng(0).standard_normal(len(t))
bursts = Waveform((noise * (t % 0.8 < 0.45))[np.newaxis], 16000)
print(measure(METRICS.get("{name}")(), bursts, bursts, "speech").value)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert float(done.stdout) == pytest.approx(METRICS.get(name).best, abs=1e-3)

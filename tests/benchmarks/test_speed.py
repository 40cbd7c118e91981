"""Codecs timed in turn, and what a person may type for them."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from benchmarks import speed
from benchmarks.speed import measure_speed, median_interval, parse, ratio_interval
from flowmac.audio import Waveform
from flowmac.errors import SettingError

from .conftest import Finished, babble

pytestmark = pytest.mark.usefixtures("fakes")


def test_interval_of_a_median_and_of_a_ratio() -> None:
    random = np.random.default_rng(1)
    noise = random.lognormal(0, 0.3, 40)  # the same disturbance for both codecs of a round
    a, b = 0.1 * noise, 0.3 * noise * random.lognormal(0, 0.01, 40)
    alone, ratio = median_interval(b), ratio_interval(b, a)
    assert alone.low < 0.3 < alone.high
    assert ratio.low < 3 < ratio.high
    assert ratio.high / ratio.low < alone.high / alone.low
    same = ratio_interval(a, a)
    assert (same.median, same.low, same.high) == (1, 1, 1)


def test_codecs_take_turns_and_the_first_round_does_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[str] = []
    ticks = itertools.count()

    def timed(call: Callable[[], object], clock: str) -> tuple[object, float]:
        calls.append(clock)
        return call(), float(next(ticks))

    monkeypatch.setattr(speed, "timed", timed)
    first, second = measure_speed(["fake:bits=4", "outside"], Waveform(babble(0.5)[None], 24000), 3)
    assert calls == ["process", "process", "wall", "wall"] * 4
    assert list(first.encode) == [8, 16, 24]  # half a second of audio
    assert list(first.decode) == [10, 18, 26]
    assert list(second.encode) == [12, 20, 28]
    assert (first.label, first.clock, second.clock) == ("Fake 4 bit", "process", "wall")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("opsu", "unknown codec 'opsu': did you mean opus"),
        ("opus", "kbps: field required"),
        ("opus:kpbs=6", "unknown setting of opus 'kpbs': did you mean kbps"),
        ("opus:kbps", "expected CODEC or CODEC:key=value"),
        ("opus:kbps=6,kbps=7", "stands there twice"),
        ("opus:kbps=[", "no valid YAML"),
        ("opus:kbps=six", "kbps: input should be a valid number"),
        ("reference", "there is nothing to time"),
    ],
)
def test_what_a_person_may_mistype(text: str, message: str) -> None:
    with pytest.raises(SettingError, match=message):
        measure_speed([text], Waveform(babble(0.5)[None], 24000), 3)


def test_settings_are_typed_as_in_yaml() -> None:
    name, settings = parse("opus:kbps=12,vbr=false")
    assert name == "opus"
    assert '"vbr":false' in settings


def test_command_prints_ratios(flowmac: Callable[..., Finished], demo_clips: Path) -> None:
    clip = demo_clips / "speech_en_f.flac"
    done = flowmac("speed", "opus:kbps=12", "fake", "--clip", clip, "--repeats", 3)
    assert done.status == 0, done.stderr
    assert "Opus 12 kbit/s" in done.stdout
    assert "encode / first" in done.stdout
    assert "both / first" in done.stdout
    assert "round 3 of 3" in done.stderr
    done = flowmac("speed", "opus", "--clip", clip)
    assert (done.status, "field required" in done.stderr) == (2, True)

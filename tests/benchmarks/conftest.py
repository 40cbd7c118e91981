"""Signals, clips, fakes and the command line for tests of sweeps."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import soundfile

from benchmarks.codecs import CODECS
from benchmarks.metrics import METRICS
from benchmarks.metrics.base import Metric
from benchmarks.registry import Registry
from flowmac.audio import FloatArray, Waveform, read_audio

FAKE_CODECS = {
    "fake": "FakeCodec",
    "failing": "FailingCodec",
    "nan": "NanCodec",
    "deadly": "DeadlyCodec",
    "forgetful": "ForgetfulCodec",
    "mortal": "MortalCodec",
    "untrained": "UntrainedCodec",
    "outside": "OutsideCodec",
    "network": "NetworkCodec",
}
FAKE_METRICS = {"failing": "FailingMetric", "infinite": "InfiniteMetric", "absent": "AbsentMetric"}


@dataclass
class Finished:
    """What a command left behind."""

    status: int
    stdout: str
    stderr: str


def babble(duration_s: float, sample_rate_hz: int = 24000, seed: int = 0) -> FloatArray:
    """Noise that comes and goes four times a second, shape [N]."""
    random = np.random.default_rng(seed)
    t = np.arange(round(duration_s * sample_rate_hz)) / sample_rate_hz
    samples = 0.1 * random.standard_normal(len(t)) * (1.1 + np.sin(2 * np.pi * 4 * t)) / 2
    return samples.astype(np.float32)


@pytest.fixture(scope="session")
def speech(demo_clips: Path) -> Waveform:
    return read_audio(demo_clips / "speech_en_f.flac")


@pytest.fixture
def clips_folder(tmp_path: Path) -> Path:
    """Three short clips with categories in their names."""
    folder = tmp_path / "clips"
    folder.mkdir()
    for seed, name in enumerate(("speech_a", "music_b", "env_c")):
        soundfile.write(folder / f"{name}.wav", babble(1.5 + 0.1 * seed, seed=seed), 24000)
    return folder


@pytest.fixture
def fakes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Registers the fakes; workers are spawned with this process's search path and find them too."""
    monkeypatch.syspath_prepend(str(Path(__file__).parent))
    for registry, names in ((CODECS, FAKE_CODECS), (METRICS, FAKE_METRICS)):
        targets = {name: f"fakes:{class_name}" for name, class_name in names.items()}
        copy: Registry = Registry(registry.kind, {name: registry.target(name) for name in registry.names()} | targets)
        monkeypatch.setattr(registry, "_targets", copy._targets)


@pytest.fixture
def sweep_file(tmp_path: Path) -> Callable[[str], Path]:
    """Writes a sweep file."""

    def write(text: str) -> Path:
        path = tmp_path / "spec.yaml"
        path.write_text(text, encoding="utf-8")
        return path

    return write


@pytest.fixture
def flowmac(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Callable[..., Finished]:
    """Runs the command line within this process."""
    from flowmac.cli import main

    def run(*arguments: object) -> Finished:
        monkeypatch.setattr(sys, "argv", ["flowmac", *map(str, arguments)])
        status = 0
        try:
            main()
        except SystemExit as stop:
            status = int(stop.code or 0)
        captured = capfd.readouterr()
        return Finished(status, captured.out, captured.err)

    return run


def make_metric(name: str) -> Metric:
    """A metric that can run; the test is skipped where its package is absent."""
    metric = METRICS.get(name)
    missing = metric.missing()
    if missing:
        pytest.skip(missing)
    return metric()

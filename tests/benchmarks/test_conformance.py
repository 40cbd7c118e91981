"""ViSQOL against the scores that Google publishes for its conformance files."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest

from benchmarks.metrics.base import measure
from benchmarks.metrics.perceptual import VisqolAudio, VisqolSpeech, VisqolSpeechLattice
from flowmac.audio import Waveform, read_audio

pytestmark = pytest.mark.testset


@pytest.fixture(scope="module")
def folder(repository: Path) -> Path:
    folder = repository.parent / "shared" / "visqol_conformance"
    if not folder.is_dir():
        pytest.skip("needs ../shared/visqol_conformance")
    return folder


@pytest.mark.parametrize(
    ("metric_class", "mode", "tolerance"),
    [
        (VisqolAudio, "audio", 1e-3),
        (VisqolSpeech, "speech-exponential", 5e-3),
        (VisqolSpeechLattice, "speech-lattice", 5e-3),
    ],
)
def test_visqol_agrees_with_the_published_scores(
    metric_class: type[VisqolAudio], mode: str, tolerance: float, folder: Path
) -> None:
    metric = metric_class()
    missing = metric.missing()
    if missing:
        pytest.skip(missing)
    with (folder / "expected.csv").open(newline="") as file:
        pairs = [row for row in csv.DictReader(file) if row["mode"] == mode]
    assert pairs
    for pair in pairs:
        # Google's program downmixes, and takes pairs of unequal length
        waveforms = [read_audio(folder / pair[key]).mono() for key in ("reference", "degraded")]
        assert {waveform.sample_rate_hz for waveform in waveforms} == {metric.sample_rate_hz}
        value = metric.compare(waveforms[0].samples[0], waveforms[1].samples[0])
        assert value == pytest.approx(float(pair["expected_mos_lqo"]), abs=tolerance), pair["degraded"]


def test_stereo_is_the_mean_of_its_channels(folder: Path) -> None:
    """Not the downmix: what is lost between the channels must count."""
    pair = [read_audio(folder / name) for name in ("steely48_stereo.flac", "steely48_stereo_lp7.flac")]
    pair = [Waveform(waveform.samples[:, : 2 * 48000], 48000) for waveform in pair]
    metric = VisqolAudio()
    alone = [metric.compare(*(waveform.samples[channel] for waveform in pair)) for channel in range(2)]
    assert measure(metric, pair[0], pair[1], "music").value == pytest.approx(np.mean(alone))

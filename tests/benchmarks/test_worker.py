"""One row at a time, without a cluster."""

from __future__ import annotations

import dataclasses
import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from benchmarks.corpus import read_clips
from benchmarks.plan import read_plan
from benchmarks.results import Row
from benchmarks.runner import all_tasks
from benchmarks.worker import Outcome, Task, make_row, samples_sha256
from flowmac.audio import Waveform

from .conftest import babble

pytestmark = pytest.mark.usefixtures("fakes")

MakeTasks = Callable[..., list[Task]]


@pytest.fixture
def make_tasks(sweep_file: Callable[[str], Path], clips_folder: Path) -> MakeTasks:
    def make(condition: str, metrics: str = "[log_mel]", clips: Path = clips_folder) -> list[Task]:
        plan = read_plan(sweep_file(f"name: x\nmetrics: {metrics}\nconditions: [{condition}]\n"))
        return all_tasks(plan, read_clips(clips))

    return make


def test_row_holds_all_that_was_measured(make_tasks: MakeTasks) -> None:
    task = make_tasks("{codec: fake, bits: 4}", "[log_mel, si_sdr, failing]")[1]
    outcome = make_row(task)
    row = outcome.row
    assert (row.status, row.failure) == ("ok", None)
    assert (row.codec, row.label, row.settings) == ("fake", "Fake 4 bit", {"bits": 4, "seconds": 0.0})
    assert row.clip == task.clip
    assert row.payload_kbps == row.nominal_kbps == 96
    assert row.total_kbps == 192
    assert row.encode_s is not None
    assert row.encode_s > 0
    assert row.decode_s is not None
    assert row.decode_s > 0
    assert row.delay_s == 0
    assert row.scores["log_mel"].value is not None
    assert row.scores["si_sdr"].value is not None
    assert row.scores["failing"].failure is not None
    assert {"python", "flowmac", "numpy", "cpu", "n_threads"} <= set(row.environment)
    assert Row.from_json(row.to_json()) == row
    assert set(outcome.files) == {row.decoded_audio, row.stream}
    assert len(outcome.files[row.stream]) * 8 == row.total_bits


def test_anchors_and_reference_have_neither_rate_nor_times(make_tasks: MakeTasks) -> None:
    outcome = make_row(make_tasks("{codec: reference}")[0])
    row = outcome.row
    assert (row.payload_bits, row.total_bits, row.encode_s, row.decode_s) == (None, None, None, None)
    assert row.scores["log_mel"].value == 0
    assert set(outcome.files) == {row.decoded_audio}


def failure_of(outcome: Outcome) -> tuple[str, str]:
    assert outcome.row.status == "failed"
    assert outcome.row.failure is not None
    assert not outcome.files
    return outcome.row.failure.kind, outcome.row.failure.message


def test_failing_codec_gives_a_row_that_says_why(make_tasks: MakeTasks) -> None:
    outcome = make_row(make_tasks("{codec: failing}")[0])
    assert failure_of(outcome) == ("ZeroDivisionError", "the rate loop diverged")


def test_decoded_nan_is_a_failure(make_tasks: MakeTasks) -> None:
    kind, message = failure_of(make_row(make_tasks("{codec: nan}")[0]))
    assert kind == "AudioError"
    assert "not finite" in message


def test_decoder_knows_nothing_but_the_bytes(make_tasks: MakeTasks) -> None:
    kind, message = failure_of(make_row(make_tasks("{codec: forgetful}")[0]))
    assert (kind, message) == ("RuntimeError", "no samples in the stream")


def test_clip_that_went_away_is_a_failed_row(make_tasks: MakeTasks, clips_folder: Path) -> None:
    task = make_tasks("{codec: fake}")[0]
    Path(task.clip.path).unlink()
    kind, message = failure_of(make_row(task))
    assert kind == "AudioError"
    assert "no such file" in message


def test_weights_other_than_planned_are_a_failed_row(make_tasks: MakeTasks) -> None:
    task = make_tasks("{codec: fake}")[0]
    other = dataclasses.replace(task, spec=dataclasses.replace(task.spec, weights_sha256="0" * 64))
    assert failure_of(make_row(other))[0] == "CheckpointError"
    assert task.row_id != other.row_id


@pytest.mark.parametrize(
    ("n_samples", "sample_rate_hz", "n_channels"),
    [(1, 24000, 1), (10, 24000, 1), (10, 192000, 2), (4000, 8000, 1), (96000, 192000, 1), (24000, 48000, 6)],
)
@pytest.mark.parametrize("codec", ["{codec: opus, kbps: 12}", "{codec: lowpass, cutoff_hz: 3500}", "{codec: fake}"])
def test_odd_recordings_never_end_a_sweep(
    make_tasks: MakeTasks, tmp_path: Path, codec: str, n_samples: int, sample_rate_hz: int, n_channels: int
) -> None:
    folder = tmp_path / "odd"
    folder.mkdir()
    channels = [babble(n_samples / sample_rate_hz, sample_rate_hz, seed) for seed in range(n_channels)]
    soundfile.write(folder / "speech_odd.wav", np.stack(channels, axis=1), sample_rate_hz)
    outcome = make_row(make_tasks(codec, "[log_mel, si_sdr, visqol_audio, estoi, pesq_wb]", folder)[0])
    row = outcome.row
    if row.status == "failed":
        assert n_samples == 10
        assert row.failure is not None
        assert "too short" in row.failure.message
        return
    for score in row.scores.values():
        assert score.value is not None or score.failure is not None
    with soundfile.SoundFile(io.BytesIO(outcome.files[row.decoded_audio or ""])) as stored:
        assert stored.channels == n_channels
        assert stored.frames == round(n_samples / sample_rate_hz * stored.samplerate) or stored.frames == 1


def test_hash_of_samples_is_of_float32_in_order() -> None:
    a = Waveform(np.array([[0.5, 0.25], [0.0, 1.0]], np.float32), 24000)
    assert samples_sha256(a) == samples_sha256(Waveform(np.asfortranarray(a.samples), 24000))
    assert samples_sha256(a) != samples_sha256(Waveform(a.samples[::-1], 24000))

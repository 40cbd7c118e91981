"""Training: data that repeats, runs that resume to the same curve, losses that fall."""

from __future__ import annotations

import csv
import logging
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from flowmac.audio import Waveform, write_audio
from flowmac.checkpoint import load_weights, read_model_config, save_config, save_weights
from flowmac.codec import Codec
from flowmac.config import CodecConfig, FlowConfig, RefinerConfig, SpectralConfig
from flowmac.errors import SettingError
from flowmac.mel_codec import MelCodec
from flowmac.training import run
from flowmac.training.codec_trainer import CodecTask, Stage
from flowmac.training.dataset import (
    SPLIT_FOLDERS,
    PackedAudio,
    RandomSegments,
    ResidentSegments,
    list_recordings,
    mix,
    pack,
)
from flowmac.training.loop import RANK_BITS, LoopConfig, learning_rate_factor
from flowmac.training.mel_source import MelSource
from flowmac.training.vocoder_trainer import AdversarialTask
from tests.flowmac.conftest import RATE_HZ, make_sound


@pytest.fixture(scope="module")
def recordings(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A manifest with two splits; one of its files is damaged."""
    folder = tmp_path_factory.mktemp("recordings")
    rows = []
    for i in range(6):
        write_audio(folder / f"{i}.flac", Waveform(make_sound(3.0 + i / 2, seed=i, n_channels=1 + i % 2), RATE_HZ))
        rows.append({"path": f"{i}.flac", "split": "valid" if i == 5 else "train"})
    (folder / "damaged.wav").write_text("no audio")
    rows.append({"path": "damaged.wav", "split": "train"})
    with (folder / "manifest.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, ["path", "split"])
        writer.writeheader()
        writer.writerows(rows)
    return folder / "manifest.csv"


@pytest.fixture
def training_file(tmp_path: Path, small_config: CodecConfig) -> Path:
    (tmp_path / "small.yaml").write_text(small_config.model_dump_json())
    path = tmp_path / "train.yaml"
    path.write_text(
        f"model: {tmp_path / 'small.yaml'}\n"
        f"cache: {tmp_path / 'cache'}\n"
        "segment_frames: 32\nbatch_size: 4\nn_steps: 12\nwarmup_steps: 2\naveraging_steps: 3\n"
        "log_steps: 1\nvalidate_steps: 12\nn_valid_segments: 4\naccelerator: cpu\ndevices: 1\n"
    )
    return path


def test_manifests_and_folders_are_listed(recordings: Path) -> None:
    assert len(list_recordings(recordings, "train")) == 6
    assert [path.name for path in list_recordings(recordings, "valid")] == ["5.flac"]
    folder = recordings.parent
    listed = list_recordings(folder, "train") + list_recordings(folder, "valid")
    assert sorted(path.name for path in listed) == [
        "0.flac",
        "1.flac",
        "2.flac",
        "3.flac",
        "4.flac",
        "5.flac",
        "damaged.wav",
    ]


def test_libritts_is_divided_as_its_folders_say(tmp_path: Path) -> None:
    """The tree of torchaudio.datasets.LIBRITTS; its transcripts are no recordings, its test split is for neither."""
    for name in ("train-clean-100", "train-other-500", "dev-clean", "test-clean"):
        chapter = tmp_path / name / "84" / "121123"
        chapter.mkdir(parents=True)
        for suffix in ("wav", "normalized.txt", "original.txt"):
            (chapter / f"84_121123_{name}_000000.{suffix}").touch()
    listed = {
        split: [path.relative_to(tmp_path).parts[0] for path in list_recordings(tmp_path, split)]
        for split in SPLIT_FOLDERS
    }
    assert listed == {"train": ["train-clean-100", "train-other-500"], "valid": ["dev-clean"]}


def test_wrong_sources_are_told(recordings: Path, tmp_path: Path) -> None:
    (tmp_path / "bad.csv").write_text("file\na.wav\n")
    for source, message in (
        (tmp_path / "no.csv", "no such"),
        (tmp_path / "bad.csv", "column 'path'"),
        (tmp_path, "no rec"),
    ):
        with pytest.raises(SettingError, match=message):
            list_recordings(source, "train")


def test_damaged_recordings_are_left_out_with_a_warning(
    recordings: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO):
        audio = pack(recordings, "train", RATE_HZ, tmp_path)
        again = pack(recordings, "train", RATE_HZ, tmp_path)
    assert audio.n_recordings == 5
    assert np.array_equal(audio.samples, again.samples)
    assert len([record for record in caplog.records if "decoding" in record.message]) == 1


def test_segments_depend_on_seed_and_number_alone(packed_sound: PackedAudio) -> None:
    segments, same, other = (RandomSegments(packed_sound, 1000, 10, seed) for seed in (1, 1, 2))
    assert torch.equal(segments[3], same[3])
    assert not torch.equal(segments[3], segments[4])
    assert not torch.equal(segments[3], other[3])
    assert segments[3].shape == (1000,)
    assert max(float(segments[i].abs().max()) for i in range(10)) <= 0.981


def test_short_recordings_are_followed_by_silence() -> None:
    audio = PackedAudio(np.full(100, 16000, np.int16), np.array([0, 100]))
    segment = RandomSegments(audio, 300, 1, 0)[0]
    assert bool((segment[:100] != 0).all())
    assert bool((segment[100:] == 0).all())


def test_resident_segments_are_those_of_the_recordings(packed_sound: PackedAudio) -> None:
    """Each is a piece of one recording but for its gain, and all pieces come up."""
    resident = ResidentSegments(packed_sound, 1000, torch.device("cpu"))
    segments = resident.draw(64, torch.Generator().manual_seed(0))
    assert torch.equal(segments, resident.draw(64, torch.Generator().manual_seed(0)))
    assert float(segments.abs().max()) <= 0.981
    whole = torch.from_numpy(np.array(packed_sound.samples)).float()
    for segment in [segment for segment in segments if bool(segment.any())][:4]:
        pieces = whole.unfold(0, 1000, 1)
        similarity = (pieces @ segment) / (pieces.norm(dim=1) * segment.norm()).clamp(min=1e-9)
        assert float(similarity.abs().max()) > 0.9999
    short = PackedAudio(np.full(100, 16000, np.int16), np.array([0, 100]))
    padded = ResidentSegments(short, 300, torch.device("cpu")).draw(1, torch.Generator().manual_seed(0))
    assert bool((padded[0, 100:] == 0).all())


def test_mixing_adds_others_of_the_batch_and_stays_in_range() -> None:
    torch.manual_seed(0)
    segments = 0.9 * torch.rand(400, 50)
    generator = torch.Generator().manual_seed(0)
    mixed = mix(segments, 0.25, generator)
    changed = ~torch.isclose(mixed, segments, rtol=1e-3).all(dim=1)
    assert 0.15 < float(changed.float().mean()) < 0.35
    assert float(mixed.abs().max()) <= 0.981
    assert torch.equal(mix(segments, 0.0, generator), segments)


def test_recordings_are_packed_at_every_speed(recordings: Path, tmp_path: Path) -> None:
    plain = pack(recordings, "valid", RATE_HZ, tmp_path)
    more = pack(recordings, "valid", RATE_HZ, tmp_path, speeds=(1.0, 0.8))
    assert more.n_recordings == 2 * plain.n_recordings
    lengths = np.diff(more.starts)
    assert lengths[1] == pytest.approx(lengths[0] / 0.8, rel=1e-3)


def test_learning_rate_warms_up_stays_and_falls() -> None:
    config = LoopConfig(model="base", n_steps=100, warmup_steps=10, cooldown_steps=20)
    factors = [learning_rate_factor(step, config) for step in range(100)]
    assert factors[0] == pytest.approx(0.1)
    assert set(factors[9:81]) == {1.0}
    assert factors[99] == pytest.approx(0.05)


def _curve(caplog: pytest.LogCaptureFixture) -> list[str]:
    lines = [record.message for record in caplog.records if record.message.startswith("step")]
    caplog.clear()
    return lines


@pytest.mark.parametrize("part", ["codec", "vocoder"])
def test_a_resumed_run_has_the_same_curve(
    part: str, training_file: Path, recordings: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    if part == "codec":
        with training_file.open("a") as file:
            file.write("fit_segments: 40\n")
    train = run.train_codec if part == "codec" else run.train_vocoder
    train(str(training_file), tmp_path / "whole", recordings, None)
    whole = _curve(caplog)
    train(str(training_file), tmp_path / "parts", recordings, 5)
    train(str(training_file), tmp_path / "parts", recordings, None)
    parts = [line for line in _curve(caplog) if "step 5, validation" not in line]
    assert whole == parts
    assert len(whole) == 13


@pytest.mark.slow
def test_training_lowers_the_losses_and_gives_a_model(
    training_file: Path, recordings: Path, small_config: CodecConfig, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    from flowmac.checkpoint import export

    caplog.set_level(logging.INFO)
    for part, extra in (("codec", "fit_segments: 40\nlearning_rate: 0.003\n"), ("vocoder", "learning_rate: 0.003\n")):
        path = tmp_path / f"{part}.yaml"
        path.write_text(training_file.read_text().replace("n_steps: 12", "n_steps: 250") + extra)
        train = run.train_codec if part == "codec" else run.train_vocoder
        train(str(path), tmp_path / part, recordings, None)
        losses = [float(line.split("loss ")[1].split()[0]) for line in _curve(caplog) if "validation" not in line]
        assert np.mean(losses[-20:]) < 0.97 * np.mean(losses[:20])
    export(tmp_path / "codec", tmp_path / "vocoder", tmp_path / "model", small_config)
    codec = Codec.from_pretrained(tmp_path / "model")
    assert codec.decode(codec.encode(Waveform(make_sound(1.0), RATE_HZ))).n_samples == RATE_HZ


def test_joint_training_moves_autoencoder_and_codebooks(small_config: CodecConfig, packed_sound: PackedAudio) -> None:
    config = small_config.model_copy(
        update={"latent": small_config.latent.model_copy(update={"encoder_blocks": 1, "decoder_blocks": 1})}
    )
    task = CodecTask(config, None, packed_sound, 32, 32, "joint", torch.device("cpu")).train()
    before = task.codec.quantizer.codebooks.clone()
    waveform = torch.from_numpy(make_sound(2.0)[:, : 64 * 512])
    losses = task(waveform, torch.Generator().manual_seed(0))
    losses["loss"].backward()
    perplexities = {f"perplexity_{level}" for level in range(1, 9)}
    assert set(losses) == {"loss", "flow", "prior", "commitment", "coarse_l1", *perplexities}
    for name, parameter in task.codec.autoencoder.named_parameters():
        assert parameter.grad is not None, name
    assert not torch.equal(before, task.codec.quantizer.codebooks)


def test_vocoder_learns_from_decoded_mels(
    training_file: Path, recordings: Path, model_folder: Path, tmp_path: Path
) -> None:
    with training_file.open("a") as file:
        file.write(f"codec: {model_folder}\n")
    run.train_vocoder(str(training_file), tmp_path / "vocoder", recordings, 2)
    assert (tmp_path / "vocoder" / "vocoder.safetensors").exists()


def test_a_run_does_not_go_on_with_another_codec(
    training_file: Path, model_folder: Path, small_config: CodecConfig, recordings: Path, tmp_path: Path
) -> None:
    text = training_file.read_text()
    training_file.write_text(f"{text}codec: {model_folder}\n")
    run.train_vocoder(str(training_file), tmp_path / "vocoder", recordings, 1)
    state = (tmp_path / "vocoder" / "state.ckpt").read_bytes()
    other = small_config.model_copy(update={"flow": FlowConfig(width=48, n_blocks=1)})
    save_config(other, tmp_path / "other")
    save_weights(MelCodec(other), tmp_path / "other" / "codec.safetensors")
    training_file.write_text(f"{text}codec: {tmp_path / 'other'}\n")
    with pytest.raises(SettingError, match="the run there does not fit"):
        run.train_vocoder(str(training_file), tmp_path / "vocoder", recordings, 2)
    assert (tmp_path / "vocoder" / "state.ckpt").read_bytes() == state


def test_going_on_from_weights_alone_is_no_step_back(
    training_file: Path, recordings: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """With the optimiser's state lost, the averaged weights stay where they were but for one small step."""
    from safetensors.torch import load_file

    run.train_vocoder(str(training_file), tmp_path / "vocoder", recordings, 8)
    before = load_file(tmp_path / "vocoder" / "vocoder.safetensors")
    (tmp_path / "vocoder" / "state.ckpt").unlink()
    training_file.write_text(training_file.read_text().replace("averaging_steps: 3", "averaging_steps: 1000"))
    run.train_vocoder(str(training_file), tmp_path / "vocoder", recordings, 1)
    after = load_file(tmp_path / "vocoder" / "vocoder.safetensors")
    moved = max(float((after[name] - before[name]).abs().max()) for name in before)
    assert 0 < moved < 1e-5


def test_wrong_training_files_are_told(training_file: Path, recordings: Path, tmp_path: Path) -> None:
    with pytest.raises(SettingError, match="--data"):
        run.train_codec(str(training_file), tmp_path / "a", None, None)
    with pytest.raises(SettingError, match="did you mean base-flow"):
        run.train_codec("base-flows", tmp_path / "a", recordings, None)
    text = training_file.read_text()
    for change, message in (
        ("segment_frames: 33", "multiple of the model's"),
        ("n_stepps: 3", "n_stepps: Extra inputs"),
    ):
        training_file.write_text(text.replace("segment_frames: 32", change))
        with pytest.raises(SettingError, match=message):
            run.train_codec(str(training_file), tmp_path / "a", recordings, None)


@pytest.fixture
def paper_training_file(training_file: Path, small_paper_config: CodecConfig) -> Path:
    (training_file.parent / "small.yaml").write_text(small_paper_config.model_dump_json())
    with training_file.open("a") as file:
        file.write("fit_segments: 16\n")
    return training_file


def test_a_resumed_joint_run_of_the_paper_codec_has_the_same_curve(
    paper_training_file: Path, recordings: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Dropout, revived codes and the codebooks' averages go on where they were."""
    caplog.set_level(logging.INFO)
    with paper_training_file.open("a") as file:
        file.write("stage: joint\n")
    run.train_codec(str(paper_training_file), tmp_path / "whole", recordings, None)
    whole = _curve(caplog)
    run.train_codec(str(paper_training_file), tmp_path / "parts", recordings, 5)
    torch.manual_seed(99)
    run.train_codec(str(paper_training_file), tmp_path / "parts", recordings, None)
    assert whole == [line for line in _curve(caplog) if "step 5, validation" not in line]
    assert all(f"perplexity_{level} " in line for line in whole for level in range(1, 9))


def test_a_staged_run_trains_the_autoencoder_and_then_the_flow_on_it(
    paper_training_file: Path, recordings: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    from safetensors.torch import load_file

    caplog.set_level(logging.INFO)
    with paper_training_file.open("a") as file:
        file.write("stage: staged\nautoencoder_share: 0.25\n")
    run.train_codec(str(paper_training_file), tmp_path / "codec", recordings, None)
    steps = [line for line in _curve(caplog) if "validation" not in line]
    assert [("prior" in line, "flow" in line) for line in steps] == 3 * [(True, False)] + 9 * [(False, True)]
    first, second = (load_file(tmp_path / "codec" / folder / "codec.safetensors") for folder in (run.FIRST_STAGE, "."))
    changed = {name.split(".")[0] for name in first if not torch.equal(first[name], second[name])}
    assert changed == {"flow"}
    assert not first["flow.velocity.leave.weight"].any()
    run.train_codec(str(paper_training_file), tmp_path / "codec", recordings, None)
    assert not [line for line in _curve(caplog) if "loss" in line], "a finished run has nothing left to do"


def test_a_staged_run_needs_a_step_for_each_stage(paper_training_file: Path, recordings: Path, tmp_path: Path) -> None:
    with paper_training_file.open("a") as file:
        file.write("stage: staged\n")
    with pytest.raises(SettingError, match="no step: give more"):
        run.train_codec(str(paper_training_file), tmp_path / "codec", recordings, 1)


def _paper_task(config: CodecConfig, audio: PackedAudio, stage: Stage) -> CodecTask:
    torch.manual_seed(0)
    return CodecTask(config, None, audio, 16, 32, stage, torch.device("cpu"))


def test_joint_training_reaches_every_weight_of_the_paper_codec(
    small_paper_config: CodecConfig, packed_sound: PackedAudio
) -> None:
    task = _paper_task(small_paper_config, packed_sound, "joint").train()
    torch.nn.init.normal_(task.codec.flow.velocity.leave.weight, std=0.1)
    waveform = torch.from_numpy(make_sound(2.0)[:, : 64 * 512])
    losses = task(waveform, torch.Generator().manual_seed(0))
    expected = losses["flow"] + 0.01 * losses["prior"] + 0.25 * losses["commitment"]
    assert torch.isclose(losses["loss"], expected)
    losses["flow"].backward()
    for name, parameter in task.codec.autoencoder.named_parameters():
        assert parameter.grad is not None, f"the flow's loss does not reach {name}"


@pytest.mark.parametrize(("stage", "trained"), [("autoencoder", "autoencoder"), ("flow", "flow")])
def test_a_stage_trains_its_part_alone(
    stage: Stage, trained: str, small_paper_config: CodecConfig, packed_sound: PackedAudio
) -> None:
    task = _paper_task(small_paper_config, packed_sound, stage).train()
    assert {name.split(".")[1] for name, p in task.named_parameters() if p.requires_grad} == {trained}
    before = task.codec.quantizer.codebooks.clone()
    waveform = torch.from_numpy(make_sound(2.0)[:, : 64 * 512])
    one, other = (task(waveform, torch.Generator().manual_seed(seed))["coarse_l1"] for seed in (4, 4))
    assert torch.equal(task.codec.quantizer.codebooks, before) == (stage == "flow")
    # A frozen autoencoder has no dropout either: what it makes repeats.
    assert torch.equal(one, other) == (stage == "flow")


def test_reflow_trains_a_trained_flow_beside_its_teacher(model_folder: Path, packed_sound: PackedAudio) -> None:
    config = read_model_config(model_folder)
    task = CodecTask(config, model_folder, packed_sound, 16, 32, "reflow", torch.device("cpu"))
    assert {name.split(".")[1] for name, p in task.named_parameters() if p.requires_grad} == {"flow"}
    task(torch.from_numpy(make_sound(2.0)[:, : 64 * 512]), torch.Generator().manual_seed(0))["loss"].backward()
    assert task.codec.flow.velocity.leave.weight.grad is not None
    assert all(parameter.grad is None for parameter in task.teacher.parameters())


def test_reflow_without_a_trained_flow_is_refused(small_config: CodecConfig, packed_sound: PackedAudio) -> None:
    with pytest.raises(SettingError, match="give the folder of one as 'start'"):
        CodecTask(small_config, None, packed_sound, 16, 32, "reflow", torch.device("cpu"))


def test_vocoders_learn_from_textured_decoded_and_true_mels(model_folder: Path) -> None:
    codec = Codec.from_pretrained(model_folder)
    waveform = torch.from_numpy(make_sound(0.7, n_channels=4)[:, : 32 * 512])

    def mels(flow_share: float) -> torch.Tensor:
        source = MelSource(model_folder, decoded_share=0.75, flow_share=flow_share)
        return source(codec.vocoder.mel, waveform, torch.Generator().manual_seed(3 << RANK_BITS))

    true, decoded, textured = codec.vocoder.mel(waveform), mels(0), mels(0.5)
    assert torch.equal(textured, mels(0.5))
    assert torch.equal(textured[3], true[3])
    assert torch.allclose(textured[2], decoded[2])
    for i in range(2):
        assert not torch.allclose(textured[i], decoded[i], rtol=0.01)


@pytest.mark.slow
def test_an_autoencoder_learns_from_random_weights(small_paper_config: CodecConfig, packed_sound: PackedAudio) -> None:
    task = _paper_task(small_paper_config, packed_sound, "autoencoder").train()
    optimizer = torch.optim.AdamW([p for p in task.parameters() if p.requires_grad], 3e-3)
    segments = RandomSegments(packed_sound, 32 * 512, 2400, seed=0)
    priors, perplexities = [], []
    for step in range(300):
        batch = torch.stack([segments[8 * step + i] for i in range(8)])
        losses = task(batch, torch.Generator().manual_seed(step))
        losses["loss"].backward()
        optimizer.step()
        optimizer.zero_grad()
        priors.append(float(losses["prior"].detach()))
        perplexities.append([float(losses[f"perplexity_{level}"]) for level in range(1, 9)])
    assert np.mean(priors[-20:]) < 0.5 * np.mean(priors[:20])
    assert min(perplexities[-1]) > 40, "codes have died out"


@pytest.fixture
def refiner_config(small_config: CodecConfig) -> CodecConfig:
    start = SpectralConfig(width=16, n_blocks=1, n_iterations=8)
    return small_config.model_copy(update={"vocoder": RefinerConfig(start=start, width=16, n_blocks=1)})


def test_a_step_in_parts_is_the_step_as_a_whole(refiner_config: CodecConfig) -> None:
    """CUDA graphs hold the losses alone: what they are given must be all that the step draws."""
    torch.manual_seed(0)
    task = AdversarialTask(refiner_config, None, MelSource(None), crop_frames=12)
    waveform = torch.from_numpy(make_sound(0.4)[:, : 16 * 512])

    def draws() -> torch.Generator:
        return torch.Generator().manual_seed(1234)

    def gradients(losses: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        task.zero_grad()
        losses["loss"].backward()
        return {name: value.grad.clone() for name, value in task.named_parameters() if value.grad is not None}

    whole = task(waveform, draws())
    inputs = task.prepare(waveform, draws())
    torch.manual_seed(5)
    parts = task.losses(*inputs, task.draw_iterations(draws()))
    assert all(torch.equal(value, parts[name]) for name, value in whole.items())
    expected, found = gradients(whole), gradients(parts)
    assert len(expected) == len(list(task.parameters()))
    for name, gradient in expected.items():
        assert torch.equal(gradient, found[name]), name
    assert {task.draw_iterations(torch.Generator().manual_seed(seed << RANK_BITS)) for seed in range(20)} == {2, 4, 8}


def test_cuda_graphs_are_refused_where_they_cannot_be(
    training_file: Path, refiner_config: CodecConfig, recordings: Path, tmp_path: Path
) -> None:
    with training_file.open("a") as file:
        file.write("cuda_graphs: true\ncrop_frames: 12\n")
    with pytest.raises(SettingError, match="cuda_graphs: only vocoders"):
        run.train_vocoder(str(training_file), tmp_path / "spectral", recordings, None)
    (training_file.parent / "small.yaml").write_text(refiner_config.model_dump_json())
    with pytest.raises(SettingError, match="needs a single CUDA device, got 1 of type cpu"):
        run.train_vocoder(str(training_file), tmp_path / "refiner", recordings, None)


@pytest.mark.slow
def test_two_processes_train_one_model(
    training_file: Path, recordings: Path, small_config: CodecConfig, tmp_path: Path, repository: Path
) -> None:
    latent = small_config.latent.model_copy(update={"encoder_blocks": 1, "decoder_blocks": 1})
    (tmp_path / "small.yaml").write_text(small_config.model_copy(update={"latent": latent}).model_dump_json())
    text = training_file.read_text().replace("n_steps: 12", "n_steps: 4")
    training_file.write_text(f"{text}stage: staged\nfit_segments: 40\nresident: true\n")
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    train = [
        str(Path(sys.executable).parent / "flowmac"),
        "train",
        "codec",
        str(training_file),
        "--data",
        str(recordings),
        "-o",
        str(tmp_path / "run"),
    ]
    done = subprocess.run([*torchrun, *train], cwd=repository, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert re.findall(r"step (\d+)  ", done.stderr) == ["1", "2", "1", "2"], "both stages' steps, told once"
    for folder in (tmp_path / "run" / run.FIRST_STAGE, tmp_path / "run"):
        state = torch.load(folder / "state.ckpt", weights_only=False)
        assert state["step"] == 2
        load_weights(MelCodec(read_model_config(folder)), folder / "codec.safetensors")


def test_a_smoke_run_shows_the_loss_falling(
    training_file: Path,
    recordings: Path,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    caplog.set_level(logging.INFO)
    training_file.write_text(training_file.read_text().replace("batch_size: 4", "batch_size: 400"))
    monkeypatch.setitem(run.SMOKE_CODEC, "fit_segments", 40)
    monkeypatch.setitem(run.SMOKE_CODEC, "n_threads", 1)
    run.train_codec(str(training_file), tmp_path / "codec", recordings, None, is_smoke=True)
    losses = [float(line.split("loss ")[1].split()[0]) for line in _curve(caplog) if "validation" not in line]
    assert len(losses) == 30
    assert np.mean(losses[-5:]) < 0.98 * np.mean(losses[:5])

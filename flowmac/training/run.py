"""A training run from its YAML file: reads the configuration, builds the task, shows progress."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal, TypeVar

import pydantic
import torch

from flowmac.checkpoint import CODEC_FILE, CONFIG_FILE, VOCODER_FILE, find_model
from flowmac.config import CodecConfig, SpectralConfig, read_config, shipped_or_path
from flowmac.errors import SettingError
from flowmac.training.codec_trainer import CodecTask, Stage
from flowmac.training.dataset import PackedAudio
from flowmac.training.loop import LoopConfig, Task, train
from flowmac.training.mel_source import MelSource
from flowmac.training.vocoder_trainer import AdversarialTask, MagnitudeTask

logger = logging.getLogger(__name__)

L = TypeVar("L", bound=LoopConfig)

#: What a smoke run changes in any training file: from the data or random weights, where a loss falls at once, on little
#: of everything. The numbers of steps make it about two minutes on two cores. Only a reflow keeps its start.
SMOKE: dict[str, Any] = {
    "start": None,
    "speeds": (1.0,),
    "resident": False,
    "cuda_graphs": False,
    "batch_size": 4,
    "segment_frames": 32,
    "warmup_steps": 10,
    "cooldown_steps": 0,
    "averaging_steps": 20,
    "log_steps": 10,
    "n_valid_segments": 8,
    "n_threads": 2,
    "accelerator": "cpu",
    "devices": 1,
    "precision": "32-true",
}
SMOKE_CODEC = SMOKE | {"n_steps": 300, "fit_segments": 400}
SMOKE_VOCODER = SMOKE | {"n_steps": 40, "crop_frames": 16}

#: Folder, within that of a staged run, of its first stage.
FIRST_STAGE = "autoencoder"


class CodecTrainConfig(LoopConfig):
    """Training of the mel codec: of which ``stage``, see `CodecTask`.

    ``staged`` is the autoencoder for the first ``autoencoder_share`` of ``n_steps``, then the flow, each with a warm-up
    and cool-down of its own.
    """

    fit_segments: pydantic.PositiveInt = 19200
    stage: Stage | Literal["staged"] = "flow"
    autoencoder_share: float = pydantic.Field(default=0.5, gt=0, lt=1)


class VocoderTrainConfig(LoopConfig):
    """Training of a vocoder.

    With ``codec`` (a model) a ``decoded_share`` of the mels are decoded ones, and of these a ``flow_share`` with the
    texture of the flow. Vocoders that learn against discriminators make ``crop_frames`` of each segment.
    """

    codec: str | None = None
    decoded_share: float = pydantic.Field(default=0.5, ge=0, le=1)
    flow_share: float = pydantic.Field(default=0.0, ge=0, le=1)
    crop_frames: pydantic.PositiveInt = 32


def train_codec(config_name: str, folder: Path, data: Path | None, n_steps: int | None, is_smoke: bool = False) -> None:
    """Train a mel codec into ``folder`` as a training file or a preset says.

    Args:
        config_name: path, or name of a shipped preset.
        folder: gets weights, training state and logs; a run that is there is gone on with.
        data: manifest or folder of recordings, in place of the configuration's.
        n_steps: in place of the configuration's.
        is_smoke: a run of two minutes that shows the loss falling, see `SMOKE`.

    Raises:
        SettingError: a configuration is missing or not valid.
    """
    config = _resolve(CodecTrainConfig, config_name, data, n_steps, SMOKE_CODEC if is_smoke else {})
    model = _model(config)
    if config.stage != "staged":
        _train_stage(config.stage, config, model, folder)
        return
    first, second = _split(config, folder / FIRST_STAGE)
    _train_stage("autoencoder", first, model, folder / FIRST_STAGE)
    _train_stage("flow", second, model, folder)


def _split(config: CodecTrainConfig, first_folder: Path) -> tuple[CodecTrainConfig, CodecTrainConfig]:
    """What the two stages of a staged run are told; the second begins with what the first leaves in its folder."""
    n_first = round(config.autoencoder_share * config.n_steps)
    if not 0 < n_first < config.n_steps:
        raise SettingError(
            f"n_steps ({config.n_steps}) times autoencoder_share ({config.autoencoder_share}) leaves one of the two "
            "stages no step: give more steps"
        )
    first = config.model_copy(update={"n_steps": n_first})
    second = config.model_copy(update={"n_steps": config.n_steps - n_first, "start": str(first_folder)})
    return first, second


def _train_stage(stage: Stage, config: CodecTrainConfig, model: CodecConfig, folder: Path) -> None:
    start = _start(config, folder, CODEC_FILE)

    def make_task(audio: PackedAudio, device: torch.device) -> Task:
        return CodecTask(model, start, audio, config.fit_segments, config.segment_frames, stage, device)

    _run(make_task, config, model, folder)


def train_vocoder(
    config_name: str, folder: Path, data: Path | None, n_steps: int | None, is_smoke: bool = False
) -> None:
    """Train a vocoder into ``folder``; arguments and errors as `train_codec`."""
    config = _resolve(VocoderTrainConfig, config_name, data, n_steps, SMOKE_VOCODER if is_smoke else {})
    model = _model(config)
    start = _start(config, folder, VOCODER_FILE)
    codec = None if config.codec is None else find_model(config.codec)

    def make_task(_audio: PackedAudio, _device: torch.device) -> Task:
        source = MelSource(codec, config.decoded_share, config.flow_share)
        if isinstance(model.vocoder, SpectralConfig):
            return MagnitudeTask(model, start, source)
        return AdversarialTask(model, start, source, config.crop_frames)

    _run(make_task, config, model, folder)


def _resolve(kind: type[L], name: str, data: Path | None, n_steps: int | None, smoke: dict[str, Any]) -> L:
    path = shipped_or_path("training configuration", name)
    config = read_config(kind, path)
    if isinstance(config, CodecTrainConfig) and config.stage == "reflow":
        smoke = {name: value for name, value in smoke.items() if name != "start"}
    config = config.model_copy(update=smoke)
    if data is not None:
        config = config.model_copy(update={"data": data})
    elif config.data is not None:
        config = config.model_copy(update={"data": path.parent / config.data})
    else:
        raise SettingError(f"{path}: names no 'data'; give a manifest or folder of recordings with --data")
    return config if n_steps is None else config.model_copy(update={"n_steps": n_steps})


def _model(config: LoopConfig) -> CodecConfig:
    model = read_config(CodecConfig, shipped_or_path("model configuration", config.model))
    group_frames = model.latent.group_frames
    if config.segment_frames % group_frames:
        raise SettingError(
            f"segment_frames ({config.segment_frames}) must be a multiple of the model's group_frames ({group_frames})"
        )
    return model


def _start(config: LoopConfig, folder: Path, weights_file: str) -> Path | None:
    """Where the weights come from: the run itself, then the configuration's start, then nowhere."""
    if (folder / CONFIG_FILE).exists() and (folder / weights_file).exists():
        return folder
    return None if config.start is None else find_model(config.start)


def _run(
    make_task: Callable[[PackedAudio, torch.device], Task], config: LoopConfig, model: CodecConfig, folder: Path
) -> None:
    def report(step: int, losses: dict[str, float]) -> None:
        logger.info("step %d  %s", step, "  ".join(f"{name} {value:.4f}" for name, value in losses.items()))

    folder.mkdir(parents=True, exist_ok=True)
    train(make_task, config, model.mel, folder, report)

"""The training loop, shared by codec and vocoder: seeded, resumable to the same curve, on any number of devices.

A task is a module whose forward takes a batch of audio and a random generator and gives its losses. The loop owns
everything else: data, optimiser, averaged weights, checkpoints, logs. All randomness of step n is drawn from
generators seeded with (seed, n, rank of the process), so that a resumed run goes on exactly as an unbroken one.
"""

from __future__ import annotations

import logging
import os
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pydantic
import torch
from lightning_fabric import Fabric
from lightning_fabric.loggers.tensorboard import TensorBoardLogger
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn
from torch.utils.data import DataLoader, Subset

from flowmac.config import CodecConfig, Config, MelConfig
from flowmac.errors import SettingError
from flowmac.training.dataset import CACHE, PackedAudio, RandomSegments, ResidentSegments, fixed_segments, mix, pack
from flowmac.training.graphs import GraphedStep
from flowmac.training.losses import Losses

logger = logging.getLogger(__name__)

STATE_FILE = "state.ckpt"

#: Low bits of a step's seed that hold the rank of the process.
RANK_BITS = 8


class LoopConfig(Config):
    """What every training run has in common.

    ``model`` is a preset's name or the path of a model configuration, ``start`` a released name or model folder whose
    weights the run begins with (without one it begins from the data), ``data`` a manifest or folder of recordings.
    ``n_steps`` counts optimiser steps from the start of this run folder; the learning rate warms up, stays, and falls
    to zero over the last ``cooldown_steps``. Weights are averaged over about ``averaging_steps``.

    ``speeds`` and ``mix_share`` make more of little data, see `pack` and `mix`; ``resident`` keeps the training audio
    in the device's memory; ``cuda_graphs`` is for vocoders against discriminators on a single GPU, see `GraphedStep`.
    """

    model: str
    start: str | None = None
    data: Path | None = None
    cache: Path = CACHE
    seed: int = 0
    speeds: tuple[pydantic.PositiveFloat, ...] = (1.0,)
    mix_share: float = pydantic.Field(default=0.0, ge=0, le=1)
    resident: bool = False
    cuda_graphs: bool = False
    batch_size: pydantic.PositiveInt = 32
    segment_frames: pydantic.PositiveInt = 128
    n_steps: pydantic.PositiveInt = 100_000
    learning_rate: pydantic.PositiveFloat = 5e-4
    betas: tuple[float, float] = (0.9, 0.98)
    weight_decay: pydantic.NonNegativeFloat = 1e-3
    warmup_steps: pydantic.PositiveInt = 200
    cooldown_steps: pydantic.NonNegativeInt = 0
    averaging_steps: pydantic.PositiveInt = 500
    save_minutes: pydantic.PositiveFloat = 5.0
    log_steps: pydantic.PositiveInt = 50
    validate_steps: pydantic.PositiveInt = 500
    n_valid_segments: pydantic.PositiveInt = 64
    n_workers: pydantic.NonNegativeInt = 0
    n_threads: pydantic.PositiveInt = 1
    accelerator: str = "auto"
    devices: int | str = "auto"
    precision: str = "32-true"


class Task(nn.Module):
    """What is trained: parts of a codec of this configuration, and their losses.

    ``is_fresh`` says that there are no trained weights yet to hold on to.
    """

    def __init__(self, config: CodecConfig, is_fresh: bool) -> None:
        super().__init__()
        self.config = config
        self.is_fresh = is_fresh

    def forward(self, waveform: Tensor, generator: torch.Generator) -> Losses:
        """Losses of a batch [B, N] of audio; the entry ``loss`` is what is minimised."""
        raise NotImplementedError

    def parameter_groups(self) -> list[list[nn.Parameter]]:
        """What is trained; the gradient of each group is clipped by itself."""
        return [[parameter for parameter in self.parameters() if parameter.requires_grad]]

    def save(self, folder: Path) -> None:
        """Write the trained parts to a model folder."""
        raise NotImplementedError

    def pictures(self, waveform: Tensor, generator: torch.Generator) -> dict[str, Tensor]:
        """Mel spectrograms [T, M] to look at, by name, for one recording [1, N]."""
        raise NotImplementedError

    def audio(self, waveform: Tensor, generator: torch.Generator) -> dict[str, Tensor]:
        """Waveforms [N] to listen to, by name, for one recording [1, N]."""
        raise NotImplementedError


def learning_rate_factor(step: int, config: LoopConfig) -> float:
    """Warm-up, plateau and linear cool-down, as a factor of the learning rate."""
    warmup = min(1.0, (step + 1) / config.warmup_steps)
    remaining = (config.n_steps - step) / max(1, config.cooldown_steps)
    return warmup * min(1.0, remaining) if config.cooldown_steps else warmup


def train(
    make_task: Callable[[PackedAudio, torch.device], Task],
    config: LoopConfig,
    mel: MelConfig,
    folder: Path,
    report: Callable[[int, dict[str, float]], None],
) -> None:
    """Train until ``config.n_steps``, going on from ``folder`` if it holds a training state.

    Args:
        make_task: builds what is trained; gets the training audio and the device for the data-driven start.
        config: settings of the loop.
        mel: of the codec.
        folder: gets the state, the model's files (averaged weights) and TensorBoard logs.
        report: called with the step and mean losses after every ``config.log_steps``.

    Raises:
        SettingError: there are no data, or the state in ``folder`` is of something else.
    """
    if config.data is None:
        raise SettingError("the training configuration names no data")
    torch.set_num_threads(config.n_threads)
    tensorboard = TensorBoardLogger(folder.parent, name=folder.name, version="logs")
    fabric = Fabric(
        accelerator=config.accelerator,
        devices=int(os.environ.get("LOCAL_WORLD_SIZE", 0)) or config.devices,  # torchrun says how many there are
        precision=config.precision,  # type: ignore[arg-type]  # a string from YAML; Fabric checks it
        loggers=[tensorboard],
    )
    fabric.launch()
    fabric.seed_everything(config.seed, verbose=False)

    n_samples = config.segment_frames * mel.hop_samples
    with fabric.rank_zero_first():
        n_processes = max(1, config.n_workers)
        train_audio = pack(config.data, "train", mel.sample_rate_hz, config.cache, config.speeds, n_processes)
        valid_audio = pack(config.data, "valid", mel.sample_rate_hz, config.cache, n_processes=n_processes)
        raw_task = make_task(train_audio, fabric.device).to(fabric.device)
    valid = fixed_segments(valid_audio, n_samples, config.n_valid_segments)
    optimizer = torch.optim.AdamW(
        [{"params": group} for group in raw_task.parameter_groups()],
        config.learning_rate,
        betas=config.betas,
        weight_decay=config.weight_decay,
        fused=fabric.device.type == "cuda",
    )
    if fabric.device.type == "cuda":  # shapes never change, and training needs no more than the ten bits of TF32
        torch.backends.cudnn.benchmark = True
        torch.set_float32_matmul_precision("high")
    task, optimizer = fabric.setup(raw_task, optimizer)
    average = AveragedModel(
        raw_task, multi_avg_fn=get_ema_multi_avg_fn(1 - 1 / config.averaging_steps), use_buffers=False
    )
    average.n_averaged.fill_(1)  # the first update would copy and not average
    state: dict[str, Any] = {"task": task, "optimizer": optimizer, "average": average, "step": 0}
    if (folder / STATE_FILE).exists():
        _go_on(fabric, folder, state)
        logger.info("going on from step %d of %s", state["step"], folder)

    graphed = GraphedStep(raw_task, fabric) if config.cuda_graphs else None
    batches = _batches(fabric, train_audio, n_samples, state["step"], config)
    sums: dict[str, Tensor] = {}
    n_summed = 0
    last_save = time.monotonic()
    is_save_due = False
    for step, batch in enumerate(batches, start=state["step"]):
        for group in optimizer.param_groups:
            group["lr"] = config.learning_rate * learning_rate_factor(step, config)
        generator = _generator(fabric, config.seed, step)
        batch = mix(batch, config.mix_share, generator)
        if graphed is None:
            losses = task(batch, generator)
            fabric.backward(losses["loss"])
        else:
            losses = graphed(batch, generator)
        for group in optimizer.param_groups:
            nn.utils.clip_grad_norm_(group["params"], max_norm=1.0)
        optimizer.step()
        optimizer.zero_grad()
        if raw_task.is_fresh and step < config.averaging_steps:  # an average would hold on to the random start
            average.module.load_state_dict(raw_task.state_dict())
        else:
            average.update_parameters(raw_task)
        state["step"] = step + 1
        for name, value in losses.items():
            sums[name] = sums.get(name, 0) + value.detach()  # stays on the device: reading it would stop the queue
        n_summed += 1
        if state["step"] % config.log_steps == 0:
            means = {name: float(value) / n_summed for name, value in sums.items()}
            fabric.log_dict({f"train/{name}": value for name, value in means.items()}, state["step"])
            if fabric.is_global_zero:
                report(state["step"], means)
            sums.clear()
            n_summed = 0
            # Clocks differ, and all processes must save at the same step.
            is_save_due = fabric.broadcast(time.monotonic() - last_save > 60 * config.save_minutes)
        is_last = state["step"] == config.n_steps
        if fabric.is_global_zero and (state["step"] % config.validate_steps == 0 or is_last):
            validate(average.module, valid, config, fabric, tensorboard, state["step"])
        if is_save_due or is_last:
            save(fabric, state, average.module, folder)
            last_save = time.monotonic()
            is_save_due = False


def _go_on(fabric: Fabric, folder: Path, state: dict[str, Any]) -> None:
    """Fill ``state`` with that of the run in ``folder``."""
    try:
        fabric.load(folder / STATE_FILE, state)
    except (RuntimeError, ValueError, KeyError) as error:
        logger.debug("%s", error)
        raise SettingError(
            f"{folder}: the state of the run there does not fit: its training file, or a model that this names, was "
            "another one. Choose another folder for the output; to go on from the run's weights, name it as 'start'"
        ) from None


def _batches(fabric: Fabric, audio: PackedAudio, n_samples: int, first_step: int, config: LoopConfig) -> Any:
    """The batches of all steps from ``first_step`` on, each on the device."""
    if config.resident:
        resident = ResidentSegments(audio, n_samples, fabric.device)
        generators = (_generator(fabric, config.seed + 1, step) for step in range(first_step, config.n_steps))
        return (resident.draw(config.batch_size, generator) for generator in generators)
    per_step = config.batch_size * fabric.world_size
    segments = RandomSegments(audio, n_samples, config.n_steps * per_step, config.seed)
    remaining = Subset(segments, range(first_step * per_step, len(segments)))
    loader = DataLoader(remaining, config.batch_size, num_workers=config.n_workers)
    return fabric.setup_dataloaders(loader)


def _generator(fabric: Fabric, seed: int, step: int) -> torch.Generator:
    generator = torch.Generator(device=fabric.device)
    return generator.manual_seed((hash((seed, step)) & 0xFFFFFF) << RANK_BITS | fabric.global_rank)


def shared_generator(generator: torch.Generator, purpose: int = 0) -> torch.Generator:
    """A generator for what the program itself must know of a step, such as a number of levels.

    It draws on the CPU, so that nothing waits for the device, and the same in all processes, which must do the same.

    Args:
        generator: that of the step.
        purpose: what the numbers are for; keeps different ones independent.
    """
    return torch.Generator().manual_seed((generator.initial_seed() >> RANK_BITS) + purpose)


@torch.no_grad()
def validate(
    task: nn.Module,
    valid: Tensor,
    config: LoopConfig,
    fabric: Fabric,
    tensorboard: TensorBoardLogger,
    step: int,
) -> None:
    """Losses of the averaged weights on fixed segments and fixed noise; pictures and audio of the first."""
    assert isinstance(task, Task)
    task.eval()
    sums: dict[str, float] = defaultdict(float)
    batches = valid.to(fabric.device).split(config.batch_size)
    for i, batch in enumerate(batches):
        for name, value in task(batch, _generator(fabric, seed=-1, step=i)).items():
            sums[name] += float(value) / len(batches)
    fabric.log_dict({f"valid/{name}": value for name, value in sums.items()}, step)
    logger.info("step %d, validation: %s", step, "  ".join(f"{k} {v:.4f}" for k, v in sums.items()))
    first = valid[:1].to(fabric.device)
    for name, mel in task.pictures(first, _generator(fabric, seed=-1, step=0)).items():
        picture = (mel - mel.min()) / (mel.max() - mel.min() + 1e-9)
        tensorboard.experiment.add_image(name, picture.T.flip(0)[None], step)
    for name, waveform in task.audio(first, _generator(fabric, seed=-1, step=0)).items():
        tensorboard.experiment.add_audio(name, waveform[None], step, sample_rate=task.config.mel.sample_rate_hz)
    task.train()


def save(fabric: Fabric, state: dict[str, Any], task: nn.Module, folder: Path) -> None:
    """Write the whole training state, and the averaged weights as a model folder; neither is ever half written."""
    assert isinstance(task, Task)
    fabric.save(folder / f"{STATE_FILE}.part", state)
    if fabric.is_global_zero:
        (folder / f"{STATE_FILE}.part").replace(folder / STATE_FILE)
        task.save(folder)
    fabric.barrier()  # a stage that comes next reads the files

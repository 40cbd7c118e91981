"""Forward and backward pass of a training step as CUDA graphs, for tasks that are bound by the launching of kernels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import torch
from lightning_fabric import Fabric
from torch import Tensor

from flowmac.errors import SettingError
from flowmac.training.losses import Losses

#: Passes before a capture, in which libraries choose their algorithms and reserve memory.
N_WARMUPS = 3


@runtime_checkable
class GraphableTask(Protocol):
    """A task whose random choices are apart from its losses, of which a graph can then be captured."""

    def prepare(self, waveform: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
        """What the losses need of a batch [B, N]: tensors whose shapes never change."""

    def draw_iterations(self, generator: torch.Generator) -> int:
        """One of a few numbers of iterations."""

    def losses(self, mel: Tensor, phase: Tensor, waveform: Tensor, n_iterations: int) -> Losses:
        """Losses from what the other two give; nothing in them may wait for the device."""


@dataclass(frozen=True)
class _Capture:
    graph: torch.cuda.CUDAGraph
    losses: Losses
    gradients: list[Tensor | None]


class GraphedStep:
    """Forward and backward pass of a task, captured once for each number of iterations and then replayed.

    The step against discriminators consists of thousands of small kernels, and the processor takes longer to launch
    them than the device to run them. Measured on one NVIDIA H200, preset ``base-vocoder`` at batch size 16 and
    bf16-mixed: 124 ms a step without graphs, 41 ms with them, in an earlier form of this code; this form has yet to run
    on a device.

    Source: CUDA graphs as in PyTorch's notes on CUDA semantics, "Whole-network capture".

    Args:
        task: offers ``prepare``, ``draw_iterations`` and ``losses``; its parameters get the gradients.
        fabric: gives device and precision.

    Raises:
        SettingError: the device is no GPU, there are several, or the task is another.
    """

    def __init__(self, task: torch.nn.Module, fabric: Fabric) -> None:
        if not isinstance(task, GraphableTask):
            raise SettingError(
                "cuda_graphs: only vocoders that learn against discriminators can use them; set it to false"
            )
        if fabric.device.type != "cuda" or fabric.world_size > 1:
            raise SettingError(
                f"cuda_graphs: needs a single CUDA device, got {fabric.world_size} of type {fabric.device.type}; "
                "set it to false"
            )
        self.task = task
        self.fabric = fabric
        self.parameters = list(task.parameters())
        self.inputs: tuple[Tensor, Tensor, Tensor] | None = None
        self.captures: dict[int, _Capture] = {}

    def __call__(self, waveform: Tensor, generator: torch.Generator) -> Losses:
        """Losses of a batch [B, N], to be read before the next call; the parameters then have their gradients."""
        inputs = self.task.prepare(waveform, generator)
        n_iterations = self.task.draw_iterations(generator)
        if self.inputs is None:
            self.inputs = inputs  # from now on, where graphs read from
        for target, tensor in zip(self.inputs, inputs, strict=True):
            target.copy_(tensor)
        if n_iterations not in self.captures:
            self.captures[n_iterations] = self._capture(self.inputs, n_iterations)
        capture = self.captures[n_iterations]
        capture.graph.replay()
        for parameter, gradient in zip(self.parameters, capture.gradients, strict=True):
            parameter.grad = gradient
        return capture.losses

    def _capture(self, inputs: tuple[Tensor, Tensor, Tensor], n_iterations: int) -> _Capture:
        stream = torch.cuda.Stream()
        stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(stream):
            for _ in range(N_WARMUPS):
                self._run(inputs, n_iterations)
        torch.cuda.current_stream().wait_stream(stream)
        # Graphs run one at a time, so that they can share their memory.
        pool = next((capture.graph.pool() for capture in self.captures.values()), None)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph, pool=pool):
            losses = self._run(inputs, n_iterations)
        return _Capture(graph, losses, [parameter.grad for parameter in self.parameters])

    def _run(self, inputs: tuple[Tensor, Tensor, Tensor], n_iterations: int) -> Losses:
        """One pass; without gradients before, a graph writes them in place of adding to them."""
        for parameter in self.parameters:
            parameter.grad = None
        with self.fabric.autocast():
            torch.set_autocast_cache_enabled(False)  # weights cast before would be replayed as they were
            losses = self.task.losses(*inputs, n_iterations)
        self.fabric.backward(losses["loss"])
        return {name: value.detach() for name, value in losses.items()}

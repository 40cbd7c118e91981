"""The one network block that all networks here are built of, and the embedding of a number."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional


class ConvNeXtBlock(nn.Module):
    """ConvNeXt block in one dimension: depthwise convolution over time, norm, two-layer network, residual.

    With ``condition_size`` the norm's scale and shift and the residual's gain depend on a condition vector (adaptive
    layer norm, Peebles and Xie 2023), and start as if there were none.

    Source: Liu et al., "A ConvNet for the 2020s", 2022, as Vocos (Siuzdak 2023) uses it for audio.
    """

    def __init__(self, width: int, kernel_size: int = 7, expansion: int = 3, condition_size: int = 0) -> None:
        super().__init__()
        self.over_time = nn.Conv1d(width, width, kernel_size, padding=kernel_size // 2, groups=width)
        self.norm = nn.LayerNorm(width, elementwise_affine=condition_size == 0)
        self.widen = nn.Linear(width, expansion * width)
        self.narrow = nn.Linear(expansion * width, width)
        self.gain = nn.Parameter(torch.full((width,), 0.2))
        self.modulation = zero_linear(condition_size, 3 * width) if condition_size else None

    def forward(self, x: Tensor, condition: Tensor | None = None) -> Tensor:
        """x [B, T, width] and, where the block has one, condition [B, condition_size] to [B, T, width]."""
        h = self.norm(self.over_time(x.transpose(1, 2)).transpose(1, 2))
        gain = self.gain
        if self.modulation is not None and condition is not None:
            scale, shift, extra_gain = self.modulation(condition)[:, None].chunk(3, dim=-1)
            h = h * (1 + scale) + shift
            gain = gain + extra_gain
        return x + gain * self.narrow(functional.gelu(self.widen(h)))


def zero_linear(n_in: int, n_out: int) -> nn.Linear:
    """A linear layer that gives 0 until it is trained."""
    layer = nn.Linear(n_in, n_out)
    nn.init.zeros_(layer.weight)
    nn.init.zeros_(layer.bias)
    return layer


def sinusoidal_embedding(values: Tensor, size: int, highest: float = 1000.0) -> Tensor:
    """values [B] to [B, size]: sines and cosines at size / 2 frequencies from 1 to ``highest`` radians a unit."""
    frequencies = torch.exp(torch.linspace(0, math.log(highest), size // 2, device=values.device))
    angles = values[:, None] * frequencies
    return torch.cat([angles.sin(), angles.cos()], dim=-1)

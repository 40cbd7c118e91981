"""Periodic activation without aliasing: what the BigVGAN variant uses between its convolutions.

A nonlinearity makes frequencies that the sample rate has no room for and that fold back. Between an upsampling and a
downsampling by two there is room for the strongest of them.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

#: Samples that a sample between two others is interpolated from.
N_TAPS = 8

#: Shape of the Kaiser window for an attenuation of 40 dB (Kaiser 1974), which up to 70 % of half the sample rate holds.
KAISER_BETA = 0.5842 * 19**0.4 + 0.07886 * 19


def half_sample_taps() -> Tensor:
    """Kaiser-windowed sinc that gives the values half-way between samples; sum 1."""
    distances = np.arange(N_TAPS) - (N_TAPS - 1) / 2
    window = np.i0(KAISER_BETA * np.sqrt(1 - (2 * distances / N_TAPS) ** 2))
    taps = np.sinc(distances) * window
    return torch.from_numpy(taps / taps.sum()).float()


class Snake(nn.Module):
    """x + sin^2(a x) / a with a learned frequency a > 0 for each channel; [B, C, N] to the same.

    Source: Ziyin, Hartwig, Ueda, "Neural Networks Fail to Learn Periodic Functions and How to Fix It", 2020.
    """

    def __init__(self, n_channels: int) -> None:
        super().__init__()
        self.log_frequency = nn.Parameter(torch.zeros(n_channels, 1))

    def forward(self, x: Tensor) -> Tensor:
        """See the class."""
        frequency = self.log_frequency.exp()
        return x + torch.sin(frequency * x).square() / frequency


class AntiAliased(nn.Module):
    """An elementwise ``activation`` at twice the sample rate: upsample by 2, activate, low-pass and downsample by 2.

    The filter is half-band: at twice the rate every second of its taps is zero, but for the centre. So upsampling keeps
    the samples and adds those between them, and downsampling is half the samples and half what those between them say
    of their places.

    Source: Lee et al., "BigVGAN", 2023; half-band filters: Vaidyanathan, "Multirate Systems and Filter Banks", 1993.
    """

    #: Samples on either side that can change a sample of the output.
    REACH_SAMPLES = N_TAPS - 1

    taps: Tensor

    def __init__(self, activation: nn.Module) -> None:
        super().__init__()
        self.activation = activation
        self.register_buffer("taps", half_sample_taps(), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """x [B, C, N] to [B, C, N]."""
        between = self.activation(self._interpolate(x, N_TAPS // 2 - 1))  # those after each sample
        return 0.5 * (self.activation(x) + self._interpolate(between, N_TAPS // 2))

    def _interpolate(self, x: Tensor, n_before: int) -> Tensor:
        """Values half-way between samples, the first from ``n_before`` padded ones and the rest of the taps."""
        padded = functional.pad(x, (n_before, N_TAPS - 1 - n_before), mode="replicate")
        n_channels = x.shape[1]
        return functional.conv1d(padded, self.taps.expand(n_channels, 1, -1), groups=n_channels)

"""Mel to audio by a network alone: the BigVGAN variant, for a hop of 512.

A convolution over mel frames, then stages that each upsample and pass the signal through anti-aliased multi-periodicity
(AMP) blocks, until there is one value a sample.

Source: Lee et al., "BigVGAN: A Universal Neural Vocoder with Large-Scale Training", 2023. Factors of upsampling, sizes,
and convolutions without weight normalisation are choices of this project.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from flowmac.config import BigVGANConfig, MelConfig
from flowmac.errors import SettingError
from flowmac.vocoder.base import Vocoder
from flowmac.vocoder.periodic import AntiAliased, Snake

#: Taps of the first and the last convolution.
OUTER_KERNEL = 7

#: The log mel runs from about -5 to 6; networks like about 1.
INPUT_SCALE = 0.5


def conv(n_in: int, n_out: int, kernel_size: int, dilation: int = 1) -> nn.Conv1d:
    """A convolution that keeps the length."""
    return nn.Conv1d(n_in, n_out, kernel_size, dilation=dilation, padding=dilation * (kernel_size // 2))


def periodic(n_channels: int) -> AntiAliased:
    """An anti-aliased Snake activation."""
    return AntiAliased(Snake(n_channels))


class AMPBlock(nn.Module):
    """Residual pairs of activation and convolution, the first of each pair dilated: [B, C, N] to [B, C, N]."""

    def __init__(self, n_channels: int, kernel_size: int, dilations: tuple[int, ...]) -> None:
        super().__init__()
        self.pairs = nn.ModuleList(
            nn.Sequential(
                periodic(n_channels),
                conv(n_channels, n_channels, kernel_size, dilation),
                periodic(n_channels),
                conv(n_channels, n_channels, kernel_size),
            )
            for dilation in dilations
        )

    def forward(self, x: Tensor) -> Tensor:
        """See the class."""
        for pair in self.pairs:
            x = x + pair(x)
        return x


class Stage(nn.Module):
    """Upsampling by ``factor`` to half the channels, then the mean of AMP blocks: [B, C, N] to [B, C / 2, N * factor].

    Blocks with kernels of different sizes see different periods.
    """

    def __init__(self, n_channels: int, factor: int, config: BigVGANConfig) -> None:
        super().__init__()
        n_out = n_channels // 2
        self.upsample = nn.ConvTranspose1d(n_channels, n_out, 2 * factor, stride=factor, padding=factor // 2)
        self.blocks = nn.ModuleList(AMPBlock(n_out, size, config.dilations) for size in config.kernel_sizes)

    def forward(self, x: Tensor) -> Tensor:
        """See the class."""
        x = self.upsample(x)
        return torch.stack([block(x) for block in self.blocks]).mean(dim=0)


class BigVGANVocoder(Vocoder):
    """Mel magnitudes to a waveform by a network alone.

    Letters: B batch, T frames, M bands, C channels, N samples.

    Raises:
        SettingError: the factors of upsampling do not multiply to the mel's hop.
    """

    def __init__(self, mel: MelConfig, config: BigVGANConfig) -> None:
        super().__init__(mel)
        if math.prod(config.upsampling) != mel.hop_samples:
            raise SettingError(
                f"upsampling {config.upsampling} multiplies to {math.prod(config.upsampling)}, the mel's hop is "
                f"{mel.hop_samples} samples: choose factors whose product is the hop"
            )
        self.config = config
        self.enter = conv(mel.n_bands, config.width, OUTER_KERNEL)
        widths = [config.width >> i for i in range(len(config.upsampling))]
        stages = [Stage(width, factor, config) for width, factor in zip(widths, config.upsampling, strict=True)]
        self.stages = nn.Sequential(*stages)
        self.activation = periodic(widths[-1] // 2)
        self.leave = conv(widths[-1] // 2, 1, OUTER_KERNEL)

    def proceed(self, mel: Tensor, phase: Tensor, past: Tensor | None) -> tuple[Tensor, Tensor]:
        """See `Vocoder.proceed`; this one makes a phase of its own and does not look at the given one."""
        log_mel = torch.log(mel + self.mel.config.floor).to(self.leave.weight)
        x = self.stages(self.enter((INPUT_SCALE * log_mel).transpose(1, 2)))
        return torch.tanh(self.leave(self.activation(x)))[:, 0], phase

    @property
    def context_frames(self) -> int:
        """See `Vocoder.context_frames`."""
        half_kernel = max(self.config.kernel_sizes) // 2
        block = sum((1 + dilation) * half_kernel + 2 * AntiAliased.REACH_SAMPLES for dilation in self.config.dilations)
        reach_frames = float(OUTER_KERNEL // 2)
        rate = 1  # values a frame
        for factor in self.config.upsampling:
            reach_frames += 1 / rate  # a value after upsampling depends on the two nearest before it
            rate *= factor
            reach_frames += block / rate
        return math.ceil(reach_frames + (AntiAliased.REACH_SAMPLES + OUTER_KERNEL // 2) / rate)

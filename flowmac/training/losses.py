"""Losses of waveforms: distance of mel spectrograms in several resolutions, and the game against discriminators."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from flowmac.config import MelConfig
from flowmac.mel import MelSpectrogram
from flowmac.vocoder.discriminators import Judgement

#: Losses of a batch by name; what is minimised is the entry ``loss``.
Losses = dict[str, Tensor]

#: Windows in samples and bands of each resolution; the hop is a quarter of the window.
RESOLUTIONS = ((64, 10), (128, 20), (256, 40), (512, 80), (1024, 128), (2048, 160))

#: Magnitudes below this share of the largest possible are as good as none.
FLOOR = 1e-5


class MultiResolutionMelLoss(nn.Module):
    """Sum over resolutions of the mean absolute difference of log10 mel magnitudes.

    Source: Kumar et al., "High-Fidelity Audio Compression with Improved RVQGAN", 2023, section 3.4. Short windows hold
    attacks in place, long ones harmonics.
    """

    def __init__(self, sample_rate_hz: int) -> None:
        super().__init__()
        self.mels = nn.ModuleList(
            MelSpectrogram(
                MelConfig(sample_rate_hz=sample_rate_hz, n_fft=n_fft, hop_samples=n_fft // 4, n_bands=n_bands)
            )
            for n_fft, n_bands in RESOLUTIONS
        )

    def forward(self, given: Tensor, wanted: Tensor) -> Tensor:
        """Loss of waveforms [B, N] against those wanted."""
        total = given.new_zeros(())
        for mel in self.mels:
            assert isinstance(mel, MelSpectrogram)
            floor = FLOOR * mel.config.n_fft
            logs = [torch.log10(mel(waveform) + floor) for waveform in (given, wanted)]
            total = total + (logs[0] - logs[1]).abs().mean()
        return total


def discriminator_loss(real: list[Judgement], fake: list[Judgement]) -> Tensor:
    """Least squares: recordings should score 1, decoded audio 0. Source: Mao et al., "Least Squares GAN", 2017."""
    losses = [(1 - r).square().mean() + f.square().mean() for (r, _), (f, _) in zip(real, fake, strict=True)]
    return torch.stack(losses).mean()


def fooling_loss(fake: list[Judgement]) -> Tensor:
    """Least squares: decoded audio should score 1."""
    return torch.stack([(1 - score).square().mean() for score, _ in fake]).mean()


def feature_loss(real: list[Judgement], fake: list[Judgement]) -> Tensor:
    """Mean absolute difference of the layers' outputs, each relative to its size.

    Source: Larsen et al., "Autoencoding beyond pixels using a learned similarity metric", 2016; relative as in EnCodec
    (Defossez et al. 2022), section 3.4.
    """
    losses = []
    for (_, real_layers), (_, fake_layers) in zip(real, fake, strict=True):
        for r, f in zip(real_layers, fake_layers, strict=True):
            wanted = r.detach()
            losses.append(functional.l1_loss(f, wanted) / wanted.abs().mean().clamp(min=1e-3))
    return torch.stack(losses).mean()

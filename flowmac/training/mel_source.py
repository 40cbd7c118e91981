"""The mels that vocoders learn from: true ones, coded and decoded ones, and decoded ones with the flow's texture."""

from __future__ import annotations

import math
from pathlib import Path

import torch
from torch import Tensor, nn

from flowmac.config import DecodeDefaults
from flowmac.mel import MelSpectrogram
from flowmac.mel_codec import MelCodec
from flowmac.solver import get_solver
from flowmac.training.loop import shared_generator

#: Share of the steps whose decoded mels have all levels; the others have a random number.
FULL_LEVELS_SHARE = 0.75

#: Operating points of the flow: after reflow one evaluation is as good as many; temperatures are drawn from a range.
FLOW_NFE = 1
FLOW_TEMPERATURES = (0.6, 1.1)

#: What random numbers of the program are for; keeps them independent.
LEVELS, OPERATING_POINT = 1, 4


class MelSource(nn.Module):
    """Mel magnitudes of recordings as a decoder would give them, so that a vocoder learns to read what coding leaves.

    Args:
        codec: model folder of the codec; None for true mels only.
        decoded_share: share of each batch that is coded and decoded.
        flow_share: share of those that the flow then gives a texture, whatever the model's default is.
    """

    def __init__(self, codec: Path | None, decoded_share: float = 0.0, flow_share: float = 0.0) -> None:
        super().__init__()
        self.codec = None if codec is None else MelCodec.from_folder(codec)
        self.decoded_share = decoded_share
        self.flow_share = flow_share

    @torch.no_grad()
    def forward(self, mel: MelSpectrogram, waveform: Tensor, generator: torch.Generator) -> Tensor:
        """Mel magnitudes [B, T, M] of waveforms [B, N]: first those with texture, then other decoded ones, then true.

        Args:
            mel: the codec's mel spectrogram.
            waveform: recordings.
            generator: of the step.
        """
        true = mel(waveform)
        n_decoded = math.ceil(self.decoded_share * len(true))
        if self.codec is None or n_decoded == 0:
            return true
        chance = shared_generator(generator, LEVELS)
        n_levels = self.codec.config.latent.n_levels
        if torch.rand((), generator=chance) > FULL_LEVELS_SHARE:
            n_levels = int(torch.randint(1, n_levels + 1, (), generator=chance))
        coarse = self.codec.decode(self.codec.encode(mel.compress(true[:n_decoded]), n_levels))
        n_textured = math.ceil(self.flow_share * n_decoded)
        points = [(coarse[:n_textured], _draw_point(generator)), (coarse[n_textured:], self.codec.config.decode)]
        refined = [_refine(self.codec, part, n_levels, point, generator) for part, point in points if len(part)]
        return torch.cat([*map(mel.expand, refined), true[n_decoded:]])


def _draw_point(generator: torch.Generator) -> DecodeDefaults:
    """A random operating point of the flow."""
    chance = shared_generator(generator, OPERATING_POINT)
    low, high = FLOW_TEMPERATURES
    return DecodeDefaults(nfe=FLOW_NFE, temperature=low + (high - low) * float(torch.rand((), generator=chance)))


def _refine(
    codec: MelCodec, coarse: Tensor, n_levels: int, point: DecodeDefaults, generator: torch.Generator
) -> Tensor:
    """Compressed mels [B, T, M] at an operating point of the decoder, from coarse ones."""
    noise = torch.randn(coarse.shape, generator=generator, device=coarse.device)
    return codec.refine(coarse, n_levels, noise, point.temperature, get_solver("euler"), point.nfe, point.cfg)

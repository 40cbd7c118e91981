"""Mel to latents and back frame by frame, as in the paper: stacks of self-attention that start at random weights.

What the paper is known to have: a 1x1 convolution, then blocks of self-attention, dropout, layer norm and
feed-forward; a mel decoder that mirrors them and ends in a projection to the mel bands; mels normalised by mean and
deviation. Width, heads, positions and the limited reach are choices of this project.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from flowmac.attention import AttentionBlock
from flowmac.config import AttentionConfig, LatentConfig, MelConfig
from flowmac.encoder import MelAutoencoder

#: Least deviation of a band, so that one which is always silent stays finite.
MIN_DEVIATION = 0.1


class FrameStack(nn.Module):
    """1x1 convolution, attention blocks, layer norm and 1x1 convolution: [B, T, n_in] to [B, T, n_out]."""

    def __init__(self, n_in: int, n_out: int, width: int, n_blocks: int, attention: AttentionConfig) -> None:
        super().__init__()
        self.enter = nn.Linear(n_in, width)  # on [B, T, n_in] a linear layer is a 1x1 convolution
        self.blocks = nn.Sequential(
            *(
                AttentionBlock(width, attention.n_heads, attention.reach_frames, attention.dropout)
                for _ in range(n_blocks)
            )
        )
        self.norm = nn.LayerNorm(width)
        self.leave = nn.Linear(width, n_out)

    def forward(self, x: Tensor) -> Tensor:
        """See the class."""
        return self.leave(self.norm(self.blocks(self.enter(x))))


class FrameAutoencoder(MelAutoencoder):
    """One latent vector a frame (P = 1), of zero mean and unit variance over its D coefficients.

    Without that fixed scale the commitment loss would be least for latents that shrink to nothing.
    """

    mean: Tensor
    deviation: Tensor

    def __init__(self, mel: MelConfig, config: LatentConfig, attention: AttentionConfig) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(mel.n_bands))
        self.register_buffer("deviation", torch.ones(mel.n_bands))
        width, size = config.width, config.vector_size
        self.encoder = FrameStack(mel.n_bands, size, width, config.encoder_blocks, attention)
        self.decoder = FrameStack(size, mel.n_bands, width, config.decoder_blocks, attention)

    def encode(self, mel: Tensor) -> Tensor:
        """See `MelAutoencoder.encode`."""
        latents = self.encoder((mel - self.mean) / self.deviation)
        return functional.layer_norm(latents, latents.shape[-1:])[:, :, None]

    def decode(self, latents: Tensor) -> Tensor:
        """See `MelAutoencoder.decode`."""
        return self.decoder(latents[:, :, 0]) * self.deviation + self.mean

    @torch.no_grad()
    def fit(self, mel: Tensor) -> Tensor:
        """See `MelAutoencoder.fit`; there is but one way to code a frame."""
        self.mean.copy_(mel.mean(dim=(0, 1)))
        self.deviation.copy_(mel.std(dim=(0, 1)).clamp(min=MIN_DEVIATION))
        return torch.zeros(mel.shape[0] * mel.shape[1], dtype=torch.long, device=mel.device)

    def identity(self) -> tuple[Tensor, ...]:
        """See `MelAutoencoder.identity`: nothing, the codebooks of two trainings are never the same."""
        return ()

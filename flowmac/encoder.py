"""Mel to latents and back: the group transform, with networks beside it that start at zero.

With no blocks the networks are absent and encoder and mel decoder are the transform alone.
"""

from __future__ import annotations

from torch import Tensor, nn

from flowmac.blocks import ConvNeXtBlock, zero_linear
from flowmac.config import LatentConfig
from flowmac.transform import GroupTransform

#: Brings mels and latents near unit variance for the networks.
INPUT_SCALE = 0.5


class GroupNetwork(nn.Module):
    """ConvNeXt blocks over groups, [B, G, n_in] to [B, G, n_out]; gives 0 until it is trained."""

    def __init__(self, n_in: int, n_out: int, width: int, n_blocks: int) -> None:
        super().__init__()
        self.enter = nn.Linear(n_in, width)
        self.blocks = nn.ModuleList(ConvNeXtBlock(width) for _ in range(n_blocks))
        self.norm = nn.LayerNorm(width)
        self.leave = zero_linear(width, n_out)

    def forward(self, x: Tensor) -> Tensor:
        """See the class."""
        h = self.enter(INPUT_SCALE * x)
        for block in self.blocks:
            h = block(h)
        return self.leave(self.norm(h))


class MelAutoencoder(nn.Module):
    """Compressed mel to latent vectors, and quantised latent vectors to a coarse mel.

    Letters: B batch, G groups, P frames and vectors a group, M bands, D coefficients a vector.
    """

    def __init__(self, n_bands: int, config: LatentConfig) -> None:
        super().__init__()
        self.config = config
        self.transform = GroupTransform(n_bands, config.group_frames, config.vector_size)
        n_mel = config.group_frames * n_bands
        n_latent = config.group_frames * config.vector_size
        self.encoder = _network(n_mel, n_latent, config.width, config.encoder_blocks)
        self.decoder = _network(n_latent, n_mel, config.width, config.decoder_blocks)

    def encode(self, mel: Tensor) -> Tensor:
        """Compressed mel [B, G * P, M] to latents [B, G, P, D]."""
        latents = self.transform(mel)
        if self.encoder is None:
            return latents
        groups = mel.reshape(*latents.shape[:2], -1)
        return latents + self.encoder(groups).reshape(latents.shape)

    def decode(self, latents: Tensor) -> Tensor:
        """Latents [B, G, P, D] to the compressed coarse mel [B, G * P, M]."""
        mel = self.transform.inverse(latents)
        if self.decoder is None:
            return mel
        return mel + self.decoder(latents.flatten(2)).reshape(mel.shape)


def _network(n_in: int, n_out: int, width: int, n_blocks: int) -> GroupNetwork | None:
    return GroupNetwork(n_in, n_out, width, n_blocks) if n_blocks else None

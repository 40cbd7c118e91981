"""Mel to latents and back: what all autoencoders have in common, and the one on groups of frames.

It is the group transform, with networks before and after it that start at zero. With no blocks the networks are absent
and encoder and mel decoder are the transform alone.
"""

from __future__ import annotations

import logging

import torch
from torch import Tensor, nn

from flowmac.blocks import ConvNeXtBlock, zero_linear
from flowmac.config import LatentConfig, MelConfig
from flowmac.transform import GroupTransform

logger = logging.getLogger(__name__)

#: Brings compressed mels near unit variance for the networks.
INPUT_SCALE = 0.5


class MelAutoencoder(nn.Module):
    """Compressed mel to latent vectors, and quantised latent vectors to a coarse mel.

    Letters: B batch, G groups, P frames and vectors a group, R transforms (often 1), M bands, D coefficients a vector.
    """

    def encode(self, mel: Tensor) -> Tensor:
        """Compressed mel [B, G * P, M] to latents [B, G, R * P, D]."""
        raise NotImplementedError

    def decode(self, latents: Tensor) -> Tensor:
        """Latents [B, G, R * P, D] to the compressed coarse mel [B, G * P, M]."""
        raise NotImplementedError

    def fit(self, mel: Tensor) -> Tensor:
        """Set what comes from the data alone from compressed mels [B, G * P, M].

        Returns:
            Which of the transforms is for each group, [B * G].
        """
        raise NotImplementedError

    def beyond(self, noise: Tensor) -> Tensor:
        """The part of noise [B, G * P, M], added to a mel, that latents cannot tell; all of it if that is not known."""
        return noise

    def identity(self) -> tuple[Tensor, ...]:
        """What gives codes their meaning beside the codebooks; half precision must not change it."""
        raise NotImplementedError


class MelNetwork(nn.Module):
    """A correction to a compressed mel [B, T, M], by ConvNeXt blocks on tokens of a few frames each; 0 until trained.

    Each token knows its place in the group, because the transform and the quantiser treat places differently.
    """

    def __init__(self, n_bands: int, config: LatentConfig, n_blocks: int) -> None:
        super().__init__()
        self.token_size = config.token_frames * n_bands
        self.place = nn.Parameter(torch.zeros(config.group_frames // config.token_frames, config.width))
        self.enter = nn.Linear(self.token_size, config.width)
        self.blocks = nn.ModuleList(ConvNeXtBlock(config.width) for _ in range(n_blocks))
        self.norm = nn.LayerNorm(config.width)
        self.leave = zero_linear(config.width, self.token_size)

    def forward(self, mel: Tensor) -> Tensor:
        """See the class; T is a multiple of the group's frames."""
        tokens = self.enter(INPUT_SCALE * mel.reshape(mel.shape[0], -1, self.token_size))
        h = tokens + self.place.repeat(tokens.shape[1] // len(self.place), 1)
        for block in self.blocks:
            h = block(h)
        return self.leave(self.norm(h)).reshape(mel.shape)


class GroupAutoencoder(MelAutoencoder):
    """The transform of groups of frames and the networks around it.

    The encoder's network changes the mel so that what the transform and the quantiser make of it serves best, the
    decoder's makes up for what they lost.
    """

    def __init__(self, mel: MelConfig, config: LatentConfig) -> None:
        super().__init__()
        self.transform = GroupTransform(mel, config)
        self.encoder = MelNetwork(mel.n_bands, config, config.encoder_blocks) if config.encoder_blocks else None
        self.decoder = MelNetwork(mel.n_bands, config, config.decoder_blocks) if config.decoder_blocks else None

    def encode(self, mel: Tensor) -> Tensor:
        """See `MelAutoencoder.encode`."""
        return self.transform(mel if self.encoder is None else mel + self.encoder(mel))

    def decode(self, latents: Tensor) -> Tensor:
        """See `MelAutoencoder.decode`."""
        mel = self.transform.inverse(latents)
        return mel if self.decoder is None else mel + self.decoder(mel)

    @torch.no_grad()
    def fit(self, mel: Tensor) -> Tensor:
        """See `MelAutoencoder.fit`."""
        variances, chosen = self.transform.fit(mel)
        n_kept = self.transform.n_kept
        kept_share = float(variances[:n_kept].sum() / variances.sum())
        logger.info(
            "transform: %d of %d coefficients hold %.1f %% of the variance", n_kept, len(variances), 100 * kept_share
        )
        return chosen

    def beyond(self, noise: Tensor) -> Tensor:
        """See `MelAutoencoder.beyond`; several transforms together can tell nearly anything."""
        return noise if self.transform.n_transforms > 1 else self.transform.beyond(noise)

    def identity(self) -> tuple[Tensor, ...]:
        """See `MelAutoencoder.identity`: the transform."""
        return self.transform.mean, self.transform.synthesis

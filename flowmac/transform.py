"""Karhunen-Loeve transform of groups of mel frames.

A frame alone wastes most of its bits on what its neighbours already say. The transform of P frames together packs
their energy into few coefficients, and needs no training but a covariance matrix.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from flowmac.config import LatentConfig, MelConfig
from flowmac.mel import mel_points_hz

#: Where the tilt of the weights bends.
TILT_HZ = 3000.0


def snake_order(n_coefficients: int, n_vectors: int) -> list[int]:
    """Ranks of the coefficients in the order in which they fill the vectors one after the other.

    Ranks are dealt out forth and back (0 1 2, 5 4 3, 6 7 8, ...), so that each vector holds about the same energy and
    the same bits serve them all.
    """
    vectors: list[list[int]] = [[] for _ in range(n_vectors)]
    for rank in range(n_coefficients):
        turn, place = divmod(rank, n_vectors)
        vectors[place if turn % 2 == 0 else n_vectors - 1 - place].append(rank)
    return [rank for vector in vectors for rank in vector]


def band_weights(mel: MelConfig, tilt: float) -> Tensor:
    """Weight [M] of each band: (1 + (f / 3 kHz)^2)^(-tilt / 2) at its centre f, 1 at low frequencies."""
    centres = torch.from_numpy(mel_points_hz(mel.n_bands + 2, mel.sample_rate_hz / 2)[1:-1]).float()
    return (1 + (centres / TILT_HZ) ** 2) ** (-tilt / 2)


class GroupTransform(nn.Module):
    """Mel frames, P a group, to as many latent vectors of D coefficients, and back by the transposed basis.

    Bands are weighted before the transform, so that the quantiser's error lies where it is heard least.

    Letters: B batch, G groups, P frames and vectors a group, M mel bands, D coefficients a vector.
    """

    mean: Tensor
    basis: Tensor
    weights: Tensor

    def __init__(self, mel: MelConfig, config: LatentConfig) -> None:
        super().__init__()
        self.n_bands = mel.n_bands
        self.group_frames = config.group_frames
        self.vector_size = config.vector_size
        n_mel, n_latent = config.group_frames * mel.n_bands, config.group_frames * config.vector_size
        self.register_buffer("mean", torch.zeros(n_mel))
        self.register_buffer("basis", torch.zeros(n_mel, n_latent))
        self.register_buffer("weights", band_weights(mel, config.tilt), persistent=False)

    def forward(self, mel: Tensor) -> Tensor:
        """Compressed mel [B, G * P, M] to latents [B, G, P, D]."""
        groups = (mel * self.weights).reshape(mel.shape[0], -1, self.group_frames * self.n_bands)
        return ((groups - self.mean) @ self.basis).unflatten(-1, (self.group_frames, self.vector_size))

    @property
    def synthesis(self) -> Tensor:
        """What a latent adds to the mel, as exact as half precision: the basis without weights, [P * M, P * D]."""
        return self.basis.half().float() / self.weights.repeat(self.group_frames)[:, None]

    def inverse(self, latents: Tensor) -> Tensor:
        """Latents [B, G, P, D] to compressed mel [B, G * P, M]."""
        groups = latents.flatten(2) @ self.basis.T + self.mean
        return groups.reshape(latents.shape[0], -1, self.n_bands) / self.weights

    @torch.no_grad()
    def fit(self, mel: Tensor) -> Tensor:
        """Set mean and basis from compressed mel [B, G * P, M].

        Returns:
            All P * M variances along the principal axes, largest first.
        """
        groups = (mel * self.weights).reshape(-1, self.group_frames * self.n_bands)
        self.mean.copy_(groups.mean(dim=0))
        centred = groups - self.mean
        covariance = (centred.T @ centred).double() / len(groups)
        variances, axes = torch.linalg.eigh(covariance)
        variances, axes = variances.flip(0), axes.flip(1)
        n_kept = self.group_frames * self.vector_size
        order = snake_order(n_kept, self.group_frames)
        self.basis.copy_(axes[:, :n_kept][:, order])
        return variances

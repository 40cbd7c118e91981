"""Karhunen-Loeve transform of groups of mel frames.

A frame alone wastes most of its bits on what its neighbours already say. The transform of P frames together packs
their energy into few coefficients, and needs no training but a covariance matrix.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn


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


class GroupTransform(nn.Module):
    """Mel frames, P a group, to as many latent vectors of D coefficients, and back by the transposed basis.

    Letters: B batch, G groups, P frames and vectors a group, M mel bands, D coefficients a vector.
    """

    mean: Tensor
    basis: Tensor

    def __init__(self, n_bands: int, group_frames: int, vector_size: int) -> None:
        super().__init__()
        self.n_bands = n_bands
        self.group_frames = group_frames
        self.vector_size = vector_size
        self.register_buffer("mean", torch.zeros(group_frames * n_bands))
        self.register_buffer("basis", torch.zeros(group_frames * n_bands, group_frames * vector_size))

    def forward(self, mel: Tensor) -> Tensor:
        """Compressed mel [B, G * P, M] to latents [B, G, P, D]."""
        groups = mel.reshape(mel.shape[0], -1, self.group_frames * self.n_bands)
        return ((groups - self.mean) @ self.basis).unflatten(-1, (self.group_frames, self.vector_size))

    def inverse(self, latents: Tensor) -> Tensor:
        """Latents [B, G, P, D] to compressed mel [B, G * P, M]."""
        groups = latents.flatten(2) @ self.basis.T + self.mean
        return groups.reshape(latents.shape[0], -1, self.n_bands)

    @torch.no_grad()
    def fit(self, mel: Tensor) -> Tensor:
        """Set mean and basis from compressed mel [B, G * P, M].

        Returns:
            All P * M variances along the principal axes, largest first.
        """
        groups = mel.reshape(-1, self.group_frames * self.n_bands)
        self.mean.copy_(groups.mean(dim=0))
        centred = groups - self.mean
        covariance = (centred.T @ centred).double() / len(groups)
        variances, axes = torch.linalg.eigh(covariance)
        variances, axes = variances.flip(0), axes.flip(1)
        n_kept = self.group_frames * self.vector_size
        order = snake_order(n_kept, self.group_frames)
        self.basis.copy_(axes[:, :n_kept][:, order])
        return variances

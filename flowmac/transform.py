"""Karhunen-Loeve transforms of groups of mel frames.

A frame alone wastes most of its bits on what its neighbours already say. The transform of P frames together packs
their energy into few coefficients, and needs no training but a covariance matrix. Several transforms, each for groups
of its own kind, pack it into fewer still.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from flowmac.config import LatentConfig, MelConfig
from flowmac.mel import mel_points_hz

#: Where the tilt of the weights bends.
TILT_HZ = 3000.0

#: How often groups are dealt out anew to several transforms, which are then found anew.
N_ROUNDS = 4

#: Groups that are rotated at a time, which bounds memory.
CHUNK_GROUPS = 8192


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

    Bands are weighted before the transform, so that the quantiser's error lies where it is heard least. Each of R
    transforms gives latents of its own; of those that come back only one transform's are not zero.

    Letters: B batch, G groups, P frames and vectors a group, R transforms, M mel bands, D coefficients a vector.
    """

    mean: Tensor
    basis: Tensor
    weights: Tensor

    def __init__(self, mel: MelConfig, config: LatentConfig) -> None:
        super().__init__()
        self.n_bands = mel.n_bands
        self.group_frames = config.group_frames
        self.vector_size = config.vector_size
        self.n_transforms = config.n_transforms
        self.group_bits = 8 * config.n_levels * config.group_frames
        n_mel, self.n_kept = config.group_frames * mel.n_bands, config.group_frames * config.vector_size
        self.register_buffer("mean", torch.zeros(n_mel))
        self.register_buffer("basis", torch.zeros(n_mel, config.n_transforms * self.n_kept))
        self.register_buffer("weights", band_weights(mel, config.tilt), persistent=False)

    def forward(self, mel: Tensor) -> Tensor:
        """Compressed mel [B, G * P, M] to latents [B, G, R * P, D]."""
        return ((self._grouped(mel) - self.mean) @ self.basis).unflatten(-1, (-1, self.vector_size))

    def _grouped(self, mel: Tensor) -> Tensor:
        """Mel [B, G * P, M] to weighted groups [B, G, P * M]."""
        return (mel * self.weights).reshape(mel.shape[0], -1, self.group_frames * self.n_bands)

    @property
    def synthesis(self) -> Tensor:
        """What a latent adds to the mel, as exact as half precision: the basis without weights, [P * M, R * P * D]."""
        return self.basis.half().float() / self.weights.repeat(self.group_frames)[:, None]

    def inverse(self, latents: Tensor) -> Tensor:
        """Latents [B, G, R * P, D] to compressed mel [B, G * P, M]."""
        groups = latents.flatten(2) @ self.basis.T + self.mean
        return groups.reshape(latents.shape[0], -1, self.n_bands) / self.weights

    def beyond(self, mel: Tensor) -> Tensor:
        """The part of what is added to a mel, [B, G * P, M], that a single transform's latents cannot tell."""
        groups = self._grouped(mel)
        return (groups - groups @ self.basis @ self.basis.T).reshape(mel.shape) / self.weights

    @torch.no_grad()
    def fit(self, mel: Tensor) -> tuple[Tensor, Tensor]:
        """Set mean and bases from compressed mel [B, G * P, M].

        Returns:
            All P * M variances along the principal axes of all groups, largest first; and which transform each group
            was dealt to, [B * G].
        """
        groups = self._grouped(mel).flatten(0, 1)
        self.mean.copy_(groups.mean(dim=0))
        centred = groups - self.mean
        variances, axes = _principal_axes(centred)
        all_axes, chosen = [axes], torch.zeros(len(groups), dtype=torch.long, device=groups.device)
        if self.n_transforms > 1:
            all_axes, chosen = self._deal_out(centred, water_level(variances, self.group_bits))
        order = snake_order(self.n_kept, self.group_frames)
        self.basis.copy_(torch.cat([axes[:, order] for axes in all_axes], dim=1))
        return variances, chosen

    def _deal_out(self, centred: Tensor, error: float) -> tuple[list[Tensor], Tensor]:
        """Axes of each transform, and the transform that each of the ``centred`` groups [N, P * M] was dealt to [N].

        In turns, as in k-means: axes from each transform's groups, then each group to the transform that codes it best
        with an ``error`` of that much along each axis that is kept. The start is by the energy of the groups.
        """
        energy = centred.square().sum(dim=1)
        quantiles = torch.linspace(0, 1, self.n_transforms + 1)[1:-1].to(energy)
        chosen = torch.bucketize(energy, energy.sort().values[(quantiles * (len(energy) - 1)).long()])
        for _ in range(N_ROUNDS):
            found = [_principal_axes(centred[chosen == i]) for i in range(self.n_transforms)]
            costs = [_coding_cost(centred, v[: self.n_kept], axes[:, : self.n_kept], error) for v, axes in found]
            chosen = torch.stack(costs).argmin(dim=0)
        return [axes for _, axes in found], chosen


def _principal_axes(groups: Tensor) -> tuple[Tensor, Tensor]:
    """Variances about 0 of groups [N, X], largest first [X], and the axes that they lie along [X, X]."""
    moments = (groups.T @ groups).double() / max(1, len(groups))
    variances, axes = torch.linalg.eigh(moments)
    return variances.flip(0).clamp(min=0), axes.flip(1).to(groups)


def water_level(variances: Tensor, n_bits: float) -> float:
    """Mean squared error along each axis that gets bits, if Gaussian ``variances``, largest first, get ``n_bits``.

    Source: reverse water-filling, Cover and Thomas, "Elements of Information Theory", 2006, section 10.3.3.
    """
    logs = variances.clamp(min=1e-12).log2()
    # By how many axes share the bits: 1, 2, ...; an axis is among them if its variance is above the level.
    levels = (logs.cumsum(0) - 2 * n_bits) / torch.arange(1, len(logs) + 1, device=logs.device)
    return float(2 ** levels[int((logs > levels).sum()) - 1])


def _coding_cost(groups: Tensor, variances: Tensor, axes: Tensor, error: float) -> Tensor:
    """What groups [N, X] cost, if they are taken for Gaussian of ``variances`` along ``axes``: [N].

    Axes with variances over the ``error`` are coded with that error, at so many bits as are worth it; what lies along
    other axes, or none, is lost.
    """
    n_coded = int((variances > error).sum())
    ratios = (variances[:n_coded] / error).to(groups)
    costs = []
    for part in groups.split(CHUNK_GROUPS):
        energies = (part @ axes[:, :n_coded]).square()
        lost = part.square().sum(dim=1) - energies.sum(dim=1)
        costs.append(lost + error * ratios.log().sum() + (energies / ratios).sum(dim=1))
    return torch.cat(costs)

"""Residual vector quantiser: each latent vector becomes up to L bytes, one from each level's codebook.

The P vectors of a group hold different coefficients of its transform, so that each position has codebooks of its own.
What the last of these levels leaves is nearly white noise, alike in all positions: a single codebook, made smaller from
level to level, can serve any number of further levels.

Letters: N groups, P positions (vectors a group), D coefficients a vector, L levels, K = 256 entries, W beam width,
F further levels.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor, distributed, nn

#: Entries of a codebook: what a byte can name.
N_ENTRIES = 256

#: Coefficients that hardly any bits are spent on stay small.
MAX_GAIN = 2.0

#: Vectors quantised at a time, which bounds the memory of the search; accelerators want more at once.
CHUNK_VECTORS = 1024
ACCELERATOR_CHUNK_VECTORS = 32768

#: A code chosen less often than this share of the mean is dead, and is revived with a vector of the batch.
DEAD_SHARE = 0.05

#: Usage, as a share of the mean, that a revived code is credited with, so that it gets a chance.
REVIVED_SHARE = 0.3


class ResidualVectorQuantizer(nn.Module):
    """Codebooks [L, P, K, D], found by k-means and kept up by exponential averages in training, and further levels.

    Source: residual quantisation as in SoundStream (Zeghidour et al. 2021, section III-C); codebooks as buffers with
    exponential averages as in VQ-VAE (van den Oord et al. 2017, appendix A). Where several processes train, all of them
    have the averages over the batches of all; they must then use the same number of levels.
    """

    codebooks: Tensor
    further: Tensor
    gain: Tensor
    usage: Tensor
    shares: Tensor

    def __init__(self, n_levels: int, n_positions: int, vector_size: int, decay: float) -> None:
        super().__init__()
        self.n_levels = n_levels
        self.decay = decay
        self.register_buffer("codebooks", torch.zeros(n_levels, n_positions, N_ENTRIES, vector_size))
        #: Entries of the further levels [F, K, D], the same for all positions; see `add_levels`.
        self.register_buffer("further", torch.zeros(0, N_ENTRIES, vector_size), persistent=False)
        #: For each number of levels, what brings a coefficient's spread back to what it was before quantisation.
        self.register_buffer("gain", torch.ones(n_levels + 1, n_positions, vector_size))
        #: Averages over training batches: how often each entry was chosen, with what revived ones are credited with;
        #: and its share of all choices, as they were.
        self.register_buffer("usage", torch.ones(n_levels, n_positions, N_ENTRIES), persistent=False)
        self.register_buffer("shares", torch.zeros(n_levels, n_positions, N_ENTRIES), persistent=False)

    @property
    def max_levels(self) -> int:
        """Levels that a vector may have, further ones included."""
        return self.n_levels + len(self.further)

    def add_levels(self, codebook: Tensor, scales: Tensor) -> None:
        """Have further levels: a codebook [K, D] times each of the scales [F]."""
        self.further = (scales[:, None, None] * codebook).to(self.codebooks)

    def entries(self, level: int) -> Tensor:
        """Entries of a level, [P, K, D]."""
        if level < self.n_levels:
            return self.codebooks[level]
        return self.further[level - self.n_levels].expand(self.codebooks.shape[1:])

    def encode(self, latents: Tensor, n_levels: int, beam_width: int) -> Tensor:
        """Codes [N, P, n_levels], uint8, of latents [N, P, D].

        Beam search: of all choices so far, each level keeps the ``beam_width`` with the smallest residuals; with 1 it
        is the usual greedy choice.
        """
        return self._chunked(latents, n_levels, beam_width)[-1][0]

    def encode_each(self, latents: Tensor, n_levels: int, beam_width: int) -> tuple[Tensor, Tensor]:
        """As `encode` for each number of levels l from 1 to ``n_levels``, in one search.

        Returns:
            Codes [N, n_levels, P, n_levels], of which the first l count at index l - 1, and squared errors of their
            groups, [N, n_levels].
        """
        found = self._chunked(latents, n_levels, beam_width)
        codes = [nn.functional.pad(paths, (0, n_levels - paths.shape[-1])) for paths, _ in found]
        return torch.stack(codes, dim=1), torch.stack([errors.sum(-1) for _, errors in found], dim=1)

    def _chunked(self, latents: Tensor, n_levels: int, beam_width: int) -> list[tuple[Tensor, Tensor]]:
        """For each number of levels what `_search` finds, one part of the latents after the other."""
        parts = [list(self._search(part, n_levels, beam_width)) for part in _chunks(latents)]
        return [
            (torch.cat([c for c, _ in level]), torch.cat([e for _, e in level])) for level in zip(*parts, strict=True)
        ]

    def _search(self, latents: Tensor, n_levels: int, beam_width: int) -> Iterator[tuple[Tensor, Tensor]]:
        """For 1 to ``n_levels`` levels l: the best codes [N, P, l], uint8, and their squared errors [N, P]."""
        residuals = latents[:, :, None]  # [N, P, W, D], W = 1 path so far
        paths = torch.zeros(*residuals.shape[:3], 0, dtype=torch.long, device=latents.device)
        for level in range(n_levels):
            distances = _distances(residuals, self.entries(level))
            n_kept = 1 if level == n_levels - 1 else min(beam_width, distances[0, 0].numel())
            errors, best = distances.flatten(2).topk(n_kept, dim=-1, largest=False)
            parents, entries = best // N_ENTRIES, best % N_ENTRIES
            residuals = _take(residuals, parents) - self._look_up(level, entries)
            paths = torch.cat([_take(paths, parents), entries[..., None]], dim=-1)
            yield paths[:, :, 0].to(torch.uint8), errors[:, :, 0]

    def _look_up(self, level: int, codes: Tensor) -> Tensor:
        """Entries [N, P, W, D] of codes [N, P, W]."""
        return look_up(self.entries(level), codes)

    def decode(self, codes: Tensor, n_valid: Tensor | None = None) -> Tensor:
        """Latents [N, P, D] of codes [N, P, L'], L' levels or fewer.

        Args:
            codes: uint8.
            n_valid: how many levels of each vector count, [N, P]; None if all do.
        """
        latents = torch.zeros(*codes.shape[:2], self.codebooks.shape[-1], device=self.codebooks.device)
        for level in range(codes.shape[-1]):
            entries = self._look_up(level, codes[:, :, level, None].long())[:, :, 0]
            latents = latents + (entries if n_valid is None else entries * (level < n_valid)[..., None])
        return latents

    def forward(self, latents: Tensor, n_levels: int, beam_width: int = 1) -> Tensor:
        """Latents [N, P, D] quantised with ``n_levels`` levels; in training the codebooks follow the data."""
        codes = self.encode(latents.detach(), n_levels, beam_width).long()
        residuals, quantised = latents.detach(), torch.zeros_like(latents)
        for level in range(n_levels):
            step = self._look_up(level, codes[:, :, level, None])[:, :, 0]
            if self.training:
                self._follow(level, residuals, codes[:, :, level])
            quantised, residuals = quantised + step, residuals - step
        return latents + (quantised - latents).detach()  # straight-through gradient

    @torch.no_grad()
    def _follow(self, level: int, residuals: Tensor, codes: Tensor) -> None:
        """Move the entries of a level towards the residuals [N, P, D] that chose them by ``codes`` [N, P]."""
        counts, sums = _cluster_sums(residuals, codes)
        random = residuals[torch.randint(len(residuals), (N_ENTRIES,), device=residuals.device)].transpose(0, 1)
        if distributed.is_available() and distributed.is_initialized():
            random = random.contiguous()
            distributed.all_reduce(counts)
            distributed.all_reduce(sums)
            distributed.broadcast(random, src=0)
        self.shares[level].lerp_(counts / counts.sum(dim=-1, keepdim=True), 1 - self.decay)
        usage, entries = self.usage[level], self.codebooks[level]
        totals = entries * usage[..., None]  # the average is kept as entry times usage
        usage.mul_(self.decay).add_(counts, alpha=1 - self.decay)
        totals.mul_(self.decay).add_(sums, alpha=1 - self.decay)
        entries.copy_(totals / usage[..., None].clamp(min=1e-5))
        mean_usage = usage.mean(dim=-1, keepdim=True)
        dead = usage < DEAD_SHARE * mean_usage
        entries.copy_(torch.where(dead[..., None], random, entries))
        usage.copy_(torch.where(dead, REVIVED_SHARE * mean_usage, usage))

    def restore(self, quantised: Tensor, n_levels: int | Tensor) -> Tensor:
        """Quantised latents [..., P, D] with the spread of latents before quantisation.

        Those of ``n_levels`` levels, in each group if it is a tensor [...]. Means of clusters vary less than what they
        stand for, which sounds dull: details come back at the right strength at a small cost in mean square error.
        """
        return quantised * self.gain_of(n_levels)

    def gain_of(self, n_levels: int | Tensor) -> Tensor:
        """Gains [..., P, D] of ``n_levels`` levels; further levels change them no more."""
        return self.gain[torch.as_tensor(n_levels).clamp(max=self.n_levels)]

    @torch.no_grad()
    def fit_gain(self, latents: Tensor, beam_width: int) -> None:
        """Set the gains of `restore` from latents [N, P, D]."""
        for n_levels in range(1, self.n_levels + 1):
            quantised = self.decode(self.encode(latents, n_levels, beam_width))
            self.gain[n_levels] = (latents.std(dim=0) / quantised.std(dim=0)).clamp(1, MAX_GAIN)

    @torch.no_grad()
    def fit(self, latents: Tensor, generator: torch.Generator, n_iterations: int = 10) -> None:
        """Find all codebooks from latents [N, P, D], level by level, by k-means on what the levels before left."""
        residuals = latents.clone()
        for level in range(self.n_levels):
            self.codebooks[level] = k_means(residuals, generator, n_iterations)
            codes = nearest(residuals, self.codebooks[level])
            residuals -= look_up(self.codebooks[level], codes[..., None])[:, :, 0]


def k_means(vectors: Tensor, generator: torch.Generator, n_iterations: int) -> Tensor:
    """Entries [P, K, D] that are the means of the vectors [N, P, D] nearest to them, by position."""
    chosen = torch.randperm(len(vectors), generator=generator, device=generator.device)[:N_ENTRIES]
    # Fewer vectors than entries: repeat them.
    chosen = chosen[torch.arange(N_ENTRIES, device=chosen.device) % len(chosen)]
    entries = vectors[chosen].transpose(0, 1)
    for _ in range(n_iterations):
        counts, sums = _cluster_sums(vectors, nearest(vectors, entries))
        means = sums / counts[..., None].clamp(min=1)
        # An entry that nobody chose starts again at a random vector.
        random = torch.randint(len(vectors), (N_ENTRIES,), generator=generator, device=generator.device)
        entries = torch.where(counts[..., None] > 0, means, vectors[random].transpose(0, 1))
    return entries


def nearest(vectors: Tensor, entries: Tensor) -> Tensor:
    """Which of entries [P, K, D] is nearest to each of the vectors [N, P, D]: codes [N, P]."""
    parts = (_distances(part[:, :, None], entries) for part in _chunks(vectors, n_times=16))
    return torch.cat([distances.argmin(-1)[:, :, 0] for distances in parts])


def look_up(entries: Tensor, codes: Tensor) -> Tensor:
    """Those of entries [P, K, D] that codes [N, P, W] name: [N, P, W, D]."""
    positions = torch.arange(codes.shape[1], device=codes.device)[:, None]
    return entries[positions, codes]


def count_codes(codes: Tensor) -> Tensor:
    """How often each entry is named by codes [N, P] of one level: [P, K], as float."""
    ones = torch.ones(codes.shape, device=codes.device).T
    return torch.zeros(codes.shape[1], N_ENTRIES, device=codes.device).scatter_add_(1, codes.long().T, ones)


def perplexity(counts: Tensor) -> Tensor:
    """Exponential of the entropy of counts [..., K]: how many entries, used evenly, would be as varied; [...].

    From 1 (a single entry is used, or none) to K (all are, evenly); from n codes, no more than n.
    """
    shares = counts / counts.sum(dim=-1, keepdim=True).clamp(min=1e-9)
    return torch.special.entr(shares).sum(dim=-1).exp()


def _distances(residuals: Tensor, entries: Tensor) -> Tensor:
    """Squared distances [N, P, W, K] of residuals [N, P, W, D] to entries [P, K, D]."""
    products = torch.einsum("npwd,pkd->npwk", residuals, entries)
    return residuals.square().sum(-1, keepdim=True) - 2 * products + entries.square().sum(-1)[:, None]


def _chunks(latents: Tensor, n_times: int = 1) -> tuple[Tensor, ...]:
    """Latents [N, P, D] in parts for the search, or ``n_times`` larger ones where there is no beam."""
    n_vectors = CHUNK_VECTORS if latents.device.type == "cpu" else ACCELERATOR_CHUNK_VECTORS
    return latents.split(-(-n_times * n_vectors // latents.shape[1]))


def _take(paths: Tensor, parents: Tensor) -> Tensor:
    """Of paths [N, P, W, X] those that ``parents`` [N, P, W'] name: [N, P, W', X]."""
    return torch.gather(paths, 2, parents[..., None].expand(*parents.shape, paths.shape[-1]))


def _cluster_sums(vectors: Tensor, codes: Tensor) -> tuple[Tensor, Tensor]:
    """How many of vectors [N, P, D] chose each entry by codes [N, P], and their sum: [P, K] and [P, K, D]."""
    n_positions, size = vectors.shape[1:]
    cells = (codes + N_ENTRIES * torch.arange(n_positions, device=codes.device)).flatten()
    sums = torch.zeros(n_positions * N_ENTRIES, size, dtype=vectors.dtype, device=vectors.device)
    sums.index_add_(0, cells, vectors.flatten(0, 1))
    return count_codes(codes), sums.view(n_positions, N_ENTRIES, size)

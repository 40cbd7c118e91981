"""Residual vector quantiser: each latent vector becomes up to L bytes, one from each level's codebook.

The P vectors of a group hold different coefficients of its transform, so that each position has codebooks of its own.
What the last of these levels leaves is nearly white noise, alike in all positions: a single codebook, made smaller from
level to level, can serve any number of further levels.

Where a group can go through one of several transforms, each of these has positions of its own, and the latents of all
come in. Codes are those of the transform that they serve best; they name it by the group's first code.

Letters: N groups, P positions (vectors a group), R transforms, Q = R * P positions of all transforms, D coefficients a
vector, L levels, K = 256 entries, W beam width, F further levels.
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

#: Where entries of a first codebook that name another transform are put: too far away for any search.
FAR = 1e4


class ResidualVectorQuantizer(nn.Module):
    """Codebooks [L, Q, K, D], found by k-means and kept up by exponential averages in training, and further levels.

    Source: residual quantisation as in SoundStream (Zeghidour et al. 2021, section III-C); codebooks as buffers with
    exponential averages as in VQ-VAE (van den Oord et al. 2017, appendix A). Where several processes train, all of them
    have the averages over the batches of all; they must then use the same number of levels.
    """

    codebooks: Tensor
    further: Tensor
    gain: Tensor
    usage: Tensor
    shares: Tensor

    def __init__(self, n_levels: int, n_positions: int, vector_size: int, decay: float, n_transforms: int = 1) -> None:
        super().__init__()
        self.n_levels = n_levels
        self.n_positions = n_positions
        self.n_transforms = n_transforms
        self.decay = decay
        n_all = n_transforms * n_positions
        self.register_buffer("codebooks", torch.zeros(n_levels, n_all, N_ENTRIES, vector_size))
        #: Entries of the further levels [F, K, D], the same for all positions; see `add_levels`.
        self.register_buffer("further", torch.zeros(0, N_ENTRIES, vector_size), persistent=False)
        #: For each number of levels, what brings a coefficient's spread back to what it was before quantisation.
        self.register_buffer("gain", torch.ones(n_levels + 1, n_all, vector_size))
        #: Averages over training batches: how often each entry was chosen, with what revived ones are credited with;
        #: and its share of all choices, as they were.
        self.register_buffer("usage", torch.ones(n_levels, n_all, N_ENTRIES), persistent=False)
        self.register_buffer("shares", torch.zeros(n_levels, n_all, N_ENTRIES), persistent=False)

    @property
    def max_levels(self) -> int:
        """Levels that a vector may have, further ones included."""
        return self.n_levels + len(self.further)

    def add_levels(self, codebook: Tensor, scales: Tensor) -> None:
        """Have further levels: a codebook [K, D] times each of the scales [F]."""
        self.further = (scales[:, None, None] * codebook).to(self.codebooks)

    def entries(self, level: int) -> Tensor:
        """Entries of a level, [Q, K, D]."""
        if level < self.n_levels:
            return self.codebooks[level]
        return self.further[level - self.n_levels].expand(self.codebooks.shape[1:])

    def named_by(self, transform: int) -> slice:
        """Those entries of the first codebook of a transform's first position that name it; it has no others."""
        share = N_ENTRIES // self.n_transforms
        return slice(transform * share, (transform + 1) * share)

    def encode(self, latents: Tensor, n_levels: int, beam_width: int) -> Tensor:
        """Codes [N, P, n_levels], uint8, of latents [N, Q, D].

        Beam search: of all choices so far, each level keeps the ``beam_width`` with the smallest residuals; with 1 it
        is the usual greedy choice.
        """
        return self._of_best(latents, *self._chunked(latents, n_levels, beam_width)[-1])[0]

    def encode_each(self, latents: Tensor, n_levels: int, beam_width: int) -> tuple[Tensor, Tensor]:
        """As `encode` for each number of levels l from 1 to ``n_levels``, in one search.

        Returns:
            Codes [N, n_levels, P, n_levels], of which the first l count at index l - 1, and squared errors of their
            groups, [N, n_levels]; what none of the transforms holds of a group is not among them.
        """
        found = [self._of_best(latents, *level) for level in self._chunked(latents, n_levels, beam_width)]
        codes = [nn.functional.pad(paths, (0, n_levels - paths.shape[-1])) for paths, _ in found]
        return torch.stack(codes, dim=1), torch.stack([errors for _, errors in found], dim=1)

    def _chunked(self, latents: Tensor, n_levels: int, beam_width: int) -> list[tuple[Tensor, Tensor]]:
        """For each number of levels what `_search` finds, one part of the latents after the other."""
        parts = [list(self._search(part, n_levels, beam_width)) for part in _chunks(latents)]
        return [
            (torch.cat([c for c, _ in level]), torch.cat([e for _, e in level])) for level in zip(*parts, strict=True)
        ]

    def _of_best(self, latents: Tensor, codes: Tensor, errors: Tensor) -> tuple[Tensor, Tensor]:
        """Codes [N, P, l] and errors [N] of the best transforms, from what `_search` finds for latents [N, Q, D]."""
        best = self._errors(latents, errors).min(dim=1)
        return self.of_transform(codes, best.indices), best.values

    def _errors(self, latents: Tensor, errors: Tensor) -> Tensor:
        """Errors [N, R] of groups by transform, from those of latents [N, Q, D] by position [N, Q].

        What a transform does not hold of a group is lost too: as much as its latents have less energy than others'.
        """
        energies = latents.square().sum(dim=-1)
        by_transform = [values.unflatten(1, (-1, self.n_positions)).sum(dim=-1) for values in (errors, energies)]
        return by_transform[0] + by_transform[1].amax(dim=1, keepdim=True) - by_transform[1]

    def of_transform(self, values: Tensor, transforms: Tensor) -> Tensor:
        """Of values [N, Q, X] those of each group's transform [N]: [N, P, X]."""
        return values.unflatten(1, (-1, self.n_positions))[torch.arange(len(values), device=values.device), transforms]

    def transforms_of(self, codes: Tensor) -> Tensor:
        """Transforms [N] that codes [N, P, L] name."""
        return codes[:, 0, 0].long() // (N_ENTRIES // self.n_transforms)

    def _search(self, latents: Tensor, n_levels: int, beam_width: int) -> Iterator[tuple[Tensor, Tensor]]:
        """For 1 to ``n_levels`` levels l: the best codes [N, Q, l], uint8, and their squared errors [N, Q]."""
        residuals = latents[:, :, None]  # [N, Q, W, D], W = 1 path so far
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
        """Entries [N, Q, W, D] of codes [N, Q, W]."""
        return look_up(self.entries(level), codes)

    def decode(self, codes: Tensor, n_valid: Tensor | None = None) -> Tensor:
        """Latents [N, Q, D] of codes [N, P, L'], L' levels or fewer; 0 for all transforms but that which they name.

        Args:
            codes: uint8.
            n_valid: how many levels of each vector count, [N, P]; None if all do.
        """
        transforms = self.transforms_of(codes)
        positions = torch.arange(self.n_positions, device=codes.device)
        places = self.n_positions * transforms[:, None] + positions  # [N, P], among all Q
        chosen = torch.zeros(*codes.shape[:2], self.codebooks.shape[-1], device=self.codebooks.device)
        for level in range(codes.shape[-1]):
            entries = self.entries(level)[places, codes[:, :, level].long()]
            chosen = chosen + (entries if n_valid is None else entries * (level < n_valid)[..., None])
        latents = chosen.new_zeros(len(codes), self.n_transforms, *chosen.shape[1:])
        latents[torch.arange(len(codes), device=codes.device), transforms] = chosen
        return latents.flatten(1, 2)

    def forward(self, latents: Tensor, n_levels: int, beam_width: int = 1) -> Tensor:
        """Latents [N, Q, D] quantised with ``n_levels`` levels, as `decode` gives them.

        In training the codebooks follow the data.
        """
        given = latents.detach()
        codes, errors = self._chunked(given, n_levels, beam_width)[-1]
        transforms = self._errors(given, errors).argmin(dim=1)
        is_chosen = nn.functional.one_hot(transforms, self.n_transforms).repeat_interleave(self.n_positions, dim=1)
        residuals, quantised = given, torch.zeros_like(given)
        for level in range(n_levels):
            chosen = codes[:, :, level].long()
            step = self._look_up(level, chosen[..., None])[:, :, 0]
            if self.training:
                self._follow(level, residuals, chosen, is_chosen)
            quantised, residuals = quantised + step, residuals - step
        return (latents + (quantised - given)) * is_chosen[..., None]  # straight-through gradient

    @torch.no_grad()
    def _follow(self, level: int, residuals: Tensor, codes: Tensor, is_chosen: Tensor) -> None:
        """Move the entries of a level towards the residuals [N, Q, D] that chose them by ``codes`` [N, Q].

        Those of transforms that their group did not choose, ``is_chosen`` [N, Q], do not count.
        """
        counts, sums = _cluster_sums(residuals, codes, is_chosen)
        random = residuals[torch.randint(len(residuals), (N_ENTRIES,), device=residuals.device)].transpose(0, 1)
        if distributed.is_available() and distributed.is_initialized():
            random = random.contiguous()
            distributed.all_reduce(counts)
            distributed.all_reduce(sums)
            distributed.broadcast(random, src=0)
        self.shares[level].lerp_(counts / counts.sum(dim=-1, keepdim=True).clamp(min=1), 1 - self.decay)
        usage, entries = self.usage[level], self.codebooks[level]
        is_far = entries.amax(dim=-1) == FAR
        totals = entries * usage[..., None]  # the average is kept as entry times usage
        usage.mul_(self.decay).add_(counts, alpha=1 - self.decay)
        totals.mul_(self.decay).add_(sums, alpha=1 - self.decay)
        means = totals / usage[..., None].clamp(min=1e-5)
        mean_usage = usage.mean(dim=-1, keepdim=True)
        dead = (usage < DEAD_SHARE * mean_usage) & ~is_far
        means = torch.where(dead[..., None], random, means)
        entries.copy_(torch.where(is_far[..., None], FAR, means))
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
        """Set the gains of `restore` from latents [N, Q, D]."""
        for n_levels in range(1, self.n_levels + 1):
            codes = self.encode(latents, n_levels, beam_width)
            transforms, quantised = self.transforms_of(codes), self.decode(codes)
            for transform in range(self.n_transforms):
                members, place = transforms == transform, self._place(transform)
                ratio = latents[members, place].std(dim=0) / quantised[members, place].std(dim=0)
                self.gain[n_levels, place] = ratio.nan_to_num(1.0).clamp(1, MAX_GAIN)

    @torch.no_grad()
    def fit(
        self,
        latents: Tensor,
        generator: torch.Generator,
        n_iterations: int = 10,
        transforms: Tensor | None = None,
    ) -> None:
        """Find all codebooks by k-means, level by level on what the levels before left.

        Args:
            latents: to learn from, [N, Q, D].
            generator: source of the starts.
            n_iterations: of k-means.
            transforms: which of them each group is for, [N]; None if there is but one.
        """
        for transform in range(self.n_transforms):
            place = self._place(transform)
            members = torch.ones(len(latents), dtype=torch.bool) if transforms is None else transforms == transform
            residuals = latents[members if members.any() else ~members, place]
            for level in range(self.n_levels):
                entries = k_means(residuals, generator, n_iterations)
                if level == 0 and self.n_transforms > 1:
                    names = self.named_by(transform)
                    entries[0] = FAR
                    entries[0, names] = k_means(residuals[:, :1], generator, n_iterations, names.stop - names.start)[0]
                self.codebooks[level, place] = entries
                residuals -= look_up(entries, nearest(residuals, entries)[..., None])[:, :, 0]

    def _place(self, transform: int) -> slice:
        """A transform's positions among all."""
        return slice(transform * self.n_positions, (transform + 1) * self.n_positions)


def k_means(vectors: Tensor, generator: torch.Generator, n_iterations: int, n_entries: int = N_ENTRIES) -> Tensor:
    """Entries [P, n_entries, D] that are the means of the vectors [N, P, D] nearest to them, by position."""
    chosen = torch.randperm(len(vectors), generator=generator, device=generator.device)[:n_entries]
    # Fewer vectors than entries: repeat them.
    chosen = chosen[torch.arange(n_entries, device=chosen.device) % len(chosen)]
    entries = vectors[chosen].transpose(0, 1)
    for _ in range(n_iterations):
        counts, sums = (of_all[:, :n_entries] for of_all in _cluster_sums(vectors, nearest(vectors, entries)))
        means = sums / counts[..., None].clamp(min=1)
        # An entry that nobody chose starts again at a random vector.
        random = torch.randint(len(vectors), (n_entries,), generator=generator, device=generator.device)
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


def _cluster_sums(vectors: Tensor, codes: Tensor, counts_in: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """How many of vectors [N, P, D] chose each entry by codes [N, P], and their sum: [P, K] and [P, K, D].

    Args:
        vectors, codes: see above.
        counts_in: 1 for what counts, 0 for what does not, [N, P]; None if all does.
    """
    n_positions, size = vectors.shape[1:]
    ones = torch.ones_like(codes) if counts_in is None else counts_in
    counted = torch.cat([vectors, vectors.new_ones(*codes.shape, 1)], dim=-1) * ones[..., None]
    cells = (codes + N_ENTRIES * torch.arange(n_positions, device=codes.device)).flatten()
    sums = vectors.new_zeros(n_positions * N_ENTRIES, size + 1)
    sums.index_add_(0, cells, counted.flatten(0, 1))
    by_entry = sums.view(n_positions, N_ENTRIES, size + 1)
    return by_entry[..., -1].contiguous(), by_entry[..., :-1].contiguous()  # as processes need them to add up theirs

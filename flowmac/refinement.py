"""Second thoughts of the encoder: codes chosen anew against the decoded mel, loud places first.

The quantiser's search looks for the nearest latents, all coefficients alike. What is heard is the decoded mel, and in
it the loud places. The weighted error of the decoded mel is a quadratic form of a group's latents, so the vectors are
searched again one after the other, each in the metric of the weights and against what the others leave. Nothing changes
for the decoder.

Letters: B batch, G groups, N = B * G, P frames and positions (vectors) of a group, M bands, D coefficients a vector,
L levels, K entries, W paths.
"""

from __future__ import annotations

import torch
from torch import Tensor

from flowmac.encoder import GroupAutoencoder
from flowmac.errors import SettingError
from flowmac.mel_codec import MelCodec
from flowmac.quantizer import N_ENTRIES

#: Added to the compressed mel for its weight, so that silent places count too; loud ones are about 10.
LEVEL_OFFSET = 0.3


def refine(codec: MelCodec, mel: Tensor, codes: Tensor, n_levels: Tensor, beam_width: int, n_rounds: int) -> Tensor:
    """Choose codes anew.

    Args:
        codec: its decoder network's correction, if it has one, is taken as fixed during a round.
        mel: compressed, [B, G * P, M].
        codes: [B, G, P, L], uint8.
        n_levels: levels of each group that count, [B, G].
        beam_width: paths of the search.
        n_rounds: how often all vectors are gone through.

    Returns:
        Codes of the same shape. With the transform alone no group's weighted error is larger than before.

    Raises:
        SettingError: the codec has no transform, or several.
    """
    if not isinstance(codec.autoencoder, GroupAutoencoder):
        raise SettingError(f"refinement needs a codec with a group transform, '{codec.config.name}' has none")
    if codec.config.latent.n_transforms > 1:
        raise SettingError(f"refinement needs a codec with one transform, '{codec.config.name}' has several")
    n_positions = codes.shape[2]
    levels = n_levels.flatten()
    weights = level_weights(mel, n_positions).flatten(0, 1)
    gain = codec.quantizer.gain_of(levels)  # [N, P, D]
    columns = codec.autoencoder.transform.synthesis.unflatten(1, gain.shape[1:]).transpose(0, 1)  # [P, P * M, D]
    all_books = torch.stack([codec.quantizer.entries(level) for level in range(codes.shape[-1])])  # [L, P, K, D]
    metrics = [_metric(columns[i], weights, gain[:, i]) for i in range(n_positions)]
    roots = [torch.linalg.cholesky(metric) for metric in metrics]
    n_valid = n_levels[..., None].expand(-1, -1, n_positions)
    refined = codes.flatten(0, 1).clone()
    for _ in range(n_rounds):
        error = (codec.decode(refined.view_as(codes), n_valid, n_levels) - mel).reshape(weights.shape)
        for i in range(n_positions):
            # The error as a function of this vector y alone: (y - target)^T metric (y - target), plus a constant.
            books, old = all_books[:, i], refined[:, i]
            slope = (gain[:, i] * ((weights * error) @ columns[i]))[..., None]
            target = _look_up(books, old, levels)[..., None] - torch.cholesky_solve(slope, roots[i])
            new = _search(roots[i].mT @ target, roots[i], books, old.shape[1], levels, beam_width)
            change = (_look_up(books, new, levels) - _look_up(books, old, levels))[..., None]
            is_better = (change.mT @ (metrics[i] @ change + 2 * slope))[:, 0] < 0  # [N, 1]
            refined[:, i] = torch.where(is_better, new, old)
            error = error + torch.where(is_better, gain[:, i] * change[..., 0], 0) @ columns[i].T
    return refined.view_as(codes)


def level_weights(mel: Tensor, group_frames: int) -> Tensor:
    """Weights of squared errors in a compressed mel [B, G * P, M], of mean 1 in each group: [B, G, P * M]."""
    level = (mel.clamp(min=0) + LEVEL_OFFSET).unflatten(1, (-1, group_frames)).flatten(2)
    return level / level.mean(dim=-1, keepdim=True)


def _metric(columns: Tensor, weights: Tensor, gain: Tensor) -> Tensor:
    """What the squares of a vector's entries cost in the mel, [N, D, D].

    Args:
        columns: what a vector adds to the mel, [P * M, D].
        weights: of squared errors in the mel, [N, P * M].
        gain: of the vector's coefficients, [N, D].
    """
    products = (columns[:, :, None] * columns[:, None]).flatten(1)  # one large product is faster than N small ones
    return (weights @ products).unflatten(1, (columns.shape[1], -1)) * gain[:, :, None] * gain[:, None]


def _search(target: Tensor, root: Tensor, books: Tensor, n_levels: int, levels: Tensor, beam_width: int) -> Tensor:
    """Codes [N, L] of ``levels`` [N] levels whose entries, times ``root``, come near ``target`` [N, D, 1]."""
    residuals = target.mT  # [N, W, D], W = 1 path so far
    paths = torch.zeros(*residuals.shape[:2], 0, dtype=torch.long, device=target.device)
    best = torch.zeros(len(target), n_levels, dtype=torch.uint8, device=target.device)
    rows = torch.arange(len(target), device=target.device)[:, None]
    for level in range(n_levels):
        entries = books[level] @ root  # [N, K, D]
        distances = entries.square().sum(-1)[:, None] - 2 * residuals @ entries.mT
        distances = distances + residuals.square().sum(-1, keepdim=True)
        _, chosen = distances.flatten(1).topk(min(beam_width, distances[0].numel()), largest=False)
        parents, names = chosen // N_ENTRIES, chosen % N_ENTRIES
        residuals = residuals[rows, parents] - entries[rows, names]
        paths = torch.cat([paths[rows, parents], names[..., None]], dim=-1)
        is_last = levels == level + 1
        best[is_last, : level + 1] = paths[is_last, 0].to(torch.uint8)
    return best


def _look_up(books: Tensor, codes: Tensor, levels: Tensor) -> Tensor:
    """Sum [N, D] of the entries of ``codes`` [N, L] in ``books`` [L, K, D], the first ``levels`` [N] of them."""
    place = torch.arange(codes.shape[1], device=codes.device)
    return (books[place, codes.long()] * (place < levels[:, None])[..., None]).sum(dim=1)

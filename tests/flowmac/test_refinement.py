"""Refinement against its definition: the weighted error of the decoded mel."""

from __future__ import annotations

import torch
from torch import Tensor

from flowmac.codec import Codec
from flowmac.refinement import level_weights, refine
from tests.flowmac.conftest import make_sound


def weighted_errors(codec: Codec, mel: Tensor, codes: Tensor, n_levels: Tensor) -> Tensor:
    """Of each group: [B, G]."""
    n_valid = n_levels[..., None].expand(-1, -1, codes.shape[2])
    error = codec.mel_codec.decode(codes, n_valid, n_levels) - mel
    squares = error.square().unflatten(1, (-1, codes.shape[2])).flatten(2)
    return (squares * level_weights(mel, codes.shape[2])).sum(-1)


def compressed_mel(codec: Codec) -> Tensor:
    mel = codec.vocoder.mel(torch.from_numpy(make_sound(4.0, seed=8, n_channels=2)))
    return codec.vocoder.mel.compress(mel[:, :184])


def test_no_group_gets_worse_and_all_together_better(codec: Codec) -> None:
    mel = compressed_mel(codec)
    codes = codec.mel_codec.encode(mel, 4)
    n_levels = torch.full(codes.shape[:2], 4)
    before = weighted_errors(codec, mel, codes, n_levels)
    for _ in range(2):
        codes = refine(codec.mel_codec, mel, codes, n_levels, 4, 1)
        after = weighted_errors(codec, mel, codes, n_levels)
        assert bool((after <= before * (1 + 1e-5)).all())
        assert after.sum() < before.sum()
        before = after


def test_one_level_is_chosen_as_by_trying_all_entries(codec: Codec) -> None:
    """The last vector of each group, with one level, given the others: no other entry has a smaller error."""
    mel = compressed_mel(codec)[:1, :40]
    codes = refine(codec.mel_codec, mel, codec.mel_codec.encode(mel, 1), torch.ones(1, 5, dtype=torch.long), 1, 1)
    n_levels = torch.ones(1, 5, dtype=torch.long)
    tried = []
    for entry in range(256):
        other = codes.clone()
        other[:, :, -1, 0] = entry
        tried.append(weighted_errors(codec, mel, other, n_levels)[0])
    errors = torch.stack(tried)
    chosen = errors.gather(0, codes[0, :, -1, 0].long()[None])[0]
    torch.testing.assert_close(chosen, errors.min(dim=0).values, rtol=1e-4, atol=1e-5)


def test_groups_keep_their_numbers_of_levels(codec: Codec) -> None:
    mel = compressed_mel(codec)[:1]
    codes = codec.mel_codec.encode(mel, 4)
    n_levels = 1 + torch.arange(codes.shape[1])[None] % 4
    codes[torch.arange(4) >= n_levels[..., None, None].expand(-1, -1, 8, 1)] = 0
    before = weighted_errors(codec, mel, codes, n_levels)
    refined = refine(codec.mel_codec, mel, codes, n_levels, 2, 1)
    assert bool((weighted_errors(codec, mel, refined, n_levels) <= before * (1 + 1e-5)).all())
    assert bool((refined[torch.arange(4) >= n_levels[..., None, None].expand(-1, -1, 8, 1)] == 0).all())

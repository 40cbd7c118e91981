"""Self-attention of limited reach: against a dense implementation, and what it must not see."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from flowmac.attention import AttentionBlock, LocalAttention, rotate

REACH, WIDTH, N_HEADS = 5, 16, 2


@pytest.fixture
def attention() -> LocalAttention:
    torch.manual_seed(0)
    return LocalAttention(WIDTH, N_HEADS, REACH).double().requires_grad_(requires_grad=False)


def dense(attention: LocalAttention, x: Tensor) -> Tensor:
    """The same by one matrix over all frames, positions counted from the first frame, softmax written out."""
    n_frames = x.shape[1]
    queries, keys, values = attention.enter(x).unflatten(-1, (3, N_HEADS, -1)).permute(2, 0, 3, 1, 4)
    places = torch.arange(n_frames)
    scores = rotate(queries, places) @ rotate(keys, places).transpose(-1, -2) / (WIDTH / N_HEADS) ** 0.5
    is_far = (places - places[:, None]).abs() > REACH
    weights = scores.masked_fill(is_far, -torch.inf).softmax(dim=-1)
    return attention.leave((weights @ values).transpose(1, 2).flatten(2))


@pytest.mark.parametrize("n_frames", [1, 4, 5, 6, 10, 33])
def test_blocks_agree_with_dense_attention(attention: LocalAttention, n_frames: int) -> None:
    x = torch.randn(3, n_frames, WIDTH, dtype=torch.float64)
    assert torch.allclose(attention(x), dense(attention, x), atol=1e-6)  # angles are of single precision


def test_rotation_keeps_lengths_and_depends_on_distance_alone() -> None:
    query, key = torch.randn(2, 1, 8, dtype=torch.float64)
    products = []
    for first in (0, 3, 100):
        turned = rotate(query, torch.tensor([first])), rotate(key, torch.tensor([first + 4]))
        assert torch.allclose(turned[0].norm(), query.norm())
        products.append((turned[0] * turned[1]).sum())
    assert torch.allclose(torch.stack(products), products[0])
    nearer = (rotate(query, torch.tensor([0])) * rotate(key, torch.tensor([1]))).sum()
    assert not torch.isclose(products[0], nearer)


@pytest.mark.parametrize("changed", [0, 7, 22])
def test_a_frame_reaches_exactly_its_neighbours(attention: LocalAttention, changed: int) -> None:
    x = torch.randn(1, 23, WIDTH, dtype=torch.float64)  # 23 frames leave the last block incomplete
    other = x.clone()
    other[:, changed] += 1
    differs = (attention(x) != attention(other)).any(dim=-1)[0]
    expected = (torch.arange(23) - changed).abs() <= REACH
    assert torch.equal(differs, expected)


def test_result_does_not_depend_on_where_the_frames_stand(attention: LocalAttention) -> None:
    x = torch.randn(1, 60, WIDTH, dtype=torch.float64)
    part = attention(x[:, 13:50])  # 13 is no multiple of the reach
    assert torch.allclose(part[:, REACH:-REACH], attention(x)[:, 13 + REACH : 50 - REACH], atol=1e-12)


def test_order_counts() -> None:
    """Permuting the frames does more than permute the result, even where every frame sees every other."""
    torch.manual_seed(0)
    block = AttentionBlock(WIDTH, N_HEADS, reach_frames=32, dropout=0.0)
    x = torch.randn(1, 12, WIDTH)
    order = torch.randperm(12)
    assert (block(x[:, order]) - block(x)[:, order]).abs().max() > 0.01
    with_places_gone = block.attention.enter.weight.data
    with_places_gone[: 2 * WIDTH] = 0  # queries and keys of zero: places cannot matter
    block.attention.enter.bias.data[: 2 * WIDTH] = 0
    assert torch.allclose(block(x[:, order]), block(x)[:, order], atol=1e-5)

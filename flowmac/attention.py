"""Self-attention of limited reach over frames, and the block that is built on it.

A frame sees only so many frames on either side of itself, and knows them by their distance. So the result for a frame
depends on its surroundings alone, not on where a long recording was cut.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

#: Ratio of the rotary embedding's highest to its lowest frequency, as in its source.
ROTARY_BASE = 10_000.0

#: Width of the feed-forward network against that of the block.
EXPANSION = 4


class LocalAttention(nn.Module):
    """Self-attention in which frame t sees the frames from t - reach to t + reach, as far as they exist.

    Frames are cut into blocks of ``reach``; those of a block look at it and its two neighbours, so that the cost grows
    with the number of frames, not with its square.

    Positions enter by rotating queries and keys: Su et al., "RoFormer", 2021, section 3.2.

    Letters: B batch, T frames, N blocks, R reach, H heads, E values a head.
    """

    def __init__(self, width: int, n_heads: int, reach_frames: int) -> None:
        super().__init__()
        self.n_heads = n_heads
        self.reach_frames = reach_frames
        self.enter = nn.Linear(width, 3 * width)
        self.leave = nn.Linear(width, width)

    def forward(self, x: Tensor) -> Tensor:
        """x [B, T, width] to [B, T, width]."""
        reach, n_frames = self.reach_frames, x.shape[1]
        n_blocks = -(-n_frames // reach)
        heads = self.enter(x).unflatten(-1, (3, self.n_heads, -1)).permute(2, 0, 3, 1, 4)  # [3, B, H, T, E]
        heads = heads.flatten(1, 2)
        n_missing = n_blocks * reach - n_frames
        queries = functional.pad(heads[0], (0, 0, 0, n_missing)).unflatten(1, (n_blocks, reach))  # [B H, N, R, E]
        around = functional.pad(heads[1:], (0, 0, reach, n_missing + reach))
        keys, values = around.unfold(2, 3 * reach, reach).transpose(-1, -2)  # each [B H, N, 3 R, E]
        places = torch.arange(3 * reach, device=x.device)
        found = functional.scaled_dot_product_attention(
            rotate(queries, places[reach : 2 * reach]), rotate(keys, places), values, self._visible(n_frames, places)
        )
        found = found.flatten(1, 2)[:, :n_frames].unflatten(0, (-1, self.n_heads))
        return self.leave(found.transpose(1, 2).flatten(2))

    def _visible(self, n_frames: int, places: Tensor) -> Tensor:
        """Which of its 3 R keys each query sees, [N, R, 3 R]: those within reach that are no padding."""
        reach = self.reach_frames
        is_near = (places - places[reach : 2 * reach, None]).abs() <= reach
        starts = torch.arange(0, n_frames, reach, device=places.device) - reach
        frames = starts[:, None] + places
        exists = (frames >= 0) & (frames < n_frames)
        # Queries of the padding see themselves, because attention to nothing is not defined; nobody sees them.
        is_self = places == places[reach : 2 * reach, None]
        return is_near & exists[:, None] | is_self


def rotate(x: Tensor, places: Tensor) -> Tensor:
    """x [..., n, E] with each pair of values turned by its frequency times its place [n], E even."""
    half = x.shape[-1] // 2
    frequencies = ROTARY_BASE ** (-torch.arange(half, device=x.device) / half)
    angles = places[:, None] * frequencies
    real, imaginary = x.chunk(2, dim=-1)
    cosine, sine = angles.cos(), angles.sin()
    return torch.cat([real * cosine - imaginary * sine, real * sine + imaginary * cosine], dim=-1)


class AttentionBlock(nn.Module):
    """Self-attention, dropout, layer norm, feed-forward, with a residual path around either half.

    The attention's input has a layer norm of its own, without which deep stacks need a long warm-up (Xiong et al.,
    "On Layer Normalization in the Transformer Architecture", 2020).
    """

    def __init__(self, width: int, n_heads: int, reach_frames: int, dropout: float) -> None:
        super().__init__()
        self.attention_norm = nn.LayerNorm(width)
        self.attention = LocalAttention(width, n_heads, reach_frames)
        self.dropout = nn.Dropout(dropout)
        self.norm = nn.LayerNorm(width)
        self.feed_forward = nn.Sequential(
            nn.Linear(width, EXPANSION * width), nn.GELU(), nn.Linear(EXPANSION * width, width), nn.Dropout(dropout)
        )

    def forward(self, x: Tensor) -> Tensor:
        """x [B, T, width] to [B, T, width]."""
        x = x + self.dropout(self.attention(self.attention_norm(x)))
        return x + self.feed_forward(self.norm(x))

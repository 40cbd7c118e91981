"""Velocity network of the flow: ConvNeXt blocks on tokens of a few mel frames each."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from flowmac.blocks import ConvNeXtBlock, sinusoidal_embedding, zero_linear
from flowmac.config import FlowConfig

#: Size of the vector that tells the blocks the time and the number of levels.
CONDITION_SIZE = 192

#: The compressed mel has a standard deviation of about 2; networks like about 1.
MEL_SCALE = 0.5


class VelocityNet(nn.Module):
    """Velocity of what the flow makes, given where it is, the coarse mel and the time.

    It starts as the best linear velocity for data of unit variance, so that training only adds to that.
    """

    def __init__(self, n_bands: int, n_levels: int, config: FlowConfig) -> None:
        super().__init__()
        self.token_frames = config.token_frames
        self.sigma_min = config.sigma_min
        token_size = config.token_frames * n_bands
        self.time = nn.Sequential(nn.Linear(64, CONDITION_SIZE), nn.SiLU(), nn.Linear(CONDITION_SIZE, CONDITION_SIZE))
        self.level = nn.Embedding(n_levels + 1, CONDITION_SIZE)
        self.enter = nn.Linear(2 * token_size + 1, config.width)
        self.blocks = nn.ModuleList(
            ConvNeXtBlock(config.width, condition_size=CONDITION_SIZE) for _ in range(config.n_blocks)
        )
        self.norm = nn.LayerNorm(config.width)
        self.leave = zero_linear(config.width, token_size)

    def forward(self, x: Tensor, coarse: Tensor, is_given: Tensor, n_levels: Tensor, time: Tensor) -> Tensor:
        """Velocity [B, T, M] of x [B, T, M], T a multiple of the token's frames.

        Args:
            x: on its way from noise to data, unit variance at both ends.
            coarse: compressed coarse mel [B, T, M].
            is_given: 1 where the network may see the coarse mel, 0 where not [B]; for guidance.
            n_levels: levels that the coarse mel was decoded from [B].
            time: from 0 (noise) to 1 (data) [B].
        """
        condition = self.time(sinusoidal_embedding(time, 64).to(x)) + self.level(n_levels)
        condition = nn.functional.silu(condition)
        given = is_given[:, None, None]
        h = torch.cat([self._tokens(x), self._tokens(MEL_SCALE * coarse * given)], dim=-1)
        h = self.enter(torch.cat([h, given.expand(-1, h.shape[1], 1)], dim=-1))
        for block in self.blocks:
            h = block(h, condition)
        correction = self.leave(self.norm(h)).reshape(x.shape)
        # Covariance of velocity and x over the variance of x, for independent noise and data of unit variance.
        slope = 1 - self.sigma_min
        noise = 1 - slope * time
        linear = ((time - slope * noise) / (time**2 + noise**2))[:, None, None]
        return linear * x + correction

    def _tokens(self, frames: Tensor) -> Tensor:
        return frames.reshape(frames.shape[0], -1, self.token_frames * frames.shape[2])

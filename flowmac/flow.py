"""Conditional flow matching: from noise around the coarse mel to a mel with the texture of a real one.

The flow models the residual (mel - coarse) / scale rather than the mel, so that its prior is centred at the coarse
mel, and one evaluation from noise of temperature 0 gives the mean that the network expects.

Source: Lipman et al., "Flow Matching for Generative Modeling", 2023, optimal-transport path with sigma_min = 0;
guidance: Ho and Salimans, "Classifier-Free Diffusion Guidance", 2022.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from flowmac.config import FlowConfig
from flowmac.solver import Solver, solve
from flowmac.velocity_net import VelocityNet

#: Share of the training examples whose coarse mel is withheld, so that guidance has something to compare with.
CONDITION_DROPOUT = 0.1


class ResidualFlow(nn.Module):
    """Flow over the scaled residual between the mel and the coarse mel, both compressed.

    Letters: B batch, T frames, M bands.
    """

    scale: Tensor

    def __init__(self, n_bands: int, n_levels: int, config: FlowConfig) -> None:
        super().__init__()
        self.velocity = VelocityNet(n_bands, n_levels, config)
        #: Standard deviation of the residual for each number of levels.
        self.register_buffer("scale", torch.ones(n_levels + 1))

    @property
    def is_trained(self) -> bool:
        """Whether the velocity network gives more than the linear velocity that it starts as."""
        return bool(self.velocity.leave.weight.any())

    def loss(self, mel: Tensor, coarse: Tensor, n_levels: Tensor, generator: torch.Generator) -> Tensor:
        """Mean squared error of the velocity at random times.

        Args:
            mel, coarse: compressed, [B, T, M].
            n_levels: levels of each coarse mel, [B].
            generator: source of noise, times and condition dropout.
        """
        device = mel.device
        data = (mel - coarse) / self.scale[n_levels][:, None, None]
        noise = torch.randn(data.shape, generator=generator, device=device)
        time = torch.rand(len(data), generator=generator, device=device)
        is_given = (torch.rand(len(data), generator=generator, device=device) >= CONDITION_DROPOUT).float()
        x = torch.lerp(noise, data, time[:, None, None])
        given = self.velocity(x, coarse, is_given, n_levels, time)
        return (given - (data - noise)).square().mean()

    def sample(self, coarse: Tensor, n_levels: int, noise: Tensor, solver: Solver, nfe: int, cfg: float) -> Tensor:
        """A mel [B, T, M] for the ``coarse`` one.

        Args:
            coarse: compressed, [B, T, M].
            n_levels: levels that it was decoded from.
            noise: start of the flow, [B, T, M]; its standard deviation is the temperature.
            solver: method of integration.
            nfe: evaluations of the velocity along the path.
            cfg: guidance scale w of v = v_without + w (v_with - v_without); 1 is none and costs one evaluation where
                others cost two.
        """
        size = len(coarse)
        is_guided = cfg != 1.0
        copies = 2 if is_guided else 1  # both in one batch: one call is cheaper than two
        condition = coarse.repeat(copies, 1, 1)
        is_given = torch.tensor([1.0, 0.0][:copies], device=coarse.device).repeat_interleave(size)
        levels = torch.full((copies * size,), n_levels, device=coarse.device)

        def velocity(x: Tensor, time: float) -> Tensor:
            times = torch.full((copies * size,), time, device=coarse.device)
            v = self.velocity(x.repeat(copies, 1, 1), condition, is_given, levels, times)
            if not is_guided:
                return v
            with_coarse, without = v.chunk(2)
            return without + cfg * (with_coarse - without)

        return coarse + self.scale[n_levels] * solve(velocity, noise, solver, nfe)

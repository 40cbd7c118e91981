"""Conditional flow matching: from noise to a mel with the texture of a real one, given the coarse mel.

What is carried along the path is x in mel = centre + scale * x, so that data and noise have unit variance. The two
flows differ in the centre: the residual flow's prior sits at the coarse mel, and one evaluation from noise of
temperature 0 gives the mean that the network expects; the mel flow's prior knows nothing of the coarse mel, which is
its condition and no more, as in the paper.

Source: Lipman et al., "Flow Matching for Generative Modeling", 2023, optimal-transport path (equations 20 to 23);
guidance: Ho and Salimans, "Classifier-Free Diffusion Guidance", 2022.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from flowmac.config import FlowConfig
from flowmac.solver import Solver, TimeGrid, Velocity, get_solver, solve, uniform
from flowmac.velocity_net import VelocityNet

#: Share of the training examples whose coarse mel is withheld, so that guidance has something to compare with.
CONDITION_DROPOUT = 0.1

#: How the teacher's paths are followed in `Flow.reflow_loss`, and how many times each is learned from: the paths cost
#: more than what is learned from one time.
TEACHER_SOLVER, TEACHER_NFE = "midpoint", 16
TIMES_A_PATH = 3

#: Share of each training batch in the average of a residual's deviation, while the autoencoder changes.
FOLLOW_SHARE = 0.01

#: Least deviation of a band, so that one which is always silent stays finite.
MIN_DEVIATION = 0.1


class Flow(nn.Module):
    """Flow over compressed mels for a coarse mel; where its noise is centred is said by the subclasses.

    Letters: B batch, T frames, M bands.
    """

    def __init__(self, n_bands: int, n_levels: int, config: FlowConfig) -> None:
        super().__init__()
        self.velocity = VelocityNet(n_bands, n_levels, config)
        self.sigma_min = config.sigma_min

    @property
    def is_trained(self) -> bool:
        """Whether the velocity network gives more than the linear velocity that it starts as."""
        return bool(self.velocity.leave.weight.any())

    def place(self, coarse: Tensor, n_levels: Tensor) -> tuple[Tensor, Tensor]:
        """Centre and scale, which go with [B, T, M], for the ``coarse`` mels [B, T, M] of ``n_levels`` [B] levels."""
        raise NotImplementedError

    def fit(self, mel: Tensor, coarse: Sequence[Tensor]) -> None:
        """Set the scales from mels [B, T, M] and what is left of them by 1, 2, ... levels, each [B, T, M]."""
        raise NotImplementedError

    def follow(self, mel: Tensor, coarse: Tensor, n_levels: int) -> None:
        """Keep the scales right while the autoencoder is trained, from a batch with ``n_levels``."""

    def loss(self, mel: Tensor, coarse: Tensor, n_levels: Tensor, generator: torch.Generator) -> Tensor:
        """Mean squared error of the velocity at random times.

        Args:
            mel, coarse: compressed, [B, T, M].
            n_levels: levels of each coarse mel, [B].
            generator: source of noise, times and condition dropout.
        """
        centre, scale = self.place(coarse, n_levels)
        noise = torch.randn(mel.shape, generator=generator, device=mel.device)
        is_given = self._draw_is_given(len(mel), generator)
        return self._error(noise, (mel - centre) / scale, coarse, is_given, n_levels, generator)

    def reflow_loss(self, teacher: Flow, coarse: Tensor, n_levels: Tensor, generator: torch.Generator) -> Tensor:
        """As `loss`, with the ends of the ``teacher``'s paths for data, each with the noise that its path began at.

        Where these paths bend, straight ones are learned that lead to the same ends, which few evaluations can follow.
        Noise of all temperatures is drawn, so that the dial keeps its meaning.

        Source: Liu et al., "Flow Straight and Fast: Learning to Generate and Transfer Data with Rectified Flow", 2023.

        Args:
            teacher: a trained flow that stays as it is.
            coarse, n_levels, generator: as for `loss`.
        """
        size = len(coarse)
        noise = torch.randn(coarse.shape, generator=generator, device=coarse.device)
        noise = noise * torch.rand(size, 1, 1, generator=generator, device=coarse.device)
        is_given = self._draw_is_given(size, generator)
        with torch.no_grad():
            data = solve(teacher.field(coarse, is_given, n_levels), noise, get_solver(TEACHER_SOLVER), TEACHER_NFE)
        errors = [self._error(noise, data, coarse, is_given, n_levels, generator) for _ in range(TIMES_A_PATH)]
        return torch.stack(errors).mean()

    def _draw_is_given(self, size: int, generator: torch.Generator) -> Tensor:
        """Which of ``size`` examples may see their coarse mel: 1 or 0."""
        return (torch.rand(size, generator=generator, device=generator.device) >= CONDITION_DROPOUT).float()

    def _error(
        self,
        noise: Tensor,
        data: Tensor,
        coarse: Tensor,
        is_given: Tensor,
        n_levels: Tensor,
        generator: torch.Generator,
    ) -> Tensor:
        """Mean squared error of the velocity at a random time on each straight path from ``noise`` to ``data``."""
        time = torch.rand(len(data), generator=generator, device=data.device)
        velocity = data - (1 - self.sigma_min) * noise  # the same all along the path
        x = noise + time[:, None, None] * velocity
        given = self.velocity(x, coarse, is_given, n_levels, time)
        return (given - velocity).square().mean()

    def field(self, coarse: Tensor, is_given: Tensor, n_levels: Tensor) -> Velocity:
        """The velocity as a function of place and time alone, for given conditions; see `VelocityNet`."""

        def velocity(x: Tensor, time: float) -> Tensor:
            return self.velocity(x, coarse, is_given, n_levels, coarse.new_full((len(coarse),), time))

        return velocity

    def sample(
        self,
        coarse: Tensor,
        n_levels: int,
        noise: Tensor,
        solver: Solver,
        nfe: int,
        cfg: float,
        time_grid: TimeGrid = uniform,
    ) -> Tensor:
        """A mel [B, T, M] for the ``coarse`` one.

        Args:
            coarse: compressed, [B, T, M].
            n_levels: levels that it was decoded from.
            noise: start of the flow, [B, T, M].
            solver: method of integration.
            nfe: evaluations of the velocity along the path.
            cfg: guidance scale w of v = v_without + w (v_with - v_without); 1 is none and costs one evaluation where
                others cost two.
            time_grid: of the steps.
        """
        size = len(coarse)
        is_guided = cfg != 1.0
        copies = 2 if is_guided else 1  # both in one batch: one call is cheaper than two
        is_given = coarse.new_tensor([1.0, 0.0][:copies]).repeat_interleave(size)
        levels = torch.full((copies * size,), n_levels, device=coarse.device)
        field = self.field(coarse.repeat(copies, 1, 1), is_given, levels)

        def velocity(x: Tensor, time: float) -> Tensor:
            v = field(x.repeat(copies, 1, 1), time)
            if not is_guided:
                return v
            with_coarse, without = v.chunk(2)
            return without + cfg * (with_coarse - without)

        centre, scale = self.place(coarse, levels[:size])
        return centre + scale * solve(velocity, noise, solver, nfe, time_grid)


class ResidualFlow(Flow):
    """Flow whose prior is centred at the coarse mel: it models the residual (mel - coarse) / scale."""

    scale: Tensor

    def __init__(self, n_bands: int, n_levels: int, config: FlowConfig) -> None:
        super().__init__(n_bands, n_levels, config)
        #: Standard deviation of the residual for each number of levels.
        self.register_buffer("scale", torch.ones(n_levels + 1))

    def place(self, coarse: Tensor, n_levels: Tensor) -> tuple[Tensor, Tensor]:
        """See `Flow.place`."""
        return coarse, self.scale[n_levels][:, None, None]

    @torch.no_grad()
    def fit(self, mel: Tensor, coarse: Sequence[Tensor]) -> None:
        """See `Flow.fit`."""
        deviations = [mel.std(), *((mel - given).std() for given in coarse)]
        self.scale.copy_(torch.stack(deviations))

    @torch.no_grad()
    def follow(self, mel: Tensor, coarse: Tensor, n_levels: int) -> None:
        """See `Flow.follow`."""
        self.scale[n_levels].lerp_((mel - coarse).std(), FOLLOW_SHARE)


class MelFlow(Flow):
    """Flow of the whole mel, from a prior at the mean of all mels."""

    mean: Tensor
    deviation: Tensor

    def __init__(self, n_bands: int, n_levels: int, config: FlowConfig) -> None:
        super().__init__(n_bands, n_levels, config)
        self.register_buffer("mean", torch.zeros(n_bands))
        self.register_buffer("deviation", torch.ones(n_bands))

    def place(self, coarse: Tensor, n_levels: Tensor) -> tuple[Tensor, Tensor]:
        """See `Flow.place`; the same for all."""
        return self.mean, self.deviation

    @torch.no_grad()
    def fit(self, mel: Tensor, coarse: Sequence[Tensor]) -> None:
        """See `Flow.fit`; only the mels matter."""
        self.mean.copy_(mel.mean(dim=(0, 1)))
        self.deviation.copy_(mel.std(dim=(0, 1)).clamp(min=MIN_DEVIATION))


def make_flow(n_bands: int, n_levels: int, config: FlowConfig) -> Flow:
    """The flow whose prior the configuration names."""
    kind = ResidualFlow if config.prior == "coarse" else MelFlow
    return kind(n_bands, n_levels, config)

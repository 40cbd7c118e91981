"""The flow on problems whose answer is known."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from flowmac.config import FlowConfig
from flowmac.flow import ResidualFlow
from flowmac.solver import SOLVERS

N_BANDS, N_LEVELS = 4, 8


@pytest.fixture
def flow() -> ResidualFlow:
    torch.manual_seed(0)
    flow = ResidualFlow(N_BANDS, N_LEVELS, FlowConfig(width=16, n_blocks=1))
    flow.scale.fill_(0.5)
    return flow.requires_grad_(requires_grad=False)


class ExactVelocity(nn.Module):
    """Velocity of the straight path to data that is a known function of the coarse mel."""

    def __init__(self) -> None:
        super().__init__()
        self.n_calls = 0
        self.batch_sizes: list[int] = []

    def forward(self, x: Tensor, coarse: Tensor, is_given: Tensor, n_levels: Tensor, time: Tensor) -> Tensor:
        self.n_calls += 1
        self.batch_sizes.append(len(x))
        target = 3 * coarse * is_given[:, None, None]
        return (target - x) / (1 - time[:, None, None])


def test_untrained_network_keeps_the_variance_of_unit_noise(flow: ResidualFlow) -> None:
    """The linear start carries N(0, 1) to N(0, 1): what is the best without any knowledge of the residual."""
    coarse = torch.zeros(64, 8, N_BANDS)
    noise = torch.randn(coarse.shape, generator=torch.Generator().manual_seed(0))
    mel = flow.sample(coarse, 8, noise, SOLVERS["rk4"], nfe=64, cfg=1.0)
    assert torch.allclose(mel, 0.5 * noise, atol=1e-3)


def test_loss_of_the_untrained_network_is_that_of_the_best_linear_velocity(flow: ResidualFlow) -> None:
    """E |v - (x1 - x0)|^2 given x alone is 1 / (t^2 + (1 - t)^2) for unit normals; its mean over t is pi / 2."""
    generator = torch.Generator().manual_seed(1)
    coarse = torch.zeros(8192, 4, N_BANDS)
    mel = 0.5 * torch.randn(coarse.shape, generator=generator)
    loss = flow.loss(mel, coarse, torch.full((8192,), 8), generator)
    assert float(loss) == pytest.approx(torch.pi / 2, rel=0.02)


def test_straight_paths_are_solved_exactly_in_one_step(flow: ResidualFlow) -> None:
    flow.velocity = ExactVelocity()  # type: ignore[assignment]
    coarse = torch.randn(2, 8, N_BANDS)
    for nfe in (1, 4):
        mel = flow.sample(coarse, 8, torch.randn(coarse.shape), SOLVERS["euler"], nfe, cfg=1.0)
        assert torch.allclose(mel, coarse + 0.5 * 3 * coarse, atol=1e-5)


@pytest.mark.parametrize("cfg", [0.0, 0.5, 2.0])
def test_guidance_scales_what_the_condition_adds(flow: ResidualFlow, cfg: float) -> None:
    exact = ExactVelocity()
    flow.velocity = exact  # type: ignore[assignment]
    coarse = torch.randn(2, 8, N_BANDS)
    mel = flow.sample(coarse, 8, torch.zeros(coarse.shape), SOLVERS["euler"], 1, cfg)
    assert torch.allclose(mel, coarse + 0.5 * cfg * 3 * coarse, atol=1e-5)
    assert (exact.n_calls, exact.batch_sizes) == (1, [4])  # guided and unguided in one call


def test_condition_dropout_hides_the_coarse_mel(flow: ResidualFlow) -> None:
    torch.nn.init.normal_(flow.velocity.leave.weight)
    x, time, levels = torch.randn(1, 8, N_BANDS), torch.tensor([0.3]), torch.tensor([8])
    one, other = torch.randn(2, 1, 8, N_BANDS)
    hidden, given = torch.tensor([0.0]), torch.tensor([1.0])
    assert torch.equal(flow.velocity(x, one, hidden, levels, time), flow.velocity(x, other, hidden, levels, time))
    assert not torch.allclose(flow.velocity(x, one, given, levels, time), flow.velocity(x, other, given, levels, time))


def test_loss_repeats_with_its_generator(flow: ResidualFlow) -> None:
    mel, coarse = torch.randn(2, 3, 8, N_BANDS)
    losses = [flow.loss(mel, coarse, torch.full((3,), 8), torch.Generator().manual_seed(5)) for _ in range(2)]
    assert losses[0] == losses[1]

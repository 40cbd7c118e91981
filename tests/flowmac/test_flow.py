"""The flow on problems whose answer is known."""

from __future__ import annotations

import copy
import math

import pytest
import torch
from torch import Tensor, nn

from flowmac.config import FlowConfig
from flowmac.flow import MelFlow, ResidualFlow, make_flow
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


class BentVelocity(nn.Module):
    """Leads from anywhere as far as the coarse mel says, slowly at first: by t^2 of it up to the time t."""

    def forward(self, x: Tensor, coarse: Tensor, is_given: Tensor, n_levels: Tensor, time: Tensor) -> Tensor:
        return 2 * time[:, None, None] * coarse * is_given[:, None, None]


class StraightVelocity(nn.Module):
    """Leads to the same end as `BentVelocity`, evenly."""

    def forward(self, x: Tensor, coarse: Tensor, is_given: Tensor, n_levels: Tensor, time: Tensor) -> Tensor:
        return coarse * is_given[:, None, None]


def test_reflow_asks_for_straight_paths_to_the_teachers_ends(flow: ResidualFlow) -> None:
    """E |2 t c - c|^2 over t is c^2 / 3 where the coarse mel c is given, as it is in nine of ten examples."""
    teacher = copy.deepcopy(flow)
    teacher.velocity = BentVelocity()  # type: ignore[assignment]
    coarse, levels = torch.ones(4096, 4, N_BANDS), torch.full((4096,), 8)
    losses = []
    for velocity in (StraightVelocity(), BentVelocity()):
        flow.velocity = velocity  # type: ignore[assignment]
        losses.append(float(flow.reflow_loss(teacher, coarse, levels, torch.Generator().manual_seed(2))))
    assert losses == pytest.approx([0, 0.9 / 3], rel=0.05, abs=1e-6)


def _mel_flow(sigma_min: float) -> MelFlow:
    torch.manual_seed(0)
    flow = MelFlow(N_BANDS, N_LEVELS, FlowConfig(prior="mean", sigma_min=sigma_min, width=16, n_blocks=1))
    flow.mean.copy_(torch.arange(4.0))
    flow.deviation.copy_(torch.tensor([0.5, 1.0, 2.0, 3.0]))
    return flow.requires_grad_(requires_grad=False)


def test_prior_is_chosen_by_the_configuration() -> None:
    assert isinstance(make_flow(N_BANDS, N_LEVELS, FlowConfig(prior="coarse")), ResidualFlow)
    assert isinstance(make_flow(N_BANDS, N_LEVELS, FlowConfig(prior="mean")), MelFlow)


@pytest.mark.parametrize("sigma_min", [0.0, 0.5])
def test_untrained_mel_flow_gives_the_distribution_of_all_mels(sigma_min: float) -> None:
    """The linear start carries N(0, 1) to N(0, 1 + sigma_min^2), about the mean mel and not about the coarse one."""
    flow = _mel_flow(sigma_min)
    noise = torch.randn(16, 8, N_BANDS)
    mel = flow.sample(torch.full_like(noise, 50.0), 8, noise, SOLVERS["rk4"], nfe=256, cfg=1.0)
    expected = flow.mean + flow.deviation * math.sqrt(1 + sigma_min**2) * noise
    assert torch.allclose(mel, expected, atol=1e-3)


@pytest.mark.parametrize("sigma_min", [0.0, 0.5])
def test_loss_of_the_untrained_mel_flow(sigma_min: float) -> None:
    """The variance of x1 - b x0 given x = t x1 + (1 - b t) x0, b = 1 - sigma_min, is 1 / (t^2 + (1 - b t)^2).

    Its mean over t is arctan(1 + b^2 - b) + arctan(b).
    """
    flow = _mel_flow(sigma_min)
    generator = torch.Generator().manual_seed(1)
    mel = flow.mean + flow.deviation * torch.randn(8192, 4, N_BANDS, generator=generator)
    loss = flow.loss(mel, torch.zeros_like(mel), torch.full((8192,), 8), generator)
    b = 1 - sigma_min
    assert float(loss) == pytest.approx(math.atan(1 + b**2 - b) + math.atan(b), rel=0.02)


def test_coarse_mel_is_a_condition_and_no_more() -> None:
    """Without the condition's part, the mel flow knows nothing of the coarse mel; the residual flow still does."""
    coarse = torch.randn(2, 8, N_BANDS)
    flow = _mel_flow(0.0)
    flow.velocity = ExactVelocity()  # type: ignore[assignment]
    start = torch.zeros(coarse.shape)
    unguided = flow.sample(coarse, 8, start, SOLVERS["euler"], 1, cfg=0.0)
    assert torch.allclose(unguided, flow.mean.expand_as(coarse), atol=1e-5)
    guided = flow.sample(coarse, 8, start, SOLVERS["euler"], 1, cfg=1.0)
    assert torch.allclose(guided, flow.mean + flow.deviation * 3 * coarse, atol=1e-5)


def test_scales_come_from_the_data_and_follow_it(flow: ResidualFlow) -> None:
    mel = 2 + 3 * torch.randn(64, 32, N_BANDS)
    coarse = [mel + 1 / n_levels * torch.randn(mel.shape) for n_levels in range(1, N_LEVELS + 1)]
    flow.fit(mel, coarse)
    assert torch.allclose(flow.scale, torch.tensor([3.0, *(1 / n for n in range(1, 9))]), rtol=0.05)
    for _ in range(1000):
        flow.follow(mel, mel + 0.2 * torch.randn(mel.shape), n_levels=3)
    assert torch.allclose(flow.scale[2:5], torch.tensor([1 / 2, 0.2, 1 / 4]), rtol=0.05)
    mel_flow = _mel_flow(0.0)
    mel_flow.fit(mel, coarse)
    assert torch.allclose(mel_flow.mean, torch.full((N_BANDS,), 2.0), atol=0.3)
    assert torch.allclose(mel_flow.deviation, torch.full((N_BANDS,), 3.0), rtol=0.1)


def test_an_untrained_flow_says_so(flow: ResidualFlow) -> None:
    assert not flow.is_trained
    torch.nn.init.normal_(flow.velocity.leave.weight)
    assert flow.is_trained

"""The refiner and what it learns from."""

from __future__ import annotations

import math

import torch

from flowmac.config import MelConfig, RefinerConfig, SpectralConfig
from flowmac.training.losses import MultiResolutionMelLoss, discriminator_loss, feature_loss, fooling_loss
from flowmac.vocoder import RefinedVocoder
from flowmac.vocoder.discriminators import Discriminators
from tests.flowmac.conftest import RATE_HZ, make_sound


def _vocoder(n_iterations: int = 2) -> RefinedVocoder:
    torch.manual_seed(0)
    start = SpectralConfig(start_phase="integrated", width=16, n_blocks=1, n_iterations=n_iterations)
    return RefinedVocoder(MelConfig(), RefinerConfig(start=start, width=16, n_blocks=2))


def _inputs(vocoder: RefinedVocoder, seconds: float) -> tuple[torch.Tensor, torch.Tensor]:
    mel = vocoder.mel(torch.from_numpy(make_sound(seconds)))
    return mel, 2 * math.pi * torch.rand(*mel.shape[:2], 1025)


@torch.no_grad()
def test_untrained_it_changes_nothing() -> None:
    vocoder = _vocoder()
    mel, phase = _inputs(vocoder, 1.0)
    assert torch.allclose(vocoder(mel, phase), vocoder.start(mel, phase), atol=1e-4)


@torch.no_grad()
def test_any_phase_can_be_reached() -> None:
    """With a constant turn of half a circle in place of what the network says, the signal is inverted."""
    vocoder = _vocoder()
    mel, phase = _inputs(vocoder, 1.0)
    signal = vocoder.start(mel, phase)
    direction = vocoder.spectrum(signal).transpose(1, 2)
    direction = direction / direction.abs().clamp(min=1e-6)
    wanted = torch.cat([torch.zeros_like(direction.real), -2 * direction.real, -2 * direction.imag], dim=-1)
    vocoder.leave.forward = lambda _: wanted  # type: ignore[method-assign]
    assert torch.allclose(vocoder.refine(signal, mel), -signal, atol=1e-3)


@torch.no_grad()
def test_no_frame_beyond_the_context_matters() -> None:
    vocoder = _vocoder()
    torch.nn.init.normal_(vocoder.leave.weight, std=0.01)
    context = vocoder.context_frames
    mel, phase = _inputs(vocoder, (2 * context + 20) / 46.875)
    middle = mel.shape[1] // 2
    changed = mel.clone()
    changed[:, middle + context :] *= 3
    hop = vocoder.mel.config.hop_samples
    end = (middle + 1) * hop - hop // 2
    assert torch.allclose(vocoder(mel, phase)[:, :end], vocoder(changed, phase)[:, :end], atol=1e-4)


def test_losses_tell_what_is_nearer() -> None:
    sound = torch.from_numpy(make_sound(1.0))
    noise = torch.randn_like(sound)
    mel_loss = MultiResolutionMelLoss(RATE_HZ)
    losses = [float(mel_loss(sound + level * noise, sound)) for level in (0.0, 0.001, 0.01, 0.1)]
    assert losses[0] == 0
    assert losses == sorted(losses)


def test_discriminators_are_asked_about_all_of_a_signal() -> None:
    """Each score depends on its place alone, every sample has a say, and both players' losses are least squares."""
    torch.manual_seed(0)
    judge = Discriminators()
    sound = torch.from_numpy(make_sound(0.5)).requires_grad_()
    torch.stack([score.square().mean() for score, _ in judge(sound)]).sum().backward()
    assert sound.grad is not None
    assert bool((sound.grad != 0).float().mean() > 0.99)
    with torch.no_grad():
        judgements = judge(sound)
    ones = [(torch.ones_like(score), features) for score, features in judgements]
    zeros = [(torch.zeros_like(score), features) for score, features in judgements]
    assert float(discriminator_loss(ones, zeros)) == 0
    assert float(discriminator_loss(zeros, ones)) == 2
    assert float(fooling_loss(ones)) == 0
    assert float(feature_loss(judgements, judgements)) == 0

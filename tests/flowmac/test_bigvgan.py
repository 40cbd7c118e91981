"""The BigVGAN variant: its activation, its shape, how far it looks."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from flowmac.config import BigVGANConfig, MelConfig, read_config
from flowmac.errors import SettingError
from flowmac.vocoder import build_vocoder
from flowmac.vocoder.bigvgan import BigVGANVocoder
from flowmac.vocoder.periodic import AntiAliased, Snake


def sine(cycles_per_sample: float, n_samples: int = 2000) -> torch.Tensor:
    return torch.sin(2 * torch.pi * cycles_per_sample * torch.arange(n_samples, dtype=torch.float64))


def level_db(signal: torch.Tensor, cycles_per_sample: float) -> float:
    """Amplitude of one frequency away from the signal's ends, in dB."""
    inner = signal[..., 500:1500].flatten().detach().numpy()
    window = np.hanning(1000)
    phasor = np.exp(-2j * np.pi * cycles_per_sample * np.arange(1000))
    return float(20 * np.log10(2 * abs((inner * window * phasor).sum()) / window.sum() + 1e-12))


def test_snake_is_its_formula_with_a_frequency_for_each_channel() -> None:
    snake = Snake(2)
    snake.log_frequency.data = torch.tensor([[0.0], [1.0]])
    x = torch.linspace(-5, 5, 101).expand(1, 2, -1)
    for channel, a in enumerate((1.0, torch.e)):
        assert torch.allclose(snake(x)[0, channel], x[0, channel] + torch.sin(a * x[0, channel]) ** 2 / a, atol=1e-5)


@pytest.mark.parametrize("cycles_per_sample", [0.0, 0.05, 0.2, 0.35])
def test_sampling_up_and_down_keeps_what_is_below_70_percent_of_the_band(cycles_per_sample: float) -> None:
    activation = AntiAliased(nn.Identity()).double()
    signal = sine(cycles_per_sample) + 1
    kept = activation(signal[None, None])[0, 0]
    assert (kept - signal)[20:-20].abs().max() < 0.025  # two filters of 40 dB, 0.01 each


@pytest.mark.parametrize(("cycles_per_sample", "least_suppression_db"), [(0.3, 24), (0.35, 30), (0.4, 17)])
def test_images_are_suppressed(cycles_per_sample: float, least_suppression_db: float) -> None:
    """Snake doubles the frequency f; where 2 f is above half the sample rate, it folds back to 1 - 2 f."""
    image = 1 - 2 * cycles_per_sample
    signal = 0.5 * sine(cycles_per_sample)[None, None]
    plain, anti_aliased = Snake(1).double(), AntiAliased(Snake(1)).double()
    folded = level_db(plain(signal), image)
    assert folded > -25  # the plain activation does make the image
    assert level_db(anti_aliased(signal), image) < folded - least_suppression_db


def test_what_does_not_fold_back_is_kept() -> None:
    plain, anti_aliased = Snake(1).double(), AntiAliased(Snake(1)).double()
    signal = 0.5 * sine(0.1)[None, None]
    for frequency in (0.1, 0.2):
        wanted = level_db(plain(signal), frequency)
        assert level_db(anti_aliased(signal), frequency) == pytest.approx(wanted, abs=0.3)


@pytest.fixture
def vocoder() -> BigVGANVocoder:
    torch.manual_seed(0)
    config = BigVGANConfig(width=32, upsampling=(4, 4, 2), kernel_sizes=(3, 5), dilations=(1, 2))
    vocoder = build_vocoder(MelConfig(n_fft=128, hop_samples=32, n_bands=8), config)
    assert isinstance(vocoder, BigVGANVocoder)
    return vocoder.double()


def test_waveform_has_a_hop_for_each_frame(vocoder: BigVGANVocoder) -> None:
    for n_frames in (1, 2, 17):
        mel = torch.rand(3, n_frames, 8, dtype=torch.float64)
        waveform = vocoder(mel, torch.zeros(1))
        assert waveform.shape == (3, 32 * n_frames)
        assert waveform.abs().max() <= 1


def test_output_reaches_as_far_as_declared_and_no_further(vocoder: BigVGANVocoder) -> None:
    """The gradient of one frame of the output is not zero nearly to the context's edge, and zero beyond it."""
    context = vocoder.context_frames
    n_frames, middle = 4 * context, 2 * context
    mel = torch.rand(1, n_frames, 8, dtype=torch.float64, requires_grad=True)
    vocoder(mel, torch.zeros(1)).view(n_frames, 32)[middle].square().sum().backward()
    assert mel.grad is not None
    seen = mel.grad[0].any(dim=1).nonzero().flatten() - middle
    assert -context <= seen.min() <= 1 - context
    assert context - 1 <= seen.max() <= context


def test_all_weights_learn(vocoder: BigVGANVocoder) -> None:
    vocoder(torch.rand(1, 9, 8, dtype=torch.float64), torch.zeros(1)).square().sum().backward()
    for name, parameter in vocoder.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.abs().max() > 0, name


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{upsampling: [9, 8]}", "must be even"),
        ("{kernel_sizes: [4]}", "must be odd"),
        ("{width: 24}", "multiple of 2\\^4"),
    ],
)
def test_impossible_shapes_are_told(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "vocoder.yaml"
    path.write_text(text)
    with pytest.raises(SettingError, match=message):
        read_config(BigVGANConfig, path)


def test_factors_must_make_a_hop() -> None:
    with pytest.raises(SettingError, match=r"multiplies to 256, the mel's hop is 512"):
        BigVGANVocoder(MelConfig(), BigVGANConfig(upsampling=(8, 8, 4)))

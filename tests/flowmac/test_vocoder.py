"""Mel to audio by signal processing."""

from __future__ import annotations

import numpy as np
import torch

from flowmac.config import MelConfig, SpectralConfig
from flowmac.vocoder.spectral import SpectralVocoder, interpolation_matrix
from tests.flowmac.conftest import make_sound


def _vocoder(n_iterations: int = 16) -> SpectralVocoder:
    torch.manual_seed(0)
    config = SpectralConfig(width=16, n_blocks=1, n_corrections=10, n_iterations=n_iterations)
    return SpectralVocoder(MelConfig(), config).requires_grad_(requires_grad=False)


def _phase(vocoder: SpectralVocoder, mel: torch.Tensor) -> torch.Tensor:
    generator = torch.Generator().manual_seed(0)
    return 2 * torch.pi * torch.rand(*mel.shape[:2], 1025, generator=generator)


def test_interpolation_keeps_constants_and_is_local() -> None:
    matrix = interpolation_matrix(MelConfig())
    assert torch.allclose(matrix.sum(dim=1), torch.ones(1025))
    assert int((matrix > 0).sum(dim=1).max()) <= 2


def test_magnitudes_have_the_wanted_mel() -> None:
    vocoder = _vocoder()
    mel = vocoder.mel(torch.from_numpy(make_sound(1.0)))
    found = vocoder.mel.from_magnitudes(vocoder.magnitudes(mel))
    loud = mel > 0.5
    assert float((found[loud] / mel[loud]).log().abs().mean()) < 0.02


def test_griffin_lim_converges_on_true_magnitudes() -> None:
    sound = torch.from_numpy(make_sound(1.0))
    errors = []
    for n_iterations in (1, 8, 64):
        vocoder = _vocoder(n_iterations)
        magnitudes = vocoder.mel.spectrum(sound).abs()
        phase = _phase(vocoder, magnitudes.transpose(1, 2)).transpose(1, 2)
        found = vocoder.mel.spectrum(vocoder.fast_griffin_lim(magnitudes, phase, vocoder.config.n_iterations)).abs()
        errors.append(float((found - magnitudes).norm() / magnitudes.norm()))
    assert errors == sorted(errors, reverse=True)
    assert errors[-1] < 0.05


def test_output_does_not_depend_on_far_frames() -> None:
    """What chunked decoding relies on: beyond the declared context, frames have no influence."""
    vocoder = _vocoder(4)
    mel = vocoder.mel(torch.from_numpy(make_sound(2.0)))
    phase = _phase(vocoder, mel)
    whole = vocoder(mel, phase)
    context = vocoder.context_frames
    first, last = 40, 50
    part = slice(first - context, last + context)
    alone = vocoder(mel[:, part], phase[:, part])
    hop = 512
    assert torch.allclose(alone[:, context * hop : -context * hop], whole[:, first * hop : last * hop], atol=1e-5)


def test_silence_gives_silence() -> None:
    vocoder = _vocoder()
    mel = torch.zeros(1, 20, 128)
    assert float(vocoder(mel, _phase(vocoder, mel)).abs().max()) < 1e-3


def test_result_is_finite_for_any_mel() -> None:
    vocoder = _vocoder(4)
    random = np.random.default_rng(0)
    mel = torch.from_numpy(random.exponential(100, (1, 20, 128)) * random.integers(0, 2, (1, 20, 128))).float()
    assert torch.isfinite(vocoder(mel, _phase(vocoder, mel))).all()

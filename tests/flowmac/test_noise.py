"""Which noise reaches the flow."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from flowmac.codec import Codec
from flowmac.config import CodecConfig, MelConfig
from flowmac.mel import sharpen
from flowmac.mel_codec import MelCodec
from flowmac.noise import HIGH_SHARE, LOW_SHARE, band_shares
from flowmac.solver import get_solver


def test_high_bands_get_more_than_low_ones() -> None:
    shares = band_shares(MelConfig())
    assert shares.shape == (128,)
    assert bool((shares.diff() >= 0).all())
    assert float(shares[0]) == pytest.approx(LOW_SHARE)
    assert float(shares[-1]) == pytest.approx(HIGH_SHARE)


def test_what_lies_beyond_the_latents_does_not_change_them(codec: Codec) -> None:
    autoencoder = codec.mel_codec.autoencoder
    mel, noise = 2 * torch.rand(2, 32, 128), torch.randn(2, 32, 128)
    beyond = autoencoder.beyond(noise)
    torch.testing.assert_close(autoencoder.encode(mel + beyond), autoencoder.encode(mel), rtol=0, atol=2e-3)
    torch.testing.assert_close(autoencoder.beyond(beyond), beyond, rtol=0, atol=1e-3)
    assert not torch.allclose(autoencoder.encode(mel + noise), autoencoder.encode(mel), rtol=0, atol=0.1)


def _noise_given(codec: MelCodec, noise: Tensor, monkeypatch: pytest.MonkeyPatch) -> Tensor:
    """The noise that the flow gets at a temperature of 0.5."""
    given: list[Tensor] = []

    def sample(coarse: Tensor, n_levels: int, noise: Tensor, *others: object) -> Tensor:
        given.append(noise)
        return coarse

    monkeypatch.setattr(codec.flow, "sample", sample)
    codec.refine(torch.ones_like(noise), 8, noise, 0.5, get_solver("euler"), 1, 1.0)
    return given[0]


def test_a_residual_flow_gets_noise_where_the_code_says_nothing(codec: Codec, monkeypatch: pytest.MonkeyPatch) -> None:
    noise = torch.randn(1, 32, 128)
    expected = 0.5 * band_shares(codec.config.mel) * codec.mel_codec.autoencoder.beyond(noise)
    torch.testing.assert_close(_noise_given(codec.mel_codec, noise, monkeypatch), expected)


def test_a_flow_of_whole_mels_gets_all_of_it(small_paper_config: CodecConfig, monkeypatch: pytest.MonkeyPatch) -> None:
    noise = torch.randn(1, 32, 128)
    assert torch.equal(_noise_given(MelCodec(small_paper_config), noise, monkeypatch), 0.5 * noise)


def test_texture_takes_the_place_of_the_post_filter(codec: Codec, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(codec.mel_codec.flow, "sample", lambda coarse, *others: coarse)
    coarse, euler = torch.rand(1, 32, 128), get_solver("euler")
    noise = torch.randn_like(coarse)
    contrast = codec.config.contrast
    assert contrast > 0
    off, expected, full = (
        codec.mel_codec.refine(coarse, 8, noise, t, euler, n, 1.0) for t, n in ((1, 0), (0, 1), (1, 1))
    )
    assert torch.equal(off, sharpen(coarse, contrast))
    assert torch.equal(expected, off)
    assert torch.equal(full[..., -1], coarse[..., -1])
    torch.testing.assert_close(full[..., 0], sharpen(coarse, contrast * (1 - LOW_SHARE))[..., 0])

"""Mel spectrogram: framing, filterbank, compression."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from flowmac.config import MelConfig
from flowmac.errors import SettingError
from flowmac.mel import MelSpectrogram, Spectrum, mel_filterbank, mel_points_hz, sharpen
from tests.flowmac.conftest import RATE_HZ, make_sound

CONFIG = MelConfig()


@pytest.mark.parametrize("n_samples", [1, 10, 511, 512, 513, 2048, 24000])
def test_spectrum_has_one_frame_a_hop_and_inverts(n_samples: int) -> None:
    spectrum = Spectrum(CONFIG.n_fft, CONFIG.hop_samples)
    waveform = torch.from_numpy(make_sound(1.0)[:, :n_samples])
    transformed = spectrum(waveform)
    assert transformed.shape == (1, 1025, -(-n_samples // 512))
    back = spectrum.inverse(transformed)
    assert back.shape[1] == transformed.shape[2] * 512
    assert torch.allclose(back[:, :n_samples], waveform, atol=1e-5)


def test_windows_that_are_no_whole_number_of_hops_are_refused() -> None:
    with pytest.raises(SettingError, match=r"n_fft \(2048\) must be a multiple of hop_samples \(600\)"):
        Spectrum(2048, 600)


def test_slaney_scale_is_linear_then_logarithmic() -> None:
    points = mel_points_hz(130, 12000.0)
    assert points[0] == 0
    assert points[-1] == pytest.approx(12000)
    low, high = points[points < 900], points[points > 1100]
    assert np.diff(low) == pytest.approx(np.diff(low)[0])
    assert high[1:] / high[:-1] == pytest.approx(high[1] / high[0])


def test_filters_are_triangles_that_meet_at_the_neighbours_peaks() -> None:
    bank = mel_filterbank(CONFIG)
    assert bank.shape == (128, 1025)
    assert bank.max() <= 1
    between = slice(int(np.argmax(bank[0])) + 1, int(np.argmax(bank[-1])))
    assert bank[:, between].sum(axis=0) == pytest.approx(1.0)  # neighbours overlap to exactly 1


def test_a_tone_sounds_in_its_band() -> None:
    mel = MelSpectrogram(CONFIG)
    t = torch.arange(RATE_HZ) / RATE_HZ
    bands = mel(torch.sin(2 * torch.pi * 1000 * t)[None])[0, 20]
    centres = mel_points_hz(130, 12000.0)[1:-1]
    assert centres[int(bands.argmax())] == pytest.approx(1000, rel=0.05)


def test_compression_inverts_and_is_zero_at_silence() -> None:
    mel = MelSpectrogram(CONFIG)
    magnitudes = torch.logspace(-5, 3, 100)
    assert float(mel.compress(torch.zeros(1))) == pytest.approx(0, abs=1e-6)
    assert torch.allclose(mel.expand(mel.compress(magnitudes)), magnitudes, rtol=1e-3, atol=1e-6)
    assert float(mel.expand(torch.tensor(-1.0))) == pytest.approx(0, abs=1e-6)


def test_sharpening_keeps_what_is_flat_and_raises_what_stands_out() -> None:
    flat = torch.full((1, 3, 16), 2.0)
    assert torch.allclose(sharpen(flat, 0.5), flat)
    peak = flat.clone()
    peak[..., 8] = 5.0
    sharpened = sharpen(peak, 0.3)
    assert torch.allclose(sharpened[..., 8], torch.tensor(5.0 + 0.3 * 2.0))
    assert torch.allclose(sharpened[..., 7], torch.tensor(2.0 - 0.3 * 1.0))
    assert torch.equal(sharpen(peak, 0.0), peak)

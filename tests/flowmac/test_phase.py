"""The start phase that is integrated from magnitudes, against phases that are known."""

from __future__ import annotations

import math

import torch

from flowmac.mel import Spectrum
from flowmac.vocoder.phase import integrate_phase

N_FFT, HOP, RATE_HZ = 1024, 256, 24000


def _tone(frequency_hz: float, n_frames: int = 60) -> torch.Tensor:
    time = torch.arange(n_frames * HOP) / RATE_HZ
    return 0.5 * torch.sin(2 * math.pi * frequency_hz * time + 0.3)[None]


def test_a_tone_goes_on_with_its_own_phase() -> None:
    spectrum = Spectrum(N_FFT, HOP)
    true = spectrum(_tone(997.0))[..., 4:-4]  # whole windows only
    bin_of_tone = round(997.0 * N_FFT / RATE_HZ)
    found = integrate_phase(true.abs(), true.angle(), N_FFT, HOP, past=None)
    # All bins of the peak follow it; what is left is the error of the parabola, small and even.
    for offset in (-1, 0, 1):
        error = torch.remainder(found - true.angle() + math.pi, 2 * math.pi) - math.pi
        drift = error[0, bin_of_tone + offset].diff().abs()
        assert float(drift.max()) < 0.15


def test_griffin_lim_has_less_left_to_do() -> None:
    spectrum = Spectrum(N_FFT, HOP)
    magnitudes = sum(spectrum(_tone(f)) for f in (220.0, 447.0, 1311.0, 3970.0)).abs()
    torch.manual_seed(0)
    random = 2 * math.pi * torch.rand_like(magnitudes)

    def inconsistency(phase: torch.Tensor) -> float:
        given = torch.polar(magnitudes, phase.float())
        return float((spectrum(spectrum.inverse(given)).abs() - magnitudes).norm() / magnitudes.norm())

    assert inconsistency(integrate_phase(magnitudes, random, N_FFT, HOP, None)) < 0.3 * inconsistency(random)


def test_a_signal_in_parts_has_the_phase_of_the_whole() -> None:
    torch.manual_seed(0)
    magnitudes, random = torch.rand(2, 513, 50), 2 * math.pi * torch.rand(2, 513, 50)
    whole = integrate_phase(magnitudes, random, N_FFT, HOP, None)
    first = integrate_phase(magnitudes[..., :30], random[..., :30], N_FFT, HOP, None)
    second = integrate_phase(magnitudes[..., 20:], random[..., 20:], N_FFT, HOP, first[..., 20:])
    joined = torch.cat([first, second[..., 10:]], dim=-1)
    assert float(torch.cos(joined - whole).min()) > 1 - 1e-6

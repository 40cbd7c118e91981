"""Mel to audio by signal processing: magnitudes from a small network, phase from fast Griffin-Lim.

1. The mel values over their bands' areas, interpolated between the bands' centres, are a first spectral envelope.
2. A network of 1-D ConvNeXt blocks adds what the mel only hints at, such as harmonics.
3. Mel corrections pull the magnitudes back to the wanted mel.
4. Fast Griffin-Lim finds a phase.

Any of it may be left untrained: the network starts at zero and the rest stands by itself.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor, nn

from flowmac.blocks import ConvNeXtBlock, zero_linear
from flowmac.config import MelConfig, SpectralConfig
from flowmac.mel import mel_filterbank, mel_points_hz
from flowmac.vocoder.base import Vocoder
from flowmac.vocoder.phase import integrate_phase

#: Momentum of fast Griffin-Lim that Perraudin, Balazs and Sondergaard (2013) recommend.
MOMENTUM = 0.99

#: Below this a magnitude counts as nothing: it only keeps logarithms and quotients finite.
TINY = 1e-6


def interpolation_matrix(config: MelConfig) -> Tensor:
    """Matrix [F, M] that takes one value a band to all frequency bins, linear between the bands' centres."""
    centres = mel_points_hz(config.n_bands + 2, config.sample_rate_hz / 2)[1:-1]
    bins = np.linspace(0, config.sample_rate_hz / 2, config.n_fft // 2 + 1)
    columns = [np.interp(bins, centres, unit) for unit in np.eye(config.n_bands)]
    return torch.from_numpy(np.stack(columns, axis=1)).float()


class SpectralVocoder(Vocoder):
    """Mel magnitudes to a waveform by magnitude network, mel correction and fast Griffin-Lim.

    Source of Griffin-Lim with momentum: Perraudin, Balazs, Sondergaard, "A fast Griffin-Lim algorithm", WASPAA 2013.
    """

    interpolation: Tensor
    log_band_area: Tensor

    def __init__(self, mel: MelConfig, config: SpectralConfig) -> None:
        super().__init__(mel)
        self.config = config
        self.register_buffer("interpolation", interpolation_matrix(mel), persistent=False)
        area = torch.from_numpy(mel_filterbank(mel).sum(axis=1)).float()
        self.register_buffer("log_band_area", area.log(), persistent=False)
        n_bins = mel.n_fft // 2 + 1
        self.enter = nn.Conv1d(mel.n_bands, config.width, 3, padding=1)
        self.blocks = nn.ModuleList(ConvNeXtBlock(config.width, kernel_size=5) for _ in range(config.n_blocks))
        self.norm = nn.LayerNorm(config.width)
        self.leave = zero_linear(config.width, n_bins)

    def log_magnitudes(self, mel: Tensor) -> Tensor:
        """Mel magnitudes [B, T, M] to log(magnitude + floor) [B, T, F], before any mel correction."""
        log_mel = torch.log(mel + self.mel.config.floor)
        x = self.enter((0.5 * log_mel).transpose(1, 2)).transpose(1, 2)
        for block in self.blocks:
            x = block(x)
        envelope = (log_mel - self.log_band_area) @ self.interpolation.T
        return envelope + self.leave(self.norm(x))

    def magnitudes(self, mel: Tensor) -> Tensor:
        """Mel magnitudes [B, T, M] to magnitudes [B, F, T] that have this mel."""
        magnitudes = self.log_magnitudes(mel).transpose(1, 2).exp() - self.mel.config.floor
        magnitudes = magnitudes.clamp(min=TINY)
        wanted = mel.transpose(1, 2)
        # Each bin times the interpolated ratio of the wanted to the present mel; the offset keeps silence still.
        offset = self.mel.config.floor / 100
        for _ in range(self.config.n_corrections):
            present = self.mel.filterbank @ magnitudes
            log_ratio = torch.log((wanted + offset) / (present + offset))
            magnitudes = magnitudes * torch.exp(self.interpolation @ log_ratio)
        return magnitudes

    def proceed(self, mel: Tensor, phase: Tensor, past: Tensor | None) -> tuple[Tensor, Tensor]:
        """See `Vocoder.proceed`."""
        return self.start_from(mel, phase, past, self.config.n_iterations)

    def start_from(self, mel: Tensor, phase: Tensor, past: Tensor | None, n_iterations: int) -> tuple[Tensor, Tensor]:
        """As `proceed`, with any number of iterations of fast Griffin-Lim."""
        magnitudes, phase = self.magnitudes(mel).float(), phase.transpose(1, 2)
        if self.config.start_phase == "integrated":
            spectrum, known = self.mel.spectrum, None if past is None else past.transpose(1, 2)
            phase = integrate_phase(magnitudes, phase, spectrum.n_fft, spectrum.hop_samples, known)
        return self.fast_griffin_lim(magnitudes, phase.to(magnitudes), n_iterations), phase.transpose(1, 2)

    def use_double_precision(self) -> None:
        """See `Vocoder.use_double_precision`: all up to the magnitudes, not Griffin-Lim."""
        self.double()
        self.mel.spectrum.float()

    def fast_griffin_lim(self, magnitudes: Tensor, phase: Tensor, n_iterations: int) -> Tensor:
        """Waveform [B, T * hop] whose spectrum has nearly the ``magnitudes`` [B, F, T], from a start ``phase``."""
        spectrum = self.mel.spectrum
        estimate = torch.polar(magnitudes, phase)
        previous = torch.zeros_like(estimate)
        for step in range(n_iterations):
            consistent = spectrum(spectrum.inverse(estimate))
            accelerated = consistent + MOMENTUM * (consistent - previous) if step else consistent
            power = accelerated.real.square() + accelerated.imag.square()  # faster than the absolute value
            estimate = accelerated * (magnitudes * torch.rsqrt(power + TINY**2))
            previous = consistent
        return spectrum.inverse(estimate)

    @property
    def context_frames(self) -> int:
        """See `Vocoder.context_frames`."""
        network = 1 + 2 * self.config.n_blocks
        overlap = math.ceil(self.mel.config.n_fft / self.mel.config.hop_samples) - 1
        return network + overlap * (self.config.n_iterations + 1)

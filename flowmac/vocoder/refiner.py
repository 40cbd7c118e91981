"""Mel to audio in two steps: signal processing first, then a network that makes its signal sound real.

Fast Griffin-Lim gives a signal whose mel is right and whose phase is nearly consistent; what it lacks is what no mel
holds: sharp attacks, the order in harmonics, the life in noise. The network sees that signal's spectrum, in windows
half as long as the mel's, and changes it. It starts as the identity, so that training only adds to the signal
processing.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from flowmac.blocks import ConvNeXtBlock, zero_linear
from flowmac.config import MelConfig, RefinerConfig
from flowmac.mel import Spectrum
from flowmac.vocoder.base import Vocoder
from flowmac.vocoder.spectral import TINY, SpectralVocoder

#: Frames of the refiner's spectrum that a block sees at once.
KERNEL_SIZE = 7

#: Compression of the spectrum for the network: loud and faint bins at about the same strength.
EXPONENT = 0.3

#: The network changes the logarithm of a magnitude by no more than about this.
MAX_LOG_GAIN = 5.0


class RefinedVocoder(Vocoder):
    """A spectral vocoder and a refiner of its signal.

    Letters: B batch, T mel frames, U = T * hop / refiner's hop frames, K bins of the refiner's spectrum.
    """

    def __init__(self, mel: MelConfig, config: RefinerConfig) -> None:
        super().__init__(mel)
        self.config = config
        self.start = SpectralVocoder(mel, config.start)
        self.spectrum = Spectrum(config.n_fft, config.hop_samples)
        n_bins = config.n_fft // 2 + 1
        self.enter = nn.Linear(3 * n_bins + mel.n_bands, config.width)
        self.blocks = nn.ModuleList(ConvNeXtBlock(config.width, KERNEL_SIZE) for _ in range(config.n_blocks))
        self.norm = nn.LayerNorm(config.width)
        self.leave = zero_linear(config.width, 3 * n_bins)

    def proceed(self, mel: Tensor, phase: Tensor, past: Tensor | None) -> tuple[Tensor, Tensor]:
        """See `Vocoder.proceed`."""
        signal, start_phase = self.start.proceed(mel, phase, past)
        return self.refine(signal, mel.to(signal)), start_phase

    def use_double_precision(self) -> None:
        """See `Vocoder.use_double_precision`."""
        self.start.use_double_precision()

    def refine(self, signal: Tensor, mel: Tensor) -> Tensor:
        """A signal [B, T * hop] with this mel [B, T, M] to one [B, T * hop] that sounds more real."""
        spectrum = self.spectrum(signal).transpose(1, 2)  # [B, U, K]
        magnitude = spectrum.abs() + TINY
        direction = spectrum / magnitude
        compressed = magnitude**EXPONENT * direction
        log_mel = torch.log(mel + self.mel.config.floor)
        log_mel = log_mel.repeat_interleave(self.mel.config.hop_samples // self.config.hop_samples, dim=1)
        log_magnitude = torch.log(magnitude + self.mel.config.floor)
        h = torch.cat([compressed.real, compressed.imag, 0.5 * log_magnitude, 0.5 * log_mel], dim=-1)
        h = self.enter(h)
        for block in self.blocks:
            h = block(h)
        log_gain, real, imaginary = self.leave(self.norm(h)).float().chunk(3, dim=-1)
        gain = torch.exp(MAX_LOG_GAIN * torch.tanh(log_gain / MAX_LOG_GAIN))
        # The turn is added at the scale of the bin's own magnitude, so that any phase can be reached from any other.
        refined = gain * magnitude * (direction + torch.complex(real, imaginary))
        return self.spectrum.inverse(refined.transpose(1, 2))

    @property
    def context_frames(self) -> int:
        """See `Vocoder.context_frames`."""
        blocks = self.config.n_blocks * (KERNEL_SIZE // 2)
        overlap = 2 * (math.ceil(self.config.n_fft / self.config.hop_samples) - 1)
        ratio = self.mel.config.hop_samples // self.config.hop_samples
        return self.start.context_frames + math.ceil((blocks + overlap) / ratio)

"""Mel spectrogram, its compression, and the short-time Fourier transform beneath it.

Frame t is centred on sample t * hop; before the first and after the last sample there is silence. A waveform of N
samples has ceil(N / hop) frames, so that frames and blocks of hop samples count alike in chunks and in whole files.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from flowmac.config import MelConfig
from flowmac.errors import SettingError


def mel_points_hz(n_points: int, highest_hz: float) -> npt.NDArray[np.float64]:
    """``n_points`` frequencies from 0 Hz to ``highest_hz``, even on the mel scale of Slaney's Auditory Toolbox.

    The scale is linear (200/3 Hz a mel) up to 1 kHz and logarithmic (6.4 in 27 mels) above.
    """
    log_step = math.log(6.4) / 27
    highest_mel = highest_hz * 3 / 200 if highest_hz < 1000 else 15 + math.log(highest_hz / 1000) / log_step
    mels = np.linspace(0.0, highest_mel, n_points)
    return np.where(mels < 15, mels * 200 / 3, 1000 * np.exp((np.maximum(mels, 15) - 15) * log_step))


def mel_filterbank(config: MelConfig) -> npt.NDArray[np.float64]:
    """Triangular filters with peak 1, shape [M, F]: M bands over F = n_fft / 2 + 1 frequency bins."""
    points = mel_points_hz(config.n_bands + 2, config.sample_rate_hz / 2)
    bins = np.linspace(0, config.sample_rate_hz / 2, config.n_fft // 2 + 1)
    lower, centre, upper = points[:-2, None], points[1:-1, None], points[2:, None]
    rising = (bins - lower) / (centre - lower)
    falling = (upper - bins) / (upper - centre)
    return np.maximum(0, np.minimum(rising, falling))


class Spectrum(nn.Module):
    """Short-time Fourier transform and its least-squares inverse, with the framing of the module's docstring.

    Raises:
        SettingError: a window is not a whole number of hops.
    """

    window: Tensor

    def __init__(self, n_fft: int, hop_samples: int) -> None:
        super().__init__()
        if n_fft % hop_samples:
            raise SettingError(f"n_fft ({n_fft}) must be a multiple of hop_samples ({hop_samples})")
        self.n_fft = n_fft
        self.hop_samples = hop_samples
        self.register_buffer("window", torch.hann_window(n_fft), persistent=False)

    def n_frames(self, n_samples: int) -> int:
        """Frames of a waveform of ``n_samples``."""
        return -(-n_samples // self.hop_samples)

    def forward(self, waveform: Tensor) -> Tensor:
        """Waveform [B, N] to complex spectrum [B, F, T]."""
        n_missing = -waveform.shape[-1] % self.hop_samples
        half = self.n_fft // 2
        padded = nn.functional.pad(waveform, (half, n_missing + half - self.hop_samples))
        return torch.stft(padded, self.n_fft, self.hop_samples, window=self.window, center=False, return_complex=True)

    def inverse(self, spectrum: Tensor) -> Tensor:
        """Complex spectrum [B, F, T] to the waveform [B, T * hop] whose own spectrum is nearest to it.

        As `torch.istft`, which on an accelerator stops the queue for a check in every call.
        """
        n_frames = spectrum.shape[-1]
        frames = torch.fft.irfft(spectrum.transpose(1, 2), self.n_fft) * self.window
        square = self.window.square().expand(1, n_frames, -1)
        start = self.n_fft // 2
        kept = slice(start, start + n_frames * self.hop_samples)
        # Least squares: each sample was multiplied by the windows over it twice.
        return self._overlap_add(frames)[:, kept] / self._overlap_add(square)[:, kept]

    def _overlap_add(self, frames: Tensor) -> Tensor:
        """Frames [B, T, n_fft], each a hop after the one before, summed to [B, (T + n_fft / hop - 1) * hop]."""
        n_parts = self.n_fft // self.hop_samples
        n_frames = frames.shape[1]
        parts = frames.unflatten(-1, (n_parts, self.hop_samples))
        hops = frames.new_zeros(len(frames), n_frames + n_parts - 1, self.hop_samples)
        for i in range(n_parts):  # in place, which takes a third of the time of padded copies
            hops[:, i : i + n_frames] += parts[:, :, i]
        return hops.flatten(1)


class MelSpectrogram(nn.Module):
    """Waveform to mel magnitudes, and the compressed domain in which they are coded."""

    filterbank: Tensor

    def __init__(self, config: MelConfig) -> None:
        super().__init__()
        self.config = config
        self.spectrum = Spectrum(config.n_fft, config.hop_samples)
        self.register_buffer("filterbank", torch.from_numpy(mel_filterbank(config)).float(), persistent=False)

    def forward(self, waveform: Tensor) -> Tensor:
        """Waveform [B, N], full scale +-1, to mel magnitudes [B, T, M], at least 0."""
        return self.from_magnitudes(self.spectrum(waveform).abs())

    def from_magnitudes(self, magnitudes: Tensor) -> Tensor:
        """Magnitudes [B, F, T] to mel magnitudes [B, T, M]."""
        return (self.filterbank @ magnitudes).transpose(-1, -2)

    def compress(self, mel: Tensor) -> Tensor:
        """Power law that is 0 at silence: ((m + floor)^e - floor^e) / e.

        Against the logarithm it moves bits from faint to audible bands.
        """
        floor, exponent = self.config.floor, self.config.exponent
        return ((mel + floor) ** exponent - floor**exponent) / exponent

    def expand(self, compressed: Tensor) -> Tensor:
        """Inverse of `compress`; what would be negative becomes 0."""
        floor, exponent = self.config.floor, self.config.exponent
        return (compressed.clamp(min=0) * exponent + floor**exponent) ** (1 / exponent) - floor


def sharpen(mel: Tensor, strength: float | Tensor) -> Tensor:
    """Compressed mel [B, T, M] with more contrast between neighbouring bands.

    Each band moves away from the mean of itself and its two neighbours by ``strength``, its own if [M], times its
    distance from it.
    Coding blurs harmonics and formants; like the post-filters of speech codecs (Chen and Gersho 1995) this makes up
    for it.
    """
    padded = nn.functional.pad(mel, (1, 1), mode="replicate")
    smooth = nn.functional.avg_pool1d(padded, kernel_size=3, stride=1)
    return mel + strength * (mel - smooth)

"""Discriminators: networks that tell decoded audio from recordings, and so teach a vocoder what gives it away.

Needed in training alone. Two families see what the other does not: one folds the waveform by several periods, one looks
at complex spectra in several resolutions, band by band.
"""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.parametrizations import weight_norm

LEAK = 0.1

#: Periods in samples; primes, so that no two see the same samples together.
PERIODS = (2, 3, 5, 7, 11)
PERIOD_WIDTHS = (32, 128, 256, 512, 512)

#: Window lengths of the spectra in samples; the hop is a quarter.
WINDOWS = (2048, 1024, 512)
BAND_WIDTH = 32

#: Edges of the bands as shares of half the sample rate: each has filters of its own.
BAND_EDGES = (0.0, 0.1, 0.25, 0.5, 0.75, 1.0)

#: A judgement: scores of places in the signal, and the layers' outputs on the way to them.
Judgement = tuple[Tensor, list[Tensor]]


class PeriodDiscriminator(nn.Module):
    """Looks at every ``period``-th sample together. Source: HiFi-GAN (Kong, Kim, Bae 2020), section 2.3."""

    def __init__(self, period: int) -> None:
        super().__init__()
        self.period = period
        widths = pairwise((1, *PERIOD_WIDTHS))
        strides = (3, 3, 3, 3, 1)
        self.layers = nn.ModuleList(
            weight_norm(nn.Conv2d(n_in, n_out, (5, 1), (stride, 1), padding=(2, 0)))
            for (n_in, n_out), stride in zip(widths, strides, strict=True)
        )
        self.score = weight_norm(nn.Conv2d(PERIOD_WIDTHS[-1], 1, (3, 1), padding=(1, 0)))

    def forward(self, waveform: Tensor) -> Judgement:
        """Judgement of waveforms [B, N]."""
        n_missing = -waveform.shape[1] % self.period
        x = functional.pad(waveform, (0, n_missing)).unflatten(1, (-1, self.period))[:, None]
        features = []
        for layer in self.layers:
            x = functional.leaky_relu(layer(x), LEAK)
            features.append(x)
        return self.score(x).flatten(1), features


class SpectrumDiscriminator(nn.Module):
    """Looks at the complex spectrum, band by band.

    Source: multi-resolution discriminator of UnivNet (Jang et al. 2021) on complex spectra in bands, as in the Descript
    Audio Codec (Kumar et al. 2023), section 3.3.
    """

    window: Tensor

    def __init__(self, n_fft: int) -> None:
        super().__init__()
        self.n_fft = n_fft
        n_bins = n_fft // 2 + 1
        self.edges = [round(edge * n_bins) for edge in BAND_EDGES]
        self.register_buffer("window", torch.hann_window(n_fft), persistent=False)
        self.bands = nn.ModuleList(_band_layers() for _ in pairwise(self.edges))
        self.score = weight_norm(nn.Conv2d(BAND_WIDTH, 1, 3, padding=1))

    def forward(self, waveform: Tensor) -> Judgement:
        """Judgement of waveforms [B, N]."""
        spectrum = torch.stft(
            waveform.float(), self.n_fft, self.n_fft // 4, window=self.window, normalized=True, return_complex=True
        )
        x = torch.view_as_real(spectrum).permute(0, 3, 2, 1)  # [B, 2, frames, bins]
        outputs, features = [], []
        for (low, high), layers in zip(pairwise(self.edges), self.bands, strict=True):
            band = x[..., low:high]
            assert isinstance(layers, nn.ModuleList)
            for layer in layers:
                band = functional.leaky_relu(layer(band), LEAK)
                features.append(band)
            outputs.append(band)
        return self.score(torch.cat(outputs, dim=-1)).flatten(1), features


def _band_layers() -> nn.ModuleList:
    """Convolutions over frames x bins; three halve the number of bins."""
    layers = [nn.Conv2d(2, BAND_WIDTH, (3, 9), padding=(1, 4))]
    layers += [nn.Conv2d(BAND_WIDTH, BAND_WIDTH, (3, 9), (1, 2), padding=(1, 4)) for _ in range(3)]
    layers += [nn.Conv2d(BAND_WIDTH, BAND_WIDTH, 3, padding=1)]
    return nn.ModuleList(weight_norm(layer) for layer in layers)


class Discriminators(nn.Module):
    """All discriminators; waveforms [B, N] to a list of judgements."""

    def __init__(self) -> None:
        super().__init__()
        self.periods = nn.ModuleList(PeriodDiscriminator(period) for period in PERIODS)
        self.spectra = nn.ModuleList(SpectrumDiscriminator(n_fft) for n_fft in WINDOWS)

    def forward(self, waveform: Tensor) -> list[Judgement]:
        """See the class."""
        return [judge(waveform) for judge in (*self.periods, *self.spectra)]

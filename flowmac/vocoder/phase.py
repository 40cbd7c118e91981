"""A start phase from magnitudes alone: partials go on from frame to frame at their own frequency.

Fast Griffin-Lim finds in a few iterations from here what takes it dozens from a random phase. A partial's phase goes on
for as long as the recording does, over all segments of decoding: it is summed in double precision, so that a segment
takes it up exactly as the one before left it. Which bin is a peak is a choice, which rounding can turn where two are
nearly even; so the mel, too, is decoded in double precision.

Source: single pass spectrogram inversion (Beauregard, Harish, Wyse 2015); locking of a peak's bins: Laroche and Dolson,
"Improved phase vocoder time-scale modification of audio", 1999.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

#: Farther than any bin: there is no peak on this side.
NOWHERE = 1_000_000


def integrate_phase(magnitudes: Tensor, phase: Tensor, n_fft: int, hop_samples: int, past: Tensor | None) -> Tensor:
    """Phases [B, F, T] in radians, double, for ``magnitudes`` [B, F, T] of a spectrum with symmetric windows.

    Args:
        magnitudes: at least 0.
        phase: [B, F, T]; its first frame is that of the result, where nothing is known of what came before.
        n_fft, hop_samples: of the spectrum.
        past: the result for the first frames [B, F, n], from an earlier call; None if this is the start.
    """
    peaks, frequencies = _partials(magnitudes.double())
    advances = 2 * math.pi * hop_samples / n_fft * frequencies
    # The phase at a window's centre; a bin's own phase counts from the window's start, half a window before.
    bins = torch.arange(magnitudes.shape[1], dtype=torch.double, device=magnitudes.device)
    turns = math.pi * bins[:, None]
    known = phase[..., :1] if past is None else past
    centred = list((known + turns).unbind(-1))
    for t in range(len(centred), magnitudes.shape[-1]):
        peak = peaks[..., t]
        advance = (advances[..., t] + advances[..., t - 1].gather(1, peak)) / 2
        centred.append((centred[-1].gather(1, peak) + advance) % (2 * math.pi))
    return torch.stack(centred, dim=-1) - turns


def _partials(magnitudes: Tensor) -> tuple[Tensor, Tensor]:
    """For each bin of [B, F, T] the nearest peak, and that peak's frequency in bins, by a parabola through it."""
    n_bins = magnitudes.shape[1]
    above = torch.nn.functional.pad(magnitudes[:, 1:], (0, 0, 0, 1))
    below = torch.nn.functional.pad(magnitudes[:, :-1], (0, 0, 1, 0))
    is_peak = (magnitudes >= above) & (magnitudes > below)
    bins = torch.arange(n_bins, device=magnitudes.device)[:, None].expand_as(magnitudes)
    lower = torch.where(is_peak, bins, -NOWHERE).cummax(dim=1).values
    upper = torch.where(is_peak, bins, NOWHERE).flip(1).cummin(dim=1).values.flip(1)
    nearest = torch.where(bins - lower <= upper - bins, lower, upper).clamp(0, n_bins - 1)
    curvature = (below - 2 * magnitudes + above).clamp(max=-1e-9)
    offset = ((below - above) / 2 / curvature).clamp(-0.5, 0.5)
    return nearest, (bins + offset).gather(1, nearest)

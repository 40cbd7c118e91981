"""Concealment of lost packets: what stood before a gap dies away in it, and what stands behind it swells."""

from __future__ import annotations

import torch
from torch import Tensor

#: Frames that a sound outlives its packet; at a hop of 512 and 24 kHz half a second. Shorter than a window's context,
#: so that what lies beyond it decides nothing about a gap in it.
FADE_FRAMES = 24


def bridge(mel: Tensor, lost: Tensor) -> None:
    """Replace the lost frames of a compressed mel, in which 0 is silence, by fades of their neighbours.

    The flow, which comes after, gives the bridge the texture of what it knows.

    Args:
        mel: compressed, [B, T, M]; changed in place.
        lost: which frames to replace, [T].
    """
    edges = torch.diff(lost.int(), prepend=torch.zeros(1), append=torch.zeros(1))
    for start, end in zip(torch.where(edges == 1)[0].tolist(), torch.where(edges == -1)[0].tolist(), strict=True):
        away = torch.arange(1, end - start + 1, device=mel.device)
        fade_out = (1 - away / FADE_FRAMES).clamp(min=0)[:, None]
        before = mel[:, start - 1 : start] if start > 0 else torch.zeros_like(mel[:, :1])
        after = mel[:, end : end + 1] if end < len(lost) else torch.zeros_like(mel[:, :1])
        mel[:, start:end] = torch.maximum(before * fade_out, after * fade_out.flip(0))

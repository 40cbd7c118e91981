"""Long signals in overlapping windows, so that memory does not grow with their length."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from flowmac.config import CONTEXT_FRAMES

#: Frames that are coded at a time, with `CONTEXT_FRAMES` on either side that the networks see besides. They are fixed,
#: so that the result does not depend on how much memory there is. Both are cut in whole groups.
SEGMENT_FRAMES = 2048


def segment_groups(group_frames: int) -> int:
    """Groups that are coded at a time."""
    return max(1, SEGMENT_FRAMES // group_frames)


def context_groups(group_frames: int) -> int:
    """Groups on either side of a segment that the networks see besides."""
    return -(-CONTEXT_FRAMES // group_frames)


@dataclass(frozen=True)
class Window:
    """A part of a signal with its context.

    Attributes:
        data: [..., n], the part and up to the context's length of signal on either side.
        n_before: length of the context before the part, shorter only at the signal's start.
        n_kept: length of the part itself.
        is_last: whether the signal ends with this part.
    """

    data: Tensor
    n_before: int
    n_kept: int
    is_last: bool


def windows(blocks: Iterable[Tensor], size: int, context: int) -> Iterator[Window]:
    """Cut a signal that comes in ``blocks`` [..., n] of any length into parts of ``size``, each with its context.

    The cuts do not depend on how the blocks came. An empty signal has no windows.
    """
    buffer: Tensor | None = None
    n_before = 0
    for block in blocks:
        buffer = block if buffer is None else torch.cat([buffer, block], dim=-1)
        # One sample more than needed, to know that this part is not the last.
        while buffer.shape[-1] > n_before + size + context:
            yield Window(buffer[..., : n_before + size + context], n_before, size, is_last=False)
            n_drop = max(0, n_before + size - context)
            buffer = buffer[..., n_drop:]
            n_before += size - n_drop
    if buffer is None:
        return
    while buffer.shape[-1] > n_before:
        n_kept = min(size, buffer.shape[-1] - n_before)
        is_last = n_before + n_kept == buffer.shape[-1]
        yield Window(buffer[..., : n_before + n_kept + context], n_before, n_kept, is_last)
        n_drop = max(0, n_before + n_kept - context)
        buffer = buffer[..., n_drop:]
        n_before += n_kept - n_drop

"""Levels shared out between groups by need: first where one more takes away most error for its bits."""

from __future__ import annotations

import heapq

import numpy as np
import numpy.typing as npt


def share_out(
    errors: npt.NDArray[np.floating], bits: npt.NDArray[np.floating], budget_bits: float
) -> npt.NDArray[np.int64]:
    """Numbers of levels, 1 to L, for N groups.

    Greedy by marginal gain, which is optimal up to the last level as long as each level gains less than the one before.

    Args:
        errors: squared error of each group with 1 to L levels, [N, L].
        bits: what they cost, [N, L].
        budget_bits: that all groups may take together; one level each is always given.
    """
    n_levels = np.ones(len(errors), np.int64)
    left = budget_bits - bits[:, 0].sum()
    slopes = (errors[:, :-1] - errors[:, 1:]) / np.maximum(bits[:, 1:] - bits[:, :-1], 1)
    heap = [(-slopes[group, 0], group) for group in range(len(errors))] if errors.shape[1] > 1 else []
    heapq.heapify(heap)
    while heap:
        _, group = heapq.heappop(heap)
        level = n_levels[group]
        cost = bits[group, level] - bits[group, level - 1]
        if cost > left:
            continue
        left -= cost
        n_levels[group] += 1
        if level + 1 < errors.shape[1]:
            heapq.heappush(heap, (-slopes[group, level], group))
    return n_levels

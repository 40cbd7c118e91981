"""Windows over long signals."""

from __future__ import annotations

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from flowmac.streaming import windows


@given(st.integers(1, 300), st.integers(1, 50), st.integers(0, 60), st.lists(st.integers(1, 40), min_size=1))
@settings(max_examples=200, deadline=None)
def test_windows_do_not_depend_on_the_blocks(n: int, size: int, context: int, block_sizes: list[int]) -> None:
    signal = torch.arange(n)
    blocks, start = [], 0
    while start < n:
        stop = start + block_sizes[len(blocks) % len(block_sizes)]
        blocks.append(signal[start:stop])
        start = stop
    found = list(windows(blocks, size, context))
    start = 0
    for window in found:
        expected = signal[max(0, start - context) : start + window.n_kept + context]
        assert torch.equal(window.data, expected)
        assert window.n_before == min(start, context)
        assert window.n_kept == min(size, n - start)
        start += window.n_kept
        assert window.is_last == (start == n)
    assert start == n


def test_an_empty_signal_has_no_windows() -> None:
    assert list(windows([], 10, 2)) == []
    assert list(windows([torch.zeros(0)], 10, 2)) == []


def test_memory_is_bounded() -> None:
    longest = max(len(window.data) for window in windows((torch.zeros(7) for _ in range(1000)), 20, 5))
    assert longest <= 20 + 2 * 5

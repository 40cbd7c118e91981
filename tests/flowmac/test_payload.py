"""Packet bodies: groups' codes to bytes and back, with and without options."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flowmac.bitstream import Header
from flowmac.entropy import EntropyModel
from flowmac.errors import BitstreamError
from flowmac.payload import ChannelCodes, count_bytes, n_codes, pack_groups, unpack_groups

N_POSITIONS = 4
N_LEVELS = 6

RANDOM = np.random.default_rng(0)
MODEL = EntropyModel(
    RANDOM.integers(1, 100, 3).astype(np.uint16),
    RANDOM.integers(1, 100, (3, N_LEVELS, 256)).astype(np.uint16),
    RANDOM.permuted(np.broadcast_to(np.arange(256), (N_LEVELS, N_POSITIONS, 256)), axis=-1).astype(np.uint8),
)


def make_channel(n_frames: int, is_by_need: bool, is_range_coded: bool, seed: int) -> tuple[Header, ChannelCodes]:
    header = Header(1, 3, N_POSITIONS, 3, 512, 24000, 512 * n_frames, b"abc", is_by_need, is_range_coded)
    random = np.random.default_rng(seed)
    n_levels = np.full(header.n_groups, 3)
    if is_by_need:
        n_levels = random.integers(1, N_LEVELS + 1, header.n_groups)
        n_levels[0] = N_LEVELS
    counts = n_codes(header, n_levels)
    codes = random.integers(1, 256, (header.n_groups, N_POSITIONS * n_levels.max())).astype(np.uint8)
    codes[np.arange(codes.shape[1]) >= counts[:, None]] = 0
    return header, ChannelCodes(codes, counts, n_levels)


def assert_same(one: ChannelCodes, other: ChannelCodes) -> None:
    np.testing.assert_array_equal(one.codes, other.codes)
    np.testing.assert_array_equal(one.n_codes, other.n_codes)
    np.testing.assert_array_equal(one.n_levels, other.n_levels)


@given(st.integers(1, 60), st.booleans(), st.booleans(), st.integers(0, 1000))
@settings(max_examples=200, deadline=None)
def test_round_trip(n_frames: int, is_by_need: bool, is_range_coded: bool, seed: int) -> None:
    header, channel = make_channel(n_frames, is_by_need, is_range_coded, seed)
    bodies = pack_groups(header, channel, MODEL)
    assert len(bodies) == header.n_packets
    assert_same(unpack_groups(header, bodies, MODEL), channel)
    if not is_range_coded:
        n_bytes = channel.n_codes.sum() + is_by_need * count_bytes(header.n_groups, 3)
        assert sum(map(len, bodies)) == n_bytes


def test_plain_bodies_are_the_codes_in_order() -> None:
    """What version 1 has always written: level after level, and of the last group a part."""
    header, channel = make_channel(10, is_by_need=False, is_range_coded=False, seed=0)
    assert channel.n_codes.tolist() == [12, 12, 6]
    assert pack_groups(header, channel, None) == [channel.codes.tobytes()[:30]]


@pytest.mark.parametrize("is_by_need", [False, True])
@pytest.mark.parametrize("is_range_coded", [False, True])
def test_lost_packets_have_no_codes(is_by_need: bool, is_range_coded: bool) -> None:
    header, channel = make_channel(40, is_by_need, is_range_coded, seed=1)
    bodies: list[bytes | None] = [*pack_groups(header, channel, MODEL)]
    bodies[1] = None
    found = unpack_groups(header, bodies, MODEL)
    assert found.n_codes[3:6].tolist() == [0, 0, 0]
    kept = [group for group in range(header.n_groups) if group not in (3, 4, 5)]
    np.testing.assert_array_equal(found.n_codes[kept], channel.n_codes[kept])
    np.testing.assert_array_equal(found.codes[kept], channel.codes[kept][:, : found.codes.shape[1]])


def test_bodies_of_the_wrong_length_are_refused() -> None:
    """They have a valid checksum, so that someone made them so."""
    for is_by_need in (False, True):
        header, channel = make_channel(12, is_by_need, is_range_coded=False, seed=2)
        (body,) = pack_groups(header, channel, None)
        for wrong in (body[:-1], body + b"\0", b"", body[:1]):
            with pytest.raises(BitstreamError, match="damaged"):
                unpack_groups(header, [wrong], None)

"""The .fmac format: exact rates, round trips, and no damage that goes unnoticed."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flowmac.bitstream import HEADER_BYTES, Header, pack, parse_header, payload_bits, unpack
from flowmac.errors import BitstreamError


def make_header(n_samples: int = 24000 * 6, n_levels: int = 8, n_channels: int = 1) -> Header:
    return Header(n_channels, n_levels, 16, 3, 512, 24000, n_samples, b"abc")


def make_stream(header: Header) -> tuple[list[bytes], bytes]:
    channels = [bytes((7 * i + c) % 256 for i in range(header.channel_bytes)) for c in range(header.n_channels)]
    return channels, pack(header, channels)


def test_header_is_under_24_bytes() -> None:
    assert HEADER_BYTES == len(make_header().to_bytes()) < 24


@pytest.mark.parametrize("n_levels", range(1, 9))
def test_a_level_is_375_bits_a_second(n_levels: int) -> None:
    header = make_header(n_samples=512 * 1500, n_levels=n_levels)
    assert header.payload_bits / header.duration_s == 375 * n_levels


@pytest.mark.parametrize("duration_s", [6.0, 6.01, 7.7, 10.0, 3600.0])
def test_payload_is_within_half_a_percent_from_6_s_on(duration_s: float) -> None:
    header = make_header(n_samples=round(24000 * duration_s))
    assert header.payload_bits / header.duration_s == pytest.approx(3000, rel=0.005)


@given(st.integers(1, 200_000), st.integers(1, 8), st.integers(1, 2))
@settings(max_examples=100, deadline=None)
def test_round_trip(n_samples: int, n_levels: int, n_channels: int) -> None:
    header = make_header(n_samples, n_levels, n_channels)
    channels, data = make_stream(header)
    assert unpack(data) == (header, channels)
    assert 8 * len(data) == header.total_bits
    assert payload_bits(data) == 8 * sum(map(len, channels))


def test_a_stream_of_version_1_stays_readable() -> None:
    """Written down once; never change it, whatever the code becomes."""
    data = bytes.fromhex("666d616301010210030002c05d0000040000616263e68d010203042f49cc7c")
    header, channels = unpack(data)
    assert header == make_header(n_samples=1024, n_levels=2)
    assert channels == [bytes([1, 2, 3, 4])]


@pytest.mark.parametrize("n_channels", [1, 2])
def test_any_changed_byte_is_found(n_channels: int) -> None:
    _, data = make_stream(make_header(n_samples=24000 * 2, n_levels=2, n_channels=n_channels))
    for i in range(len(data)):
        for change in (0x01, 0x80, 0xFF):
            damaged = data[:i] + bytes([data[i] ^ change]) + data[i + 1 :]
            with pytest.raises(BitstreamError):
                unpack(damaged)


def test_any_cut_or_addition_is_found() -> None:
    _, data = make_stream(make_header(n_samples=24000))
    for n in range(len(data)):
        with pytest.raises(BitstreamError):
            unpack(data[:n])
    with pytest.raises(BitstreamError, match="bytes added"):
        unpack(data + b"\0")


def test_swapped_packets_are_found() -> None:
    header = make_header(n_samples=512 * 48 * 4)
    _, data = make_stream(header)
    size = header.packet_bytes + 4
    body = data[HEADER_BYTES:]
    swapped = data[:HEADER_BYTES] + body[size : 2 * size] + body[:size] + body[2 * size :]
    with pytest.raises(BitstreamError, match="packet 1"):
        unpack(swapped)


def test_damage_is_placed_in_time() -> None:
    header = make_header(n_samples=512 * 48 * 4)
    _, data = make_stream(header)
    place = HEADER_BYTES + 2 * (header.packet_bytes + 4) + 5
    with pytest.raises(BitstreamError, match=r"packet 3 of 4 \(channel 1, from 2.05 s on\)"):
        unpack(data[:place] + b"\xee" + data[place + 1 :])


@given(st.binary(max_size=200))
@settings(max_examples=300, deadline=None)
def test_noise_is_no_stream(data: bytes) -> None:
    with pytest.raises(BitstreamError):
        unpack(data)
    with pytest.raises(BitstreamError):
        unpack(b"fmac\x01" + data)


def test_forged_lengths_cost_no_memory() -> None:
    """A header with a valid checksum and a huge count is refused before anything of that size is made."""
    forged = make_header(n_samples=2**32 - 1, n_levels=255, n_channels=255).to_bytes()
    with pytest.raises(BitstreamError, match="is cut"):
        unpack(forged + b"\0" * 100)


def test_other_versions_and_zeros_are_told() -> None:
    _, data = make_stream(make_header())
    with pytest.raises(BitstreamError, match="version 9"):
        unpack(data[:4] + b"\x09" + data[5:])
    with pytest.raises(BitstreamError, match="cannot be zero"):
        parse_header(make_header(n_channels=0).to_bytes())
    with pytest.raises(BitstreamError, match=r"no \.fmac stream"):
        parse_header(struct.pack("<I", 0) * 10)

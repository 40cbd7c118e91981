"""The .fmac format: exact rates, round trips, and no damage that goes unnoticed."""

from __future__ import annotations

import binascii
import dataclasses
import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flowmac.bitstream import HEADER_BYTES, Header, parse_header
from flowmac.errors import BitstreamError
from flowmac.packets import Damage, pack, payload_bits, plain_bytes, salvage, unpack


def make_header(
    n_samples: int = 24000 * 6, n_levels: int = 8, n_channels: int = 1, is_range_coded: bool = False
) -> Header:
    return Header(n_channels, n_levels, 16, 3, 512, 24000, n_samples, b"abc", is_range_coded=is_range_coded)


def make_stream(header: Header) -> tuple[list[list[bytes]], bytes]:
    """Packets of any bytes; in version 2 of many lengths, also none."""
    channels = []
    for channel in range(header.n_channels):
        sizes = [plain_bytes(header, packet) for packet in range(header.n_packets)]
        if header.version == 2:
            sizes = [size * (7 * i % 5) // 4 for i, size in enumerate(sizes)]
        channels.append([bytes((7 * i + channel + size) % 256 for i in range(size)) for size in sizes])
    return channels, pack(header, channels)


def starts(header: Header, channels: list[list[bytes]]) -> list[int]:
    """Where each packet begins, and the end."""
    framing = 4 if header.version == 1 else 6
    places = [HEADER_BYTES]
    for packet in range(header.n_packets):
        places += [framing + len(bodies[packet]) for bodies in channels]
    return [sum(places[: i + 1]) for i in range(len(places))]


@pytest.mark.parametrize("is_range_coded", [False, True])
def test_header_is_under_24_bytes(is_range_coded: bool) -> None:
    assert HEADER_BYTES == len(make_header(is_range_coded=is_range_coded).to_bytes()) < 24


@pytest.mark.parametrize("n_levels", range(1, 9))
def test_a_level_is_375_bits_a_second(n_levels: int) -> None:
    header = make_header(n_samples=512 * 1500, n_levels=n_levels)
    _, data = make_stream(header)
    assert payload_bits(data) / header.duration_s == 375 * n_levels


@pytest.mark.parametrize("duration_s", [6.0, 6.01, 7.7, 10.0, 3600.0])
def test_payload_is_within_half_a_percent_from_6_s_on(duration_s: float) -> None:
    header = make_header(n_samples=round(24000 * duration_s))
    assert payload_bits(make_stream(header)[1]) / header.duration_s == pytest.approx(3000, rel=0.005)


@given(st.integers(1, 200_000), st.integers(1, 8), st.integers(1, 2), st.booleans())
@settings(max_examples=100, deadline=None)
def test_round_trip(n_samples: int, n_levels: int, n_channels: int, is_range_coded: bool) -> None:
    header = make_header(n_samples, n_levels, n_channels, is_range_coded)
    channels, data = make_stream(header)
    assert unpack(data) == (header, channels)
    assert salvage(data) == (header, channels, [])
    assert payload_bits(data) == 8 * sum(len(body) for bodies in channels for body in bodies)
    assert len(data) == starts(header, channels)[-1]


def test_streams_of_earlier_versions_stay_readable() -> None:
    """Written down once; never change them, whatever the code becomes."""
    data = bytes.fromhex("666d616301010210030002c05d0000040000616263e68d010203042f49cc7c")
    header, channels = unpack(data)
    assert header == make_header(n_samples=1024, n_levels=2)
    assert channels == [[bytes([1, 2, 3, 4])]]
    data = bytes.fromhex("666d616302310210030002c05d0000040000616263ded9030001020346c619aa")
    header, channels = unpack(data)
    assert header == dataclasses.replace(make_header(1024, 2, is_range_coded=True), is_by_need=True)
    assert channels == [[bytes([1, 2, 3])]]


def test_streams_without_options_keep_version_1() -> None:
    assert make_header().version == 1
    assert make_header().to_bytes()[4] == 1
    assert make_header(is_range_coded=True).to_bytes()[4] == 2


@pytest.mark.parametrize("is_range_coded", [False, True])
@pytest.mark.parametrize("n_channels", [1, 2])
def test_any_changed_byte_is_found(n_channels: int, is_range_coded: bool) -> None:
    _, data = make_stream(make_header(24000 * 2, 2, n_channels, is_range_coded))
    for i in range(len(data)):
        for change in (0x01, 0x80, 0xFF):
            damaged = data[:i] + bytes([data[i] ^ change]) + data[i + 1 :]
            with pytest.raises(BitstreamError):
                unpack(damaged)


@pytest.mark.parametrize("is_range_coded", [False, True])
def test_any_cut_or_addition_is_found(is_range_coded: bool) -> None:
    _, data = make_stream(make_header(n_samples=24000, is_range_coded=is_range_coded))
    for n in range(len(data)):
        with pytest.raises(BitstreamError):
            unpack(data[:n])
    with pytest.raises(BitstreamError, match="bytes added"):
        unpack(data + b"\0")


@pytest.mark.parametrize("is_range_coded", [False, True])
def test_swapped_packets_are_found(is_range_coded: bool) -> None:
    header = make_header(n_samples=512 * 48 * 4, is_range_coded=is_range_coded)
    channels, data = make_stream(header)
    first, second, third = starts(header, channels)[:3]
    swapped = data[:first] + data[second:third] + data[first:second] + data[third:]
    with pytest.raises(BitstreamError, match="packet 1"):
        unpack(swapped)


def test_damage_is_placed_in_time() -> None:
    header = make_header(n_samples=512 * 48 * 4)
    channels, data = make_stream(header)
    place = starts(header, channels)[2] + 5
    with pytest.raises(BitstreamError, match=r"packet 3 of 4 \(channel 1, from 2.05 s on\)"):
        unpack(data[:place] + b"\xee" + data[place + 1 :])


@pytest.mark.parametrize("is_range_coded", [False, True])
@pytest.mark.parametrize("n_channels", [1, 2])
def test_each_changed_byte_loses_its_packet_alone(n_channels: int, is_range_coded: bool) -> None:
    """In version 2 also where it changes a packet's length."""
    header = make_header(512 * 48 * 4, 2, n_channels, is_range_coded)
    channels, data = make_stream(header)
    places = starts(header, channels)
    for i in range(HEADER_BYTES, len(data), 3):
        damages = salvage(data[:i] + bytes([data[i] ^ 0x10]) + data[i + 1 :])[2]
        packet, channel = divmod(sum(place <= i for place in places) - 1, n_channels)
        packet_s = 48 * 512 / 24000
        assert damages == [Damage(packet, channel, packet * packet_s, min((packet + 1) * packet_s, header.duration_s))]


def test_lengths_let_a_reader_find_its_way_back() -> None:
    """Bytes that are gone, added or overwritten over several packets lose those packets alone."""
    header = make_header(512 * 48 * 20, is_range_coded=True)
    channels, data = make_stream(header)
    places = starts(header, channels)
    for first, last, instead in ((3, 3, b""), (5, 8, b""), (2, 6, b"\xff" * 100), (4, 4, bytes(3000))):
        spoilt = data[: places[first] + 1] + instead + data[places[last + 1] - 2 :]
        _, (bodies,), damages = salvage(spoilt)
        assert [damage.packet for damage in damages] == list(range(first, last + 1))
        assert [body for body in bodies if body is not None] == channels[0][:first] + channels[0][last + 1 :]


def test_what_is_no_longer_a_stream_is_not_salvaged() -> None:
    for is_range_coded in (False, True):
        _, data = make_stream(make_header(is_range_coded=is_range_coded))
        with pytest.raises(BitstreamError, match=r"too little|nothing of the stream"):
            salvage(data[: HEADER_BYTES + 3])
        with pytest.raises(BitstreamError, match="nothing of the stream"):
            salvage(data[:HEADER_BYTES] + bytes(len(data)))


@given(st.binary(max_size=200))
@settings(max_examples=300, deadline=None)
def test_noise_is_no_stream(data: bytes) -> None:
    for start in (b"", b"fmac\x01", b"fmac\x02"):
        with pytest.raises(BitstreamError):
            unpack(start + data)
        with pytest.raises(BitstreamError):
            salvage(start + data)


def test_forged_lengths_cost_no_memory() -> None:
    """A header with a valid checksum and a huge count is refused before anything of that size is made."""
    forged = make_header(n_samples=2**32 - 1, n_levels=255, n_channels=255).to_bytes()
    with pytest.raises(BitstreamError, match="is cut"):
        unpack(forged + b"\0" * 100)
    forged = make_header(n_samples=2**32 - 1, n_levels=255, n_channels=15, is_range_coded=True).to_bytes()
    with pytest.raises(BitstreamError, match="too little"):
        salvage(forged + b"\0" * 100)


def test_other_versions_options_and_zeros_are_told() -> None:
    _, data = make_stream(make_header())
    with pytest.raises(BitstreamError, match="version 9"):
        unpack(data[:4] + b"\x09" + data[5:])
    with pytest.raises(BitstreamError, match="cannot be zero"):
        parse_header(make_header(n_channels=0).to_bytes())
    for channels in (1, 128 + 32 + 1):  # no option at all, and one that is not known
        header = dataclasses.replace(make_header(), n_channels=channels)
        start = b"fmac\x02" + header.to_bytes()[5:-2]
        with pytest.raises(BitstreamError, match="newer flowmac"):
            parse_header(start + struct.pack("<H", binascii.crc_hqx(start, 0)))
    with pytest.raises(BitstreamError, match=r"no \.fmac stream"):
        parse_header(struct.pack("<I", 0) * 10)

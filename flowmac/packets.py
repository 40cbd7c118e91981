"""Packets of a .fmac stream: damage is found, confined to its packet, and told with its place in time.

See `flowmac.bitstream` for the bytes. In version 1 every packet's length follows from the header. In version 2 packets
say their length, and behind a damaged one the next whole packet is searched for. Loads no torch.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Sequence
from dataclasses import dataclass

from flowmac.bitstream import HEADER_BYTES, PLAIN_VERSION, Header, parse_header
from flowmac.errors import BitstreamError

_CHECKSUM = struct.Struct("<I")
_PLACE = struct.Struct("<IB")
_LENGTH = struct.Struct("<H")

#: Longest body in version 2.
MAX_BODY_BYTES = 2**16 - 1

#: Packets in a row that may be lost before the one that a search finds.
SEARCH_REACH = 32

#: Searches give up when they have checksummed this many times the stream's bytes, which bounds their time on hostile
#: streams. In ours one place in a hundred looks like a packet, and is some hundred bytes long.
SEARCH_EFFORT = 100


@dataclass(frozen=True)
class Damage:
    """A packet whose codes are lost, counted from 0, and the time in the decoded audio that they stood for."""

    packet: int
    channel: int
    start_s: float
    end_s: float


def pack(header: Header, channels: Sequence[Sequence[bytes]]) -> bytes:
    """A stream of each channel's packet bodies."""
    if [len(bodies) for bodies in channels] != [header.n_packets] * header.n_channels:
        raise ValueError(f"expected {header.n_channels} channels of {header.n_packets} packets")
    start = header.to_bytes()
    parts = [start]
    for index in range(header.n_packets * header.n_channels):
        packet, channel = divmod(index, header.n_channels)
        body = channels[channel][packet]
        if header.version != PLAIN_VERSION:
            parts.append(_LENGTH.pack(len(body)))
        elif len(body) != plain_bytes(header, packet):
            raise ValueError(f"expected {plain_bytes(header, packet)} bytes in packet {packet}, got {len(body)}")
        parts += [body, _CHECKSUM.pack(_checksum(header, start, body, index))]
    return b"".join(parts)


def plain_bytes(header: Header, packet: int) -> int:
    """Bytes of a packet's body without options."""
    return header.packet_frames(packet) * header.n_levels


def payload_bits(data: bytes) -> int:
    """Bits of a whole stream's packet bodies: without header, lengths and checksums.

    Raises:
        BitstreamError: as for `parse_header`.
    """
    header = parse_header(data)
    framing = _CHECKSUM.size + (0 if header.version == PLAIN_VERSION else _LENGTH.size)
    return 8 * (len(data) - HEADER_BYTES - header.n_packets * header.n_channels * framing)


def unpack(data: bytes) -> tuple[Header, list[list[bytes]]]:
    """A stream's header and each channel's packet bodies.

    Raises:
        BitstreamError: anything in the stream is damaged, cut or added.
    """
    header = parse_header(data)
    reader = _Reader(header, data)
    bodies: list[list[bytes]] = [[] for _ in range(header.n_channels)]
    offset = HEADER_BYTES
    for index in range(header.n_packets * header.n_channels):
        body = reader.body(offset, index)
        packet, channel = divmod(index, header.n_channels)
        place = (
            f"packet {packet + 1} of {header.n_packets} (channel {channel + 1}, from "
            f"{packet * header.packet_s:.2f} s on)"
        )
        if body is None:
            raise BitstreamError(f"the stream is cut: {place} is not there, or not all of it")
        offset += reader.framing_bytes + len(body)
        if not reader.is_whole(offset, body, index):
            raise BitstreamError(f"{place} is damaged: its checksum does not fit")
        bodies[channel].append(body)
    if offset != len(data):
        raise BitstreamError(f"the stream has bytes added: it ends after {offset} bytes, there are {len(data)}")
    return header, bodies


def salvage(data: bytes) -> tuple[Header, list[list[bytes | None]], list[Damage]]:
    """What is left of a stream that may be damaged: as `unpack`, with None for lost packets.

    In version 1 bytes inserted or removed in the middle lose all packets behind them. Whatever follows the last packet
    is ignored.

    Raises:
        BitstreamError: the header is damaged, over half of the announced bytes are missing, or no packet is whole.
    """
    header = parse_header(data)
    reader = _Reader(header, data)
    if 2 * len(data) < reader.least_bytes:
        raise BitstreamError(
            f"too little of the stream is left: its header announces at least {reader.least_bytes} bytes, "
            f"it has {len(data)}"
        )
    found = reader.find_all()
    if not found:
        raise BitstreamError("nothing of the stream is left: no packet's checksum fits")
    bodies: list[list[bytes | None]] = [[None] * header.n_packets for _ in range(header.n_channels)]
    damages = []
    for index in range(header.n_packets * header.n_channels):
        packet, channel = divmod(index, header.n_channels)
        bodies[channel][packet] = found.get(index)
        if index not in found:
            start_s = packet * header.packet_s
            damages.append(Damage(packet, channel, start_s, min(start_s + header.packet_s, header.duration_s)))
    return header, bodies, damages


class _Reader:
    """Access to packets by their offset in the stream."""

    def __init__(self, header: Header, data: bytes) -> None:
        self.header = header
        self.data = data
        self.start = data[:HEADER_BYTES]
        self.has_lengths = header.version != PLAIN_VERSION
        self.framing_bytes = _CHECKSUM.size + (_LENGTH.size if self.has_lengths else 0)
        self.n_packets = header.n_packets * header.n_channels
        self.effort_left = SEARCH_EFFORT * len(data)

    @property
    def least_bytes(self) -> int:
        """Bytes of the shortest whole stream with this header."""
        codes = 0 if self.has_lengths else self.header.n_channels * self.header.n_frames * self.header.n_levels
        return HEADER_BYTES + self.n_packets * self.framing_bytes + codes

    def body(self, offset: int, index: int) -> bytes | None:
        """Body of packet ``index`` if it begins at ``offset``; None if the stream ends before it does."""
        if self.has_lengths:
            if offset + _LENGTH.size > len(self.data):
                return None
            (n_bytes,) = _LENGTH.unpack_from(self.data, offset)
            offset += _LENGTH.size
        else:
            n_bytes = plain_bytes(self.header, index // self.header.n_channels)
        is_there = offset + n_bytes + _CHECKSUM.size <= len(self.data)
        return self.data[offset : offset + n_bytes] if is_there else None

    def is_whole(self, end: int, body: bytes, index: int) -> bool:
        """Whether the checksum before ``end`` is that of packet ``index`` with this body."""
        return _CHECKSUM.unpack_from(self.data, end - _CHECKSUM.size)[0] == _checksum(
            self.header, self.start, body, index
        )

    def find_all(self) -> dict[int, bytes]:
        """Whole packets by index."""
        found = {}
        offset, index = HEADER_BYTES, 0
        while index < self.n_packets:
            body = self.body(offset, index)
            if body is not None and self.is_whole(end := offset + self.framing_bytes + len(body), body, index):
                found[index] = body
                offset, index = end, index + 1
            elif self.has_lengths:
                offset, index = self._search(offset + 1, index + 1)
            elif body is not None:
                offset, index = offset + self.framing_bytes + len(body), index + 1
            else:
                break
        return found

    def _search(self, offset: int, index: int) -> tuple[int, int]:
        """Offset and index of the first whole packet from ``offset`` on that is ``index`` or one of those behind it."""
        candidates = range(index, min(index + SEARCH_REACH, self.n_packets))
        for begin in range(offset, len(self.data)):
            body = self.body(begin, index)
            if body is None:
                continue
            self.effort_left -= len(body) + _PLACE.size * len(candidates)
            if self.effort_left < 0:
                break
            (checksum,) = _CHECKSUM.unpack_from(self.data, begin + _LENGTH.size + len(body))
            before_place = _checksum_before_place(self.start, body)
            for candidate in candidates:
                if zlib.crc32(_place(self.header, candidate), before_place) == checksum:
                    return begin, candidate
        return len(self.data), self.n_packets


def _checksum(header: Header, start: bytes, body: bytes, index: int) -> int:
    # Header and place are included so that a packet from elsewhere is noticed.
    if header.version == PLAIN_VERSION:
        return zlib.crc32(body, zlib.crc32(start + _place(header, index)))
    return zlib.crc32(_place(header, index), _checksum_before_place(start, body))


def _checksum_before_place(start: bytes, body: bytes) -> int:
    # The place comes last, so that a search reads a body once, not once for each place that it may have.
    return zlib.crc32(body, zlib.crc32(start))


def _place(header: Header, index: int) -> bytes:
    return _PLACE.pack(*divmod(index, header.n_channels))

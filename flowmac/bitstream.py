"""The .fmac format, version 1: bytes that say all a decoder needs to know, and notice any damage. Loads no torch.

::

    header   23 bytes, little endian
        4  magic "fmac"
        1  version, 1
        1  channels C
        1  levels L, bytes for each mel frame
        1  frames in a group
        1  groups in a packet
        2  hop in samples
        3  sample rate in Hz
        4  samples N of each channel
        3  codebooks' identity
        2  checksum of the bytes before (CRC-16 CCITT)
    packets  for each packet's worth of groups, one for each channel in turn
        .  codes: group after group, in a group level after level, in a level one byte for each frame
        4  checksum (CRC-32) of header, packet number, channel and codes

Each channel has ceil(N / hop) frames and exactly L bytes for each, so that eight levels of one channel at 24 kHz and a
hop of 512 are 3000 bit/s. The last group may be incomplete: a group of r frames keeps the first r * L of its bytes, the
coarse levels of all positions before the fine ones.
"""

from __future__ import annotations

import binascii
import struct
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from flowmac.errors import BitstreamError

MAGIC = b"fmac"
VERSION = 1

#: Magic to groups in a packet, then hop; 3-byte numbers do not exist in struct and are written apart.
_START = struct.Struct("<4sBBBBBH")
_CHECKSUM = struct.Struct("<H")
_PACKET_CHECKSUM = struct.Struct("<I")
_PACKET_PLACE = struct.Struct("<IB")

HEADER_BYTES = _START.size + 3 + 4 + 3 + _CHECKSUM.size

MAX_CHANNELS = 255
MAX_SAMPLES = 2**32 - 1
MAX_SAMPLE_RATE_HZ = 2**24 - 1

#: Bytes of the codebooks' identity.
IDENTITY_BYTES = 3


@dataclass(frozen=True)
class Header:
    """What a stream says about itself.

    Attributes:
        n_channels: channels, each coded by itself.
        n_levels: bytes for each frame of each channel.
        group_frames: frames that are transformed together.
        packet_groups: groups that share a checksum.
        hop_samples: samples from one frame to the next.
        sample_rate_hz: rate of the decoded audio.
        n_samples: samples of each channel of the decoded audio.
        codebooks_id: which transform and codebooks the codes belong to.
    """

    n_channels: int
    n_levels: int
    group_frames: int
    packet_groups: int
    hop_samples: int
    sample_rate_hz: int
    n_samples: int
    codebooks_id: bytes

    @property
    def n_frames(self) -> int:
        """Frames of each channel."""
        return -(-self.n_samples // self.hop_samples)

    @property
    def packet_bytes(self) -> int:
        """Codes in a full packet."""
        return self.packet_groups * self.group_frames * self.n_levels

    @property
    def channel_bytes(self) -> int:
        """Codes of one channel."""
        return self.n_frames * self.n_levels

    @property
    def n_packets(self) -> int:
        """Packets of each channel."""
        return -(-self.channel_bytes // self.packet_bytes)

    @property
    def payload_bits(self) -> int:
        """Bits of all channels' codes, without header and checksums."""
        return 8 * self.n_channels * self.channel_bytes

    @property
    def total_bits(self) -> int:
        """Bits of the whole stream."""
        checksums = self.n_channels * self.n_packets * _PACKET_CHECKSUM.size
        return 8 * (HEADER_BYTES + checksums) + self.payload_bits

    @property
    def duration_s(self) -> float:
        """Duration of the decoded audio in seconds."""
        return self.n_samples / self.sample_rate_hz

    def to_bytes(self) -> bytes:
        """The header's 23 bytes."""
        start = _START.pack(
            MAGIC, VERSION, self.n_channels, self.n_levels, self.group_frames, self.packet_groups, self.hop_samples
        )
        rest = self.sample_rate_hz.to_bytes(3, "little") + self.n_samples.to_bytes(4, "little") + self.codebooks_id
        return start + rest + _CHECKSUM.pack(binascii.crc_hqx(start + rest, 0))


def parse_header(data: bytes) -> Header:
    """Read and check a stream's header.

    Raises:
        BitstreamError: no .fmac stream, another version, or a damaged header.
    """
    if data[:4] != MAGIC:
        raise BitstreamError("this is no .fmac stream: it does not begin with 'fmac'")
    if len(data) > 4 and data[4] != VERSION:
        raise BitstreamError(
            f"the stream has format version {data[4]}, this program reads version {VERSION}: "
            "the stream is damaged, or a newer flowmac is needed"
        )
    if len(data) < HEADER_BYTES:
        raise BitstreamError(f"the stream is cut: it has {len(data)} bytes, its header alone has {HEADER_BYTES}")
    checked = data[: HEADER_BYTES - _CHECKSUM.size]
    if _CHECKSUM.pack(binascii.crc_hqx(checked, 0)) != data[len(checked) : HEADER_BYTES]:
        raise BitstreamError("the header is damaged: its checksum does not fit")
    _, _, n_channels, n_levels, group_frames, packet_groups, hop_samples = _START.unpack_from(data)
    rest = data[_START.size :]
    header = Header(
        n_channels,
        n_levels,
        group_frames,
        packet_groups,
        hop_samples,
        sample_rate_hz=int.from_bytes(rest[:3], "little"),
        n_samples=int.from_bytes(rest[3:7], "little"),
        codebooks_id=rest[7 : 7 + IDENTITY_BYTES],
    )
    numbers = (n_channels, n_levels, group_frames, packet_groups, hop_samples, header.sample_rate_hz, header.n_samples)
    if min(numbers) == 0:
        raise BitstreamError("the header is damaged: a number that cannot be zero is zero")
    return header


def payload_bits(data: bytes) -> int:
    """Bits of a stream's codes, without header and checksums.

    Raises:
        BitstreamError: as for `parse_header`.
    """
    return parse_header(data).payload_bits


def pack(header: Header, channels: Sequence[bytes]) -> bytes:
    """A stream of each channel's codes, which must be ``header.channel_bytes`` long."""
    if len(channels) != header.n_channels or {len(codes) for codes in channels} != {header.channel_bytes}:
        raise ValueError(f"expected {header.n_channels} channels of {header.channel_bytes} codes")
    start = header.to_bytes()
    parts = [start]
    for packet, channel, place in _places(header):
        codes = channels[channel][place]
        parts += [codes, _checksum(start, packet, channel, codes)]
    return b"".join(parts)


@dataclass(frozen=True)
class Damage:
    """A packet whose codes are lost, counted from 0, and the time in the decoded audio that they stood for."""

    packet: int
    channel: int
    start_s: float
    end_s: float


def unpack(data: bytes) -> tuple[Header, list[bytes]]:
    """A stream's header and each channel's codes.

    Raises:
        BitstreamError: anything in the stream is damaged, cut or added.
    """
    header = parse_header(data)
    if 8 * len(data) != header.total_bits:
        relation = "is cut" if 8 * len(data) < header.total_bits else "has bytes added"
        raise BitstreamError(
            f"the stream {relation}: its header announces {header.total_bits // 8} bytes, it has {len(data)}"
        )
    channels, damages = _read_packets(header, data)
    for damage in damages[:1]:
        raise BitstreamError(
            f"packet {damage.packet + 1} of {header.n_packets} (channel {damage.channel + 1}, from "
            f"{damage.start_s:.2f} s on) is damaged: its checksum does not fit"
        )
    return header, channels


def salvage(data: bytes) -> tuple[Header, list[bytes], list[Damage]]:
    """What is left of a stream that may be damaged: as `unpack`, with zeros for the codes of lost packets.

    Bytes inserted or removed in the middle lose all packets behind them; whatever follows the last packet is ignored.

    Raises:
        BitstreamError: the header is damaged, or over half of the announced bytes are missing.
    """
    header = parse_header(data)
    if 2 * 8 * len(data) < header.total_bits:
        raise BitstreamError(
            f"too little of the stream is left: its header announces {header.total_bits // 8} bytes, it has {len(data)}"
        )
    return header, *_read_packets(header, data)


def _read_packets(header: Header, data: bytes) -> tuple[list[bytes], list[Damage]]:
    """Each channel's codes, zeros where a checksum does not fit, and the list of those packets."""
    start = data[:HEADER_BYTES]
    channels = [bytearray() for _ in range(header.n_channels)]
    damages = []
    offset = HEADER_BYTES
    for packet, channel, place in _places(header):
        n_codes = place.stop - place.start
        codes, checksum = (
            data[offset : offset + n_codes],
            data[offset + n_codes : offset + n_codes + _PACKET_CHECKSUM.size],
        )
        offset += n_codes + _PACKET_CHECKSUM.size
        if _checksum(start, packet, channel, codes) != checksum:
            codes = bytes(n_codes)
            packet_s = header.packet_groups * header.group_frames * header.hop_samples / header.sample_rate_hz
            end_s = min((packet + 1) * packet_s, header.duration_s)
            damages.append(Damage(packet, channel, packet * packet_s, end_s))
        channels[channel] += codes
    return [bytes(codes) for codes in channels], damages


def _places(header: Header) -> Iterator[tuple[int, int, slice]]:
    """Packet number, channel, and where the packet's codes are in the channel's, in the stream's order."""
    for packet in range(header.n_packets):
        first = packet * header.packet_bytes
        for channel in range(header.n_channels):
            yield packet, channel, slice(first, min(first + header.packet_bytes, header.channel_bytes))


def _checksum(start: bytes, packet: int, channel: int, codes: bytes) -> bytes:
    # Header and place are included so that a packet from elsewhere is noticed.
    place = _PACKET_PLACE.pack(packet, channel)
    return _PACKET_CHECKSUM.pack(zlib.crc32(codes, zlib.crc32(start + place)))

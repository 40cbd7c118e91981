"""The .fmac format, versions 1 and 2: bytes that say all a decoder needs to know, and notice any damage.

::

    header   23 bytes, little endian
        4  magic "fmac"
        1  version: 1 without options, 2 with one or more
        1  channels C; in version 2 the low four bits, and the options in the high ones:
             16  levels by need: each group has levels of its own, and the header's L is their mean
             32  range coding
        1  levels L, bytes for each mel frame
        1  frames in a group
        1  groups in a packet
        2  hop in samples
        3  sample rate in Hz
        4  samples N of each channel
        3  identity of the codebooks, and of further levels and the entropy model where they are used
        2  checksum of the bytes before (CRC-16 CCITT)
    packets  for each packet's worth of groups, one for each channel in turn
        2  in version 2: length of the body in bytes
        .  body, see `flowmac.payload`
        4  checksum (CRC-32); version 1: of header, packet number, channel and body; version 2: of header, body, packet
           number and channel

Each channel has ceil(N / hop) frames. Without options it has exactly L bytes for each, so that eight levels of one
channel at 24 kHz and a hop of 512 are 3000 bit/s.

This module knows the header, `flowmac.packets` what follows it. Both load no torch.
"""

from __future__ import annotations

import binascii
import struct
from dataclasses import dataclass

from flowmac.errors import BitstreamError

MAGIC = b"fmac"
PLAIN_VERSION, OPTIONS_VERSION = 1, 2

#: Options of version 2, in the byte of the channels.
BY_NEED, RANGE_CODED = 16, 32
_CHANNELS_MASK = 15

#: Magic to groups in a packet, then hop; 3-byte numbers do not exist in struct and are written apart.
_START = struct.Struct("<4sBBBBBH")
_CHECKSUM = struct.Struct("<H")

HEADER_BYTES = _START.size + 3 + 4 + 3 + _CHECKSUM.size

MAX_SAMPLES = 2**32 - 1

#: Bytes of the codebooks' identity.
IDENTITY_BYTES = 3

#: Levels that the four bits of a group can tell, where levels are shared out by need.
MAX_GROUP_LEVELS = 16


@dataclass(frozen=True)
class Header:
    """What a stream says about itself.

    Attributes:
        n_channels: channels, each coded by itself; up to 15 in version 2.
        n_levels: bytes for each frame of each channel; on average, if levels are shared out by need.
        group_frames: frames that are transformed together.
        packet_groups: groups that share a checksum.
        hop_samples: samples from one frame to the next.
        sample_rate_hz: rate of the decoded audio.
        n_samples: samples of each channel of the decoded audio.
        codebooks_id: which transform, codebooks and entropy model the codes belong to.
        is_by_need: each group has a number of levels of its own.
        is_range_coded: codes are range coded.
    """

    n_channels: int
    n_levels: int
    group_frames: int
    packet_groups: int
    hop_samples: int
    sample_rate_hz: int
    n_samples: int
    codebooks_id: bytes
    is_by_need: bool = False
    is_range_coded: bool = False

    @property
    def version(self) -> int:
        """Of the format: the oldest that has what the stream uses."""
        return OPTIONS_VERSION if self.is_by_need or self.is_range_coded else PLAIN_VERSION

    @property
    def n_frames(self) -> int:
        """Frames of each channel."""
        return -(-self.n_samples // self.hop_samples)

    @property
    def n_groups(self) -> int:
        """Groups of each channel; the last one may be incomplete."""
        return -(-self.n_frames // self.group_frames)

    @property
    def n_packets(self) -> int:
        """Packets of each channel."""
        return -(-self.n_groups // self.packet_groups)

    @property
    def duration_s(self) -> float:
        """Duration of the decoded audio in seconds."""
        return self.n_samples / self.sample_rate_hz

    @property
    def packet_s(self) -> float:
        """Duration of a full packet in seconds."""
        return self.packet_groups * self.group_frames * self.hop_samples / self.sample_rate_hz

    def packet_frames(self, packet: int) -> int:
        """Frames of a packet, counted from 0."""
        full = self.packet_groups * self.group_frames
        return min(full, self.n_frames - packet * full)

    def to_bytes(self) -> bytes:
        """The header's 23 bytes."""
        options = BY_NEED * self.is_by_need | RANGE_CODED * self.is_range_coded
        start = _START.pack(
            MAGIC,
            self.version,
            self.n_channels | options,
            self.n_levels,
            self.group_frames,
            self.packet_groups,
            self.hop_samples,
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
    if len(data) > 4 and data[4] not in (PLAIN_VERSION, OPTIONS_VERSION):
        raise BitstreamError(
            f"the stream has format version {data[4]}, this program reads versions {PLAIN_VERSION} and "
            f"{OPTIONS_VERSION}: the stream is damaged, or a newer flowmac is needed"
        )
    if len(data) < HEADER_BYTES:
        raise BitstreamError(f"the stream is cut: it has {len(data)} bytes, its header alone has {HEADER_BYTES}")
    checked = data[: HEADER_BYTES - _CHECKSUM.size]
    if _CHECKSUM.pack(binascii.crc_hqx(checked, 0)) != data[len(checked) : HEADER_BYTES]:
        raise BitstreamError("the header is damaged: its checksum does not fit")
    _, version, n_channels, n_levels, group_frames, packet_groups, hop_samples = _START.unpack_from(data)
    options = 0
    if version == OPTIONS_VERSION:
        options, n_channels = n_channels & ~_CHANNELS_MASK, n_channels & _CHANNELS_MASK
        if not options or options & ~(BY_NEED | RANGE_CODED):
            raise BitstreamError("the stream has options that this program does not know: a newer flowmac is needed")
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
        is_by_need=bool(options & BY_NEED),
        is_range_coded=bool(options & RANGE_CODED),
    )
    numbers = (n_channels, n_levels, group_frames, packet_groups, hop_samples, header.sample_rate_hz, header.n_samples)
    if min(numbers) == 0:
        raise BitstreamError("the header is damaged: a number that cannot be zero is zero")
    return header

"""Bodies of packets: groups' codes to bytes and back.

::

    without options   codes: group after group, in a group level after level, in a level one byte for each frame
    levels by need    four bits for each group, the earlier one low: its number of levels - 1; then as above
    range coding      the codes are range coded, see `flowmac.entropy`

The stream's last group may be incomplete. Of a group of r frames the first r * L codes are kept, the coarse levels of
all positions before the fine ones; with levels by need, a whole number of levels. Loads no torch.

Letters: C channels, G groups, I codes of a group.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from flowmac.bitstream import Header
from flowmac.entropy import Codes, EntropyModel
from flowmac.errors import BitstreamError

#: Frames that share a checksum: about a second.
PACKET_FRAMES = 48


@dataclass(frozen=True)
class ChannelCodes:
    """Codes of one channel.

    Attributes:
        codes: uint8 [G, I], in the stream's order; 0 where there is none.
        n_codes: how many of them each group has, [G]; 0 where they are lost.
        n_levels: levels of each group, [G].
    """

    codes: Codes
    n_codes: npt.NDArray[np.int64]
    n_levels: npt.NDArray[np.int64]


def packet_groups(group_frames: int) -> int:
    """Groups in a packet."""
    return max(1, PACKET_FRAMES // group_frames)


def n_codes(header: Header, n_levels: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Codes of groups with ``n_levels`` [..., G] levels: fewer for an incomplete last group at constant rate."""
    counts = header.group_frames * n_levels
    if not header.is_by_need:
        counts[..., -1] -= -header.n_frames % header.group_frames * header.n_levels
    return counts


def count_bytes(n_groups: int, n_packet_groups: int) -> int:
    """Bytes that the numbers of levels of ``n_groups`` take, packed in packets."""
    n_full, n_rest = divmod(n_groups, n_packet_groups)
    return n_full * -(-n_packet_groups // 2) + -(-n_rest // 2)


def pack_groups(header: Header, channel: ChannelCodes, model: EntropyModel | None) -> list[bytes]:
    """Packet bodies of a channel; ``model`` is needed if the header says range coding."""
    bodies = []
    for first in range(0, header.n_groups, header.packet_groups):
        packet = slice(first, first + header.packet_groups)
        groups = [codes[:n] for codes, n in zip(channel.codes[packet], channel.n_codes[packet], strict=True)]
        levels = _nibbles(channel.n_levels[packet] - 1) if header.is_by_need else b""
        codes = model.encode(groups) if header.is_range_coded and model else b"".join(g.tobytes() for g in groups)
        bodies.append(levels + codes)
    return bodies


def unpack_groups(header: Header, bodies: Sequence[bytes | None], model: EntropyModel | None) -> ChannelCodes:
    """Codes of a channel from its packet bodies, None where lost.

    Raises:
        BitstreamError: a body is not what the header announces.
    """
    n_levels = np.full(header.n_groups, header.n_levels)
    counts = n_codes(header, n_levels)
    parts: list[Codes] = []
    for packet, body in enumerate(bodies):
        first = packet * header.packet_groups
        place = slice(first, min(first + header.packet_groups, header.n_groups))
        if body is None:
            counts[place] = 0
            parts += [np.zeros(0, np.uint8)] * (place.stop - first)
            continue
        if header.is_by_need:
            n_bytes = count_bytes(place.stop - first, header.packet_groups)
            n_levels[place] = _from_nibbles(body[:n_bytes], place.stop - first) + 1
            counts[place] = header.group_frames * n_levels[place]
            body = body[n_bytes:]
        sizes = counts[place].tolist()
        if header.is_range_coded and model:
            parts += model.decode(body, sizes)
        elif len(body) == sum(sizes):
            parts += np.split(np.frombuffer(body, np.uint8), np.cumsum(sizes)[:-1])
        else:
            raise BitstreamError(f"packet {packet + 1} is damaged: it has {len(body)} codes and announces {sum(sizes)}")
    codes = np.zeros((header.n_groups, header.group_frames * int(n_levels.max())), np.uint8)
    for row, part in zip(codes, parts, strict=True):
        row[: len(part)] = part
    return ChannelCodes(codes, counts, n_levels)


def _nibbles(values: npt.NDArray[np.int64]) -> bytes:
    padded = np.append(values, [0] * (len(values) % 2)).astype(np.uint8)
    return (padded[::2] | padded[1::2] << 4).tobytes()


def _from_nibbles(data: bytes, n_values: int) -> npt.NDArray[np.int64]:
    if 2 * len(data) < n_values:
        raise BitstreamError("a packet is damaged: it has no room for its numbers of levels")
    packed = np.frombuffer(data, np.uint8)
    return np.stack([packed & 15, packed >> 4], axis=1).flatten()[:n_values].astype(np.int64)

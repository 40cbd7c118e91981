"""The container of streams that have no file format of their own here: a short header, then packets.

::

    samples a channel, sample rate in Hz, samples to skip, bytes of the decoder's set-up, bytes of every packet
    decoder's set-up
    packets; each after its size where sizes differ (the header says 0 then)
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

from flowmac.errors import BitstreamError

_HEADER = struct.Struct("<IIHHI")
_PACKET_SIZE = struct.Struct("<H")


@dataclass(frozen=True)
class PacketStream:
    """A coded recording.

    Attributes:
        n_samples: length of the recording at ``sample_rate_hz``; decoded audio is cut to it.
        sample_rate_hz: of the codec.
        packets: what the encoder gave.
        n_skipped_samples: decoded samples before the recording begins (delay of encoder and decoder).
        head: what the decoder must know before the first packet.
    """

    n_samples: int
    sample_rate_hz: int
    packets: tuple[bytes, ...]
    n_skipped_samples: int = 0
    head: bytes = b""

    @property
    def payload_bits(self) -> int:
        """Bits of all packets."""
        return 8 * sum(map(len, self.packets))

    def to_bytes(self) -> bytes:
        """The stream with its header."""
        sizes = {len(packet) for packet in self.packets}
        n_packet = sizes.pop() if len(sizes) == 1 else 0
        header = _HEADER.pack(self.n_samples, self.sample_rate_hz, self.n_skipped_samples, len(self.head), n_packet)
        stored = (packet if n_packet else _PACKET_SIZE.pack(len(packet)) + packet for packet in self.packets)
        return header + self.head + b"".join(stored)

    @classmethod
    def from_bytes(cls, data: bytes) -> PacketStream:
        """The stream in ``data``.

        Raises:
            BitstreamError: it is cut.
        """
        try:
            n_samples, sample_rate_hz, n_skipped_samples, n_head, n_packet = _HEADER.unpack_from(data)
            position = _HEADER.size + n_head
            head = data[_HEADER.size : position]
            packets = []
            while position < len(data):
                n_bytes = n_packet
                if not n_packet:
                    (n_bytes,) = _PACKET_SIZE.unpack_from(data, position)
                    position += _PACKET_SIZE.size
                packets.append(data[position : position + n_bytes])
                position += n_bytes
        except struct.error as error:
            raise BitstreamError(f"the stream is cut: {error}") from None
        if position != len(data):
            raise BitstreamError("the stream is cut within a packet")
        return cls(n_samples, sample_rate_hz, tuple(packets), n_skipped_samples, head)

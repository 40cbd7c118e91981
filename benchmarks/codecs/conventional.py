"""Opus by libopus, through the packets of PyAV (FFmpeg's libraries).

FFmpeg's Ogg muxer writes a wrong end position at 24 kHz and its demuxer trims streams of less than a second wrongly, so
packets are stored in a minimal container of our own and the decoded length is set from it.
"""

from __future__ import annotations

import struct
from fractions import Fraction
from typing import Literal

import numpy as np
import pydantic

from benchmarks.codecs.base import CodecAdapter, CodecSettings
from flowmac.audio import FloatArray, Waveform
from flowmac.errors import BitstreamError

#: Samples a channel, sample rate, bytes of the OpusHead (RFC 7845) that follows. Then packets, each after its size.
_HEADER = struct.Struct("<IIH")
_PACKET_SIZE = struct.Struct("<H")

#: libopus always decodes at this rate here.
_DECODED_HZ = 48000
_INT16_SCALE = 32768


class OpusSettings(CodecSettings):
    """``kbps``: target rate. ``vbr``: False for constant bit rate. ``sample_rate_hz``: of the encoder's input."""

    kbps: float = pydantic.Field(ge=0.5, le=256)
    vbr: bool = True
    sample_rate_hz: Literal[8000, 12000, 16000, 24000, 48000] = 24000


class Opus(CodecAdapter):
    """Opus (RFC 6716), mono, frames of 20 ms, application audio.

    The payload is the sum of the packets, each with its table-of-contents byte. Below about 6 kbit/s the VBR encoder
    misses its target widely; the measured rate says so.
    """

    name = "opus"
    summary = "Opus by libopus, mono, 20 ms frames, VBR or CBR"
    modules = ("av",)
    distribution = "av"
    licence = "BSD-3-Clause (PyAV's wheels: LGPL FFmpeg)"
    settings_model = OpusSettings
    settings: OpusSettings

    @property
    def label(self) -> str:
        """Name in tables."""
        mode = "Opus" if self.settings.vbr else "Opus CBR"
        rate_hz = self.settings.sample_rate_hz
        rate = "" if rate_hz == OpusSettings.model_fields["sample_rate_hz"].default else f", {rate_hz / 1000:g} kHz"
        return f"{mode} {self.settings.kbps:g} kbit/s{rate}"

    @property
    def nominal_kbps(self) -> float:
        """Target rate."""
        return self.settings.kbps

    def encode(self, waveform: Waveform) -> bytes:
        """Mix to mono and code."""
        import av

        mono = waveform.mono().resampled(self.settings.sample_rate_hz)
        encoder = av.CodecContext.create("libopus", "w")
        assert isinstance(encoder, av.AudioCodecContext)
        encoder.sample_rate = mono.sample_rate_hz
        encoder.layout = "mono"
        encoder.format = "flt"
        encoder.bit_rate = round(self.settings.kbps * 1000)
        encoder.time_base = Fraction(1, mono.sample_rate_hz)
        encoder.options = {
            "frame_duration": "20",
            "application": "audio",
            "vbr": "on" if self.settings.vbr else "off",
        }
        encoder.open()
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(mono.samples), format="flt", layout="mono")
        frame.sample_rate = mono.sample_rate_hz
        frame.time_base = encoder.time_base
        frame.pts = 0
        packets = [bytes(packet) for packet in encoder.encode(frame) + encoder.encode(None)]
        head = encoder.extradata or b""
        stored = b"".join(_PACKET_SIZE.pack(len(packet)) + packet for packet in packets)
        return _HEADER.pack(mono.n_samples, mono.sample_rate_hz, len(head)) + head + stored

    def decode(self, data: bytes) -> Waveform:
        """Mono audio of the encoder's input length and rate."""
        import av

        n_samples, sample_rate_hz, head, packets = _unpack(data)
        decoder = av.CodecContext.create("libopus", "r")
        assert isinstance(decoder, av.AudioCodecContext)
        decoder.extradata = head  # holds the pre-skip, which the decoder takes off
        decoder.sample_rate = _DECODED_HZ
        decoder.layout = "mono"
        frames = [frame for packet in packets for frame in decoder.decode(av.Packet(packet))]
        frames += decoder.decode(None)
        decoded = Waveform(_float_samples([frame.to_ndarray() for frame in frames]), _DECODED_HZ)
        samples = decoded.resampled(sample_rate_hz).samples[:, :n_samples]
        return Waveform(samples, sample_rate_hz)

    def payload_bits(self, data: bytes) -> int:
        """Bits of all packets."""
        _, _, _, packets = _unpack(data)
        return 8 * sum(len(packet) for packet in packets)


def _unpack(data: bytes) -> tuple[int, int, bytes, list[bytes]]:
    """Number of samples, sample rate in Hz, OpusHead, packets."""
    try:
        n_samples, sample_rate_hz, n_head = _HEADER.unpack_from(data)
        position = _HEADER.size + n_head
        head = data[_HEADER.size : position]
        packets = []
        while position < len(data):
            (n_packet,) = _PACKET_SIZE.unpack_from(data, position)
            position += _PACKET_SIZE.size + n_packet
            packets.append(data[position - n_packet : position])
    except struct.error as error:
        raise BitstreamError(f"the Opus stream is cut: {error}") from None
    if position != len(data):
        raise BitstreamError("the Opus stream is cut within a packet")
    return n_samples, sample_rate_hz, head, packets


def _float_samples(frames: list[np.ndarray]) -> FloatArray:
    """16-bit samples of all frames as float32, shape [1, N]."""
    samples = np.concatenate(frames, axis=1)
    return (samples / _INT16_SCALE).astype(np.float32)

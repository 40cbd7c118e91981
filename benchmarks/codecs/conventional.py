"""Opus, MP3 and AAC through the packets of PyAV (FFmpeg's libraries).

Containers of files are left out: FFmpeg's Ogg muxer writes a wrong end position at 24 kHz, and rates are counted on
packets. The decoded length and the encoder's delay are in our own header instead.
"""

from __future__ import annotations

import math
from fractions import Fraction
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np
import pydantic

from benchmarks.codecs.base import CodecAdapter, CodecSettings, refuse_rate
from benchmarks.codecs.packets import PacketStream
from flowmac.audio import FloatArray, Waveform
from flowmac.errors import SettingError

if TYPE_CHECKING:
    import av

#: libopus always decodes at this rate here.
_OPUS_DECODED_HZ = 48000
_INT16_SCALE = 32768


#: Step of Opus's constant rates: a byte more in each frame of 20 ms.
_CBR_STEP_KBPS = 0.4


class OpusSettings(CodecSettings):
    """``kbps``: target rate. ``vbr``: False for constant bit rate, then a multiple of 0.4.

    ``sample_rate_hz``: of the encoder's input.
    """

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
    rates = "0.5 to 256; VBR does not go below about 4.6"
    settings_model = OpusSettings
    settings: OpusSettings

    def __init__(self, settings: OpusSettings) -> None:
        super().__init__(settings)
        if not settings.vbr:
            refuse_partial_bytes(settings.kbps)

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
        mono = waveform.mono().resampled(self.settings.sample_rate_hz)
        encoder = _open_encoder(
            "libopus",
            "flt",
            mono.sample_rate_hz,
            self.settings.kbps,
            {"frame_duration": "20", "application": "audio", "vbr": "on" if self.settings.vbr else "off"},
        )
        packets = _packets(encoder, mono)
        # OpusHead (RFC 7845) holds the pre-skip, which the decoder takes off
        head = encoder.extradata or b""
        stream = PacketStream(mono.n_samples, mono.sample_rate_hz, tuple(map(bytes, packets)), head=head)
        return stream.to_bytes()

    def decode(self, data: bytes) -> Waveform:
        """Mono audio of the encoder's input length and rate."""
        stream = PacketStream.from_bytes(data)
        decoded = Waveform(decode_packets("libopus", _OPUS_DECODED_HZ, stream), _OPUS_DECODED_HZ)
        samples = decoded.resampled(stream.sample_rate_hz).samples[:, : stream.n_samples]
        return Waveform(samples, stream.sample_rate_hz)

    def payload_bits(self, data: bytes) -> int:
        """Bits of all packets."""
        return PacketStream.from_bytes(data).payload_bits


def refuse_partial_bytes(kbps: float) -> None:
    """Opus rounds a constant rate to whole bytes a frame, and would measure something else than was asked for.

    Raises:
        SettingError: the rate is between two that there are.
    """
    n_bytes = kbps / _CBR_STEP_KBPS
    if abs(n_bytes - round(n_bytes)) > 1e-6:
        lower = math.floor(n_bytes)
        nearest = " and ".join(f"{n * _CBR_STEP_KBPS:g}" for n in (lower, lower + 1))
        raise SettingError(
            f"constant rates of Opus are multiples of {_CBR_STEP_KBPS:g} kbit/s (whole bytes in 20 ms); the nearest to "
            f"{kbps:g} are {nearest}"
        )


class _FFmpegCodec(CodecAdapter):
    """A codec of FFmpeg's, mono at 24 kHz: below 32 kbit/s neither does better at a higher rate."""

    encoder: ClassVar[str]
    decoder: ClassVar[str]
    title: ClassVar[str]

    modules = ("av",)
    distribution = "av"
    sample_rate_hz = 24000

    @property
    def label(self) -> str:
        """Name in tables."""
        return f"{self.title} {self.nominal_kbps:g} kbit/s"

    def encode(self, waveform: Waveform) -> bytes:
        """Mix to mono at 24 kHz and code."""
        assert self.nominal_kbps is not None
        mono = waveform.mono().resampled(self.sample_rate_hz)
        encoder = _open_encoder(self.encoder, "fltp", self.sample_rate_hz, self.nominal_kbps, {})
        packets = _packets(encoder, mono)
        n_skipped = max(0, -(packets[0].pts or 0))  # the encoder dates its first packet back by its delay
        stream = PacketStream(
            mono.n_samples, self.sample_rate_hz, tuple(map(bytes, packets)), n_skipped, encoder.extradata or b""
        )
        return stream.to_bytes()

    def decode(self, data: bytes) -> Waveform:
        """Mono audio at 24 kHz, the encoder's delay taken off."""
        stream = PacketStream.from_bytes(data)
        samples = decode_packets(self.decoder, stream.sample_rate_hz, stream)
        samples = samples[:, stream.n_skipped_samples :][:, : stream.n_samples]
        return Waveform(samples, stream.sample_rate_hz)

    def payload_bits(self, data: bytes) -> int:
        """Bits of all packets, with their frame headers."""
        return PacketStream.from_bytes(data).payload_bits


class MP3Settings(CodecSettings):
    """``kbps``: one of the rates of MPEG-2 at 24 kHz."""

    kbps: float


class MP3(_FFmpegCodec):
    """MP3 (MPEG-2 layer III at 24 kHz, ISO/IEC 13818-3) by LAME at constant rate."""

    #: At 48 kHz MPEG-1 begins at 32 kbit/s.
    KBPS: ClassVar[tuple[int, ...]] = (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160)

    name = "mp3"
    title = "MP3"
    summary = "MP3 by LAME, mono, 24 kHz, CBR"
    licence = "LGPL-2.0+ (LAME and FFmpeg in PyAV's wheels)"
    rates = " ".join(map(str, KBPS))
    encoder, decoder = "libmp3lame", "mp3float"
    settings_model = MP3Settings
    settings: MP3Settings

    def __init__(self, settings: MP3Settings) -> None:
        super().__init__(settings)
        if settings.kbps not in self.KBPS:
            raise refuse_rate("MP3 at 24 kHz", settings.kbps, self.KBPS)

    @property
    def nominal_kbps(self) -> float:
        """Rate of the frames."""
        return self.settings.kbps


class AACSettings(CodecSettings):
    """``kbps``: target rate. Below 12 the encoder would keep to its own floor, above 144 a frame has no room."""

    kbps: float = pydantic.Field(ge=12, le=144)


class AAC(_FFmpegCodec):
    """AAC-LC (ISO/IEC 14496-3) by FFmpeg's own encoder, which holds the rate on average only."""

    name = "aac"
    title = "AAC-LC"
    summary = "AAC-LC by FFmpeg's own encoder, mono, 24 kHz, average bit rate"
    licence = "LGPL-2.1+ (FFmpeg in PyAV's wheels)"
    rates = "12 to 144"
    encoder, decoder = "aac", "aac"
    settings_model = AACSettings
    settings: AACSettings

    @property
    def nominal_kbps(self) -> float:
        """Target rate."""
        return self.settings.kbps


def decode_packets(decoder_name: str, sample_rate_hz: int, stream: PacketStream) -> FloatArray:
    """All that FFmpeg's decoder makes of the packets, shape [1, N]; 16-bit samples become float32."""
    import av

    decoder = av.CodecContext.create(decoder_name, "r")
    assert isinstance(decoder, av.AudioCodecContext)
    if stream.head:
        decoder.extradata = stream.head
    decoder.sample_rate = sample_rate_hz
    decoder.layout = "mono"
    frames = [frame for packet in stream.packets for frame in decoder.decode(av.Packet(packet))]
    frames += decoder.decode(None)
    samples = np.concatenate([frame.to_ndarray() for frame in frames], axis=1)
    if samples.dtype == np.int16:
        samples = samples / _INT16_SCALE
    return samples.astype(np.float32)


def _open_encoder(
    name: str, sample_format: str, sample_rate_hz: int, kbps: float, options: dict[str, str]
) -> av.AudioCodecContext:
    import av

    encoder = av.CodecContext.create(name, "w")
    assert isinstance(encoder, av.AudioCodecContext)
    encoder.sample_rate = sample_rate_hz
    encoder.layout = "mono"
    encoder.format = sample_format
    encoder.bit_rate = round(kbps * 1000)
    encoder.time_base = Fraction(1, sample_rate_hz)
    encoder.options = options
    encoder.open()
    return encoder


def _packets(encoder: av.AudioCodecContext, mono: Waveform) -> list[av.Packet[Any]]:
    import av

    frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(mono.samples), format=encoder.format.name, layout="mono")
    frame.sample_rate = mono.sample_rate_hz
    frame.time_base = encoder.time_base
    frame.pts = 0
    return encoder.encode(frame) + encoder.encode(None)

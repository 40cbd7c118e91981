"""Opus with the neural post-filters LACE and NoLACE of its 1.5 release, which no FFmpeg build has."""

from __future__ import annotations

import shutil
import struct
from pathlib import Path
from typing import Literal

import numpy as np
import pydantic

from benchmarks.codecs.base import CodecAdapter, CodecSettings, UnavailableError
from benchmarks.codecs.conventional import refuse_partial_bytes
from benchmarks.codecs.packets import PacketStream
from benchmarks.codecs.processes import run_program
from flowmac.audio import Waveform

PACKAGE = "@wasm-audio-decoders/opus-ml"
SCRIPT = Path(__file__).with_name("decode_opus.mjs")

FRAME_S = 0.02


class OpusNoLACESettings(CodecSettings):
    """``kbps``: target rate. ``postfilter``: of the decoder. ``vbr``: False for constant bit rate.

    ``node_modules``: the folder where npm put the decoder.
    """

    kbps: float = pydantic.Field(ge=5, le=20)
    postfilter: Literal["none", "lace", "nolace"] = "nolace"
    vbr: bool = True
    node_modules: str = "node_modules"


class OpusNoLACE(CodecAdapter):
    """Opus held to 8 kHz of bandwidth, where the post-filters act (Büthe et al. 2023), decoded under Node.

    The time of decoding includes that of starting Node, about a tenth of a second.
    """

    name = "opus_nolace"
    summary = "Opus, wideband, with the neural post-filter NoLACE (or LACE) of libopus 1.5"
    modules = ("opuslib_next",)
    distribution = "opuslib-next-bundled"
    extra = "codecs"
    licence = f"BSD-3-Clause (libopus), MIT (npm {PACKAGE})"
    needs = f"npm {PACKAGE}"
    sample_rate_hz = 24000
    rates = "5 to 20"
    timing = "wall"
    settings_model = OpusNoLACESettings
    settings: OpusNoLACESettings

    def __init__(self, settings: OpusNoLACESettings) -> None:
        super().__init__(settings)
        if not settings.vbr:
            refuse_partial_bytes(settings.kbps)
        self._node_modules = Path(settings.node_modules)
        if not _has_decoder(self._node_modules):
            raise UnavailableError(
                f"'{settings.node_modules}' does not hold the decoder: run 'npm install {PACKAGE}' and give the folder "
                "node_modules that it makes as 'node_modules'"
            )

    @classmethod
    def missing(cls) -> str | None:
        """What to do about an absent backend; None where all is there."""
        if shutil.which("node") is None:
            return f"'{cls.name}' needs Node 18 or newer (Debian: apt install nodejs npm)"
        return super().missing()

    @classmethod
    def finds_needs(cls) -> bool:
        """See `CodecAdapter.finds_needs`."""
        return _has_decoder(Path(cls.settings_model.model_fields["node_modules"].default))

    @property
    def label(self) -> str:
        """Name in tables."""
        postfilter = {"none": "wideband", "lace": "LACE", "nolace": "NoLACE"}[self.settings.postfilter]
        return f"Opus {'' if self.settings.vbr else 'CBR '}{postfilter} {self.settings.kbps:g} kbit/s"

    @property
    def nominal_kbps(self) -> float:
        """Target rate."""
        return self.settings.kbps

    def encode(self, waveform: Waveform) -> bytes:
        """Mix to mono and code; at these rates the encoder would else choose a narrower band."""
        import opuslib_next

        mono = waveform.mono().resampled(self.sample_rate_hz)
        encoder = opuslib_next.Encoder(self.sample_rate_hz, 1, opuslib_next.APPLICATION_AUDIO)
        encoder.bitrate = round(1000 * self.settings.kbps)
        encoder.vbr = int(self.settings.vbr)
        encoder.bandwidth = opuslib_next.BANDWIDTH_WIDEBAND
        delay_samples = int(encoder.lookahead)
        n_frame = round(FRAME_S * self.sample_rate_hz)
        samples = np.pad(mono.samples[0], (0, delay_samples + -(mono.n_samples + delay_samples) % n_frame))
        frames = samples.astype("<f4").reshape(-1, n_frame)
        packets = tuple(bytes(encoder.encode_float(frame.tobytes(), n_frame)) for frame in frames)
        return PacketStream(mono.n_samples, self.sample_rate_hz, packets, delay_samples).to_bytes()

    def decode(self, data: bytes) -> Waveform:
        """Mono audio at 24 kHz."""
        stream = PacketStream.from_bytes(data)
        stored = b"".join(struct.pack("<I", len(packet)) + packet for packet in stream.packets)
        arguments = [str(self._node_modules), self.settings.postfilter, str(stream.sample_rate_hz)]
        samples = np.frombuffer(run_program(["node", str(SCRIPT), *arguments], stored), "<f4")
        samples = samples[stream.n_skipped_samples :][: stream.n_samples]
        return Waveform(samples[np.newaxis], stream.sample_rate_hz)

    def payload_bits(self, data: bytes) -> int:
        """Bits of all packets, each with its table-of-contents byte."""
        return PacketStream.from_bytes(data).payload_bits


def _has_decoder(node_modules: Path) -> bool:
    return (node_modules / PACKAGE / "index.js").is_file()

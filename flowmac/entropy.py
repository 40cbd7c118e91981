"""Entropy model of the codes, and their range coding.

Residual quantisers use nearly all codes equally often: on its own a code's statistics save less than one bit in a
hundred. But which codes are likely depends on the kind of sound: each group of frames is of one of K classes, and names
it; within a class codes are independent. So that few numbers tell all distributions, the values of each code are ranked
by the kind of sound they stand for; how likely a rank is depends on class and level alone. Classes and ranks are
found by `flowmac.training.entropy_trainer`. Codes of levels beyond L are taken to be equally likely. Loads no torch.

Letters: K classes, L levels, P positions, I = L * P codes of a group in the stream's order, level after level.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import constriction
import numpy as np
import numpy.typing as npt
import safetensors
import safetensors.numpy

from flowmac.errors import BitstreamError, CheckpointError

Codes = npt.NDArray[np.uint8]

N_ENTRIES = 256

#: Distributions are stored as frequencies that sum to this.
TOTAL_FREQUENCY = 2**15

#: Bytes that the range coder's flush may waste: its last words need not be written in full.
_FLUSH_BYTES = 8

_CATEGORICAL = constriction.stream.model.Categorical(perfect=False)


class EntropyModel:
    """Static distributions: of a group's class, and of each code in each class.

    Args:
        classes: frequencies of the classes, uint16 [K].
        frequencies: of ranks in each class and level, uint16 [K, L, 256].
        ranks: of each code's values, uint8 [L, P, 256].
    """

    def __init__(
        self, classes: npt.NDArray[np.uint16], frequencies: npt.NDArray[np.uint16], ranks: npt.NDArray[np.uint8]
    ) -> None:
        self.tensors: dict[str, npt.NDArray[Any]] = {"classes": classes, "frequencies": frequencies, "ranks": ranks}
        levels = np.arange(len(ranks))[:, None, None]
        codes = frequencies[:, levels, ranks].reshape(len(classes), -1, N_ENTRIES)  # [K, I, 256]
        # Whole numbers and 64 bits: all machines find the same probabilities.
        self._class_weights = classes.astype(np.float64)[None]
        self._code_weights = codes
        self._class_bits = (-np.log2(classes / classes.sum())).astype(np.float32)
        self._code_bits = (-np.log2(codes / codes.sum(axis=-1, keepdims=True))).astype(np.float32)

    @classmethod
    def load(cls, path: Path) -> EntropyModel:
        """Read a model from safetensors.

        Raises:
            CheckpointError: the file is damaged or holds something else.
        """
        try:
            tensors = safetensors.numpy.load_file(path)
        except (safetensors.SafetensorError, OSError) as error:
            raise CheckpointError(f"{path}: is damaged or no safetensors file ({error})") from None
        if set(tensors) != {"classes", "frequencies", "ranks"}:
            raise CheckpointError(f"{path}: holds no entropy model")
        return cls(**tensors)

    def save(self, path: Path) -> None:
        """Write the model as safetensors."""
        path.write_bytes(safetensors.numpy.save(self.tensors))  # save_file would make one that only its owner may read

    def digest(self) -> bytes:
        """Hash of all distributions."""
        return hashlib.sha256(b"".join(tensor.tobytes() for tensor in self.tensors.values())).digest()

    def bits(self, codes: Codes, n_codes: npt.NDArray[np.int64]) -> npt.NDArray[np.float32]:
        """Bits that the first ``n_codes`` [...] codes of groups [..., I'] take in each class, [..., K].

        The class's own name is included.
        """
        known = codes[..., : self._code_bits.shape[1]]
        place = np.arange(known.shape[-1])
        counts = place < n_codes[..., None]
        costs = [(table[place, known] * counts).sum(axis=-1) for table in self._code_bits]
        further_bits = np.float32(8) * np.maximum(0, n_codes - known.shape[-1])[..., None].astype(np.float32)
        return np.stack(costs, axis=-1) + self._class_bits + further_bits

    def encode(self, groups: Sequence[Codes]) -> bytes:
        """Range-code groups of codes, each [I'], I' up to I."""
        encoder = constriction.stream.queue.RangeEncoder()
        for group in groups:
            name = int(self.bits(group, np.array(len(group))).argmin())
            encoder.encode(np.array([name], np.int32), _CATEGORICAL, self._class_weights)
            encoder.encode(group.astype(np.int32), _CATEGORICAL, self._weights(name, len(group)))
        return self._shortest(encoder.get_compressed().astype(">u4").tobytes(), groups)

    def decode(self, data: bytes, sizes: Sequence[int]) -> list[Codes]:
        """Groups of ``sizes`` codes.

        Raises:
            BitstreamError: no encoder makes such data.
        """
        padded = data + bytes(_FLUSH_BYTES + -len(data) % 4)  # what the encoder cut off does not matter
        decoder = constriction.stream.queue.RangeDecoder(np.frombuffer(padded, ">u4").astype(np.uint32))
        groups = []
        try:
            for size in sizes:
                name = int(decoder.decode(_CATEGORICAL, self._class_weights)[0])
                groups.append(decoder.decode(_CATEGORICAL, self._weights(name, size)).astype(np.uint8))
        except AssertionError:  # the library's word for impossible data
            raise BitstreamError("a packet is damaged: its codes cannot be decoded") from None
        return groups

    def _weights(self, name: int, n_codes: int) -> npt.NDArray[np.float64]:
        weights = np.ones((n_codes, N_ENTRIES))
        known = self._code_weights[name, :n_codes]
        weights[: len(known)] = known
        return weights

    def _shortest(self, data: bytes, groups: Sequence[Codes]) -> bytes:
        """The fewest bytes that decode to ``groups``: any number in the coder's last interval will do.

        Cutting a number off makes it smaller than the interval; one more in its last place may lie inside.
        """
        sizes = [len(group) for group in groups]
        for n_bytes in range(max(1, len(data) - _FLUSH_BYTES), len(data)):
            rounded_up = int.from_bytes(data[:n_bytes], "big") + 1
            if rounded_up < 256**n_bytes:
                candidate = rounded_up.to_bytes(n_bytes, "big")
                if self._decodes_to(candidate, sizes, groups):
                    return candidate
        return data

    def _decodes_to(self, data: bytes, sizes: Sequence[int], groups: Sequence[Codes]) -> bool:
        try:
            return all(map(np.array_equal, self.decode(data, sizes), groups))
        except BitstreamError:
            return False

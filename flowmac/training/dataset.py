"""Training audio: a manifest or folder of recordings, decoded once, cut into random segments.

Decoded audio is kept as 16-bit samples in one file that is mapped into memory, because compressed formats are too
slow to seek in for every segment. Segment number i depends on the seed and on i alone, so that a training that is
resumed sees the same data as one that never stopped, with any number of loader workers.
"""

from __future__ import annotations

import csv
import hashlib
import json
import logging
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.utils.data import Dataset

from flowmac.audio import FULL_SCALE, read_audio
from flowmac.errors import AudioError, SettingError

logger = logging.getLogger(__name__)

AUDIO_SUFFIXES = (".wav", ".flac", ".ogg", ".opus", ".mp3")

#: Range of the random gain, and the peak it never goes beyond.
GAIN_DB = (-12.0, 6.0)
HIGHEST_PEAK = 0.98

PCM_SCALE = 32767


def list_recordings(source: Path, split: str) -> list[Path]:
    """Paths of a split's recordings.

    Args:
        source: a CSV manifest with the column ``path`` (relative to it) and, if it has splits, ``split``; or a
            folder, which is searched with its subfolders and has no splits (every hundredth file is for validation).
        split: ``train`` or ``valid``.

    Raises:
        SettingError: the source is missing, lacks the column, or has no recordings of this split.
    """
    if source.is_dir():
        files = sorted(path for path in source.rglob("*") if path.suffix.lower() in AUDIO_SUFFIXES)
        paths = [path for i, path in enumerate(files) if (i % 100 == 0) == (split == "valid")]
    elif source.is_file():
        with source.open(newline="", encoding="utf-8") as file:
            reader = csv.DictReader(file)
            if "path" not in (reader.fieldnames or []):
                raise SettingError(f"{source}: the manifest needs a column 'path', it has {reader.fieldnames}")
            paths = [source.parent / row["path"] for row in reader if row.get("split", split) == split]
    else:
        raise SettingError(f"{source}: there is no such manifest or folder of recordings")
    if not paths:
        raise SettingError(f"{source}: has no recordings for the split '{split}'")
    return paths


@dataclass(frozen=True)
class PackedAudio:
    """Decoded recordings, one after the other.

    Attributes:
        samples: int16, shape [N], mapped into memory.
        starts: first sample of each recording and, last, the end; shape [R + 1].
    """

    samples: npt.NDArray[np.int16]
    starts: npt.NDArray[np.int64]

    @property
    def n_recordings(self) -> int:
        """Number of recordings, R."""
        return len(self.starts) - 1


def pack(source: Path, split: str, sample_rate_hz: int, cache_folder: Path, n_processes: int = 1) -> PackedAudio:
    """Decode a split once into ``cache_folder``; afterwards only map it.

    Recordings that cannot be read are left out with a warning.

    Raises:
        SettingError: as for `list_recordings`, or no recording could be read.
    """
    paths = list_recordings(source, split)
    key = json.dumps([sample_rate_hz, [(str(path.resolve()), path.stat().st_size) for path in paths if path.exists()]])
    stem = cache_folder / f"{split}-{hashlib.sha256(key.encode()).hexdigest()[:16]}"
    samples_path, starts_path = stem.with_suffix(".pcm"), stem.with_suffix(".npy")
    if not starts_path.exists():
        cache_folder.mkdir(parents=True, exist_ok=True)
        logger.info("decoding %d recordings of the split '%s' into %s", len(paths), split, cache_folder)
        lengths = []
        with samples_path.open("wb") as file, ProcessPoolExecutor(n_processes) as pool:
            for samples in pool.map(_decode, paths, [sample_rate_hz] * len(paths), chunksize=16):
                if len(samples):
                    file.write(samples.tobytes())
                    lengths.append(len(samples))
        if not lengths:
            raise SettingError(f"{source}: none of the {len(paths)} recordings of the split '{split}' could be read")
        np.save(starts_path, np.concatenate([[0], np.cumsum(lengths)]))  # written last: it marks a whole cache
    return PackedAudio(np.memmap(samples_path, np.int16, "r"), np.load(starts_path))


def _decode(path: Path, sample_rate_hz: int) -> npt.NDArray[np.int16]:
    try:
        mono = read_audio(path).mono().resampled(sample_rate_hz).samples[0]
    except AudioError as error:
        logger.warning("left out: %s", error)
        return np.zeros(0, np.int16)
    return np.round(np.clip(mono, -FULL_SCALE, FULL_SCALE) * PCM_SCALE).astype(np.int16)


class RandomSegments(Dataset[Tensor]):
    """An endless supply of segments; recordings are drawn in proportion to their length.

    Gain and polarity are random. Recordings shorter than a segment are followed by silence.
    """

    def __init__(self, audio: PackedAudio, n_samples: int, n_segments: int, seed: int) -> None:
        self.audio = audio
        self.n_samples = n_samples
        self.n_segments = n_segments
        self.seed = seed

    def __len__(self) -> int:
        return self.n_segments

    def __getitem__(self, index: int) -> Tensor:
        """Segment number ``index``: float32, shape [n_samples]."""
        random = np.random.default_rng((self.seed, index))
        position = int(random.integers(0, self.audio.starts[-1]))
        recording = int(np.searchsorted(self.audio.starts, position, side="right")) - 1
        first, end = self.audio.starts[recording], self.audio.starts[recording + 1]
        first += random.integers(0, max(1, end - first - self.n_samples + 1))
        segment = np.zeros(self.n_samples, np.float32)
        found = self.audio.samples[first : min(first + self.n_samples, end)]
        segment[: len(found)] = found / np.float32(PCM_SCALE)
        gain = 10 ** (random.uniform(*GAIN_DB) / 20)
        gain = min(gain, HIGHEST_PEAK / max(float(np.abs(segment).max()), 1e-6))
        return torch.from_numpy(segment * np.float32(gain * random.choice([-1.0, 1.0])))


def fixed_segments(audio: PackedAudio, n_samples: int, n_segments: int) -> Tensor:
    """The first ``n_segments`` random segments of seed 0, shape [n_segments, n_samples], for validation."""
    segments = RandomSegments(audio, n_samples, n_segments, seed=0)
    return torch.stack([segments[i] for i in range(n_segments)])

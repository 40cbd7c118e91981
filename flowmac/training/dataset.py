"""Training audio: a manifest or folder of recordings, decoded once, cut into random segments.

Decoded audio is kept as 16-bit samples in one file that is mapped into memory, because compressed formats are too
slow to seek in for every segment. Segment number i depends on the seed and on i alone, so that a training that is
resumed sees the same data as one that never stopped, with any number of loader workers.
"""

from __future__ import annotations

import csv
import functools
import hashlib
import json
import logging
from collections.abc import Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.utils.data import Dataset

from flowmac.audio import FULL_SCALE, Waveform, read_audio
from flowmac.errors import AudioError, SettingError

logger = logging.getLogger(__name__)

AUDIO_SUFFIXES = (".wav", ".flac", ".ogg", ".opus", ".mp3")

#: Where decoded recordings are kept, unless a folder is named.
CACHE = Path(".cache")

#: Folders of a corpus that is divided already, as LibriTTS and LibriSpeech are: train-clean-100, dev-clean, test-other.
SPLIT_FOLDERS = {"train": "train-*/", "valid": "dev-*/"}

#: Range of the random gain, and the peak it never goes beyond.
GAIN_DB = (-12.0, 6.0)
HIGHEST_PEAK = 0.98

PCM_SCALE = 32767


def list_recordings(source: Path, split: str) -> list[Path]:
    """Paths of a split's recordings.

    Args:
        source: a CSV manifest with the column ``path`` (relative to it) and, if it has splits, ``split``; or a
            folder, which is searched with its subfolders. If it holds folders ``train-*`` and ``dev-*`` (``LibriTTS``,
            as torchaudio unpacks it), these are the splits; else every hundredth file is for validation.
        split: ``train`` or ``valid``.

    Raises:
        SettingError: the source is missing, lacks the column, or has no recordings of this split.
    """
    if source.is_dir():
        divided = {name: _recordings_in(source.glob(pattern)) for name, pattern in SPLIT_FOLDERS.items()}
        files = divided["train"] or _recordings_in([source])
        if all(divided.values()):
            paths = divided[split]
        else:
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


def _recordings_in(folders: Iterable[Path]) -> list[Path]:
    return sorted(path for folder in folders for path in folder.rglob("*") if path.suffix.lower() in AUDIO_SUFFIXES)


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


def pack(
    source: Path,
    split: str,
    sample_rate_hz: int,
    cache_folder: Path,
    speeds: Sequence[float] = (1.0,),
    n_processes: int = 1,
) -> PackedAudio:
    """Decode a split once into ``cache_folder``; afterwards only map it.

    Recordings that cannot be read are left out with a warning. Each is packed once at every one of ``speeds``, pitch
    and all (speed perturbation, Ko et al. 2015): voices and instruments that the corpus does not have.

    Raises:
        SettingError: as for `list_recordings`, or no recording could be read.
    """
    paths = list_recordings(source, split)
    key = json.dumps(
        [sample_rate_hz, list(speeds), [(str(path.resolve()), path.stat().st_size) for path in paths if path.exists()]]
    )
    stem = cache_folder / f"{split}-{hashlib.sha256(key.encode()).hexdigest()[:16]}"
    samples_path, starts_path = stem.with_suffix(".pcm"), stem.with_suffix(".npy")
    if not starts_path.exists():
        cache_folder.mkdir(parents=True, exist_ok=True)
        logger.info("decoding %d recordings of the split '%s' into %s", len(paths), split, cache_folder)
        lengths = []
        with samples_path.open("wb") as file, ProcessPoolExecutor(n_processes) as pool:
            decode = functools.partial(_decode, sample_rate_hz=sample_rate_hz, speeds=speeds)
            for recording in pool.map(decode, paths, chunksize=16):
                for samples in recording:
                    file.write(samples.tobytes())
                    lengths.append(len(samples))
        if not lengths:
            raise SettingError(f"{source}: none of the {len(paths)} recordings of the split '{split}' could be read")
        np.save(starts_path, np.concatenate([[0], np.cumsum(lengths)]))  # written last: it marks a whole cache
    return PackedAudio(np.memmap(samples_path, np.int16, "r"), np.load(starts_path))


def _decode(path: Path, sample_rate_hz: int, speeds: Sequence[float]) -> list[npt.NDArray[np.int16]]:
    """A recording at each speed; none if it cannot be read or is empty."""
    try:
        mono = read_audio(path).mono()
    except AudioError as error:
        logger.warning("left out: %s", error)
        return []
    versions = []
    for speed in speeds:
        # What is declared to be sampled faster is played faster.
        samples = Waveform(mono.samples, round(speed * mono.sample_rate_hz)).resampled(sample_rate_hz).samples[0]
        versions.append(np.round(np.clip(samples, -FULL_SCALE, FULL_SCALE) * PCM_SCALE).astype(np.int16))
    return [samples for samples in versions if len(samples)]


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


class ResidentSegments:
    """Segments as of `RandomSegments`, whole batches at a time and cut where the training runs.

    For accelerators, which would wait for loader workers; the corpus must fit into their memory as 16-bit samples
    (170 MB an hour at 24 kHz).
    """

    def __init__(self, audio: PackedAudio, n_samples: int, device: torch.device) -> None:
        self.samples = torch.from_numpy(np.array(audio.samples)).to(device)
        self.starts = torch.from_numpy(audio.starts).to(device)
        self.n_samples = n_samples

    def draw(self, batch_size: int, generator: torch.Generator) -> Tensor:
        """A batch: float32, shape [batch_size, n_samples]."""
        device = self.samples.device
        positions = torch.randint(len(self.samples), (batch_size,), generator=generator, device=device)
        recordings = torch.searchsorted(self.starts, positions, right=True) - 1
        first, end = self.starts[recordings], self.starts[recordings + 1]
        chance, level, sign = torch.rand(3, batch_size, generator=generator, device=device)
        first = first + (chance * (end - first - self.n_samples + 1).clamp(min=1)).long()
        indices = first[:, None] + torch.arange(self.n_samples, device=device)
        found = self.samples[indices.clamp(max=len(self.samples) - 1)] / PCM_SCALE
        segments = found * (indices < end[:, None])
        gain = 10 ** ((GAIN_DB[0] + level * (GAIN_DB[1] - GAIN_DB[0])) / 20)
        gain = torch.minimum(gain, HIGHEST_PEAK / segments.abs().amax(dim=1).clamp(min=1e-6))
        return segments * (gain * torch.where(sign < 0.5, -1.0, 1.0))[:, None]


def mix(segments: Tensor, share: float, generator: torch.Generator) -> Tensor:
    """Segments [B, N], to about a ``share`` of which another of the batch was added, kept below full scale.

    Speech over music and noise is what a codec for general audio meets, and little of a corpus is like that.
    """
    device = segments.device
    chosen, level = torch.rand(2, len(segments), generator=generator, device=device)
    gain = (chosen < share) * 10 ** (-level)  # 0 to -20 dB
    mixed = segments + gain[:, None] * segments.roll(1, dims=0)
    return mixed * (HIGHEST_PEAK / mixed.abs().amax(dim=1, keepdim=True).clamp(min=HIGHEST_PEAK))


def fixed_segments(audio: PackedAudio, n_samples: int, n_segments: int) -> Tensor:
    """The first ``n_segments`` random segments of seed 0, shape [n_segments, n_samples], for validation."""
    segments = RandomSegments(audio, n_samples, n_segments, seed=0)
    return torch.stack([segments[i] for i in range(n_segments)])

"""Audio in and out: files of any common format, blocks of bounded size, sample rates, mono.

Reads and writes with libsndfile (WAV, FLAC, Ogg Vorbis and Opus, MP3), resamples with soxr. Loads no torch.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

import numpy as np
import numpy.typing as npt
import soundfile
import soxr

from flowmac.errors import AudioError

FloatArray = npt.NDArray[np.float32]

#: Full scale. Samples beyond are legal in float files and are clipped only when written as integers.
FULL_SCALE = 1.0


@dataclass(frozen=True)
class Waveform:
    """A recording in memory.

    Attributes:
        samples: float32, shape [C, N]: C channels, N samples each, full scale at +-1.
        sample_rate_hz: samples per second and channel.

    Raises:
        AudioError: wrong shape, no samples, samples that are not finite, or a rate below 1 Hz.
    """

    samples: FloatArray
    sample_rate_hz: int

    def __post_init__(self) -> None:
        samples = np.asarray(self.samples, dtype=np.float32)
        if samples.ndim != 2:
            raise AudioError(f"a waveform needs the shape [channels, samples], got {list(samples.shape)}")
        if samples.size == 0:
            raise AudioError("the recording is empty: it has no samples")
        if not np.isfinite(samples).all():
            n_bad = int((~np.isfinite(samples)).sum())
            raise AudioError(f"{n_bad} samples are not finite (NaN or infinite): repair the recording first")
        if self.sample_rate_hz < 1:
            raise AudioError(f"a sample rate must be positive, got {self.sample_rate_hz} Hz")
        object.__setattr__(self, "samples", samples)

    @property
    def n_channels(self) -> int:
        """Number of channels, C."""
        return int(self.samples.shape[0])

    @property
    def n_samples(self) -> int:
        """Number of samples of each channel, N."""
        return int(self.samples.shape[1])

    @property
    def duration_s(self) -> float:
        """Duration in seconds."""
        return self.n_samples / self.sample_rate_hz

    def mono(self) -> Waveform:
        """The mean of all channels, shape [1, N]."""
        return Waveform(self.samples.mean(axis=0, keepdims=True), self.sample_rate_hz)

    def resampled(self, sample_rate_hz: int) -> Waveform:
        """The same recording at another rate (soxr, high quality, linear phase, no delay)."""
        if sample_rate_hz == self.sample_rate_hz:
            return self
        samples = soxr.resample(self.samples.T, self.sample_rate_hz, sample_rate_hz)
        if len(samples) == 0:
            raise AudioError(
                f"a recording of {self.n_samples} samples at {self.sample_rate_hz} Hz is too short "
                f"to be resampled to {sample_rate_hz} Hz"
            )
        return Waveform(samples.T, sample_rate_hz)


def read_audio(path: str | Path) -> Waveform:
    """Read a whole recording.

    Raises:
        AudioError: the file is missing, is no audio, is empty, or has samples that are not finite.
    """
    with open_audio(path) as file:
        samples = file.read(dtype="float32", always_2d=True)
        sample_rate_hz = file.samplerate
    try:
        return Waveform(samples.T, sample_rate_hz)
    except AudioError as error:
        raise AudioError(f"{path}: {error}") from None


def read_blocks(path: str | Path, sample_rate_hz: int, block_s: float = 10.0) -> Iterator[FloatArray]:
    """Read a recording in blocks at ``sample_rate_hz``, so that memory does not grow with its length.

    Yields:
        float32 arrays of shape [C, N], N varying, none empty.

    Raises:
        AudioError: as for `read_audio`.
    """
    with open_audio(path) as file:
        resampler = soxr.ResampleStream(file.samplerate, sample_rate_hz, file.channels, dtype="float32")
        n_block = max(1, round(block_s * file.samplerate))
        n_yielded = 0
        while True:
            block = file.read(n_block, dtype="float32", always_2d=True)
            if not np.isfinite(block).all():
                raise AudioError(f"{path}: has samples that are not finite (NaN or infinite): repair it first")
            is_last = len(block) < n_block
            resampled = resampler.resample_chunk(block, last=is_last)
            if len(resampled):
                n_yielded += len(resampled)
                yield np.ascontiguousarray(resampled.T)
            if is_last:
                break
        if n_yielded == 0:
            raise AudioError(f"{path}: the recording is empty or too short to be resampled to {sample_rate_hz} Hz")


def open_audio(path: str | Path) -> soundfile.SoundFile:
    """Open a recording for reading, with our error in place of libsndfile's.

    Raises:
        AudioError: the file is missing or is no audio that libsndfile knows.
    """
    path = Path(path)
    if not path.exists():
        raise AudioError(f"{path}: there is no such file")
    if path.is_dir():
        raise AudioError(f"{path}: is a folder, expected an audio file")
    try:
        return soundfile.SoundFile(path)
    except (soundfile.LibsndfileError, OSError) as error:
        raise AudioError(
            f"{path}: cannot be read as audio ({error}); expected WAV, FLAC, Ogg Vorbis, Opus or MP3"
        ) from None


class AudioWriter:
    """Writes a recording block by block; the format follows the file's suffix, integer formats are 16 bit.

    Samples beyond full scale are clipped, not wrapped.

    Raises:
        AudioError: the folder is missing or the suffix is unknown.
    """

    def __init__(self, path: str | Path, sample_rate_hz: int, n_channels: int) -> None:
        self.path = Path(path)
        if self.path.suffix.lstrip(".").upper() not in soundfile.available_formats():
            raise AudioError(f"{path}: unknown audio suffix '{self.path.suffix}'; use .wav or .flac")
        try:
            self._file = soundfile.SoundFile(self.path, "w", samplerate=sample_rate_hz, channels=n_channels)
        except (soundfile.LibsndfileError, OSError) as error:
            raise AudioError(f"{path}: cannot be written ({error})") from None

    def write(self, samples: FloatArray) -> None:
        """Append ``samples``, shape [C, N]."""
        self._file.write(np.clip(samples.T, -FULL_SCALE, FULL_SCALE))

    def __enter__(self) -> AudioWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._file.close()
        if error is not None:  # half a recording would pass for a whole one
            with contextlib.suppress(OSError):
                self.path.unlink()


def write_audio(path: str | Path, waveform: Waveform) -> None:
    """Write a whole recording; format by suffix, 16 bit, clipped at full scale.

    Raises:
        AudioError: the folder is missing or the suffix is unknown.
    """
    with AudioWriter(path, waveform.sample_rate_hz, waveform.n_channels) as writer:
        writer.write(waveform.samples)

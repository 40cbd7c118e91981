"""Audio that was decoded elsewhere: a folder with one file for each clip, and the rate that it was coded at."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pydantic

from benchmarks.codecs.base import CodecAdapter, CodecSettings, UnavailableError
from benchmarks.codecs.weights import hash_files
from flowmac.audio import Waveform, read_audio
from flowmac.errors import AudioError, BitstreamError, SettingError

AUDIO_SUFFIXES = (".wav", ".flac", ".ogg", ".opus", ".mp3")


class PrecomputedSettings(CodecSettings):
    """``folder``: decoded audio, named by clip id. ``kbps``: the declared rate. ``title``: name in tables.

    ``streams``: folder of the coded files, named by clip id too, any suffix; where it is given, the size of the files
    counts as the payload in place of the declared rate.
    """

    title: str = pydantic.Field(min_length=1)
    folder: str = pydantic.Field(min_length=1)
    kbps: float = pydantic.Field(gt=0)
    streams: str | None = None


class Precomputed(CodecAdapter):
    """A codec that does not run here.

    Its stream is a note: which file, its hash, and the bits of the payload. Nothing is coded, so there are no times.
    """

    name = "precomputed"
    summary = "a codec that does not run here: a folder of its decoded files, and the rate"
    licence = "MIT (of this adapter; the codec has its own)"
    rates = "as declared, or from the size of the coded files"
    needs = "the files"
    timing = "none"
    settings_model = PrecomputedSettings
    settings: PrecomputedSettings

    def __init__(self, settings: PrecomputedSettings) -> None:
        super().__init__(settings)
        self._folder = Path(settings.folder)
        self._streams = None if settings.streams is None else Path(settings.streams)
        for folder in filter(None, (self._folder, self._streams)):
            if not folder.is_dir():
                raise UnavailableError(f"{folder}: there is no such folder")
        if not any(path.suffix.lower() in AUDIO_SUFFIXES for path in self._folder.rglob("*")):
            raise UnavailableError(f"{self._folder}: has no decoded files (looked for {' '.join(AUDIO_SUFFIXES)})")

    @property
    def label(self) -> str:
        """Title and rate, and whether the rate was only declared."""
        declared = ", declared" if self._streams is None else ""
        return f"{self.settings.title} {self.settings.kbps:g} kbit/s{declared}"

    @property
    def nominal_kbps(self) -> float:
        """The declared rate."""
        return self.settings.kbps

    @property
    def weights_sha256(self) -> str:
        """Hash of all files, so that other files are another condition."""
        folders = filter(None, (self._folder, self._streams))
        return hash_files(path for folder in folders for path in sorted(folder.rglob("*")) if path.is_file())

    def encode_clip(self, waveform: Waveform, clip_id: str) -> bytes:
        """A note of the clip's decoded file.

        Raises:
            AudioError: there is no file for this clip.
        """
        path = _find(self._folder, clip_id, AUDIO_SUFFIXES)
        payload_bits = round(1000 * self.settings.kbps * waveform.duration_s)
        if self._streams is not None:
            payload_bits = 8 * _find(self._streams, clip_id).stat().st_size
        note = {"file": path.relative_to(self._folder).as_posix(), "sha256": _sha256(path), "bits": payload_bits}
        return json.dumps(note).encode()

    def encode(self, waveform: Waveform) -> bytes:
        """Not possible: samples do not say which clip they are.

        Raises:
            SettingError: always.
        """
        raise SettingError("decoded files are found by the clip's id: call encode_clip")

    def decode(self, data: bytes) -> Waveform:
        """The decoded file that the note names.

        Raises:
            BitstreamError: the file is another than when the note was made.
        """
        note = json.loads(data)
        path = self._folder / note["file"]
        if not path.is_file() or _sha256(path) != note["sha256"]:
            raise BitstreamError(f"{path}: has gone or was changed since the clip was looked up")
        return read_audio(path)

    def payload_bits(self, data: bytes) -> int:
        """Size of the coded file in bits, or the declared rate times the clip's duration."""
        return int(json.loads(data)["bits"])


def _find(folder: Path, clip_id: str, suffixes: tuple[str, ...] | None = None) -> Path:
    """The one file of ``folder`` that is named for the clip."""
    stem = folder / clip_id
    found = [
        path
        for path in sorted(stem.parent.glob("*"))
        if path.is_file() and path.stem == stem.name and (suffixes is None or path.suffix.lower() in suffixes)
    ]
    if len(found) != 1:
        expected = f"{clip_id}{'.*' if suffixes is None else suffixes[0]}"
        how_many = "no file" if not found else f"{len(found)} files"
        raise AudioError(f"{folder}: has {how_many} for the clip '{clip_id}', expected one, such as {expected}")
    return found[0]


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()

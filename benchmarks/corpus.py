"""The clips of a sweep: a folder of recordings, or a manifest in CSV."""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np

from benchmarks.results import Clip
from flowmac.audio import open_audio
from flowmac.errors import AudioError, SettingError

MANIFEST_FILE = "manifest.csv"
AUDIO_SUFFIXES = frozenset({".wav", ".flac", ".ogg", ".opus", ".mp3", ".aif", ".aiff", ".w64"})

#: File names such as ``speech_anna.flac`` and ``env_rain.wav`` tell their category where no manifest does.
CATEGORY_OF_PREFIX = {
    "speech": "speech",
    "music": "music",
    "mixed": "mixed",
    "environment": "environment",
    "env": "environment",
    "sounds": "environment",
}
UNKNOWN = "unknown"

#: Formats whose samples may be NaN or infinite; integer formats cannot hold them.
_FLOAT_SUBTYPES = frozenset({"FLOAT", "DOUBLE"})


@dataclass(frozen=True)
class _Entry:
    """A recording to read. ``where`` names its origin in messages, empty for a file found in a folder."""

    path: Path
    id: str
    category: str
    language: str | None
    where: str = ""


def read_clips(source: str | Path) -> list[Clip]:
    """All clips of ``source``, in the manifest's order or sorted by name.

    Args:
        source: a CSV file, a folder with a ``manifest.csv``, or a folder of recordings (and its subfolders). A manifest
            has the column ``path``, relative to its own folder, and may have ``category`` and ``language``; other
            columns are passed over. Without a category the file name's prefix counts, else it is ``unknown``.

    Raises:
        SettingError: there is no such place, no recording in it, two clips share a name or content, or the manifest is
            damaged.
        AudioError: a recording is missing, unreadable, empty, or holds samples that are not finite.
    """
    source = Path(source)
    if not source.exists():
        raise SettingError(f"{source}: there is no such folder or manifest of clips")
    if source.is_dir() and (source / MANIFEST_FILE).exists():
        source = source / MANIFEST_FILE
    entries = list(_folder_entries(source) if source.is_dir() else _manifest_entries(source))
    if not entries:
        suffixes = " ".join(sorted(AUDIO_SUFFIXES))
        raise SettingError(
            f"{source}: has no recordings (looked for {suffixes})" if source.is_dir() else f"{source}: is empty"
        )
    _refuse_repeats("name", [(entry.id, entry) for entry in entries])
    clips = [_read_clip(entry) for entry in entries]
    _refuse_repeats("content", [(clip.sha256, entry) for clip, entry in zip(clips, entries, strict=True)])
    return clips


def _folder_entries(folder: Path) -> Iterator[_Entry]:
    for path in sorted(folder.rglob("*")):
        is_hidden = any(part.startswith(".") for part in path.relative_to(folder).parts)
        if path.suffix.lower() in AUDIO_SUFFIXES and not is_hidden:
            yield _Entry(path, _id(path.relative_to(folder)), _category_of_name(path), None)


def _manifest_entries(manifest: Path) -> Iterator[_Entry]:
    try:
        with manifest.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file, strict=True, restkey="")
            if "path" not in (reader.fieldnames or []):
                raise SettingError(
                    f"{manifest}: has no column 'path'; a manifest is a CSV file with the columns path, "
                    "and if you like category and language"
                )
            for row in reader:
                where = f"{manifest}, line {reader.line_num}: "
                if "" in row and isinstance(row[""], list):
                    raise SettingError(f"{where}has more values than the header has columns")
                yield _manifest_entry(manifest, row, where)
    except UnicodeDecodeError:
        raise SettingError(f"{manifest}: is no text in UTF-8; expected a folder or a CSV manifest") from None
    except (csv.Error, OSError) as error:
        raise SettingError(f"{manifest}: cannot be read as a CSV manifest ({error})") from None


def _manifest_entry(manifest: Path, row: dict[str, str | None], where: str) -> _Entry:
    name = (row["path"] or "").strip()
    if not Path(name).name or "\0" in name:
        raise SettingError(f"{where}has no path of a recording")
    path = manifest.parent / name
    category = (row.get("category") or "").strip().lower()
    language = (row.get("language") or "").strip()
    return _Entry(
        path,
        _id(Path(name)),
        CATEGORY_OF_PREFIX.get(category, category) or _category_of_name(path),
        None if language in ("", "-") else language,
        where,
    )


def _id(path: Path) -> str:
    return str(PurePosixPath(path).with_suffix(""))


def _category_of_name(path: Path) -> str:
    prefix, underscore, _ = path.stem.lower().partition("_")
    return CATEGORY_OF_PREFIX.get(prefix, UNKNOWN) if underscore else UNKNOWN


def _read_clip(entry: _Entry) -> Clip:
    try:
        with open_audio(entry.path) as file:
            if file.frames == 0:
                raise AudioError(f"{entry.path}: the recording is empty: it has no samples")
            if file.subtype in _FLOAT_SUBTYPES and not all(
                np.isfinite(block).all() for block in file.blocks(blocksize=2**16, dtype="float32")
            ):
                raise AudioError(f"{entry.path}: has samples that are not finite (NaN or infinite): repair it first")
            duration_s, sample_rate_hz, n_channels = file.frames / file.samplerate, file.samplerate, file.channels
    except AudioError as error:
        raise AudioError(f"{entry.where}{error}") from None
    with entry.path.open("rb") as stored:
        sha256 = hashlib.file_digest(stored, "sha256").hexdigest()
    return Clip(
        id=entry.id,
        sha256=sha256,
        path=str(entry.path.resolve()),
        duration_s=duration_s,
        sample_rate_hz=sample_rate_hz,
        n_channels=n_channels,
        category=entry.category,
        language=entry.language,
    )


def _refuse_repeats(what: str, keyed: list[tuple[str, _Entry]]) -> None:
    """Two clips of one name could not be told apart, and one of one content would count twice in every mean."""
    seen: dict[str, _Entry] = {}
    for key, entry in keyed:
        if key in seen:
            raise SettingError(f"{entry.where}{entry.path} and {seen[key].path} have the same {what}; remove one")
        seen[key] = entry

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from benchmarks.corpus import read_clips
from flowmac.errors import FlowMACError

from .conftest import babble


def write(folder: Path, name: str, seed: int = 0) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, babble(0.5, seed=seed), 24000)
    return path


def test_folder_takes_category_from_the_prefix(tmp_path: Path) -> None:
    names = {
        "speech_anna.wav": "speech",
        "Music_x.flac": "music",
        "env_rain.ogg": "environment",
        "sounds_x.wav": "environment",
        "mixed_y.wav": "mixed",
        "speech.wav": "unknown",
        "other_z.wav": "unknown",
        "deep/speech_b.wav": "speech",
    }
    for seed, name in enumerate(names):
        write(tmp_path, name, seed)
    write(tmp_path, ".hidden.wav", 99)
    (tmp_path / "README.md").write_text("no recording")
    clips = read_clips(tmp_path)
    assert {clip.id: clip.category for clip in clips} == {
        str(Path(name).with_suffix("")): category for name, category in names.items()
    }
    assert [clip.id for clip in clips] == sorted(clip.id for clip in clips)


def test_manifest_gives_order_category_and_language(tmp_path: Path) -> None:
    write(tmp_path, "b.wav", 1)
    write(tmp_path, "speech_a.wav", 2)
    (tmp_path / "manifest.csv").write_text(
        'path,notes,category,language\nb.wav,"two\nlines",Env,-\nspeech_a.wav,,,en\n', encoding="utf-8-sig"
    )
    clips = read_clips(tmp_path)
    assert [(clip.id, clip.category, clip.language) for clip in clips] == [
        ("b", "environment", None),
        ("speech_a", "speech", "en"),
    ]
    assert clips == read_clips(tmp_path / "manifest.csv")
    assert clips[0].duration_s == 0.5
    assert len(clips[0].sha256) == 64


def no_place(folder: Path) -> Path:
    return folder / "nowhere"


def empty_folder(folder: Path) -> Path:
    return folder


def text_named_wav(folder: Path) -> Path:
    (folder / "speech_a.wav").write_text("I am no recording")
    return folder


def empty_recording(folder: Path) -> Path:
    soundfile.write(folder / "a.wav", np.zeros(0, np.float32), 24000)
    return folder


def nan_samples(folder: Path) -> Path:
    soundfile.write(folder / "a.wav", np.array([0.1, np.nan], np.float32), 24000, subtype="FLOAT")
    return folder


def same_name(folder: Path) -> Path:
    write(folder, "a.wav", 1)
    write(folder, "a.flac", 2)
    return folder


def same_content(folder: Path) -> Path:
    write(folder, "a.wav", 1)
    write(folder, "b.wav", 1)
    return folder


def manifest(folder: Path, text: str) -> Path:
    write(folder, "a.wav")
    (folder / "manifest.csv").write_text(text, encoding="utf-8")
    return folder / "manifest.csv"


def binary_manifest(folder: Path) -> Path:
    return write(folder, "a.wav")


HOSTILE: list[tuple[Callable[[Path], Path], str]] = [
    (no_place, "nowhere: there is no such folder"),
    (empty_folder, r"has no recordings \(looked for .*\.wav"),
    (text_named_wav, "speech_a.wav: cannot be read as audio"),
    (empty_recording, "a.wav: the recording is empty"),
    (nan_samples, "a.wav: has samples that are not finite"),
    (same_name, "have the same name"),
    (same_content, "have the same content"),
    (binary_manifest, "is no text in UTF-8"),
    (lambda folder: manifest(folder, ""), "has no column 'path'"),
    (lambda folder: manifest(folder, "path\n"), "is empty"),
    (lambda folder: manifest(folder, "file,category\na.wav,speech\n"), "has no column 'path'"),
    (lambda folder: manifest(folder, "path\na.wav\nmissing.wav\n"), "line 3: .*missing.wav: there is no such file"),
    (lambda folder: manifest(folder, "path\na.wav\na.wav\n"), "line 3: .*have the same name"),
    (lambda folder: manifest(folder, "path,category\n,speech\n"), "line 2: has no path"),
    (lambda folder: manifest(folder, "path,category\na.wav,speech,en\n"), "line 2: has more values"),
    (lambda folder: manifest(folder, "path\n.\n"), "line 2: has no path"),
    (lambda folder: manifest(folder, "path\n..\n"), "line 2: .*is a folder"),
    (lambda folder: manifest(folder, "path\na\0.wav\n"), "line 2: has no path"),
    (lambda folder: manifest(folder, 'path\n"a.wav\n'), "cannot be read as a CSV manifest"),
]


@pytest.mark.parametrize(("make", "message"), HOSTILE)
def test_hostile_places_are_told(tmp_path: Path, make: Callable[[Path], Path], message: str) -> None:
    with pytest.raises(FlowMACError, match=message):
        read_clips(make(tmp_path))


@pytest.mark.testset
def test_the_development_test_set(repository: Path) -> None:
    folder = repository.parent / "shared" / "testset"
    if not folder.is_dir():
        pytest.skip("needs ../shared/testset")
    clips = read_clips(folder)
    assert len(clips) == 24
    assert sum(clip.category == "speech" for clip in clips) == 8
    assert {clip.category for clip in clips} == {"speech", "music", "mixed", "environment"}

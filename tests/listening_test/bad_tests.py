"""A small good test, and many ways to spoil it: each with what the message must say."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import soundfile
import yaml

from listening_test.stimuli.build import Options, build_test
from listening_test.stimuli.material import from_folders

RATE_HZ = 16_000
N_ITEMS = 5
STIMULI = "stimuli/item0"
SYSTEM = f"{STIMULI}/codec.wav"

Edit = Callable[[dict[str, Any]], object]
Samples = npt.NDArray[np.float64]


def signal(seed: int, duration_s: float = 1.2, rate_hz: int = RATE_HZ) -> Samples:
    """Noise whose level goes up and down, mono, shape [N]."""
    noise = np.random.default_rng(seed).standard_normal(round(duration_s * rate_hz))
    return 0.05 * noise * (1.2 + np.sin(2 * np.pi * 3 * np.arange(len(noise)) / rate_hz))


def write_folders(folder: Path, n_items: int = N_ITEMS + 1) -> None:
    """``reference/`` and ``codec/`` with ``item0.wav`` and so on; the codec adds noise."""
    for name in ("reference", "codec"):
        (folder / name).mkdir(parents=True)
    for item in range(n_items):
        clean = signal(item)
        soundfile.write(folder / "reference" / f"item{item}.wav", clean, RATE_HZ)
        coded = clean + 0.1 * signal(item + 100)
        soundfile.write(folder / "codec" / f"item{item}.wav", coded, RATE_HZ)


def build_good_test(folder: Path) -> Path:
    """A strict MUSHRA test without deviations: five items, one for training, one codec."""
    write_folders(folder / "recordings")
    material = from_folders(folder / "recordings/reference", {"codec": folder / "recordings/codec"})
    build_test(material, folder / "test", Options(seed=1))
    return folder / "test"


def edit(folder: Path, change: Edit) -> None:
    path = folder / "study.yaml"
    data = yaml.safe_load(path.read_text())
    change(data)
    path.write_text(yaml.safe_dump(data))


def _edited(change: Edit) -> Callable[[Path], None]:
    return lambda folder: edit(folder, change)


def _text(text: str | bytes) -> Callable[[Path], None]:
    def spoil(folder: Path) -> None:
        (folder / "study.yaml").write_bytes(text if isinstance(text, bytes) else text.encode())

    return spoil


def _file(path: str) -> Callable[[Path], None]:
    """The codec's file of the first item by another path."""
    return _edited(lambda data: data["items"][0]["files"].update(codec=path))


def _audio(change: Callable[[Samples], Samples], rate_hz: int = RATE_HZ, **how: str) -> Callable[[Path], None]:
    """The codec's file of the first item with other samples, shape [N]."""

    def spoil(folder: Path) -> None:
        samples, _ = soundfile.read(folder / SYSTEM)
        soundfile.write(folder / SYSTEM, change(samples), rate_hz, **({"subtype": "PCM_24", "format": "WAV"} | how))

    return spoil


def _bytes(change: Callable[[bytes], bytes]) -> Callable[[Path], None]:
    return lambda folder: _rewrite(folder / SYSTEM, change)


def _rewrite(path: Path, change: Callable[[bytes], bytes]) -> None:
    path.write_bytes(change(path.read_bytes()))


def _lengthen(duration_s: float) -> Callable[[Path], None]:
    def spoil(folder: Path) -> None:
        for seed, path in enumerate(sorted((folder / STIMULI).iterdir())):
            soundfile.write(path, signal(seed, duration_s), RATE_HZ, subtype="PCM_24")

    return spoil


def _replace_by_folder(folder: Path) -> None:
    (folder / SYSTEM).unlink()
    (folder / SYSTEM).mkdir()


def _link_out(folder: Path) -> None:
    outside = folder.parent / "outside.wav"
    (folder / SYSTEM).rename(outside)
    (folder / SYSTEM).symlink_to(outside)


def _thirteen_signals(data: dict[str, Any]) -> None:
    for n in range(9):
        data["conditions"].append({"id": f"more{n}", "label": f"More {n}"})
        for item in (*data["items"], *data["training"]):
            item["files"][f"more{n}"] = item["files"]["codec"]


def _drop_anchor(data: dict[str, Any]) -> None:
    data["conditions"] = [condition for condition in data["conditions"] if condition["id"] != "anchor35"]
    for item in (*data["items"], *data["training"]):
        del item["files"]["anchor35"]


def _with_bad_extra_chunk(data: bytes) -> bytes:
    return data + b"LIST" + (4).to_bytes(4, "little") + b"INFO"


BOMB = "a: &a [x, x]\nb: &b [*a, *a]\nc: [*b, *b]\n"

#: Name to how the good test is spoilt, and a pattern that the message must match.
BAD_TESTS: dict[str, tuple[Callable[[Path], None], str]] = {
    "missing file": (lambda folder: (folder / SYSTEM).unlink(), "no such file"),
    "missing study": (lambda folder: (folder / "study.yaml").unlink(), "cannot be read"),
    "missing folder": (shutil.rmtree, "cannot be read"),
    "other sample rate": (_audio(lambda x: x, 22_050), "22050 Hz, the test at 16000 Hz"),
    "thirteen signals": (_edited(_thirteen_signals), "13 signals a trial"),
    "thirty seconds": (_lengthen(30), "30.0 s long"),
    "an hour": (_audio(lambda x: np.zeros(RATE_HZ * 3600 // 8), subtype="PCM_16"), "lasts 450.00 s"),
    "too short": (_lengthen(0.2), "lasts 0.20 s"),
    "clipped": (_audio(lambda x: np.clip(50 * x, -1, 1)), "clipped in .* places"),
    "unaligned": (_audio(lambda x: np.roll(x, 80)), "'codec' comes 5.0 ms too late"),
    "early": (_audio(lambda x: np.roll(x, -160)), "10.0 ms too early"),
    "no audio": (_bytes(lambda data: b"This is a text. " * 1000), "cannot be read as audio"),
    "empty file": (_bytes(lambda data: b""), "cannot be read as audio"),
    "no samples": (_audio(lambda x: x[:0]), "is empty"),
    "truncated": (_bytes(lambda data: data[: len(data) // 2]), "lasts|samples"),
    "a folder": (_replace_by_folder, "is a folder"),
    "FLAC": (_audio(lambda x: x, format="FLAC"), "FLAC PCM_24, expected WAV"),
    "float samples": (_audio(lambda x: x, subtype="FLOAT"), "expected WAV of 16 or 24 bit"),
    "NaN samples": (_audio(lambda x: np.full_like(x, np.nan), subtype="DOUBLE"), "expected WAV of 16 or 24 bit"),
    "silent": (_audio(np.zeros_like), "codec: is silent"),
    "almost silent": (_audio(lambda x: 1e-4 * x), "almost silent"),
    "stereo beside mono": (_audio(lambda x: np.stack([x, x], axis=1)), "'codec' 2 channels"),
    "eight channels": (_audio(lambda x: np.stack([x] * 8, axis=1)), "has 8 channels"),
    "unequal lengths": (_audio(lambda x: x[:-100]), "19100 and .* 19200 samples"),
    "unequal sizes": (_bytes(_with_bad_extra_chunk), "the size would give a condition away"),
    "one file twice": (_file(f"{STIMULI}/reference.wav"), "has the same file as 'codec'"),
    "a copy": (
        lambda folder: _copy(folder, f"{STIMULI}/reference.wav", SYSTEM),
        "'reference' and 'codec' are the same",
    ),
    "item twice": (lambda folder: _copy_item(folder, "items", 1), "'item0' and 'item1' are the same recording"),
    "training in the test": (
        lambda folder: _copy_item(folder, "training", 0),
        "of the training is 'item0' of the test",
    ),
    "path upwards": (_file("../../etc/passwd"), "no path inside the test's folder"),
    "path up inside": (_file("stimuli/../../outside.wav"), "no path inside the test's folder"),
    "absolute path": (_file("/etc/passwd"), "no path inside the test's folder"),
    "Windows path": (_file("stimuli\\item0\\codec.wav"), "no path inside the test's folder"),
    "drive": (_file("C:/codec.wav"), "no path inside the test's folder"),
    "zero byte": (_file("stimuli/\0.wav"), "no path inside the test's folder"),
    "link out": (_link_out, "link that leads out"),
    "device": (_file("/dev/zero"), "no path inside the test's folder"),
    "empty path": (_file(""), "is a folder"),
    "no items": (_edited(lambda data: data.update(items=[])), "at least one item"),
    "too few items": (_edited(lambda data: data.update(items=data["items"][:3])), "3 items for 1 systems"),
    "no training": (_edited(lambda data: data.update(training=[])), "training is mandatory"),
    "duplicate item": (
        _edited(lambda data: data["items"].append(dict(data["items"][0], files=dict(data["items"][0]["files"])))),
        "item item0 stands there twice",
    ),
    "duplicate condition": (
        _edited(lambda data: data["conditions"].append(dict(data["conditions"][1]))),
        "condition codec stands there twice",
    ),
    "file of no condition": (
        _edited(lambda data: data["items"][0]["files"].update(other="a.wav")),
        "one file for each condition; see other",
    ),
    "no file of a condition": (
        _edited(lambda data: data["items"][0]["files"].pop("codec")),
        "one file for each condition; see codec",
    ),
    "no anchor": (_edited(_drop_anchor), "needs a low_anchor"),
    "no reference": (_edited(lambda data: data["conditions"][0].update(role="system")), "role reference"),
    "unknown key": (_edited(lambda data: data.update(sampel_rate=1)), "unknown key 'sampel_rate'"),
    "key twice": (lambda folder: _rewrite(folder / "study.yaml", lambda data: data + b"seed: 2\n"), "'seed' stands"),
    "items a word": (_edited(lambda data: data.update(items="all")), "items: .*got 'all'"),
    "seed a word": (_edited(lambda data: data.update(seed="many")), "seed: .*got 'many'"),
    "seed not finite": (_edited(lambda data: data.update(seed=float("nan"))), "seed: .*got nan"),
    "negative seed": (_edited(lambda data: data.update(seed=-1)), "seed: "),
    "huge rate": (_edited(lambda data: data.update(sample_rate_hz=10**12)), "choose 8000 to 192000 Hz"),
    "huge repeats": (
        _edited(lambda data: data["design"].update(n_repeats=10**9)),
        "n_repeats is 1000000000, of 5 items",
    ),
    "id with markup": (_edited(lambda data: data["items"][0].update(id="<script>")), r"items.0.id"),
    "id with path": (_edited(lambda data: data["items"][0].update(id="../x")), r"items.0.id"),
    "a list": (_text("- 1\n- 2\n"), "valid dictionary"),
    "empty study": (_text(""), "valid dictionary"),
    "bomb of aliases": (_text(BOMB), "aliases"),
    "deep nesting": (_text("a: " + "[" * 5000 + "]" * 5000), "nested too deeply"),
    "Python object": (_text("title: !!python/object/apply:os.system ['true']\n"), "no valid YAML"),
    "not YAML": (_text("title: [\n"), "no valid YAML"),
    "bytes": (_text(b"\xff\xfe\x00\x01"), "no text in UTF-8|no valid YAML"),
    "two megabytes": (_text("#" * 2_000_000), "2000000 bytes"),
}


def _copy(folder: Path, source: str, target: str) -> None:
    shutil.copyfile(folder / source, folder / target)


def _copy_item(folder: Path, part: str, index: int) -> None:
    """The recordings of the first item in place of those of another."""
    item = yaml.safe_load((folder / "study.yaml").read_text())[part][index]
    for condition, file in item["files"].items():
        _copy(folder, f"{STIMULI}/{condition}.wav", file)

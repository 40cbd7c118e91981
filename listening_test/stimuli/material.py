"""Where recordings come from: the results of a sweep, or folders with files of the same names."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import mean
from typing import Any

from benchmarks.results import Row, read_rows
from flowmac.errors import SettingError, unknown_name
from listening_test.ratings import Role, slug
from listening_test.study import Condition

#: The id of the (hidden) reference, and the key of its file.
REFERENCE = "reference"

AUDIO_SUFFIXES = (".wav", ".flac", ".ogg", ".opus", ".mp3", ".aif", ".aiff")

#: BS.1534-3: about 1.5 items for each system, and at least 5.
ITEMS_PER_SYSTEM = 1.5
MIN_ITEMS = 5

#: Codecs of a sweep that a test makes itself, from the recording and at its own rate.
_OWN_CODECS = ("reference", "lowpass")
_N_TRAINING = 2


@dataclass(frozen=True)
class Recording:
    """One item before it is cut. ``files`` by condition id, the reference under ``reference``."""

    id: str
    files: Mapping[str, Path]
    category: str = ""
    language: str = ""


@dataclass(frozen=True)
class Material:
    """What a test is built from.

    Attributes:
        conditions: all that have files; the reference among them where there is one.
        anchors: to be made from the reference.
        settings: of the study, beside conditions and items, such as its questions.
    """

    title: str
    conditions: tuple[Condition, ...]
    items: tuple[Recording, ...]
    training: tuple[Recording, ...] = ()
    anchors: tuple[Role, ...] = ("low_anchor", "mid_anchor")
    settings: Mapping[str, Any] = field(default_factory=dict)

    @property
    def n_systems(self) -> int:
        """Conditions that are neither reference nor anchor."""
        return sum(condition.role == "system" for condition in self.conditions)


def n_items_wanted(n_systems: int) -> int:
    """The number of items that BS.1534-3 asks for."""
    return max(MIN_ITEMS, math.ceil(ITEMS_PER_SYSTEM * n_systems))


def from_run(
    folder: Path, items: Sequence[str] = (), conditions: Sequence[str] = (), training: Sequence[str] | None = None
) -> Material:
    """Clips and conditions of a sweep.

    Args:
        folder: the output folder of ``flowmac sweep``.
        items: ids of clips; all that are not for training when empty.
        conditions: labels, or ids made of them; all codecs when empty.
        training: ids of clips; None for a choice among those that are not in the test.

    Raises:
        SettingError: there is no such clip or condition, or a wanted row failed or has no audio.
    """
    rows = [row for row in read_rows(folder) if row.codec not in _OWN_CODECS]
    systems = _systems(rows)
    chosen = _chosen(systems, conditions) if conditions else list(systems)
    clips = {row.clip.id: row.clip for row in rows}
    ids = {slug(name): name for name in clips}
    if len(ids) < len(clips):
        raise SettingError(f"{folder}: some clips have names that differ only in signs; rename them")
    items, training = choose_items(ids, items, training, len(chosen))
    by_cell = {(row.spec_id, row.clip.id): row for row in rows}

    def recording(item: str) -> Recording:
        clip = clips[ids[item]]
        files = {REFERENCE: folder / clip.reference_audio}
        for condition in chosen:
            files[condition] = _audio_of(folder, by_cell.get((systems[condition], clip.id)), condition, clip.id)
        return Recording(item, files, "" if clip.category == "unknown" else clip.category, clip.language or "")

    in_test = {ids[item] for item in items}
    listed = tuple(
        _describe(condition, [row for row in rows if row.spec_id == systems[condition] and row.clip.id in in_test])
        for condition in chosen
    )
    return Material(
        f"Listening test of {folder.resolve().name}",
        (reference_condition(), *listed),
        tuple(map(recording, items)),
        tuple(map(recording, training)),
    )


def from_folders(
    reference: Path | None,
    conditions: Mapping[str, Path],
    items: Sequence[str] = (),
    training: Sequence[str] | None = None,
) -> Material:
    """Recordings of the same name (without suffix) in one folder for each condition.

    Raises:
        SettingError: a folder is missing or has no audio, or a recording is missing in one of them.
    """
    folders = {} if reference is None else {REFERENCE: reference}
    listed = [] if reference is None else [reference_condition()]
    for name, folder in conditions.items():
        if slug(name) in folders:
            raise SettingError(f"two conditions have the id '{slug(name)}': give them other names")
        folders[slug(name)] = folder
        listed.append(Condition(id=slug(name), label=name))
    if not conditions:
        raise SettingError("no conditions: name at least one with --condition NAME=FOLDER")
    found = {condition: _recordings(folder) for condition, folder in folders.items()}
    known = {slug(stem): stem for stem in next(iter(found.values()))}
    items, training = choose_items(known, items, training, len(conditions))

    def recording(item: str) -> Recording:
        for condition, files in found.items():
            if known[item] not in files:
                raise SettingError(f"{folders[condition]}: has no recording named {known[item]}.* (item '{item}')")
        return Recording(item, {condition: files[known[item]] for condition, files in found.items()})

    return Material(
        "Listening test",
        tuple(listed),
        tuple(map(recording, items)),
        tuple(map(recording, training)),
        anchors=("low_anchor", "mid_anchor") if reference else (),
    )


def reference_condition() -> Condition:
    """The hidden reference."""
    return Condition(id=REFERENCE, label="Hidden reference", role="reference", note="the recording itself")


def choose_items(
    known: Mapping[str, str], items: Sequence[str], training: Sequence[str] | None, n_systems: int
) -> tuple[list[str], list[str]]:
    """Ids of the items of test and training, from ids to names of what there is.

    Where no training is named it is of recordings outside the test; where all are needed for the test, its first is
    heard in the training, too, and the check of the test says so.
    """
    by_name = {name: key for key, name in known.items()} | {key: key for key in known}
    for name in (*items, *(training or ())):
        if name not in by_name:
            raise unknown_name("item", name, known.values())
    chosen = [by_name[name] for name in items]
    twice = sorted({name for name in chosen if chosen.count(name) > 1})
    if twice:
        raise SettingError(f"the item {', '.join(twice)} is named twice")
    if training is not None:
        trained = [by_name[name] for name in training]
        return chosen or [key for key in known if key not in trained], trained
    if chosen:
        spare = [key for key in known if key not in chosen]
    else:
        n_spare = max(0, len(known) - n_items_wanted(n_systems))
        spare = list(known)[-n_spare:] if n_spare else []
        spare = spare[-_N_TRAINING:]
        chosen = [key for key in known if key not in spare]
    return chosen, spare[:_N_TRAINING] or chosen[:1]


def _systems(rows: Sequence[Row]) -> dict[str, str]:
    """Condition id to spec id, in the order of the run."""
    systems: dict[str, str] = {}
    for row in rows:
        if row.spec_id in systems.values():
            continue
        name, n = slug(row.label), 2
        while name in systems:
            name, n = f"{slug(row.label)}-{n}", n + 1
        systems[name] = row.spec_id
    return systems


def _chosen(systems: Mapping[str, str], names: Sequence[str]) -> list[str]:
    chosen = []
    for name in names:
        if slug(name) not in systems:
            raise unknown_name("condition", slug(name), systems)
        if slug(name) in chosen:
            raise SettingError(f"the condition '{name}' is named twice")
        chosen.append(slug(name))
    return chosen


def _audio_of(folder: Path, row: Row | None, condition: str, clip: str) -> Path:
    if row is None:
        raise SettingError(f"{folder}: has no row of '{condition}' on '{clip}'; run the sweep again to complete it")
    if row.status != "ok" or row.decoded_audio is None:
        why = row.failure.message if row.failure else "no audio was kept"
        raise SettingError(f"{folder}: '{condition}' on '{clip}' gave no audio ({why}); choose others, or run it again")
    if row.store is not None and "://" in row.store:
        raise SettingError(f"{folder}: the audio lies in {row.store}; copy its folder audio/ into {folder} first")
    return Path(row.store or folder) / row.decoded_audio


def _describe(condition: str, rows: Sequence[Row]) -> Condition:
    settings = ", ".join(f"{key} {value}" for key, value in rows[0].settings.items() if value is not None)
    rates = [row.payload_kbps for row in rows if row.payload_kbps is not None]
    measured = f"; measured {mean(rates):.2f} kbit/s" if rates else ""
    return Condition(id=condition, label=rows[0].label, note=f"{rows[0].codec}: {settings}{measured}")


def _recordings(folder: Path) -> dict[str, Path]:
    if not folder.is_dir():
        raise SettingError(f"{folder}: is no folder")
    found: dict[str, Path] = {}
    for path in sorted(folder.iterdir()):
        if path.suffix.lower() not in AUDIO_SUFFIXES:
            continue
        if path.stem in found:
            raise SettingError(f"{folder}: {path.name} and {found[path.stem].name} have the same name; remove one")
        found[path.stem] = path
    if not found:
        raise SettingError(f"{folder}: has no recordings ({', '.join(AUDIO_SUFFIXES)})")
    slugs = [slug(stem) for stem in found]
    same = sorted({name for name in slugs if slugs.count(name) > 1})
    if same:
        raise SettingError(f"{folder}: several recordings would have the id '{same[0]}'; rename them")
    return found

"""The check of a whole test before anyone listens: its files, their signals, and the rules of BS.1534-3."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from pathlib import Path, PurePosixPath

import numpy as np

from flowmac.audio import Waveform, open_audio, read_audio
from flowmac.errors import AudioError, SettingError
from listening_test.stimuli.audio_checks import Finding, check_lags, check_loudness, check_signal
from listening_test.stimuli.material import n_items_wanted
from listening_test.study import MAX_EXCERPT_S, MAX_SIGNALS, Item, Study

SAMPLE_RATES_HZ = range(8_000, 192_001)
MAX_CHANNELS = 2

#: Shorter than this nothing can be looped (BS.1534-3); longer than this is no excerpt, and would fill the memory.
MIN_DURATION_S = 0.5
MAX_DURATION_S = 120.0

#: What all browsers decode, at one size for equal lengths.
SUBTYPES = ("PCM_16", "PCM_24")

#: Excerpts are cut at a sample, so that one of 12 s may be a few samples longer.
_LENGTH_TOLERANCE_S = 0.001


def check_test(study: Study, folder: Path, is_quick: bool = False) -> list[Finding]:
    """All that is wrong or odd with a test, worst first.

    Args:
        study: as read from the folder.
        folder: where the stimuli lie.
        is_quick: leave out lag and loudness, which take most of the time.
    """
    findings = _check_design(study)
    if study.sample_rate_hz not in SAMPLE_RATES_HZ:
        found = f"has a sample rate of {study.sample_rate_hz} Hz"
        findings.append(Finding("error", "rate", "sample_rate_hz", found, "choose 8000 to 192000 Hz"))
        return findings
    items = (*study.items, *study.training)
    results = [_check_item(study, folder, item, is_quick) for item in items]
    for of_item, _ in results:
        findings += of_item
    contents = {item.id: content for item, (_, content) in zip(items, results, strict=True) if content}
    findings += _check_repeated_material(study, contents)
    order = ("error", "deviation", "warning")
    return sorted(findings, key=lambda finding: order.index(finding.severity))


def stopping(study: Study, findings: Iterable[Finding]) -> list[Finding]:
    """Those findings with which the test must not be run.

    Errors always; deviations in a strict test unless ``deviations`` of the study has their rule with a reason.
    """
    excused = {deviation.rule for deviation in study.deviations if deviation.reason.strip()}
    return [
        finding
        for finding in findings
        if finding.severity == "error"
        or (finding.severity == "deviation" and study.is_strict and finding.rule not in excused)
    ]


def refuse(findings: Sequence[Finding]) -> SettingError:
    """One error for all that stops a test."""
    lines = [f"  {finding}" for finding in findings]
    rules = sorted({finding.rule for finding in findings if finding.severity == "deviation"})
    if rules:
        wanted = ", ".join(f'--reason "{rule}=..."' for rule in rules)
        lines.append(f"  deviations ({', '.join(rules)}) may stay with a reason for the report: {wanted}")
        lines.append(
            "  (in study.yaml: under 'deviations'), or in a test that is not strict (--relaxed, is_strict: false)"
        )
    return SettingError("\n".join([f"the test cannot be run, {len(findings)} findings:", *lines]))


def stimulus_path(folder: Path, file: str) -> Path:
    """Where a stimulus named in a study lies.

    Raises:
        SettingError: the path is absolute or leads out of the folder.
    """
    path = PurePosixPath(file)
    if path.is_absolute() or ".." in path.parts or "\\" in file or ":" in file or "\0" in file:
        raise SettingError(f"'{file}' is no path inside the test's folder")
    resolved = (folder / path).resolve()
    if not resolved.is_relative_to(folder.resolve()):
        raise SettingError(f"'{file}' is a link that leads out of the test's folder")
    return resolved


def _check_design(study: Study) -> list[Finding]:
    findings: list[Finding] = []
    if study.method != "mushra":
        return findings
    roles = [condition.role for condition in study.conditions]
    n_systems = roles.count("system")
    if n_systems == 0:
        findings.append(Finding("error", "systems", "conditions", "no system is under test", "add one"))
    if len(roles) > MAX_SIGNALS:
        found = f"{len(roles)} signals a trial, BS.1534 allows {MAX_SIGNALS}"
        findings.append(Finding("deviation", "n_signals", "conditions", found, "leave out systems, or split the test"))
    missing = sorted({"low_anchor", "mid_anchor"} - set(roles))
    if missing:
        found = f"no {' and no '.join(missing)}"
        findings.append(Finding("deviation", "anchors", "conditions", found, "add it: MUSHRA needs both anchors"))
    wanted = n_items_wanted(n_systems)
    if len(study.items) < wanted:
        found = f"{len(study.items)} items for {n_systems} systems, BS.1534 asks for {wanted}"
        findings.append(Finding("deviation", "n_items", "items", found, "add items"))
    if not study.training:
        fix = "add training items that cover the range of impairments"
        findings.append(Finding("deviation", "training", "training", "there is no training", fix))
    return findings


def _check_item(study: Study, folder: Path, item: Item, is_quick: bool) -> tuple[list[Finding], str | None]:
    """Findings of an item, and a hash of its reference (or first condition) where it could be read."""
    where = f"item '{item.id}'"
    findings: list[Finding] = []
    waveforms: dict[str, Waveform] = {}
    sizes: dict[str, int] = {}
    owners: dict[Path, str] = {}
    for condition, file in item.files.items():
        here = f"{where}, {condition}"
        try:
            path = stimulus_path(folder, file)
            if path in owners:
                found = f"has the same file as '{owners[path]}' ({file})"
                findings.append(Finding("error", "identical", here, found, "give each condition its own file"))
                continue
            owners[path] = condition
            findings += (faults := _check_header(here, path, study.sample_rate_hz))
            if not faults:
                waveforms[condition] = read_audio(path)
                sizes[condition] = path.stat().st_size
        except SettingError as error:
            findings.append(Finding("error", "path", here, str(error), "write a path such as stimuli/item/name.wav"))
        except AudioError as error:
            findings.append(Finding("error", "audio", here, str(error), "replace the file, or build the test anew"))
    if findings or not waveforms:
        return findings, None
    findings += _check_equal(where, waveforms, sizes)
    if findings:
        return findings, None
    for condition, waveform in waveforms.items():
        findings += check_signal(f"{where}, {condition}", waveform)
    main = study.reference.id if study.reference else next(iter(waveforms))
    duration_s = waveforms[main].duration_s
    if study.method == "mushra" and duration_s > MAX_EXCERPT_S + _LENGTH_TOLERANCE_S:
        found = f"is {duration_s:.1f} s long, BS.1534 asks for about 10 s, {MAX_EXCERPT_S:g} s at most"
        findings.append(Finding("deviation", "length", where, found, "cut it"))
    contents = {name: _hash(waveform) for name, waveform in waveforms.items()}
    findings += _check_identical(where, contents)
    if study.reference and not is_quick and not any(finding.rule == "silent" for finding in findings):
        others = {name: waveform for name, waveform in waveforms.items() if name != main}
        findings += check_lags(where, waveforms[main], others)
        systems = {c.id: waveforms[c.id] for c in study.conditions if c.role == "system"}
        findings += check_loudness(where, waveforms[main], systems)
    return findings, contents[main]


def _hash(waveform: Waveform) -> str:
    return hashlib.sha256(np.ascontiguousarray(waveform.samples.T).data).hexdigest()


def _check_header(where: str, path: Path, sample_rate_hz: int) -> list[Finding]:
    """What the header says, before the samples are read: a small file can claim to be huge."""
    rebuild = "build the test anew, or convert the file"
    with open_audio(path) as file:
        if file.format not in ("WAV", "WAVEX") or file.subtype not in SUBTYPES:
            found = f"is {file.format} {file.subtype}, expected WAV of 16 or 24 bit PCM"
            return [Finding("error", "format", where, found, rebuild)]
        if file.samplerate != sample_rate_hz:
            found = f"is at {file.samplerate} Hz, the test at {sample_rate_hz} Hz"
            return [Finding("error", "rate", where, found, rebuild)]
        if file.channels > MAX_CHANNELS:
            return [Finding("error", "channels", where, f"has {file.channels} channels", "use mono or stereo")]
        duration_s = file.frames / file.samplerate
    if not MIN_DURATION_S <= duration_s <= MAX_DURATION_S:
        found = f"lasts {duration_s:.2f} s" if duration_s else "is empty: it has no samples"
        fix = f"use excerpts of {MIN_DURATION_S:g} to {MAX_EXCERPT_S:g} s"
        return [Finding("error", "length", where, found, fix)]
    return []


def _check_equal(where: str, waveforms: dict[str, Waveform], sizes: dict[str, int]) -> list[Finding]:
    """Equal channels, lengths and sizes within an item."""
    facts = (
        ("channels", "channels", {name: waveform.n_channels for name, waveform in waveforms.items()}),
        ("length", "samples", {name: waveform.n_samples for name, waveform in waveforms.items()}),
        ("size", "bytes (the size would give a condition away)", sizes),
    )
    for rule, unit, values in facts:
        if len(set(values.values())) > 1:
            low, high = min(values, key=lambda name: values[name]), max(values, key=lambda name: values[name])
            found = f"'{low}' has {values[low]} and '{high}' {values[high]} {unit}"
            return [Finding("error", rule, where, found, "build the test anew: all of an item must be equal")]
    return []


def _check_identical(where: str, contents: dict[str, str]) -> list[Finding]:
    owners: dict[str, str] = {}
    findings = []
    for name, content in contents.items():
        if content in owners:
            found = f"'{owners[content]}' and '{name}' are the same signal"
            fix = "leave one out, or say why: the system is lossless, or the recording has nothing above the cut-off"
            findings.append(Finding("deviation", "identical", where, found, fix))
        owners.setdefault(content, name)
    return findings


def _check_repeated_material(study: Study, contents: dict[str, str]) -> list[Finding]:
    findings = []
    owners: dict[str, str] = {}
    trained = {item.id for item in study.training}
    for item, content in contents.items():
        if content in owners and item in trained:
            found = f"'{item}' of the training is '{owners[content]}' of the test"
            fix = "train with material that is not graded"
            findings.append(Finding("deviation", "training", "training", found, fix))
        elif content in owners:
            found = f"'{owners[content]}' and '{item}' are the same recording"
            findings.append(Finding("error", "identical", "items", found, "leave one out; design.n_repeats repeats"))
        owners.setdefault(content, item)
    return findings

"""Builds a test: recordings are brought to one rate, cut, given anchors, and written beside their study.

Files are 24-bit PCM without dither: the rounding noise lies 144 dB below full scale, which no listener and no
converter resolves. One gain for a whole item keeps its loudest condition from clipping; no condition gets its own.
"""

from __future__ import annotations

import math
import secrets
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pydantic
import soundfile

from benchmarks.metrics.align import align
from flowmac.audio import Waveform, open_audio, read_audio
from flowmac.errors import AudioError, SettingError
from listening_test.ratings import Role
from listening_test.stimuli.audio_checks import Finding, count_clipped
from listening_test.stimuli.check import MAX_CHANNELS, SAMPLE_RATES_HZ, check_test, refuse, stopping
from listening_test.stimuli.excerpts import choose_start, cut, lowpass, with_channels
from listening_test.stimuli.material import REFERENCE, Material, Recording
from listening_test.stimuli.study_file import write_study
from listening_test.study import MAX_EXCERPT_S, STUDY_FILE, Condition, Deviation, Item, Method, Study, read_study

STIMULI_FOLDER = "stimuli"

#: Peak of the loudest condition of an item; leaves room for the overshoot of resampling in the listener's machine.
PEAK_DB = -1.0

#: Conditions may differ by this much in length before it looks like another recording or a lost end.
MAX_LENGTH_DIFFERENCE_S = 0.05

#: Longer recordings are cut by the person first: they would not fit into memory with all conditions.
MAX_RECORDING_S = 1800.0

_ANCHORS: Mapping[Role, tuple[str, str, float]] = {
    "low_anchor": ("anchor35", "3.5 kHz anchor", 3500.0),
    "mid_anchor": ("anchor70", "7 kHz anchor", 7000.0),
}


@dataclass(frozen=True)
class Options:
    """How a test is built.

    Attributes:
        title: None for the material's.
        sample_rate_hz: None for the highest rate of all recordings, so that none loses anything.
        max_length_s: longer recordings are cut to a lively passage of this length.
        cuts: start and end in seconds by item id, in place of that choice.
        is_aligning: shift conditions that are late or early, and cut or pad them to the reference's length.
        reasons: why the test deviates, by rule.
        seed: None for a random one.
    """

    title: str | None = None
    method: Method = "mushra"
    is_strict: bool = True
    sample_rate_hz: int | None = None
    max_length_s: float = MAX_EXCERPT_S
    cuts: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    is_aligning: bool = False
    reasons: Mapping[str, str] = field(default_factory=dict)
    seed: int | None = None


def build_test(material: Material, folder: Path, options: Options) -> tuple[Study, list[Finding]]:
    """Build a test into a new ``folder``; nothing is left there if it is refused.

    Returns:
        the study as it reads back, and all findings that did not stop it.

    Raises:
        SettingError: the folder exists, or the test must not be run as it is; the message has all findings.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise SettingError(f"{folder}: exists already; choose another folder, so that no ratings are lost")
    items = (*material.items, *material.training)
    unknown = set(options.cuts) - {item.id for item in items}
    if unknown:
        raise SettingError(f"--cut names {', '.join(sorted(unknown))}, which is no item of this test")
    rate = options.sample_rate_hz or max((_rate_of(path) for item in items for path in item.files.values()), default=0)
    if rate not in SAMPLE_RATES_HZ:
        raise SettingError(f"the sample rate is {rate} Hz, expected 8000 to 192000 Hz")
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        partial = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    except OSError as error:
        raise SettingError(f"{folder}: cannot be written ({error.strerror})") from None
    try:
        study, findings = _build_into(partial, material, options, rate)
        if folder.exists():
            folder.rmdir()
        partial.chmod(0o755)
        partial.rename(folder)
    except OSError as error:
        raise SettingError(f"{folder}: cannot be written ({error.strerror})") from None
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return study, findings


def _build_into(folder: Path, material: Material, options: Options, rate: int) -> tuple[Study, list[Finding]]:
    anchors = material.anchors if options.method == "mushra" else ()
    taken = {condition.role for condition in material.conditions}
    anchors = tuple(role for role in anchors if role not in taken)
    if anchors and "reference" not in taken:
        raise SettingError("anchors are made from the reference: name its folder with --reference")
    made = [
        Condition(id=_ANCHORS[role][0], label=_ANCHORS[role][1], role=role, note=_anchor_note(role)) for role in anchors
    ]
    findings: list[Finding] = []
    remarks: dict[str, str] = {}
    files: dict[str, dict[str, str]] = {}
    written: dict[tuple[Path, ...], dict[str, str]] = {}
    for item in (*material.items, *material.training):
        key = tuple(item.files.values())
        if key not in written:
            try:
                waveforms, remarks[item.id] = _prepare(item, anchors, rate, options, findings)
                written[key] = _write(folder, item.id, waveforms)
            except AudioError as error:
                findings.append(Finding("error", "audio", f"item '{item.id}'", str(error), "replace the recording"))
                continue
        files[item.id] = written[key]
    if any(finding.severity == "error" for finding in findings):
        raise refuse([finding for finding in findings if finding.severity == "error"])

    training = []
    for item in material.training:  # an item of the test that is heard in the training, too, has one id more
        name = f"training-{item.id}" if any(item.id == other.id for other in material.items) else item.id
        training.append(Item(id=name, category=item.category, language=item.language, files=files[item.id]))
    data = dict(material.settings) | {
        "title": options.title or material.title,
        "method": options.method,
        "is_strict": options.is_strict,
        "seed": secrets.randbelow(2**31) if options.seed is None else options.seed,
        "sample_rate_hz": rate,
        "conditions": (*material.conditions, *made),
        "items": tuple(
            Item(id=item.id, category=item.category, language=item.language, files=files[item.id])
            for item in material.items
        ),
        "training": tuple(training),
    }
    study = _study(data)
    findings += check_test(study, folder)
    study = study.model_copy(update={"deviations": _deviations(findings, options.reasons)})
    stops = stopping(study, findings)
    if stops:
        raise refuse(stops)
    write_study(folder / STUDY_FILE, study, remarks)
    return read_study(folder), findings


def _study(data: Mapping[str, object]) -> Study:
    try:
        return Study.model_validate(data)
    except pydantic.ValidationError as error:
        message = error.errors()[0]["msg"].removeprefix("Value error, ")
        raise SettingError(f"the test cannot be built: {message}") from None


def _deviations(findings: list[Finding], reasons: Mapping[str, str]) -> tuple[Deviation, ...]:
    """One for each rule, with all places."""
    rules = dict.fromkeys(finding.rule for finding in findings if finding.severity == "deviation")
    unknown = sorted(set(reasons) - set(rules))
    if unknown:
        known = f"those found are: {', '.join(rules)}" if rules else "the test does not deviate"
        raise SettingError(f"--reason names the rule {', '.join(unknown)}, from which nothing deviates; {known}")
    return tuple(
        Deviation(
            rule=rule,
            found="; ".join(f"{f.where}: {f.found}" for f in findings if f.rule == rule and f.severity == "deviation"),
            reason=reasons.get(rule, ""),
        )
        for rule in rules
    )


def _anchor_note(role: Role) -> str:
    return f"the reference through a linear-phase low-pass of {_ANCHORS[role][2]:g} Hz, without delay (BS.1534-3)"


def _rate_of(path: Path) -> int:
    try:
        with open_audio(path) as file:
            return int(file.samplerate)
    except AudioError:
        return 0  # said with the item, together with all else that is wrong


def _prepare(
    item: Recording, anchors: tuple[Role, ...], rate: int, options: Options, findings: list[Finding]
) -> tuple[dict[str, Waveform], str]:
    """The finished signals of an item by condition, and a remark on how they were made.

    Raises:
        AudioError: the recordings cannot be used; the message has all reasons.
    """
    where = f"item '{item.id}'"
    sources = _read(item)
    main = REFERENCE if REFERENCE in sources else next(iter(sources))
    reference = sources[main]
    if reference.n_channels > MAX_CHANNELS:
        raise AudioError(f"{item.files[main]}: has {reference.n_channels} channels, expected mono or stereo")
    faults = []
    waveforms: dict[str, Waveform] = {}
    for name, waveform in sources.items():
        n_clipped = count_clipped(waveform)
        if n_clipped:
            fix = "use a softer version, or say why: the clipping belongs to the system"
            found = f"{item.files[name]} is clipped in {n_clipped} places"
            findings.append(Finding("deviation", "clipping", f"{where}, {name}", found, fix))
        if waveform.n_channels != reference.n_channels:
            if waveform.n_channels > MAX_CHANNELS:
                faults.append(f"{item.files[name]}: has {waveform.n_channels} channels, expected mono or stereo")
                continue
            found = f"has {waveform.n_channels} channels, '{main}' {reference.n_channels}"
            fix = "it was mixed or copied to as many; look whether that is what you want to test"
            findings.append(Finding("warning", "channels", f"{where}, {name}", found, fix))
            waveform = with_channels(waveform, reference.n_channels)
        if options.is_aligning and name != main:
            waveform, _ = align(reference, waveform)
        elif abs(waveform.duration_s - reference.duration_s) > MAX_LENGTH_DIFFERENCE_S:
            faults.append(
                f"'{name}' lasts {waveform.duration_s:.2f} s, '{main}' {reference.duration_s:.2f} s: "
                "use recordings of one length, or build with --align"
            )
        waveforms[name] = waveform.resampled(rate)
    if faults:
        raise AudioError("; ".join(faults))
    for role in anchors:
        waveforms[_ANCHORS[role][0]] = lowpass(waveforms[main], _ANCHORS[role][2])
    start, n_samples = _passage(item, waveforms, main, options)
    waveforms = {name: cut(waveform, start, n_samples) for name, waveform in waveforms.items()}
    peak = max(float(np.abs(waveform.samples).max()) for waveform in waveforms.values())
    limit = 10 ** (PEAK_DB / 20)
    remark = f"{start / rate:.2f} to {(start + n_samples) / rate:.2f} s of the recording"
    if peak > limit:
        gain = np.float32(limit / peak)
        waveforms = {name: Waveform(waveform.samples * gain, rate) for name, waveform in waveforms.items()}
        remark += f", all conditions {-20 * math.log10(gain):.1f} dB softer so that none clips"
    return waveforms, remark


def _read(item: Recording) -> dict[str, Waveform]:
    waveforms = {}
    faults = []
    for name, path in item.files.items():
        try:
            with open_audio(path) as file:
                duration_s = file.frames / file.samplerate
            if duration_s > MAX_RECORDING_S:
                raise AudioError(f"{path}: lasts {duration_s / 60:.0f} minutes; cut it first")
            waveforms[name] = read_audio(path)
        except AudioError as error:
            faults.append(str(error))
    if faults:
        raise AudioError("; ".join(faults))
    return waveforms


def _passage(item: Recording, waveforms: Mapping[str, Waveform], main: str, options: Options) -> tuple[int, int]:
    """First sample and number of samples of the excerpt, the same for all conditions."""
    rate = waveforms[main].sample_rate_hz
    n_common = min(waveform.n_samples for waveform in waveforms.values())
    if item.id in options.cuts:
        start, end = (round(at_s * rate) for at_s in options.cuts[item.id])
        if not 0 <= start < end <= n_common:
            raise AudioError(f"the cut {start / rate:g} to {end / rate:g} s is not within its {n_common / rate:.2f} s")
        return start, end - start
    n_samples = min(n_common, round(options.max_length_s * rate))
    shared = Waveform(waveforms[main].samples[:, :n_common], rate)
    return choose_start(shared, options.max_length_s), n_samples


def _write(folder: Path, item: str, waveforms: Mapping[str, Waveform]) -> dict[str, str]:
    files = {}
    (folder / STIMULI_FOLDER / item).mkdir(parents=True)
    for name, waveform in waveforms.items():
        files[name] = f"{STIMULI_FOLDER}/{item}/{name}.wav"
        try:
            soundfile.write(folder / files[name], waveform.samples.T, waveform.sample_rate_hz, subtype="PCM_24")
        except (soundfile.LibsndfileError, OSError) as error:
            raise SettingError(f"{folder / files[name]}: cannot be written ({error})") from None
    return files

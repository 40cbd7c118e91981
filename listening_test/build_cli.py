"""The commands ``flowmac listen build``, ``check`` and ``import``."""

from __future__ import annotations

import math
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast

import typer

from flowmac.errors import SettingError

if TYPE_CHECKING:
    from listening_test.stimuli.audio_checks import Finding
    from listening_test.stimuli.build import Options
    from listening_test.stimuli.material import Material
    from listening_test.study import Method, Study

METHODS = ("mushra", "abx", "ab", "acr", "dcr")

Output = Annotated[Path, typer.Option("-o", "--output", metavar="TEST", help="New folder of the test.")]
MethodName = Annotated[str | None, typer.Option("--method", help="mushra, abx, ab, acr or dcr.")]
Title = Annotated[str | None, typer.Option(help="Shown to listeners and in the report.")]
SampleRate = Annotated[
    int | None, typer.Option("--sample-rate", help="In Hz; by default the highest of all recordings.")
]
Length = Annotated[
    float, typer.Option("--length", min=0.5, help="Longer recordings are cut to a lively passage of so many seconds.")
]
Cuts = Annotated[
    list[str] | None, typer.Option("--cut", metavar="ITEM=START-END", help="In seconds, in place of that choice.")
]
Align = Annotated[
    bool, typer.Option("--align", help="Shift conditions that are late or early, cut and pad them to the reference.")
]
Relaxed = Annotated[bool, typer.Option("--relaxed", help="A test that does not claim to hold to BS.1534-3.")]
Reasons = Annotated[
    list[str] | None, typer.Option("--reason", metavar="RULE=TEXT", help="Why the test deviates; goes into the report.")
]
Seed = Annotated[int | None, typer.Option(min=0, help="Of all random orders; by default drawn once.")]


def register(listen_app: typer.Typer) -> None:
    """Add the commands to the group ``listen``."""
    listen_app.command("build")(build)
    listen_app.command("check")(check)
    listen_app.command("import")(import_webmushra)


def build(
    output: Output,
    run: Annotated[Path | None, typer.Argument(metavar="[RUN]", help="Output folder of a sweep.")] = None,
    items: Annotated[str | None, typer.Option(metavar="A,B", help="Clips to grade; all by default.")] = None,
    conditions: Annotated[
        list[str] | None, typer.Option("--conditions", metavar="LABEL", help="Of the sweep; repeat for each.")
    ] = None,
    reference: Annotated[Path | None, typer.Option(metavar="FOLDER", help="Recordings, in place of a sweep.")] = None,
    condition: Annotated[
        list[str] | None,
        typer.Option("--condition", metavar="NAME=FOLDER", help="The same files coded; repeat for each."),
    ] = None,
    training: Annotated[str | None, typer.Option(metavar="A,B", help="Clips that are heard first, ungraded.")] = None,
    method: MethodName = None,
    title: Title = None,
    sample_rate: SampleRate = None,
    length: Length = 12.0,
    cuts: Cuts = None,
    align: Align = False,
    relaxed: Relaxed = False,
    reasons: Reasons = None,
    seed: Seed = None,
) -> None:
    """Build a listening test from a sweep, or from folders of recordings.

    Hidden reference and anchors are added, recordings are brought to one rate, cut and checked. What is wrong is said,
    and nothing is written then.
    """
    from listening_test.stimuli.material import from_folders, from_run

    wanted, trained = _names(items) or [], _names(training)
    if run is not None:
        if reference or condition:
            raise SettingError("give either RUN or folders (--reference, --condition), not both")
        material = from_run(run, wanted, conditions or [], trained)
    else:
        if conditions:
            raise SettingError("--conditions are those of a sweep: name its folder, or use --condition NAME=FOLDER")
        folders = {name: Path(folder) for name, folder in _pairs("--condition", condition)}
        material = from_folders(reference, folders, wanted, trained)
    options = _options(_method(method) or "mushra", title, sample_rate, length, cuts, align, relaxed, reasons, seed)
    _build(material, output, options)


def check(
    test: Annotated[Path, typer.Argument(metavar="TEST", help="Folder of a test.")],
    quick: Annotated[bool, typer.Option("--quick", help="Leave out lag and loudness.")] = False,
) -> None:
    """Check a test, built or changed by hand, before anyone listens."""
    from listening_test.stimuli.check import check_test, refuse, stopping
    from listening_test.study import read_study

    study = read_study(test)
    findings = check_test(study, test if test.is_dir() else test.parent, is_quick=quick)
    stops = stopping(study, findings)
    _show(finding for finding in findings if finding not in stops)
    if stops:
        raise refuse(stops)
    typer.echo(_summary(test, study))


def import_webmushra(
    config: Annotated[Path, typer.Argument(metavar="CONFIG", help="Configuration of webMUSHRA (YAML).")],
    output: Output,
    root: Annotated[Path | None, typer.Option(metavar="FOLDER", help="Of webMUSHRA; paths are relative to it.")] = None,
    method: MethodName = None,
    title: Title = None,
    sample_rate: SampleRate = None,
    length: Length = 12.0,
    cuts: Cuts = None,
    align: Align = False,
    relaxed: Relaxed = False,
    reasons: Reasons = None,
    seed: Seed = None,
) -> None:
    """Build a test from a configuration of webMUSHRA and its recordings."""
    from listening_test.stimuli.webmushra_config import from_webmushra

    imported = from_webmushra(config, root, _method(method), is_strict=not relaxed)
    for note in imported.notes:
        typer.echo(f"not as in the configuration: {note}", err=True)
    options = _options(imported.method, title, sample_rate, length, cuts, align, relaxed, reasons, seed)
    _build(imported.material, output, options)


def _build(material: Material, output: Path, options: Options) -> None:
    from listening_test.stimuli.build import build_test

    study, findings = build_test(material, output, options)
    _show(findings)
    typer.echo(_summary(output, study))


def _options(
    method: Method,
    title: str | None,
    sample_rate: int | None,
    length: float,
    cuts: list[str] | None,
    align: bool,
    relaxed: bool,
    reasons: list[str] | None,
    seed: int | None,
) -> Options:
    from listening_test.stimuli.build import Options

    return Options(
        title=title,
        method=method,
        is_strict=not relaxed,
        sample_rate_hz=sample_rate,
        max_length_s=length,
        cuts=dict(_cut(name, value) for name, value in _pairs("--cut", cuts)),
        is_aligning=align,
        reasons=dict(_pairs("--reason", reasons)),
        seed=seed,
    )


def _show(findings: Iterable[Finding]) -> None:
    for finding in findings:
        typer.echo(f"{finding.severity} ({finding.rule}): {finding}", err=True)


def _summary(folder: Path, study: Study) -> str:
    kind = f"{study.method}{'' if study.is_strict else ', relaxed'}"
    deviations = f", {len(study.deviations)} deviations listed" if study.deviations else ""
    return (
        f"{folder}: {kind}, {len(study.items)} items and {len(study.training)} for training, "
        f"{len(study.conditions)} conditions, {study.sample_rate_hz} Hz{deviations}"
    )


def _names(text: str | None) -> list[str] | None:
    return None if text is None else [name.strip() for name in text.split(",") if name.strip()]


def _pairs(option: str, values: list[str] | None) -> list[tuple[str, str]]:
    pairs = [(name.strip(), value.strip()) for name, _, value in (text.partition("=") for text in values or [])]
    for name, value in pairs:
        if not name or not value:
            raise SettingError(f"{option} takes NAME=VALUE, got '{name or value}'")
        if [other for other, _ in pairs].count(name) > 1:
            raise SettingError(f"{option} names '{name}' twice")
    return pairs


def _cut(name: str, value: str) -> tuple[str, tuple[float, float]]:
    try:
        start, end = (float(at_s) for at_s in value.split("-"))
    except ValueError:
        start = end = math.nan
    if not (math.isfinite(start) and math.isfinite(end)):
        raise SettingError(f"--cut takes ITEM=START-END in seconds, such as speech=1.5-9, got '{name}={value}'")
    return name, (start, end)


def _method(name: str | None) -> Method | None:
    if name is None:
        return None
    if name.lower() in METHODS:
        return cast("Method", name.lower())
    raise SettingError(f"unknown method '{name}': known are {', '.join(METHODS)}")

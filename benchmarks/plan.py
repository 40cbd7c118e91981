"""A sweep file (YAML, see `benchmarks.sweep_file`) to the flat list of everything that is to be run."""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from typing import Any

import pydantic

from benchmarks.codecs import CODECS
from benchmarks.codecs.base import CodecAdapter, UnavailableError
from benchmarks.metrics import METRICS
from benchmarks.sweep_file import ALL_METRICS, Combination, SweepFile, combinations, read_sweep_file
from benchmarks.yaml_lines import Lines, explain, line_of
from flowmac.errors import CheckpointError, FlowMACError, SettingError, unknown_name


@dataclass(frozen=True)
class RunSpec:
    """A codec with all its settings, defaults in their places.

    Attributes:
        codec: registered name.
        target: ``module:Class`` of its adapter, so that a worker finds it without a registry.
        label: for tables and figures.
        settings: resolved settings.
        nominal_kbps, weights_sha256, n_evaluations: as in `benchmarks.results.Row`.
        repeats: how often encoding and decoding are timed; no part of ``spec_id``.
    """

    codec: str
    target: str
    label: str
    settings: dict[str, Any]
    nominal_kbps: float | None = None
    weights_sha256: str | None = None
    n_evaluations: int | None = None
    repeats: int = 1

    @property
    def spec_id(self) -> str:
        """Hash of codec, resolved settings and weights: equal work has equal ids."""
        content = {"codec": self.codec, "settings": self.settings, "weights": self.weights_sha256}
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:16]


@dataclass(frozen=True)
class Plan:
    """A sweep file, expanded.

    Attributes:
        name: of the sweep.
        specs: what is run, each once.
        metrics: registered names.
        clips: where the file says its clips are; None where it does not.
        left_out: what cannot run here, each with its number of conditions and the reason; for people.
    """

    name: str
    specs: list[RunSpec]
    metrics: list[str]
    clips: Path | None
    left_out: list[str] = field(default_factory=list)


def shipped_sweeps() -> dict[str, Path]:
    """The sweep files that come with the package, by name."""
    folder = Path(str(resources.files("benchmarks") / "sweeps"))
    return {path.stem: path for path in sorted(folder.glob("*.yaml"))}


def find_sweep(spec: str) -> Path:
    """A sweep file by path, or by the name of one that comes with the package.

    Raises:
        SettingError: there is neither.
    """
    path = Path(spec)
    if path.is_file():
        return path
    if path.is_dir() or path.suffix or len(path.parts) != 1:
        raise SettingError(f"{spec}: there is no such sweep file")
    if spec not in shipped_sweeps():
        raise unknown_name(
            "sweep (a YAML file, or the name of one that comes with the package)", spec, shipped_sweeps()
        )
    return shipped_sweeps()[spec]


def read_plan(path: Path, only: str | None = None) -> Plan:
    """Read and expand a sweep file; conditions that come to the same are run once.

    Args:
        path: the sweep file.
        only: keep the conditions of this codec alone.

    Raises:
        SettingError: the file, a key, a value, or a name in it is not valid; the message has the line.
    """
    file, lines = read_sweep_file(path)
    left_out: list[str] = []
    absent: Counter[str] = Counter()
    metrics = _metrics(path, lines, file.metrics, left_out)
    codecs = [condition.codec for condition in file.conditions]
    for index, codec in enumerate(codecs):
        with _at(path, lines, ("conditions", index, "codec")):
            CODECS.target(codec)
    if only is not None and only not in codecs:
        raise unknown_name("codec in this sweep", only, set(codecs))
    specs: dict[str, RunSpec] = {}
    for index, codec in enumerate(codecs):
        if only in (None, codec):
            for spec in _expand(path, lines, index, file, absent):
                known = specs.get(spec.spec_id)
                if known is None or known.repeats < spec.repeats:
                    specs[spec.spec_id] = spec
    left_out += [f"{number} of {reason}" for reason, number in absent.items()]
    if not specs:
        raise SettingError(f"{path}: no condition can run here. Left out: {'; '.join(left_out)}")
    clips = None if file.clips is None else path.parent / file.clips
    return Plan(file.name, list(specs.values()), metrics, clips, left_out)


def _metrics(path: Path, lines: Lines, names: list[str], left_out: list[str]) -> list[str]:
    """The names, checked; what is not installed is told in ``left_out`` where all were asked for."""
    if names == [ALL_METRICS]:
        classes, problems = METRICS.load_all()
        missing = {name: metric.missing() for name, metric in classes.items()}
        left_out += [*problems, *(f"metric {reason}" for reason in missing.values() if reason)]
        return [name for name, reason in missing.items() if not reason]
    for index, name in enumerate(names):
        with _at(path, lines, ("metrics", index)):
            METRICS.target(name)
            if name in names[:index]:
                raise SettingError(f"the metric '{name}' stands there twice")
    return names


def _expand(path: Path, lines: Lines, index: int, file: SweepFile, absent: Counter[str]) -> Iterator[RunSpec]:
    """All combinations of one condition; those whose codec or weights are not here are counted in ``absent``, if the
    file says so. A wrong setting is an error all the same.
    """
    codec = file.conditions[index].codec
    adapter_class = CODECS.get(codec)
    where: tuple[str | int, ...] = ("conditions", index)
    for combination in combinations(path, lines, index, file):
        try:
            settings = adapter_class.settings_model.model_validate(combination.settings)
        except pydantic.ValidationError as error:
            keys = [*adapter_class.settings_model.model_fields, "grid", "repeats"]
            raise explain(error, path, combination.lines, where, keys) from None
        try:
            adapter = adapter_class(settings)
        except FlowMACError as error:
            if file.skip_unavailable and isinstance(error, UnavailableError | CheckpointError):
                absent[f"{codec}: {error}"] += 1
                continue
            raise SettingError(f"{line_of(path, combination.lines, where)}: {error}") from None
        yield _spec(codec, adapter, combination)


def _spec(codec: str, adapter: CodecAdapter, combination: Combination) -> RunSpec:
    return RunSpec(
        codec=codec,
        target=CODECS.target(codec),
        label=adapter.label,
        settings=adapter.resolved_settings(),
        nominal_kbps=adapter.nominal_kbps,
        weights_sha256=adapter.weights_sha256,
        n_evaluations=adapter.n_evaluations,
        repeats=combination.repeats,
    )


@contextlib.contextmanager
def _at(path: Path, lines: Lines, where: tuple[str | int, ...]) -> Iterator[None]:
    """Puts file and line before the message of any error for users raised within."""
    try:
        yield
    except FlowMACError as error:
        raise SettingError(f"{line_of(path, lines, where)}: {error}") from None

"""A sweep file (YAML) to the flat list of everything that is to be run.

::

    name: first_look
    clips: ../recordings            # folder or manifest, relative to this file; --clips overrides it
    conditions:                     # any setting may be a list: all combinations are run
      - {codec: flowmac, kbps: [0.75, 1.5, 3], nfe: [1, 4]}
      - {codec: opus, kbps: 12}
      - {codec: reference}
    metrics: [log_mel, visqol_audio]
"""

from __future__ import annotations

import contextlib
import hashlib
import itertools
import json
import math
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Annotated, Any

import pydantic

from benchmarks.codecs import CODECS
from benchmarks.metrics import METRICS
from benchmarks.yaml_lines import Lines, read_yaml
from flowmac.errors import FlowMACError, SettingError, unknown_name

#: More conditions than this are a slip of the pen.
MAX_CONDITIONS = 10_000


class _Condition(pydantic.BaseModel):
    """A codec and its settings, which the codec checks itself."""

    model_config = pydantic.ConfigDict(frozen=True, extra="allow")

    codec: str

    @property
    def settings(self) -> dict[str, Any]:
        return dict(self.model_extra or {})


class _SweepFile(pydantic.BaseModel):
    """What a person writes."""

    model_config = pydantic.ConfigDict(frozen=True, extra="forbid", strict=True)

    name: Annotated[str, pydantic.StringConstraints(pattern=r"^[\w.-]{1,100}$")]
    clips: str | None = None
    conditions: Annotated[list[_Condition], pydantic.Field(min_length=1)]
    metrics: Annotated[list[str], pydantic.Field(min_length=1)]


@dataclass(frozen=True)
class RunSpec:
    """A codec with all its settings, defaults in their places.

    Attributes:
        codec: registered name.
        target: ``module:Class`` of its adapter, so that a worker finds it without a registry.
        label: for tables and figures.
        settings: resolved settings.
        nominal_kbps, weights_sha256, n_evaluations: as in `benchmarks.results.Row`.
    """

    codec: str
    target: str
    label: str
    settings: dict[str, Any]
    nominal_kbps: float | None = None
    weights_sha256: str | None = None
    n_evaluations: int | None = None

    @property
    def spec_id(self) -> str:
        """Hash of codec, resolved settings and weights: equal work has equal ids."""
        content = {"codec": self.codec, "settings": self.settings, "weights": self.weights_sha256}
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:16]


@dataclass(frozen=True)
class Plan:
    """A sweep file, expanded. ``clips`` is None where the file names none."""

    name: str
    specs: list[RunSpec]
    metrics: list[str]
    clips: Path | None


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
    data, lines = read_yaml(path)
    try:
        file = _SweepFile.model_validate(data)
    except pydantic.ValidationError as error:
        raise _explain(error, path, lines, (), list(_SweepFile.model_fields)) from None
    _check_metrics(path, lines, file.metrics)
    codecs = [condition.codec for condition in file.conditions]
    for index, codec in enumerate(codecs):
        with _at(path, lines, ("conditions", index, "codec")):
            CODECS.target(codec)
    if only is not None and only not in codecs:
        raise unknown_name("codec in this sweep", only, set(codecs))
    specs: dict[str, RunSpec] = {}
    for index, condition in enumerate(file.conditions):
        if only in (None, condition.codec):
            for spec in _expand(path, lines, index, condition):
                specs.setdefault(spec.spec_id, spec)
    clips = None if file.clips is None else path.parent / file.clips
    return Plan(file.name, list(specs.values()), file.metrics, clips)


def _check_metrics(path: Path, lines: Lines, names: list[str]) -> None:
    for index, name in enumerate(names):
        with _at(path, lines, ("metrics", index)):
            METRICS.target(name)
            if name in names[:index]:
                raise SettingError(f"the metric '{name}' stands there twice")


def _expand(path: Path, lines: Lines, index: int, condition: _Condition) -> Iterator[RunSpec]:
    """All combinations of the settings that are lists."""
    where: tuple[str | int, ...] = ("conditions", index)
    adapter_class = CODECS.get(condition.codec)
    choices = {key: value if isinstance(value, list) else [value] for key, value in condition.settings.items()}
    for key, values in choices.items():
        if not values:
            raise SettingError(f"{_line(path, lines, (*where, key))}: '{key}' is an empty list")
    n_combinations = math.prod(len(values) for values in choices.values())
    if n_combinations > MAX_CONDITIONS:
        raise SettingError(
            f"{_line(path, lines, where)}: gives {n_combinations} combinations, more than {MAX_CONDITIONS}"
        )
    for combination in itertools.product(*choices.values()):
        try:
            settings = adapter_class.settings_model.model_validate(dict(zip(choices, combination, strict=True)))
        except pydantic.ValidationError as error:
            keys = list(adapter_class.settings_model.model_fields)
            raise _explain(error, path, lines, where, keys) from None
        with _at(path, lines, where):
            adapter = adapter_class(settings)
        yield RunSpec(
            codec=condition.codec,
            target=CODECS.target(condition.codec),
            label=adapter.label,
            settings=adapter.resolved_settings(),
            nominal_kbps=adapter.nominal_kbps,
            weights_sha256=adapter.weights_sha256,
            n_evaluations=adapter.n_evaluations,
        )


def _line(path: Path, lines: Lines, where: tuple[str | int, ...]) -> str:
    """``path, line n`` of the value at ``where``, or of the nearest that encloses it."""
    while where and where not in lines:
        where = where[:-1]
    return f"{path}, line {lines[where]}" if where in lines else str(path)


@contextlib.contextmanager
def _at(path: Path, lines: Lines, where: tuple[str | int, ...]) -> Iterator[None]:
    """Puts file and line before the message of any error for users raised within."""
    try:
        yield
    except FlowMACError as error:
        raise SettingError(f"{_line(path, lines, where)}: {error}") from None


def _explain(
    error: pydantic.ValidationError, path: Path, lines: Lines, prefix: tuple[str | int, ...], known_keys: list[str]
) -> SettingError:
    """One fault of those that pydantic found, with its line: an unknown key first, with its near matches."""
    fault = min(error.errors(), key=lambda fault: fault["type"] != "extra_forbidden")
    where = (*prefix, *fault["loc"])
    line = _line(path, lines, where)
    if fault["type"] == "extra_forbidden":
        return SettingError(f"{line}: {unknown_name('key', str(fault['loc'][-1]), known_keys)}")
    name = ".".join(str(part) for part in where) or "the file"
    got = "" if fault["type"] == "missing" else f", got {_short(fault['input'])}"
    return SettingError(f"{line}: {name}: {fault['msg'][0].lower()}{fault['msg'][1:]}{got}")


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."

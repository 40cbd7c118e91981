"""YAML that knows its lines, so that a message can name the line of a fault."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pydantic
import yaml

from flowmac.errors import SettingError, unknown_name

#: Where a value stands in the document, such as ``("conditions", 0, "kbps")``, to its line, counted from 1.
Lines = dict[tuple[str | int, ...], int]

MAX_BYTES = 1_000_000


def read_yaml(path: Path) -> tuple[Any, Lines]:
    """The document in ``path`` and the line of each of its values.

    Raises:
        SettingError: the file cannot be read or is no YAML, a key stands twice, or an alias is used.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise SettingError(f"{path}: cannot be read ({error.strerror})") from None
    if len(data) > MAX_BYTES:
        raise SettingError(f"{path}: has {len(data)} bytes, which is too long to be written by hand")
    try:
        text = data.decode("utf-8-sig")
        _refuse_aliases(path, text)
        node = yaml.compose(text, yaml.SafeLoader)
        lines: Lines = {}
        if node is not None:
            _collect_lines(path, node, (), lines)
        return yaml.safe_load(text), lines
    except UnicodeDecodeError:
        raise SettingError(f"{path}: is no text in UTF-8") from None
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f"{path}, line {mark.line + 1}" if mark else str(path)
        raise SettingError(f"{where}: is no valid YAML: {error.problem or error.context}") from None
    except (yaml.YAMLError, ValueError) as error:
        raise SettingError(f"{path}: is no valid YAML: {error}") from None
    except RecursionError:
        raise SettingError(f"{path}: is nested too deeply") from None


def _refuse_aliases(path: Path, text: str) -> None:
    """Aliases of aliases let a short file expand without bound."""
    for event in yaml.parse(text, yaml.SafeLoader):
        if isinstance(event, yaml.AliasEvent):
            line = event.start_mark.line + 1 if event.start_mark else "?"
            raise SettingError(f"{path}, line {line}: aliases (*name) are not used here")


def _collect_lines(path: Path, node: yaml.Node, where: tuple[str | int, ...], lines: Lines) -> None:
    lines.setdefault(where, node.start_mark.line + 1)
    if isinstance(node, yaml.SequenceNode):
        for index, item in enumerate(node.value):
            _collect_lines(path, item, (*where, index), lines)
    elif isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            here = (*where, str(key.value))
            if here in lines:
                raise SettingError(f"{path}, line {key.start_mark.line + 1}: the key '{key.value}' stands there twice")
            lines[here] = key.start_mark.line + 1
            _collect_lines(path, value, here, lines)


def line_of(path: Path, lines: Lines, where: tuple[str | int, ...]) -> str:
    """``path, line n`` of the value at ``where``, or of the nearest that encloses it."""
    while where and where not in lines:
        where = where[:-1]
    return f"{path}, line {lines[where]}" if where in lines else str(path)


def explain(
    error: pydantic.ValidationError,
    path: Path,
    lines: Lines,
    prefix: tuple[str | int, ...] = (),
    known_keys: Iterable[str] = (),
) -> SettingError:
    """One fault of those that pydantic found below ``prefix``, with its line; unknown keys first, with near matches."""
    fault = min(error.errors(), key=lambda fault: fault["type"] != "extra_forbidden")
    where = (*prefix, *fault["loc"])
    line = line_of(path, lines, where)
    if fault["type"] == "extra_forbidden":
        return SettingError(f"{line}: {unknown_name('key', str(fault['loc'][-1]), known_keys)}")
    if fault["type"] == "value_error":  # a validator of ours has said it all
        return SettingError(f"{line}: {fault['msg'].removeprefix('Value error, ')}")
    name = ".".join(str(part) for part in where) or "the file"
    got = "" if fault["type"] == "missing" else f", got {_short(fault['input'])}"
    return SettingError(f"{line}: {name}: {fault['msg'][0].lower()}{fault['msg'][1:]}{got}")


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."

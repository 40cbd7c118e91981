"""YAML that knows its lines, so that a message can name the line of a fault."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from flowmac.errors import SettingError

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
        raise SettingError(f"{path}: has {len(data)} bytes, which is no sweep file")
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
            raise SettingError(f"{path}, line {line}: aliases (*name) are not used in sweep files")


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

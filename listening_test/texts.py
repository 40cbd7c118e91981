"""What listeners read, by language: ``texts/<language>.yaml`` here, or beside the study, which anyone may add."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.yaml_lines import read_yaml
from flowmac.errors import SettingError

SHIPPED = Path(__file__).parent / "texts"


@dataclass(frozen=True)
class Texts:
    """Of one language: its own name, and texts by key for the pages and for the player."""

    language: str
    name: str
    pages: Mapping[str, str]
    player: Mapping[str, str]


def read_texts(language: str, study_folder: Path | None = None) -> Texts:
    """The texts of a language; a file ``texts/<language>.yaml`` in the study's folder goes before the shipped one.

    Raises:
        SettingError: there is no such file, or it misses or adds a key.
    """
    known = _read(SHIPPED / "en.yaml")
    folders = [*([study_folder / "texts"] if study_folder else []), SHIPPED]
    path = next((folder / f"{language}.yaml" for folder in folders if (folder / f"{language}.yaml").is_file()), None)
    if path is None:
        raise SettingError(f"no texts in the language '{language}': add {folders[0] / f'{language}.yaml'}")
    texts = _read(path)
    for part in ("pages", "player"):
        wrong = set(known[part]) ^ set(texts[part])
        if wrong:
            raise SettingError(f"{path}: below {part}, these keys are missing or unknown: {', '.join(sorted(wrong))}")
    return Texts(language, str(texts["name"]), texts["pages"], texts["player"])


def _read(path: Path) -> dict[str, Any]:
    data, _ = read_yaml(path)
    if not isinstance(data, dict) or set(data) != {"name", "pages", "player"}:
        raise SettingError(f"{path}: expected are the keys name, pages and player")
    return data

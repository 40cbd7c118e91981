"""All languages are complete, and a study may bring its own."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from flowmac.errors import SettingError
from listening_test.texts import SHIPPED, read_texts

LANGUAGES = sorted(path.stem for path in SHIPPED.glob("*.yaml"))


def test_five_languages_are_shipped() -> None:
    assert {"de", "en", "es", "fr", "ja"} <= set(LANGUAGES)


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_language_has_all_texts_and_their_places(language: str) -> None:
    english, texts = read_texts("en"), read_texts(language)
    for part in ("pages", "player"):
        for key, text in getattr(texts, part).items():
            wanted = re.findall(r"{\w+}", getattr(english, part)[key])
            assert sorted(re.findall(r"{\w+}", text)) == sorted(wanted), key
            assert text.strip(), key


def test_own_language_beside_the_study(tmp_path: Path) -> None:
    with pytest.raises(SettingError, match="no texts in the language 'eo'"):
        read_texts("eo", tmp_path)
    (tmp_path / "texts").mkdir()
    text = (SHIPPED / "en.yaml").read_text(encoding="utf-8").replace("name: English", "name: Esperanto")
    (tmp_path / "texts" / "eo.yaml").write_text(text, encoding="utf-8")
    assert read_texts("eo", tmp_path).name == "Esperanto"
    (tmp_path / "texts" / "eo.yaml").write_text(text.replace("  start:", "  stort:"), encoding="utf-8")
    with pytest.raises(SettingError, match="start, stort"):
        read_texts("eo", tmp_path)

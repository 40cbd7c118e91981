"""The study file: what is wrong is said with its line, and the hash follows from what is heard alone."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from flowmac.errors import SettingError
from listening_test.study import Study, read_study
from tests.listening_test.test_orders import study


def write(folder: Path, text: str = "", **changes: object) -> Path:
    data = study(2).model_dump(mode="json") | changes
    (folder / "study.yaml").write_text(yaml.safe_dump(data, sort_keys=False) + text, encoding="utf-8")
    return folder


def test_file_or_folder(tmp_path: Path) -> None:
    assert read_study(write(tmp_path)) == read_study(tmp_path / "study.yaml") == study(2)


def test_misspelt_key_has_its_line_and_a_near_one(tmp_path: Path) -> None:
    folder = write(tmp_path, "titel: x\n")
    n_lines = len((folder / "study.yaml").read_text(encoding="utf-8").splitlines())
    with pytest.raises(SettingError, match=rf"(?s)study\.yaml.*{n_lines}.*titel.*title"):
        read_study(folder)
    write(tmp_path, procedure={"must_play": True})
    with pytest.raises(SettingError, match=r"must_play_all"):
        read_study(folder)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"method": "mos"}, "method"),
        ({"seed": -1}, "seed"),
        ({"items": []}, "at least one item"),
        ({"is_strict": True, "training": []}, "training is mandatory"),
        ({"design": {"n_repeats": 9}}, "n_repeats is 9"),
        ({"design": {"pairs": [["a", "nobody"]]}}, "nobody"),
    ],
)
def test_wrong_values(tmp_path: Path, changes: dict[str, object], message: str) -> None:
    with pytest.raises(SettingError, match=message):
        read_study(write(tmp_path, **changes))


def test_hash_is_of_what_is_heard_and_its_order() -> None:
    known = study(2).model_dump()

    def hash_with(**changes: object) -> str:
        return Study.model_validate(known | changes).content_hash

    same = hash_with()
    assert hash_with(title="other", contact="me", languages=["de"], procedure={"has_comments": False}) == same
    assert len({same, hash_with(seed=9), hash_with(method="acr"), hash_with(design={"n_repeats": 1})}) == 4

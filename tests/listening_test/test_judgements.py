"""Judgements are read as they were written, and what cannot be true is refused with its place."""

from __future__ import annotations

from pathlib import Path

import pytest

from flowmac.errors import SettingError
from listening_test.judgements import Judgement, read_judgements, write_judgements

HEAD = "listener,method,item,condition_a,condition_b,answer,is_correct,condition_x,repeat,is_simulated\n"


def test_what_is_written_is_read(tmp_path: Path) -> None:
    judgements = [
        Judgement(
            "l1",
            "abx",
            "i, 'é'",
            "speech",
            "a",
            "b",
            "b",
            True,
            3,
            1,
            2,
            at="2026-01-01T00:00:00+00:00",
            condition_x="b",
        ),
        Judgement("l1", "abx", "i, 'é'", "speech", "a", "b", "a", False, 4, 0, 1, condition_x="b"),
        Judgement("l2", "ab", "i", "", "a", "b", "a", trial=1, is_simulated=True),
        Judgement("l2", "acr", "i", "music", "a", "", "5", is_training=True),
        Judgement("l2", "dcr", "i", "music", "a", "ref", "1"),
    ]
    write_judgements(tmp_path / "j.csv", judgements)
    assert read_judgements(tmp_path / "j.csv") == judgements


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "misses listener, method"),
        (HEAD, "holds no judgements"),
        (HEAD + "l,mos,i,a,,3\n", "line 2: the method 'mos' is none of abx"),
        (HEAD + "l,acr,i,a,,6\n", "the answer '6' is none of 1, 2, 3"),
        (HEAD + "l,acr,i,a,,3.5\n", "the answer '3.5' is none of"),
        (HEAD + "l,ab,i,a,b,c\n", "the answer 'c' is none of a, b"),
        (HEAD + "l,abx,i,a,b,a,true,c\n", "X is 'c'"),
        (HEAD + "l,abx,i,a,b,a,true,b\n", "is_correct contradicts"),
        (HEAD + "l,abx,i,a,b,a,,a\n", "is_correct contradicts"),
        (HEAD + "l,ab,i,a,b,a\nl,ab,i,b,a,b\n", "judgement 2: listener l answered item i"),
        (HEAD + ",ab,i,a,b,a\n", "must not be empty"),
        (HEAD + "l,ab,i,a,b,a,,,x\n", "repeat is 'x'"),
        (HEAD + "l,ab,i,a,b,a,,,0,perhaps\n", "is_simulated is 'perhaps'"),
    ],
)
def test_damage_is_told_with_its_place(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "j.csv"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(SettingError, match=message) as caught:
        read_judgements(path)
    assert str(path) in str(caught.value)


def test_no_file_and_no_text(tmp_path: Path) -> None:
    with pytest.raises(SettingError, match="cannot be read"):
        read_judgements(tmp_path / "absent.csv")
    (tmp_path / "j.csv").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(SettingError, match="no text in UTF-8"):
        read_judgements(tmp_path / "j.csv")

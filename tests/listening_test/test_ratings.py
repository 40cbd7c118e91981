"""Ratings are read as they were written, webMUSHRA's too, and what cannot be true is refused with its line."""

from __future__ import annotations

from pathlib import Path

import pytest

from flowmac.errors import SettingError
from listening_test.ratings import Rating, read_ratings, write_ratings

HEAD = "listener,item,condition,score,role,category,repeat,is_simulated\n"
WEBMUSHRA_HEAD = "session_test_id,email,age,gender,trial_id,rating_stimulus,rating_score,rating_time,rating_comment\n"


def written(folder: Path, text: str) -> Path:
    path = folder / "ratings.csv"
    path.write_text(text, encoding="utf-8")
    return path


def test_what_is_written_is_read(tmp_path: Path) -> None:
    ratings = [
        Rating("l1", "speech, 'de'", "ref", 100, "reference", "speech"),
        Rating("l1", "speech, 'de'", "Opus 6 kbit/s", 61.25, category="speech", repeat=1),
        Rating("l 2", "Gitarre é", "7 kHz", 0, "mid_anchor", "music", is_simulated=True),
    ]
    write_ratings(tmp_path / "r.csv", ratings)
    assert read_ratings(tmp_path / "r.csv") == ratings


def test_four_columns_are_enough_in_any_order_and_with_a_mark_in_front(tmp_path: Path) -> None:
    path = written(tmp_path, "\ufeffscore,condition, item,listener\r\n55,a,i,l\r\n")
    assert read_ratings(path) == [Rating("l", "i", "a", 55)]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "misses the columns listener, item, condition, score"),
        (HEAD, "holds no ratings"),
        ("listener,item,score\nl,i,5\n", "misses the column condition"),
        (HEAD + "l,i,a,,system,,0,false\n", "line 2: the score '' is no number"),
        (HEAD + "l,i,a,nan,system,,0,false\n", "line 2: the score nan is not between 0 and 100"),
        (HEAD + "l,i,a,inf,system,,0,false\n", "not between 0 and 100"),
        (HEAD + "l,i,a,100.5,system,,0,false\n", "not between 0 and 100"),
        (HEAD + "l,i,a,-1,system,,0,false\n", "not between 0 and 100"),
        (HEAD + "l,i,a,good,system,,0,false\n", "'good' is no number"),
        (HEAD + "l,,a,5,system,,0,false\n", "must not be empty"),
        (HEAD + "l,i,a,5,king,,0,false\n", "the role 'king' is none of reference, system"),
        (HEAD + "l,i,a,5,system,,-1,false\n", "the repeat '-1' is no count"),
        (HEAD + "l,i,a,5,system,,x,false\n", "the repeat 'x' is no count"),
        (HEAD + "l,i,a,5,system,,0,maybe\n", "is_simulated is 'maybe'"),
        (HEAD + "l,i,a,5\nl,i,a,5\n", "line 3: listener l, item i, condition a is rated already in line 2"),
        (HEAD + "l,i,a,5,system\nm,i,a,5,reference\n", "condition a is reference here and system before"),
        (HEAD + "l,i,a,5,reference\nl,i,b,5,reference\n", "a and b all have the role reference"),
        (HEAD + "l,i,a,5,,speech\nm,i,a,5,,music\n", "item i is of category 'music' here, 'speech' before"),
        (HEAD + "l,i,a,5,system,,0,false,more\n", "line 2: has more fields"),
    ],
)
def test_damage_is_told_with_its_line(tmp_path: Path, text: str, message: str) -> None:
    path = written(tmp_path, text)
    with pytest.raises(SettingError, match=message.replace("(", r"\(")) as caught:
        read_ratings(path)
    assert str(path) in str(caught.value)


def test_no_file_and_no_text(tmp_path: Path) -> None:
    with pytest.raises(SettingError, match="cannot be read"):
        read_ratings(tmp_path / "absent.csv")
    (tmp_path / "r.csv").write_bytes(b"\xff\xfe\x00l\x00")
    with pytest.raises(SettingError, match="no text in UTF-8"):
        read_ratings(tmp_path / "r.csv")


def session(answers: str, trials: tuple[str, ...] = ("t1", "t2"), first_score: int = 50) -> str:
    stimuli = ("reference", "C1", "C2", "anchor35", "anchor70")
    return "".join(
        f"my_test,{answers},{trial},{stimulus},{first_score + place},1234,\n"
        for trial in trials
        for place, stimulus in enumerate(stimuli)
    )


def test_webmushras_csv_in_its_published_form(tmp_path: Path) -> None:
    path = written(tmp_path, WEBMUSHRA_HEAD + session("a@b.c,30,female") + session("d@e.f,25,male", first_score=90))
    ratings = read_ratings(path)
    assert len(ratings) == 20
    assert {rating.listener for rating in ratings} == {"listener 1", "listener 2"}
    assert ratings[0] == Rating("listener 1", "t1", "reference", 50, "reference")
    roles = {rating.condition: rating.role for rating in ratings}
    assert roles == {
        "reference": "reference",
        "C1": "system",
        "C2": "system",
        "anchor35": "low_anchor",
        "anchor70": "mid_anchor",
    }
    assert ratings[-1].score == 94


def test_webmushra_keeps_no_names(tmp_path: Path) -> None:
    path = written(tmp_path, WEBMUSHRA_HEAD + session("a@b.c,30,female"))
    assert all("a@b.c" not in repr(rating) for rating in read_ratings(path))


def test_webmushra_sessions_without_answers_are_told_apart(tmp_path: Path) -> None:
    path = written(tmp_path, WEBMUSHRA_HEAD + session(",,") * 3)
    assert {rating.listener for rating in read_ratings(path)} == {"listener 1", "listener 2", "listener 3"}


def test_webmushra_with_uuids(tmp_path: Path) -> None:
    head = "session_test_id,session_uuid,trial_id,rating_stimulus,rating_score,rating_time,rating_comment\n"
    lines = session("u1").splitlines(), session("u2").splitlines()
    mixed = "\n".join(line for pair in zip(*lines, strict=True) for line in pair)
    assert {rating.listener for rating in read_ratings(written(tmp_path, head + mixed))} == {"listener 1", "listener 2"}
    doubled = session("u1") + session("u1").splitlines()[0] + "\n"
    with pytest.raises(SettingError, match="rated already in line 2"):
        read_ratings(written(tmp_path, head + doubled))


def test_webmushra_line_that_occurs_twice_is_no_new_listener(tmp_path: Path) -> None:
    lines = session(",,").splitlines(keepends=True)
    path = written(tmp_path, WEBMUSHRA_HEAD + "".join([*lines[:4], lines[3], *lines[4:]]))
    with pytest.raises(SettingError, match="a line is missing or occurs twice"):
        read_ratings(path)

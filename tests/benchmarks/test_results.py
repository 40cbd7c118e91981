from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from benchmarks.results import ROWS_FILE, Clip, Failure, Row, RowWriter, Score, read_rows
from flowmac.errors import SettingError

CLIP = Clip("speech_a", "0" * 64, "/clips/speech_a.wav", 2.0, 24000, 1, "speech", "en")
ROW = Row(
    row_id="r1",
    spec_id="s1",
    codec="fake",
    label="Fake \u2028 8 bit",  # a line separator, which is no line feed
    settings={"bits": 8},
    clip=CLIP,
    status="ok",
    payload_bits=6000,
    total_bits=6400,
    encode_s=0.25,
    decode_s=0.75,
    scores={"a": Score("1", 2.5), "b": Score("1", failure=Failure("silent", "channel 1\nof 2"))},
)


def test_row_survives_the_file(tmp_path: Path) -> None:
    rows = [ROW, dataclasses.replace(ROW, row_id="r2", status="failed", failure=Failure("OSError", "gone"))]
    with RowWriter(tmp_path) as writer:
        for row in rows:
            writer.write(row)
    assert read_rows(tmp_path) == rows


def test_rates_and_real_time_factor_follow_from_what_was_counted() -> None:
    assert ROW.payload_kbps == 3.0
    assert ROW.total_kbps == 3.2
    assert ROW.real_time_factor == 0.5
    assert dataclasses.replace(ROW, payload_bits=None, encode_s=None).real_time_factor is None


def test_later_row_replaces_an_earlier_one_in_its_place(tmp_path: Path) -> None:
    with RowWriter(tmp_path) as writer:
        writer.write(dataclasses.replace(ROW, status="failed", failure=Failure("OSError", "gone")))
        writer.write(dataclasses.replace(ROW, row_id="r2"))
        writer.write(ROW)
    assert read_rows(tmp_path) == [ROW, dataclasses.replace(ROW, row_id="r2")]


@pytest.mark.parametrize("n_cut", [1, 2, 200])
def test_torn_last_line_is_passed_over_and_then_cut_off(tmp_path: Path, n_cut: int) -> None:
    with RowWriter(tmp_path) as writer:
        writer.write(ROW)
        writer.write(dataclasses.replace(ROW, row_id="r2", label="Fußnote 日本"))
    path = tmp_path / ROWS_FILE
    path.write_bytes(path.read_bytes()[:-n_cut])
    assert read_rows(tmp_path) == [ROW]
    with RowWriter(tmp_path) as writer:
        writer.write(dataclasses.replace(ROW, row_id="r3"))
    assert [row.row_id for row in read_rows(tmp_path)] == ["r1", "r3"]


def test_line_torn_within_a_character(tmp_path: Path) -> None:
    (tmp_path / ROWS_FILE).write_bytes(ROW.to_json().encode() + b"\n" + '{"label": "日'.encode()[:-1])
    assert read_rows(tmp_path) == [ROW]


@pytest.mark.parametrize("line", ["{}", "[]", "not json", '{"schema": 99}', "", "\udcff"])
def test_damaged_line_is_named(tmp_path: Path, line: str) -> None:
    damaged = line.encode(errors="surrogateescape")
    (tmp_path / ROWS_FILE).write_bytes(ROW.to_json().encode() + b"\n" + damaged + b"\n")
    with pytest.raises(SettingError, match="line 2"):
        read_rows(tmp_path)


def test_folder_without_results(tmp_path: Path) -> None:
    with pytest.raises(SettingError, match="flowmac sweep"):
        read_rows(tmp_path)


def test_two_writers_are_kept_apart(tmp_path: Path) -> None:
    with RowWriter(tmp_path), pytest.raises(SettingError, match="another sweep"):
        RowWriter(tmp_path)


def test_folder_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(SettingError, match="cannot be written"):
        RowWriter(tmp_path / "file")


def test_no_number_that_json_does_not_know() -> None:
    with pytest.raises(ValueError, match="JSON compliant"):
        dataclasses.replace(ROW, delay_s=float("nan")).to_json()

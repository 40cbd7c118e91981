"""The tidy table: one line for each row and metric, the same from Parquet and CSV."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from benchmarks.results import Clip, Failure, Row, RowWriter, Score, Timing

from .conftest import Finished

CLIP = Clip("speech_a", "0" * 64, "/clips/speech_a.wav", 2.0, 24000, 1, "speech", "en")
TIMED = Row(
    row_id="r1",
    spec_id="s1",
    codec="flowmac",
    label="FlowMAC, \u201cquoted\u201d",
    settings={"nfe": 4, "solver": "euler", "mixed": 1, "list": [1, 2]},
    clip=CLIP,
    status="ok",
    payload_bits=6000,
    total_bits=6400,
    encode_s=0.25,
    decode_s=0.75,
    timing=Timing("process", 1, (0.25,), (0.75,), decode_flops=12_000_000_000),
    n_evaluations=4,
    scores={"log_mel": Score("1", 0.5), "estoi": Score("2", failure=Failure("silent", "channel 1 is silent"))},
)
ROWS = [
    TIMED,
    dataclasses.replace(TIMED, row_id="r2", codec="opus", settings={"vbr": True, "mixed": "x"}, timing=None),
    dataclasses.replace(TIMED, row_id="r3", status="failed", failure=Failure("OSError", "gone"), scores={}),
]


@pytest.fixture
def run(tmp_path: Path) -> Path:
    with RowWriter(tmp_path / "run") as writer:
        for row in ROWS:
            writer.write(row)
    return tmp_path / "run"


@pytest.mark.parametrize("suffix", [".parquet", ".csv"])
def test_table_has_a_line_for_each_row_and_metric(
    flowmac: Callable[..., Finished], run: Path, tmp_path: Path, suffix: str
) -> None:
    output = tmp_path / f"table{suffix}"
    done = flowmac("export", run, "-o", output)
    assert done.status == 0, done.stderr
    assert "5 lines" in done.stdout
    table = pd.read_parquet(output) if suffix == ".parquet" else pd.read_csv(output)
    assert list(table["row_id"]) == ["r1", "r1", "r2", "r2", "r3"]
    first = table[(table.row_id == "r1") & (table.metric == "log_mel")].iloc[0]
    assert (first.value, first.version, first.payload_kbps) == (0.5, "1" if suffix == ".parquet" else 1, 3.0)
    assert (first.label, first.language, first.setting_nfe) == (TIMED.label, "en", 4)
    assert (first.setting_list, first.setting_mixed) == ("[1, 2]", "1")
    assert first.decode_flops == 12_000_000_000
    silent = table[(table.row_id == "r1") & (table.metric == "estoi")].iloc[0]
    assert pd.isna(silent.value)
    assert silent.failure_kind == "silent"
    assert table["setting_vbr"].isna().sum() == 3
    failed = table[table.row_id == "r3"].iloc[0]
    assert pd.isna(failed.metric)
    assert failed.row_failure == "OSError: gone"


def test_wrong_names_are_told(flowmac: Callable[..., Finished], run: Path, tmp_path: Path) -> None:
    done = flowmac("export", run, "-o", tmp_path / "table.xlsx")
    assert (done.status, "must end in .parquet or .csv" in done.stderr) == (2, True)
    (tmp_path / "table.csv").touch()
    done = flowmac("export", run, "-o", tmp_path / "table.csv")
    assert (done.status, "--force" in done.stderr) == (2, True)
    assert flowmac("export", run, "-o", tmp_path / "table.csv", "--force").status == 0
    done = flowmac("export", tmp_path, "-o", tmp_path / "other.csv")
    assert (done.status, "has no rows.jsonl" in done.stderr) == (2, True)

"""The tables in Markdown say what the rows say, and count what failed."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from benchmarks.results import Row
from flowmac.errors import SettingError
from reports.category_tables import of_newest_weights, of_run
from tests.reports.fake_run import fake_rows, write_run

Table = dict[str, dict[str, str]]


def tables(text: str) -> dict[str, Table]:
    """Cells by heading, first cell of the line, and head of the column."""
    found: dict[str, Table] = {}
    for section in text.split("\n## ")[1:]:
        heading, *lines = section.splitlines()
        cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if line.startswith("|")]
        if cells:
            heads, _, *body = cells
            found[heading] = {line[0]: dict(zip(heads, line, strict=True)) for line in body}
    return found


def test_means_are_those_of_the_rows(tmp_path: Path, rows: list[Row]) -> None:
    write_run(tmp_path, rows)
    found = tables(of_run(tmp_path, "Ours | theirs"))
    assert list(found) == ["All clips", "Speech", "Music", "Mixed", "Sounds"]
    for heading in ("Speech", "Music"):
        own = [row for row in rows if row.label == "Opus 8 kbit/s" and row.clip.category == heading.lower()]
        line = found[heading]["Opus 8 kbit/s"]
        values = [row.scores["log_mel"].value or 0 for row in own]
        assert line["`log_mel` nepers ↓"] == f"{np.mean(values):.2f}"
        assert line["payload kbit/s"] == f"{np.mean([row.payload_kbps or 0 for row in own]):.3f}"
        assert (line["clips"], line["failed"]) == ("5", "0")
    assert "`estoi` ↑" in found["Speech"]["Opus 8 kbit/s"]
    assert "`estoi` ↑" not in found["Music"]["Opus 8 kbit/s"]
    assert found["Speech"]["Hidden reference"]["payload kbit/s"] == "–"


def test_failures_of_codecs_and_of_metrics_are_counted(tmp_path: Path, rows: list[Row]) -> None:
    write_run(tmp_path, rows)
    all_clips = tables(of_run(tmp_path, "x"))["All clips"]
    n_codec = sum(row.status == "failed" for row in rows)
    n_metric = sum(
        score.failure is not None and score.failure.kind not in ("not_applicable", "not_installed")
        for row in rows
        for score in row.scores.values()
    )
    assert n_codec == n_metric == 1
    assert sum(int(line["failed"]) for line in all_clips.values()) == 2
    assert sum(int(line["clips"]) for line in all_clips.values()) == len(rows) - 1


def test_weights_that_were_replaced_are_left_out(tmp_path: Path) -> None:
    """Others under another name, and codecs without weights, stay."""

    def trained(row: Row, sha256: str, weights: str) -> Row:
        ids = {"row_id": f"{row.row_id}{sha256}", "spec_id": f"{row.spec_id}{sha256}"}
        return dataclasses.replace(row, **ids, weights_sha256=sha256, settings={**row.settings, "weights": weights})

    plain = [row for row in fake_rows() if row.label in ("FlowMAC 3 kbit/s, NFE 4", "Opus 6 kbit/s")]
    ours, opus = ([row for row in plain if row.codec == codec] for codec in ("flowmac", "opus"))
    old, new = ([trained(row, sha256, "lc") for row in ours] for sha256 in ("aaa", "bbb"))
    base = [dataclasses.replace(trained(row, "ccc", "base"), label="FlowMAC, weights base") for row in ours]
    kept = [*opus, *base, *new]
    assert of_newest_weights([*old, *kept]) == kept
    write_run(tmp_path, [*old, *kept])
    text = of_run(tmp_path, "x")
    assert set(tables(text)["All clips"]) == {"FlowMAC 3 kbit/s, NFE 4", "FlowMAC, weights base", "Opus 6 kbit/s"}
    assert "weights of flowmac lc: SHA-256 bbb" in text
    assert "aaa" not in text


def test_labels_cannot_break_the_table(tmp_path: Path, rows: list[Row]) -> None:
    write_run(tmp_path, [dataclasses.replace(row, label=f"a|b\n<i> {row.label}") for row in rows])
    text = of_run(tmp_path, "a | b")
    assert text.startswith("# a \\| b\n")
    assert "<i>" not in text
    assert "| a\\|b &lt;i&gt; Opus 6 kbit/s | " in text


def test_an_empty_run_is_told(tmp_path: Path) -> None:
    with pytest.raises(SettingError, match=r"no rows\.jsonl"):
        of_run(tmp_path, "x")
    write_run(tmp_path, [])
    with pytest.raises(SettingError, match="no rows yet"):
        of_run(tmp_path, "x")

"""Sweep files that no one should write: a message with line and key, exit status 2, no traceback, nothing run.

Hostile manifests and folders of clips are in test_corpus.py.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from .conftest import Finished


def condition(text: str) -> str:
    return f"name: x\nmetrics: [log_mel]\nconditions:\n  - {text}\n"


def with_metrics(text: str) -> str:
    return f"name: x\nconditions: [{{codec: reference}}]\nmetrics: {text}\n"


HOSTILE = {
    "": "the file: input should be a valid dictionary",
    "- a\n- b\n": "the file: input should be",
    "just text": "the file: input should be",
    "name: x\n": "conditions: field required",
    "name: x\nmetrics: [log_mel]\nconditions: []\n": "line 3: conditions: list should have at least 1 item",
    "name: x\nmetrics: [log_mel]\nconditions: {codec: opus}\n": "line 3: conditions: input should be a valid list",
    "name: x\nmetrics: [log_mel]\nconditions: [opus]\n": "line 3: conditions.0: ",
    "name: ../../etc\nmetrics: [log_mel]\nconditions: [{codec: reference}]\n": "line 1: name: string should match",
    "name: 7\nmetrics: [log_mel]\nconditions: [{codec: reference}]\n": "line 1: name: input should be a valid string",
    "nane: x\nname: x\nmetrics: [log_mel]\nconditions: [{codec: reference}]\n": "line 1: unknown key 'nane': did you",
    "name: x\nname: y\n": "line 2: the key 'name' stands there twice",
    "name: x\nclips: [a]\nmetrics: [log_mel]\nconditions: [{codec: reference}]\n": "line 2: clips: ",
    "name: x\n  bad: indent\n": "line 2: is no valid YAML",
    "name: [x\n": "is no valid YAML",
    "name: x\n\tmetrics: y\n": "line 2: is no valid YAML",
    "name: !!python/object/apply:os.system ['true']\n": "line 1: is no valid YAML: could not determine a constructor",
    "a: &a [1]\nb: *a\n": "line 2: aliases",
    "name: 2020-13-45\n": "is no valid YAML",
    "name: \x07\n": "is no valid YAML",
    "[" * 3000 + "]" * 3000: "is nested too deeply",
    "? [a, b]\n: 1\n": "is no valid YAML",
    condition("kbps: 6"): "line 4: conditions.0.codec: field required",
    condition("{codec: [opus, reference]}"): "line 4: conditions.0.codec: input should be a valid string",
    condition("{codec: opsu, kbps: 6}"): "line 4: unknown codec 'opsu': did you mean opus",
    condition("{codec: xyz}"): "line 4: unknown codec 'xyz': known are: .*flowmac, .*opus",
    condition("{codec: opus}"): "line 4: conditions.0.kbps: field required",
    condition("codec: opus\n    kpbs: 6"): "line 5: unknown key 'kpbs': did you mean kbps",
    condition("codec: opus\n    kbps: [6, x]"): "line 5: conditions.0.kbps: input should be a valid number, got 'x'",
    condition("codec: opus\n    kbps: '6'"): "line 5: conditions.0.kbps: input should be a valid number",
    condition("codec: opus\n    kbps: [6, true]"): "line 5: conditions.0.kbps: input should be a valid number",
    condition("codec: opus\n    kbps: .nan"): "line 5: conditions.0.kbps: input should be",
    condition("codec: opus\n    kbps: -3"): "line 5: conditions.0.kbps: input should be greater",
    condition("codec: opus\n    kbps: 1.0e+400"): "line 5: conditions.0.kbps: input should be",
    condition("codec: opus\n    kbps: []"): "line 5: 'kbps' is an empty list",
    condition("codec: opus\n    kbps: [[6]]"): "line 5: conditions.0.kbps: input should be a valid number",
    condition("codec: opus\n    kbps: null"): "line 5: conditions.0.kbps: input should be a valid number",
    condition("{codec: lowpass, cutoff_hz: 4000}"): "line 4: conditions.0.cutoff_hz: input should be 3500 or 7000",
    condition("{codec: reference, kbps: 3}"): "line 4: unknown key 'kbps'",
    condition("codec: flowmac\n    weights: lcc"): "line 4: ",
    condition(f"codec: opus\n    kbps: {list(range(1, 201))}\n    vbr: {[True, False] * 30}"): "12000 combinations",
    condition("{codec: opus, grid: []}"): "line 4: conditions.0.grid: list should have at least 1 item",
    condition("codec: opus\n    grid: 6"): "line 5: conditions.0.grid: input should be a valid list, got 6",
    condition("codec: opus\n    grid: [6]"): "line 5: conditions.0.grid.0: input should be a valid dictionary",
    condition(
        "codec: opus\n    grid:\n      - kbps: 6\n      - kpbs: 7"
    ): "line 7: unknown key 'kpbs': did you mean kbps",
    condition(
        "codec: opus\n    grid:\n      kbps: [6, no]"
    ): "line 6: conditions.0.kbps: input should be a valid number",
    condition(
        "codec: opus\n    kbps: 6\n    grid: {vbr: true,\n      kbps: 7}"
    ): "line 7: 'kbps' stands beside the grid",
    condition("codec: opus\n    kbps: 6\n    repeats: 0"): "line 6: conditions.0.repeats: input should be greater",
    condition("codec: opus\n    kbps: 6\n    repeats: x"): "line 6: conditions.0.repeats: input should be a valid int",
    condition("codec: flowmac\n    kbps: 2.9"): "line 4: the rate must be one of",
    condition("codec: flowmac\n    solver: eular"): "line 4: .*did you mean euler",
    "repeats: many\n" + condition("codec: reference"): "line 1: repeats: input should be a valid integer",
    "skip_unavailable: 2\n" + condition("codec: reference"): "line 1: skip_unavailable: input should be a valid bool",
    "skip_unavailabel: true\n" + condition("codec: reference"): "line 1: unknown key .*did you mean skip_unavailable",
    with_metrics("[all, log_mel]"): "line 3: unknown metric 'all'",
    with_metrics("al"): "line 3: metrics: input should be a valid list",
    with_metrics("[]"): "line 3: metrics: list should have at least 1 item",
    with_metrics("log_mel"): "line 3: metrics: input should be a valid list",
    with_metrics("\n  - log_mel\n  - visqol"): "line 5: unknown metric 'visqol': did you mean visqol_audio",
    with_metrics("[log_mel, log_mel]"): "line 3: the metric 'log_mel' stands there twice",
}


@pytest.mark.parametrize(("text", "message"), HOSTILE.items(), ids=range(len(HOSTILE)))
def test_hostile_files_are_told_with_their_line_and_key(
    flowmac: Callable[..., Finished], sweep_file: Callable[[str], Path], tmp_path: Path, text: str, message: str
) -> None:
    done = flowmac("sweep", sweep_file(text), "-o", tmp_path / "run", "--clips", tmp_path)
    told = " ".join(done.stderr.split())
    assert done.status == 2, told
    assert re.search(message, told), told
    assert "spec.yaml" in told
    assert "Traceback" not in told
    assert not done.stdout
    assert not (tmp_path / "run").exists()

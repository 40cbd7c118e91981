from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from benchmarks.plan import find_sweep, read_plan, shipped_sweeps
from flowmac.errors import SettingError

WriteSweep = Callable[[str], Path]

GOOD = """\
name: good
clips: recordings
conditions:
  - codec: opus
    kbps: [6, 12]
    vbr: [true, false]
  - {codec: lowpass, cutoff_hz: 3500}
  - codec: reference
metrics: [log_mel, estoi]
"""


def test_lists_expand_to_all_combinations(sweep_file: WriteSweep) -> None:
    path = sweep_file(GOOD)
    plan = read_plan(path)
    assert [spec.label for spec in plan.specs] == [
        "Opus 6 kbit/s",
        "Opus CBR 6 kbit/s",
        "Opus 12 kbit/s",
        "Opus CBR 12 kbit/s",
        "3.5 kHz anchor",
        "Hidden reference",
    ]
    assert plan.clips == path.parent / "recordings"
    assert plan.metrics == ["log_mel", "estoi"]
    assert plan.specs[0].settings == {"kbps": 6.0, "vbr": True, "sample_rate_hz": 24000}
    assert plan.specs[0].nominal_kbps == 6.0
    assert len({spec.spec_id for spec in plan.specs}) == len(plan.specs)


def test_conditions_that_come_to_the_same_run_once(sweep_file: WriteSweep) -> None:
    plan = read_plan(
        sweep_file(
            "name: twice\nmetrics: [log_mel]\nconditions:\n"
            "  - {codec: opus, kbps: [12, 12.0]}\n"
            "  - {codec: opus, kbps: 12, vbr: true, sample_rate_hz: 24000}\n"
        )
    )
    assert [spec.label for spec in plan.specs] == ["Opus 12 kbit/s"]


def test_only_keeps_one_codec(sweep_file: WriteSweep) -> None:
    plan = read_plan(sweep_file(GOOD), only="lowpass")
    assert [spec.codec for spec in plan.specs] == ["lowpass"]
    with pytest.raises(SettingError, match="did you mean opus"):
        read_plan(sweep_file(GOOD), only="opsu")


def test_ids_do_not_change_from_release_to_release(sweep_file: WriteSweep) -> None:
    """Old results would be made anew otherwise."""
    assert [spec.spec_id for spec in read_plan(sweep_file(GOOD)).specs] == IDS


IDS = [
    "989942c86ebf8bf4",
    "369a8308474d3d31",
    "d23a0d04cbb8802b",
    "b93f76bd90ba6e77",
    "d4634c7a193b008e",
    "b65168d51dc534b7",
]


@pytest.mark.parametrize("name", shipped_sweeps())
def test_shipped_sweeps_are_found_by_name_and_valid(name: str) -> None:
    plan = read_plan(find_sweep(name), only="opus")
    assert plan.name == name
    assert plan.clips is None or plan.clips.is_dir()


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
    condition("{codec: xyz}"): "line 4: unknown codec 'xyz': known are: flowmac, lowpass, opus, reference",
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
    with_metrics("[]"): "line 3: metrics: list should have at least 1 item",
    with_metrics("log_mel"): "line 3: metrics: input should be a valid list",
    with_metrics("\n  - log_mel\n  - visqol"): "line 5: unknown metric 'visqol': did you mean visqol_audio",
    with_metrics("[log_mel, log_mel]"): "line 3: the metric 'log_mel' stands there twice",
}


@pytest.mark.parametrize(("text", "message"), HOSTILE.items(), ids=range(len(HOSTILE)))
def test_hostile_files_are_told_with_their_line(sweep_file: WriteSweep, text: str, message: str) -> None:
    with pytest.raises(SettingError, match=message) as caught:
        read_plan(sweep_file(text))
    assert "spec.yaml" in str(caught.value)


def test_files_that_are_no_text(tmp_path: Path) -> None:
    binary = tmp_path / "spec.yaml"
    binary.write_bytes(b"\xff\xfe\x00\x01")
    with pytest.raises(SettingError, match="no text in UTF-8"):
        read_plan(binary)
    binary.write_bytes(b"#" * 2_000_000)
    with pytest.raises(SettingError, match="2000000 bytes"):
        read_plan(binary)


@pytest.mark.parametrize("spec", ["nowhere.yaml", "a/b", "."])
def test_no_such_sweep_file(spec: str) -> None:
    with pytest.raises(SettingError, match="no such sweep file"):
        find_sweep(spec)


def test_no_such_sweep_name() -> None:
    with pytest.raises(SettingError, match="did you mean first_chain"):
        find_sweep("first_chian")

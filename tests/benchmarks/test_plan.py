from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from benchmarks.codecs import CODECS
from benchmarks.metrics import METRICS
from benchmarks.plan import find_sweep, read_plan
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


def test_grids_hold_combinations_that_belong_together(sweep_file: WriteSweep) -> None:
    plan = read_plan(
        sweep_file(
            "name: x\nmetrics: [log_mel]\nrepeats: 2\nconditions:\n"
            "  - codec: opus\n    vbr: [true, false]\n    grid:\n"
            "      - {kbps: 6}\n      - {kbps: [12, 16], sample_rate_hz: 48000, repeats: 5}\n"
            "  - {codec: opus, grid: {kbps: [24, 32]}}\n"
        )
    )
    told = [(s.settings["kbps"], s.settings["vbr"], s.settings["sample_rate_hz"], s.repeats) for s in plan.specs]
    assert told == [
        (6, True, 24000, 2),
        (6, False, 24000, 2),
        (12, True, 48000, 5),
        (16, True, 48000, 5),
        (12, False, 48000, 5),
        (16, False, 48000, 5),
        (24, True, 24000, 2),
        (32, True, 24000, 2),
    ]


def test_repeats_are_no_part_of_what_is_run_and_the_most_count(sweep_file: WriteSweep) -> None:
    text = "name: x\nmetrics: [log_mel]\nconditions: [{codec: opus, kbps: 6, repeats: [1, 7, 3]}]\n"
    (spec,) = read_plan(sweep_file(text)).specs
    assert spec.repeats == 7
    assert spec.spec_id == IDS[0]


def test_all_metrics_are_those_installed(sweep_file: WriteSweep, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(METRICS.get("pesq_wb"), "modules", ("a_module_that_nobody_has",))
    plan = read_plan(sweep_file("name: x\nconditions: [{codec: reference}]\nmetrics: all\n"))
    assert plan.metrics == [name for name in METRICS.names() if METRICS.get(name).missing() is None]
    assert "pesq_wb" not in plan.metrics
    assert any("pip install 'flowmac[pesq]'" in reason for reason in plan.left_out)


ABSENT = "name: x\nmetrics: [log_mel]\nskip_unavailable: {skip}\nconditions:\n  - {{codec: untrained, bits: [4, 8]}}\n"


@pytest.mark.usefixtures("fakes")
def test_absent_codecs_are_left_out_where_the_file_says_so(
    sweep_file: WriteSweep, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(CODECS.get("fake"), "modules", ("a_module_that_nobody_has",))
    others = "  - {codec: fake, bits: [1, 2, 3]}\n  - codec: reference\n"
    plan = read_plan(sweep_file(ABSENT.format(skip="true") + others))
    assert [spec.codec for spec in plan.specs] == ["reference"]
    told = "\n".join(plan.left_out)
    assert "2 of untrained: there are no weights" in told
    assert "3 of fake: codec 'fake' needs a_module_that_nobody_has" in told
    with pytest.raises(SettingError, match="line 5: there are no weights of this codec"):
        read_plan(sweep_file(ABSENT.format(skip="false") + others))
    with pytest.raises(SettingError, match=r"no condition can run here.*no weights"):
        read_plan(sweep_file(ABSENT.format(skip="true")))


def test_mistyped_keys_and_values_are_never_left_out(sweep_file: WriteSweep) -> None:
    text = "name: x\nmetrics: [log_mel]\nskip_unavailable: true\nconditions:\n  - codec: reference\n  - {codec: opus, "
    for wrong, message in (("kpbs: 6}", "did you mean kbps"), ("kbps: 6}\n  - {codec: flowmac, kbps: 2.9}", "rate")):
        with pytest.raises(SettingError, match=f"line [67]: .*{message}"):
            read_plan(sweep_file(text + wrong))


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

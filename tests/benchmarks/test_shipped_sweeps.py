"""Each sweep file that comes with the package: it is planned whole, shown, and has what its name promises."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from benchmarks import probe
from benchmarks.plan import Plan, find_sweep, read_plan, shipped_sweeps

from .conftest import Finished

NAMES = list(shipped_sweeps())


@pytest.fixture
def no_probe(monkeypatch: pytest.MonkeyPatch) -> None:
    def guess(plan: Plan, to_do: Sequence[Any], tell: Callable[[str], None]) -> probe.Estimate:
        return probe.Estimate(dict.fromkeys((spec.spec_id for spec in plan.specs), 0.1), {}, 1.0, 60.0)

    monkeypatch.setattr(probe, "estimate", guess)


def test_the_experiments_are_there() -> None:
    assert {"nfe_cfg", "levels", "claim", "solvers", "generalisation", "cpu_time", "temperature"} <= set(NAMES)
    assert {"all_codecs", "demo", "encoder", "first_chain", "vocoders", "models", "joint_staged"} <= set(NAMES)


@pytest.mark.usefixtures("no_probe")
@pytest.mark.parametrize("name", NAMES)
def test_dry_run(flowmac: Callable[..., Finished], name: str, demo_clips: Path, tmp_path: Path) -> None:
    assert find_sweep(name).read_text().startswith("# "), "the first line says what it is for"
    done = flowmac("sweep", name, "-o", tmp_path / "run", "--clips", demo_clips, "--limit", 3, "--dry-run")
    assert done.status == 0, done.stderr
    plan = read_plan(find_sweep(name))
    assert plan.name == name
    assert plan.clips is None or plan.clips.is_dir()
    assert f"{len(plan.specs)} conditions x 3 clips" in done.stdout
    assert all(spec.label in done.stdout for spec in plan.specs)
    assert all(f"left out: {reason}" in done.stderr.splitlines() for reason in plan.left_out)


def test_levels_have_enough_rates_for_a_rate_difference() -> None:
    rates: dict[str, set[float | None]] = defaultdict(set)
    for spec in read_plan(find_sweep("levels")).specs:
        rates[spec.codec].add(spec.nominal_kbps)
    assert len(rates["flowmac"]) >= 4
    assert len(rates["opus"]) >= 4


def test_solvers_are_compared_at_equal_evaluations() -> None:
    solvers: dict[int | None, set[str]] = defaultdict(set)
    for spec in read_plan(find_sweep("solvers")).specs:
        if spec.codec == "flowmac":
            solvers[spec.n_evaluations].add(spec.settings["solver"])
    assert sum(len(found) == 4 for found in solvers.values()) >= 3


def test_solvers_are_compared_on_both_time_grids() -> None:
    grids: dict[tuple[int | None, str], set[str]] = defaultdict(set)
    for spec in read_plan(find_sweep("solvers")).specs:
        if spec.codec == "flowmac":
            grids[spec.n_evaluations, spec.settings["solver"]].add(spec.settings["time_grid"])
    assert {solver for (_, solver), found in grids.items() if len(found) == 2} == {"euler", "midpoint", "heun", "rk4"}


def test_vocoders_are_compared_on_true_and_decoded_mels() -> None:
    specs = [spec for spec in read_plan(find_sweep("vocoders")).specs if spec.codec == "mel_vocoder"]
    mels: dict[str, set[float | None]] = defaultdict(set)
    for spec in specs:
        mels[spec.settings["weights"]].add(spec.settings["kbps"])
    assert mels["lc"] == mels["base"] == {None, 3.0}


def test_all_codecs_has_at_least_forty_conditions() -> None:
    assert len(read_plan(find_sweep("all_codecs")).specs) >= 40

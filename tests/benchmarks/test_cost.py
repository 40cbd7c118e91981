"""Times, operations and memory of a row, and the codecs that are timed by another clock."""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from benchmarks.corpus import read_clips
from benchmarks.cost import counted
from benchmarks.plan import read_plan
from benchmarks.results import Row, Timing
from benchmarks.runner import all_tasks, missing_tasks
from benchmarks.timing import timed
from benchmarks.worker import Task, make_row

pytestmark = pytest.mark.usefixtures("fakes")

on_linux = pytest.mark.skipif(sys.platform != "linux", reason="the peak of memory is read from Linux's /proc")


def hold(n_bytes: int) -> None:
    np.ones(n_bytes, np.int8)


def test_operations_of_a_matrix_product() -> None:
    _, cost = counted(lambda: torch.ones(100, 50) @ torch.ones(50, 20))
    assert cost.flops == 2 * 100 * 50 * 20
    _, cost = counted(lambda: np.ones((100, 50)) @ np.ones((50, 20)))
    assert cost.flops is None


@on_linux
@pytest.mark.parametrize("n_mib", [32, 128])
def test_memory_is_the_peak_of_the_call_alone(n_mib: int) -> None:
    hold(256 * 2**20)  # an earlier, higher peak, which must not count
    _, cost = counted(lambda: hold(n_mib * 2**20))
    assert cost.memory_bytes == pytest.approx(n_mib * 2**20, rel=0.1)
    _, cost = counted(lambda: None)
    assert cost.memory_bytes is not None
    assert cost.memory_bytes < 2**20


def test_clocks_differ_where_nothing_is_computed() -> None:
    _, process_s = timed(lambda: time.sleep(0.1), "process")
    _, wall_s = timed(lambda: time.sleep(0.1), "wall")
    assert process_s < 0.05
    assert wall_s >= 0.1


@pytest.fixture
def first_task(sweep_file: Callable[[str], Path], clips_folder: Path) -> Callable[[str], Task]:
    def make(condition: str) -> Task:
        plan = read_plan(sweep_file(f"name: x\nmetrics: [log_mel]\nconditions: [{condition}]\n"))
        return all_tasks(plan, read_clips(clips_folder))[0]

    return make


def timing_of(row: Row) -> Timing:
    assert row.failure is None
    assert row.timing is not None
    return row.timing


@on_linux
def test_row_keeps_every_repeat_operations_and_memory(first_task: Callable[[str], Task]) -> None:
    row = make_row(first_task("{codec: network, repeats: 5}")).row
    timing = timing_of(row)
    assert (timing.clock, timing.n_threads) == ("process", 1)
    assert len(timing.encode_s) == len(timing.decode_s) == 5
    assert row.encode_s == np.median(timing.encode_s)
    assert row.decode_s == np.median(timing.decode_s)
    assert (timing.encode_flops, timing.decode_flops) == (2 * 100 * 50 * 20, None)
    assert timing.encode_memory_bytes is not None
    assert timing.encode_memory_bytes > 60 * 2**20
    assert Row.from_json(row.to_json()) == row


def test_codec_in_another_process_is_timed_by_the_clock_on_the_wall(first_task: Callable[[str], Task]) -> None:
    row = make_row(first_task("{codec: outside, seconds: 0.05}")).row
    timing = timing_of(row)
    assert timing.clock == "wall"
    assert timing.encode_s[0] > 0.05
    assert (timing.encode_flops, timing.encode_memory_bytes) == (None, None)


def test_flowmac_counts_its_operations(sweep_file: Callable[[str], Path], demo_clips: Path) -> None:
    """Each evaluation costs the same; with the first ones come two products that shape the noise."""
    text = "name: x\nmetrics: [log_mel]\nconditions: [{codec: flowmac, nfe: [0, 2, 4, 6]}]\n"
    clips = read_clips(demo_clips)[:1]
    timings = [timing_of(make_row(task).row) for task in all_tasks(read_plan(sweep_file(text)), clips)]
    none, two, four, six = (timing.decode_flops or 0 for timing in timings)
    assert six - four == four - two > 0
    n_groups = math.ceil(clips[0].duration_s * 24000 / (16 * 512))
    assert two - none == four - two + 2 * (2 * n_groups * 2048 * 512)
    assert none > 0
    assert len({timing.encode_flops for timing in timings}) == 1


def test_rows_timed_too_seldom_are_not_finished(
    sweep_file: Callable[[str], Path], clips_folder: Path, tmp_path: Path
) -> None:
    from benchmarks.results import RowWriter

    text = "name: x\nrepeats: {}\nmetrics: [log_mel]\nconditions: [{{codec: fake}}, {{codec: reference}}]\n"
    clips = read_clips(clips_folder)[:1]
    two, three = (all_tasks(read_plan(sweep_file(text.format(n))), clips) for n in (2, 3))
    with RowWriter(tmp_path / "run") as writer:
        for task in two:
            writer.write(make_row(task).row)
    assert missing_tasks(two, tmp_path / "run") == []
    assert [task.spec.codec for task in missing_tasks(three, tmp_path / "run")] == ["fake"]

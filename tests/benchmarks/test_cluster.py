"""Sweeps that are killed, and clusters: SIGKILL at random moments, a worker that dies, scheduler and workers apart."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from benchmarks import runner
from benchmarks.corpus import read_clips
from benchmarks.plan import read_plan
from benchmarks.results import ROWS_FILE, read_rows

from .conftest import Finished
from .kill_sweep import differences, kill_and_finish

pytestmark = [pytest.mark.usefixtures("fakes"), pytest.mark.slow]

HERE = Path(__file__).parent
RunCommand = Callable[..., Finished]

#: The command line in a process of its own with a fake codec registered, as another package would.
COMMAND_WITH_FAKES = """
from benchmarks.codecs import CODECS
CODECS.register("fake", "fakes:FakeCodec")
if __name__ == "__main__":
    from flowmac.cli import main
    main()
"""


@pytest.fixture
def paths(monkeypatch: pytest.MonkeyPatch) -> None:
    """Processes that are started find the fakes."""
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(HERE), *filter(None, sys.path)]))


@pytest.mark.usefixtures("paths")
@pytest.mark.timeout(600)
def test_sweep_killed_ten_times_comes_to_the_same_rows(
    flowmac: RunCommand, sweep_file: Callable[[str], Path], clips_folder: Path, tmp_path: Path
) -> None:
    spec = sweep_file(
        "name: x\nmetrics: [log_mel, si_sdr]\nconditions:\n"
        "  - {codec: fake, bits: [1, 2, 3, 4, 5, 6, 7, 8], seconds: [0.03, 0.04, 0.05]}\n  - {codec: reference}\n"
    )
    program = tmp_path / "with_fakes.py"
    program.write_text(COMMAND_WITH_FAKES)
    broken, whole = tmp_path / "broken", tmp_path / "whole"
    options = ["--clips", str(clips_folder), "--workers", "1"]
    assert flowmac("sweep", spec, "-o", whole, *options).status == 0
    command = [sys.executable, str(program), "sweep", str(spec), "-o", str(broken), *options]
    n_met = kill_and_finish(command, broken, n_rows=75, n_kills=10, seed=int(time.time()), longest_s=4)
    assert n_met >= 3  # the others met one that had not begun or had ended, by chance and by how busy the machine is
    assert differences(broken, whole) == []
    with (broken / ROWS_FILE).open("ab") as file:
        file.write(b'{"schema": 1, "row_id": "torn')
    assert "75 rows, 0 made now" in flowmac("sweep", spec, "-o", broken, *options).stdout
    assert differences(broken, whole) == []


def test_worker_that_dies_loses_its_task_alone(
    flowmac: RunCommand, sweep_file: Callable[[str], Path], clips_folder: Path, tmp_path: Path
) -> None:
    spec = sweep_file(
        "name: x\nmetrics: [log_mel]\nconditions:\n"
        f"  - {{codec: mortal, flag: {tmp_path / 'flag'}}}\n  - {{codec: fake, bits: [2, 4]}}\n"
    )
    done = flowmac("sweep", spec, "-o", tmp_path / "run", "--clips", clips_folder, "--workers", 1)
    assert done.status == 0, done.stderr
    assert (tmp_path / "flag").exists()
    assert {row.status for row in read_rows(tmp_path / "run")} == {"ok"}
    assert "9 rows, 9 made now, 0 failed" in done.stdout


@pytest.fixture
def dask(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Callable[..., None]]:
    """Starts ``dask ...`` as the README does; all is stopped at the end."""
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    started: list[subprocess.Popen[bytes]] = []

    def start(*arguments: object) -> None:
        command = [sys.executable, "-m", "dask", *map(str, arguments)]
        started.append(
            subprocess.Popen(
                command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=tmp_path, start_new_session=True
            )
        )

    yield start
    for process in started:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


@pytest.mark.usefixtures("paths")
def test_scheduler_and_two_workers_as_processes_of_their_own(
    flowmac: RunCommand,
    dask: Callable[..., None],
    sweep_file: Callable[[str], Path],
    clips_folder: Path,
    tmp_path: Path,
    unused_tcp_port: int,
) -> None:
    address = f"tcp://127.0.0.1:{unused_tcp_port}"
    dask("scheduler", "--host", "127.0.0.1", "--port", unused_tcp_port, "--no-dashboard")
    for _ in range(2):
        dask("worker", address, "--nthreads", 1, "--no-dashboard")
    spec = sweep_file(
        "name: x\nmetrics: [log_mel]\nconditions: [{codec: fake, bits: [2, 4, 8], seconds: 0.3}, {codec: reference}]\n"
    )
    options = ("--clips", clips_folder, "--scheduler", address)
    done = flowmac("sweep", spec, "-o", tmp_path / "run", *options)
    assert done.status == 0, done.stderr
    assert "12 rows, 12 made now, 0 failed" in done.stdout
    assert "with 2 workers" in done.stdout
    plan, clips = read_plan(spec), read_clips(clips_folder)
    assert runner.missing_tasks(runner.all_tasks(plan, clips), tmp_path / "run") == []


def test_workers_with_several_threads_are_refused(
    flowmac: RunCommand, sweep_file: Callable[[str], Path], clips_folder: Path, tmp_path: Path
) -> None:
    from distributed import LocalCluster

    spec = sweep_file("name: x\nmetrics: [log_mel]\nconditions: [{codec: reference}]\n")
    with LocalCluster(n_workers=1, threads_per_worker=2, processes=False, dashboard_address="127.0.0.1:0") as cluster:
        options = ("--clips", clips_folder, "--scheduler", cluster.scheduler_address)
        done = flowmac("sweep", spec, "-o", tmp_path / "run", *options)
    assert done.status == 2
    assert "has 2 threads, and times need one each" in done.stderr


@pytest.fixture
def unused_tcp_port() -> int:
    import socket

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
    return port

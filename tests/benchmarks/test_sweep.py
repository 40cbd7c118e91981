"""Whole sweeps on a cluster of processes: failures, killing, resuming, another scheduler, decoding elsewhere."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from benchmarks import runner
from benchmarks.corpus import read_clips
from benchmarks.plan import read_plan
from benchmarks.results import ROWS_FILE, read_rows

from .conftest import Finished

pytestmark = [pytest.mark.usefixtures("fakes"), pytest.mark.slow]

HERE = Path(__file__).parent
RunCommand = Callable[..., Finished]

SWEEP = """\
name: tiny
conditions:
  - {codec: fake, bits: [4, 8]}
  - {codec: lowpass, cutoff_hz: 3500}
  - {codec: reference}
metrics: [log_mel, si_sdr]
"""

#: Runs the command line in a process of its own with the fakes registered, as a package of codecs would be.
COMMAND_WITH_FAKES = """
import signal
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background jobs ignore it
from benchmarks.codecs import CODECS
CODECS.register("fake", "fakes:FakeCodec")
if __name__ == "__main__":
    from flowmac.cli import main
    main()
"""


@pytest.fixture
def spec(sweep_file: Callable[[str], Path]) -> Path:
    return sweep_file(SWEEP)


def raw_ids(folder: Path) -> list[str]:
    return [json.loads(line)["row_id"] for line in (folder / ROWS_FILE).read_bytes().splitlines()]


def start_process(tmp_path: Path, *arguments: object) -> subprocess.Popen[bytes]:
    program = tmp_path / "with_fakes.py"
    program.write_text(COMMAND_WITH_FAKES)
    path = os.pathsep.join([str(HERE), *sys.path])
    return subprocess.Popen(
        [sys.executable, str(program), *map(str, arguments)],
        env={**os.environ, "PYTHONPATH": path},
        stderr=subprocess.PIPE,
        start_new_session=True,
    )


def wait_for_rows(folder: Path, n_rows: int, timeout_s: float = 60) -> None:
    end_s = time.monotonic() + timeout_s
    path = folder / ROWS_FILE
    while not path.exists() or path.read_bytes().count(b"\n") < n_rows:
        assert time.monotonic() < end_s, "no rows came"
        time.sleep(0.02)


def test_sweep_writes_rows_audio_and_streams_and_has_nothing_left(
    flowmac: RunCommand, spec: Path, clips_folder: Path, tmp_path: Path
) -> None:
    output = tmp_path / "run"
    arguments = ("sweep", spec, "-o", output, "--clips", clips_folder, "--workers", 2)
    done = flowmac(*arguments)
    assert done.status == 0, done.stderr
    assert "12 rows, 12 made now, 0 failed" in done.stdout
    rows = read_rows(output)
    assert len(rows) == 12
    for row in rows:
        assert (output / (row.decoded_audio or "")).is_file()
        assert (output / row.clip.reference_audio).is_file()
        assert (output / row.stream).is_file() == (row.total_bits is not None)
    assert not list(output.rglob("*.part"))
    before = (output / ROWS_FILE).read_bytes()
    again = flowmac(*arguments)
    assert again.status == 0
    assert "12 rows, 0 made now, 0 failed" in again.stdout
    assert (output / ROWS_FILE).read_bytes() == before


def test_rows_decode_from_their_bytes_in_a_fresh_process(
    flowmac: RunCommand, sweep_file: Callable[[str], Path], demo_clips: Path, tmp_path: Path
) -> None:
    spec = sweep_file(
        "name: x\nmetrics: [log_mel]\nconditions:\n"
        "  - {codec: flowmac, kbps: [0.75, 3], nfe: 2, temperature: 0.5, seed: 7}\n"
        "  - {codec: opus, kbps: 8}\n"
    )
    output = tmp_path / "run"
    done = flowmac("sweep", spec, "-o", output, "--clips", demo_clips, "--limit", 2, "--workers", 1)
    assert done.status == 0, done.stderr
    program = """
import json, sys
from pathlib import Path
from benchmarks.codecs import CODECS
from benchmarks.results import read_rows
from benchmarks.worker import make_adapter, samples_sha256
folder = Path(sys.argv[1])
for row in read_rows(folder):
    decoder = make_adapter(CODECS.get(row.codec), json.dumps(row.settings))
    decoded = decoder.decode((folder / row.stream).read_bytes())
    print(row.label, samples_sha256(decoded) == row.decoded_sha256)
"""
    checked = subprocess.run([sys.executable, "-c", program, str(output)], capture_output=True, text=True, check=True)
    assert checked.stdout.count("True") == 6, checked.stdout


def test_failed_rows_say_why_and_are_tried_again(
    flowmac: RunCommand, sweep_file: Callable[[str], Path], clips_folder: Path, tmp_path: Path
) -> None:
    output = tmp_path / "run"
    text = "name: x\nmetrics: [log_mel, {metric}]\nconditions: [{{codec: {codec}}}, {{codec: reference}}]\n"
    options = ("-o", output, "--clips", clips_folder, "--limit", 2, "--workers", 2)
    done = flowmac("sweep", sweep_file(text.format(codec="failing", metric="failing")), *options)
    assert done.status == 1
    assert "4 rows, 4 made now, 2 failed" in done.stdout
    assert "ZeroDivisionError: the rate loop diverged" in done.stderr
    rows = {(row.codec, row.clip.id): row for row in read_rows(output)}
    failed, fine = rows["failing", "env_c"], rows["reference", "env_c"]
    assert failed.failure is not None
    assert failed.failure.message == "the rate loop diverged"
    assert fine.status == "ok"
    assert fine.scores["failing"].failure is not None
    assert fine.scores["failing"].failure.kind == "MemoryError"
    # rows with a failing codec or metric are not finished; those of a metric that is absent or not applicable are
    again = flowmac("sweep", sweep_file(text.format(codec="failing", metric="estoi")), *options)
    assert "4 rows, 4 made now, 2 failed" in again.stdout
    assert len(read_rows(output)) == 4
    last = flowmac("sweep", sweep_file(text.format(codec="failing", metric="estoi")), *options)
    assert "4 rows, 2 made now, 2 failed" in last.stdout


def test_codec_that_takes_its_process_down_costs_its_rows_alone(
    flowmac: RunCommand, sweep_file: Callable[[str], Path], clips_folder: Path, tmp_path: Path
) -> None:
    output = tmp_path / "run"
    spec = sweep_file("name: x\nmetrics: [log_mel]\nconditions: [{codec: deadly}, {codec: reference}]\n")
    done = flowmac("sweep", spec, "-o", output, "--clips", clips_folder, "--limit", 1, "--workers", 1)
    assert done.status == 1
    rows = {row.codec: row for row in read_rows(output)}
    assert rows["reference"].status == "ok"
    assert rows["deadly"].failure is not None
    assert rows["deadly"].failure.kind == "KilledWorker"


def test_interrupted_sweep_ends_cleanly(sweep_file: Callable[[str], Path], clips_folder: Path, tmp_path: Path) -> None:
    spec = sweep_file(SWEEP.replace("bits: [4, 8]", "bits: [1, 2, 3, 4, 5, 6, 7, 8], seconds: 0.5"))
    output = tmp_path / "run"
    process = start_process(tmp_path, "sweep", spec, "-o", output, "--clips", clips_folder, "--workers", 1)
    wait_for_rows(output, 2)
    os.killpg(process.pid, signal.SIGINT)  # as the terminal does: to the workers, too
    _, stderr = process.communicate(timeout=60)
    assert process.returncode == 130
    assert b"repeat the command to go on" in stderr
    assert b"Traceback" not in stderr
    assert 2 <= len(read_rows(output)) < 30


def test_another_scheduler_by_its_address(flowmac: RunCommand, spec: Path, clips_folder: Path, tmp_path: Path) -> None:
    from distributed import LocalCluster

    with LocalCluster(n_workers=1, threads_per_worker=1, dashboard_address="127.0.0.1:0") as cluster:
        options = ("--clips", clips_folder, "--limit", 1, "--scheduler", cluster.scheduler_address)
        done = flowmac("sweep", spec, "-o", tmp_path / "run", *options)
    assert done.status == 0, done.stderr
    assert len(read_rows(tmp_path / "run")) == 4


@pytest.mark.parametrize("address", ["tcp://127.0.0.1:9", "nonsense://x", "127.0.0.1"])
def test_scheduler_that_is_not_there(
    flowmac: RunCommand, spec: Path, clips_folder: Path, tmp_path: Path, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runner, "CONNECT_TIMEOUT_S", 1)
    done = flowmac("sweep", spec, "-o", tmp_path / "run", "--clips", clips_folder, "--scheduler", address)
    assert done.status == 2
    assert "no Dask scheduler answers" in done.stderr
    assert "Traceback" not in done.stderr


def test_changed_category_or_metric_is_made_anew(spec: Path, clips_folder: Path, tmp_path: Path) -> None:
    plan, clips = read_plan(spec), read_clips(clips_folder)
    tasks = runner.all_tasks(plan, clips)
    rows = list(runner.run(tasks[:4], tmp_path / "run", n_workers=1))
    assert len(rows) == 4
    assert runner.missing_tasks(tasks, tmp_path / "run") == tasks[4:]
    (clips_folder / "manifest.csv").write_text(
        "path,category\nenv_c.wav,speech\nmusic_b.wav,music\nspeech_a.wav,speech\n"
    )
    renamed = runner.all_tasks(plan, read_clips(clips_folder))
    assert runner.missing_tasks(renamed, tmp_path / "run") == renamed


def test_workers_allocate_memory_as_any_process_does(monkeypatch: pytest.MonkeyPatch) -> None:
    """Dask's own setting makes codecs look three times as slow as they are."""
    monkeypatch.delenv("MALLOC_TRIM_THRESHOLD_", raising=False)  # other tests' clusters leave it in this process
    with runner._client(1, None) as client:
        assert set(client.run(os.environ.get, "MALLOC_TRIM_THRESHOLD_").values()) == {None}
        assert set(client.run(os.environ.get, "OMP_NUM_THREADS").values()) == {"1"}


def test_no_profiler_runs_beside_a_timed_codec() -> None:
    with runner._client(1, None) as client:
        callbacks = client.run(lambda dask_worker: list(dask_worker.periodic_callbacks))
    (found,) = callbacks.values()
    assert "heartbeat" in found
    assert "profile" not in found

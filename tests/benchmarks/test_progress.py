"""What a sweep tells while it runs, and before: progress without a terminal, the estimate, ten thousand rows."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import soundfile

from benchmarks import probe, progress
from benchmarks.corpus import read_clips
from benchmarks.metrics import METRICS
from benchmarks.plan import read_plan
from benchmarks.results import ROWS_FILE, Failure, Row, Score
from benchmarks.runner import Account, all_tasks
from benchmarks.worker import make_row

from .conftest import Finished, babble

pytestmark = pytest.mark.usefixtures("fakes")

FAKES = (
    "name: x\nmetrics: [log_mel, estoi]\nconditions: [{codec: fake, bits: [4, 8], repeats: 2}, {codec: reference}]\n"
)


def test_lines_come_in_time_and_failures_at_once(
    sweep_file: Callable[[str], Path],
    clips_folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(progress, "LINE_EVERY_S", 0.05)
    task = all_tasks(read_plan(sweep_file(FAKES)), read_clips(clips_folder))[0]
    row = Row("r", "s", "fake", "Fake", {}, task.clip, "ok")
    with progress.shown_progress(4) as take:
        time.sleep(0.12)
        take(row)
        take(Row("r2", "s", "fake", "Fake", {}, task.clip, "failed", Failure("OSError", "gone")))
        time.sleep(0.12)
    told = capfd.readouterr().err
    assert told.startswith("0/4 rows, - rows/min, 0 failed, unknown time left\n")
    assert "Fake on env_c: OSError: gone\n" in told
    assert re.search(r"^2/4 rows, [\d.]+ rows/min, 1 failed, 0:00:0\d left$", told, re.MULTILINE)


def test_share_of_the_engine() -> None:
    assert Account(n_workers=2, wall_s=10, work_s=19).engine_share == pytest.approx(0.05)
    assert Account().engine_share == 0


def test_dry_run_counts_evaluations_and_guesses_time(
    flowmac: Callable[..., Finished], sweep_file: Callable[[str], Path], clips_folder: Path, tmp_path: Path
) -> None:
    spec = sweep_file(FAKES.replace("{codec: reference}", "{codec: flowmac, nfe: 4, repeats: 3}"))
    done = flowmac("sweep", spec, "-o", tmp_path / "run", "--clips", clips_folder, "--workers", 2, "--dry-run")
    assert done.status == 0, done.stderr
    assert "3 conditions x 3 clips = 9 rows, 9 to make" in done.stdout
    assert "network evaluations: 48 " in done.stdout  # 4 x (3 timed passes + 1) x 3 clips
    assert re.search(r"time: about \d+:\d\d:\d\d on 2 workers .*an estimate", done.stdout)
    assert "trying Fake 4 bit" in done.stderr
    assert not (tmp_path / "run").exists()


def test_estimate_scales_by_duration_repeats_and_what_a_metric_judges(
    sweep_file: Callable[[str], Path], clips_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(probe, "_try_codec", lambda spec, piece, clip_id: (0.3 * piece.duration_s, 2.0))
    monkeypatch.setattr(probe, "_try_metric", lambda name, piece: (0.1 * piece.duration_s, 1.0))
    plan = read_plan(sweep_file(FAKES))
    tasks = all_tasks(plan, read_clips(clips_folder))
    guess = probe.estimate(plan, tasks, lambda what: None)
    speech_s, all_s = 1.5, 1.5 + 1.6 + 1.7
    # two codecs pass three times, the reference once; log_mel judges all clips, estoi speech alone
    assert guess.work_s == pytest.approx(0.3 * 7 * all_s + 0.1 * 3 * (all_s + speech_s))
    assert guess.start_s == pytest.approx(3 * 2 + 2 * 1)
    assert guess.wall_s(2) == pytest.approx(guess.start_s + guess.work_s / 2)


def test_condition_that_fails_on_the_piece_is_shown(
    flowmac: Callable[..., Finished], sweep_file: Callable[[str], Path], clips_folder: Path, tmp_path: Path
) -> None:
    spec = sweep_file(FAKES.replace("codec: fake, bits: [4, 8], repeats: 2", "codec: failing"))
    done = flowmac("sweep", spec, "-o", tmp_path / "run", "--clips", clips_folder, "--dry-run")
    assert done.status == 0
    assert re.search(r"Fake 8 bit .* fails ", done.stdout)


def test_nothing_to_do_among_ten_thousand_rows_is_found_in_three_seconds(
    flowmac: Callable[..., Finished], sweep_file: Callable[[str], Path], tmp_path: Path
) -> None:
    clips = tmp_path / "clips"
    clips.mkdir()
    for seed in range(25):
        soundfile.write(clips / f"speech_{seed:02}.wav", babble(0.5, seed=seed), 24000)
    names = METRICS.names()[:-3]  # without the fakes
    spec = sweep_file(
        f"name: x\nmetrics: {names}\nconditions:\n"
        f"  - {{codec: fake, bits: [1, 2, 3, 4, 5, 6, 7, 8], seconds: {[n / 100 for n in range(50)]}}}\n"
    )
    tasks = all_tasks(read_plan(spec), read_clips(clips))
    assert len(tasks) == 10_000
    template = make_row(tasks[0]).row.to_json()
    scores = {name: Score(METRICS.get(name).version(), 1.234567890123) for name in names}
    output = tmp_path / "run"
    output.mkdir()
    with (output / ROWS_FILE).open("w") as file:
        for task in tasks:
            row = Row.from_json(template)
            row = Row(**{**vars(row), "row_id": task.row_id, "clip": task.clip, "scores": scores})
            file.write(row.to_json() + "\n")
    start_s = time.process_time()
    done = flowmac("sweep", spec, "-o", output, "--clips", clips)
    assert time.process_time() - start_s < 3
    assert "10000 rows, 0 made now, 0 failed" in done.stdout

"""How much faster two workers are than one: the same rows by each in turn (1 2 1 2 ...), start and warm-up left out.

::

    python -m tests.benchmarks.scaling tests/benchmarks/kill_sweep.yaml --clips my_recordings --limit 1

The clock on the wall says what was gained here and now, on a machine that may have other things to do. Processor
seconds of the workers say what rows cost each other side by side, in caches and memory: with free cores, two workers
are faster by twice the ratio of these seconds, but for the engine's share.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

from benchmarks.corpus import read_clips
from benchmarks.plan import find_sweep, read_plan
from benchmarks.runner import Account, all_tasks, run
from benchmarks.worker import Task

#: Part of the rows that start and warm-up may take.
WARM_PART = 0.25


@dataclass(frozen=True)
class Pace:
    """What a warm sweep cost a row, and the engine's share of the workers' time over all of it."""

    wall_s: float
    processor_s: float
    engine_share: float


def worker_seconds() -> float:
    """Processor seconds of all child processes so far."""
    times = [process.cpu_times() for process in psutil.Process().children(recursive=True)]
    return sum(time.user + time.system for time in times)


def pace(tasks: Sequence[Task], n_workers: int) -> Pace:
    """Run the rows into a folder of no use, and time those after the first part."""
    account = Account()
    n_warm = max(n_workers, round(WARM_PART * len(tasks)))
    with tempfile.TemporaryDirectory() as folder:
        for number, _ in enumerate(run(tasks, Path(folder), n_workers=n_workers, account=account), start=1):
            if number <= n_warm:
                start = time.perf_counter(), worker_seconds()
            end = time.perf_counter(), worker_seconds()
    wall_s, processor_s = ((b - a) / (len(tasks) - n_warm) for a, b in zip(start, end, strict=True))
    return Pace(wall_s, processor_s, account.engine_share)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sweep")
    parser.add_argument("--clips", required=True)
    parser.add_argument("--only", help="conditions of this codec alone")
    parser.add_argument("--limit", type=int, default=2, help="clips")
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    tasks = all_tasks(read_plan(find_sweep(given.sweep), given.only), read_clips(given.clips)[: given.limit])
    pairs = []
    for number in range(given.rounds):
        one, two = pace(tasks, 1), pace(tasks, 2)
        pairs.append((one, two))
        sys.stdout.write(f"round {number + 1}, {len(tasks)} rows: 1 worker {one}, 2 workers {two}\n")
        sys.stdout.flush()
    gains = [one.wall_s / two.wall_s for one, two in pairs]
    costs = [2 * one.processor_s / two.processor_s for one, two in pairs]
    sys.stdout.write(
        f"2 workers against 1: {statistics.median(gains):.2f} on the clock ({min(gains):.2f} to {max(gains):.2f}), "
        f"{statistics.median(costs):.2f} by processor seconds ({min(costs):.2f} to {max(costs):.2f})\n"
    )


if __name__ == "__main__":
    main()

"""Kill a sweep again and again with SIGKILL, let it end, and compare it with one that nobody killed.

::

    python -m tests.benchmarks.kill_sweep tests/benchmarks/kill_sweep.yaml --clips my_recordings -o runs/killed

Without ``--whole``, or with the folder of a sweep that is not finished, the unbroken sweep is made (or ended) first.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from benchmarks.results import ROWS_FILE, Row, read_rows

#: Longest time before a kill that does not wait for rows; within it lie the start of the workers and the first rows.
START_S = 15.0


def n_lines(folder: Path) -> int:
    path = folder / ROWS_FILE
    return path.read_bytes().count(b"\n") if path.exists() else 0


def kill_at_random(
    command: Sequence[str], output: Path, n_more_rows: int, random_: random.Random, longest_s: float
) -> bool:
    """Start the sweep and kill its whole process group at a random moment; False if it ended before.

    The moment is a random number of new rows, up to ``n_more_rows``, and then a random part of a row's time; for one
    kill in four, it is a random time of up to ``longest_s`` after the start, whatever was done by then.
    """
    process = subprocess.Popen(command, start_new_session=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    start_s = time.monotonic()
    if random_.random() < 0.25:
        end_s, wanted = start_s + random_.uniform(0, longest_s), None
    else:
        end_s, wanted = None, n_lines(output) + random_.randint(1, max(1, n_more_rows))
    while process.poll() is None:
        if (end_s is not None and time.monotonic() > end_s) or (wanted is not None and n_lines(output) >= wanted):
            break
        time.sleep(0.01)
    else:
        return False
    time.sleep(random_.uniform(0, 0.3))
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    return True


def kill_and_finish(
    command: Sequence[str], output: Path, n_rows: int, n_kills: int, seed: int, longest_s: float = START_S
) -> int:
    """Kill the sweep ``n_kills`` times on its way, then let it end; returns how many kills met a running sweep."""
    random_ = random.Random(seed)
    n_met = 0
    for kills_left in range(n_kills, 0, -1):
        n_done = len({row.row_id for row in read_rows(output)}) if n_lines(output) else 0
        n_met += kill_at_random(command, output, 2 * (n_rows - n_done) // (kills_left + 1), random_, longest_s)
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return n_met


def facts(row: Row) -> Row:
    """A row without times and memory, and without what another machine or commit would change."""
    timing = row.timing and dataclasses.replace(
        row.timing, encode_s=(), decode_s=(), encode_memory_bytes=None, decode_memory_bytes=None
    )
    return dataclasses.replace(row, encode_s=None, decode_s=None, timing=timing, environment={}, store=None)


def differences(broken: Path, whole: Path) -> list[str]:
    """What is not the same in two finished sweeps, or stands twice in the first."""
    ids = Counter(json.loads(line)["row_id"] for line in (broken / ROWS_FILE).read_bytes().splitlines())
    found = [f"{row_id} stands {n} times" for row_id, n in ids.items() if n > 1]
    a, b = ({row.row_id: facts(row) for row in read_rows(folder)} for folder in (broken, whole))
    found += [f"{row_id} is only in one" for row_id in a.keys() ^ b.keys()]
    for row_id in a.keys() & b.keys():
        unequal = [f.name for f in dataclasses.fields(Row) if getattr(a[row_id], f.name) != getattr(b[row_id], f.name)]
        if unequal:
            found.append(f"{a[row_id].label} on {a[row_id].clip.id} differs in {', '.join(unequal)}")
    for row in a.values():
        names = [row.decoded_audio, row.clip.reference_audio, row.stream if row.total_bits is not None else None]
        found += [f"{name} is absent" for name in names if name and not (broken / name).is_file()]
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sweep")
    parser.add_argument("--clips", required=True)
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--whole", type=Path, help="folder of the unbroken sweep; OUTPUT-whole where left out")
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--workers", type=int, default=2)
    given = parser.parse_args()
    whole = given.whole or given.output.with_name(given.output.name + "-whole")
    program = [str(Path(sys.executable).with_name("flowmac")), "sweep", given.sweep]
    options = ["--clips", given.clips, "--workers", str(given.workers)]
    # 1 says that some rows failed; these are compared as well
    subprocess.run([*program, "-o", str(whole), *options], check=False)
    n_rows = len(read_rows(whole))
    command = [*program, "-o", str(given.output), *options]
    n_met = kill_and_finish(command, given.output, n_rows, given.kills, given.seed)
    found = differences(given.output, whole)
    sys.stdout.write("\n".join([*found, f"{n_rows} rows, {n_met} kills, {len(found)} differences", ""]))
    sys.exit(bool(found))


if __name__ == "__main__":
    main()

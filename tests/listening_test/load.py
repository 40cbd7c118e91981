"""How many listeners at once a server bears, by hand: ``python -m tests.listening_test.load --listeners 100``.

Every listener is simulated and goes through the routes of a real server in a process of its own. What was acknowledged
is compared with the database afterwards.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path

from listening_test.results import open_or_begin
from listening_test.simulate import Account, Behaviour, simulate
from tests.listening_test.servers import postgres_cluster, postgres_programs, serving
from tests.listening_test.tiny_test import write_tiny_test


@dataclass(frozen=True)
class Load:
    """``n_lost``: answers that were acknowledged and are not in the database as they were sent."""

    account: Account
    n_lost: int

    def __str__(self) -> str:
        account = self.account
        p50, p95, p99 = (1000 * account.save_quantile_s(share) for share in (0.5, 0.95, 0.99))
        return (
            f"{len(account.listeners)} listeners finished, {len(account.acknowledged)} answers acknowledged, "
            f"{self.n_lost} lost; {len(account.save_s)} saves: {p50:.1f} ms at 50 %, "
            f"{p95:.1f} ms at 95 %, {p99:.1f} ms at 99 %; "
            f"load average {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores"
        )


def measure(test: Path, db: str | None, n_listeners: int, pause_s: float) -> Load:
    """Let ``n_listeners`` take part at once in a test that is served for it."""
    with serving(test, db) as server, open_or_begin(test, db) as results:
        behaviour = Behaviour(pause_s=pause_s, n_at_once=n_listeners)
        account = simulate(results, n_listeners, server.url, behaviour)
        stored = {row.stimulus.id: row.answer.value for row in results.store.judged(results.study_id)}
    lost = [stimulus for stimulus, value in account.acknowledged.items() if stored.get(stimulus) != value]
    return Load(account, len(lost))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--listeners", type=int, default=40)
    parser.add_argument("--db", choices=("sqlite", "postgresql"), default="sqlite")
    parser.add_argument("--pause", type=float, default=1.0, help="mean seconds between two changes of a listener")
    parser.add_argument("--samples", type=int, default=80, help="length of each sound at 8 kHz")
    chosen = parser.parse_args()
    with contextlib.ExitStack() as stack:
        test = write_tiny_test(Path(stack.enter_context(tempfile.TemporaryDirectory())), n_samples=chosen.samples)
        db = None
        if chosen.db == "postgresql":
            programs = postgres_programs()
            if programs is None:
                raise RuntimeError("PostgreSQL's server is not installed")
            db = stack.enter_context(postgres_cluster(programs, is_durable=True))
        print(f"{chosen.db}: {measure(test, db, chosen.listeners, chosen.pause)}")  # noqa: T201


if __name__ == "__main__":
    main()

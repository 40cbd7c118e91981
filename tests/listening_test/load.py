"""How many listeners at once a server bears, by hand: ``python -m tests.listening_test.load --listeners 100``.

Every listener is simulated and goes through the routes of a real server in a process of its own. What was acknowledged
is compared with the database afterwards.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx

from listening_test.results import open_or_begin
from listening_test.simulate import Account, Behaviour, simulate
from tests.listening_test.tiny_test import write_tiny_test

_SERVE = (
    "import sys; from pathlib import Path; from listening_test.server import serve; "
    "serve(Path(sys.argv[1]), sys.argv[2] or None, is_public=True, port=0)"
)


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
    with running_server(test, db) as url, open_or_begin(test, db) as results:
        behaviour = Behaviour(pause_s=pause_s, n_at_once=n_listeners)
        account = simulate(results, n_listeners, url, behaviour)
        stored = {row.stimulus.id: row.answer.value for row in results.store.judged(results.study_id)}
    lost = [stimulus for stimulus, value in account.acknowledged.items() if stored.get(stimulus) != value]
    return Load(account, len(lost))


@contextlib.contextmanager
def running_server(test: Path, db: str | None) -> Iterator[str]:
    """The address of a server in a process of its own."""
    command = [sys.executable, "-u", "-c", _SERVE, str(test), db or ""]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            for line in process.stdout:
                if line.startswith("open to all: "):
                    url = line.split()[-1]
                    _wait_for(url)
                    yield url
                    break
            else:
                raise RuntimeError(f"the server ended with {process.wait()}")
        finally:
            process.terminate()
            process.wait(30)


def _wait_for(url: str) -> None:
    """Until the server takes connections; it names its address a moment before."""
    for _ in range(600):
        with contextlib.suppress(httpx.TransportError):
            httpx.get(url)
            return
        time.sleep(0.05)
    raise RuntimeError(f"{url} does not answer")


def postgres_programs() -> Path | None:
    """The folder of PostgreSQL's server programs; None where it is not installed."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    return found[-1].parent if found else None


@contextlib.contextmanager
def postgres() -> Iterator[str]:
    """The URL of a database in a cluster made for it, which is gone afterwards. As root it runs as user postgres."""
    programs = postgres_programs()
    if programs is None:
        raise RuntimeError("PostgreSQL's server is not installed")
    folder = Path(tempfile.mkdtemp(prefix="listening_postgres_"))
    as_user = []
    if os.geteuid() == 0:
        shutil.chown(folder, "postgres")
        as_user = ["runuser", "-u", "postgres", "--"]
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    control = [*as_user, str(programs / "pg_ctl"), "-D", str(folder / "data"), "-w", "-l", str(folder / "log")]
    try:
        initdb = [*as_user, str(programs / "initdb"), "-D", str(folder / "data"), "-U", "tester", "-A", "trust"]
        subprocess.run(initdb, check=True, capture_output=True, cwd=folder)
        options = f"-p {port} -k {folder} -c listen_addresses=127.0.0.1"
        subprocess.run([*control, "-o", options, "start"], check=True, stdout=subprocess.DEVNULL, cwd=folder)
        yield f"postgresql+psycopg://tester@127.0.0.1:{port}/postgres"
    finally:
        subprocess.run([*control, "-m", "immediate", "stop"], check=False, capture_output=True, cwd=folder)
        shutil.rmtree(folder, ignore_errors=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--listeners", type=int, default=40)
    parser.add_argument("--db", choices=("sqlite", "postgresql"), default="sqlite")
    parser.add_argument("--pause", type=float, default=1.0, help="mean seconds between two changes of a listener")
    parser.add_argument("--samples", type=int, default=80, help="length of each sound at 8 kHz")
    chosen = parser.parse_args()
    with contextlib.ExitStack() as stack:
        test = write_tiny_test(Path(stack.enter_context(tempfile.TemporaryDirectory())), n_samples=chosen.samples)
        db = stack.enter_context(postgres()) if chosen.db == "postgresql" else None
        print(f"{chosen.db}: {measure(test, db, chosen.listeners, chosen.pause)}")  # noqa: T201


if __name__ == "__main__":
    main()

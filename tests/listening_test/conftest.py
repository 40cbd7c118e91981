"""A small test and a real server for it."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import soundfile
import yaml

from listening_test.database.store import Store
from listening_test.service import Service
from listening_test.study import read_study

CONDITIONS = {"ref": "reference", "low": "low_anchor", "mid": "mid_anchor", "codec-a": "system", "codec-b": "system"}
ITEMS = ("castanets", "speech", "violin", "bells")


def write_study(folder: Path, method: str = "mushra", **changes: object) -> Path:
    """A test of four items, one training item, five conditions, two seconds each, at 48 kHz."""
    rng = np.random.default_rng(1)
    items = []
    for item in (*ITEMS, "warm-up"):
        (folder / "stimuli" / item).mkdir(parents=True)
        files = {}
        for condition in CONDITIONS:
            files[condition] = f"stimuli/{item}/{condition}.wav"
            soundfile.write(folder / files[condition], 0.1 * rng.standard_normal(96000), 48000, subtype="PCM_16")
        items.append({"id": item, "files": files})
    study = {
        "title": "A small test",
        "method": method,
        "seed": 7,
        "sample_rate_hz": 48000,
        "languages": ["en", "de"],
        "conditions": [{"id": name, "label": name, "role": role} for name, role in CONDITIONS.items()],
        "items": items[:4],
        "training": items[4:],
        "procedure": {"has_headphone_check": False, "has_level_check": False, "break_after_trials": 2},
        **changes,
    }
    (folder / "study.yaml").write_text(yaml.safe_dump(study), encoding="utf-8")
    return folder


@pytest.fixture
def small_study(tmp_path: Path) -> Path:
    """The folder of a small MUSHRA test."""
    return write_study(tmp_path / "small")


@pytest.fixture
def service(small_study: Path) -> Iterator[Service]:
    """The small test with its database, without a server."""
    with Store(small_study / "results.sqlite") as store:
        study = read_study(small_study)
        row = store.register_study(study, "")
        yield Service(study, small_study, store, row.id, is_public=True)


@dataclass
class Server:
    """A server in a process of its own; `kill` is SIGKILL, `start` begins a new one at the same port."""

    folder: Path
    db: str | None
    port: int
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> Server:
        code = (
            "import sys; from pathlib import Path; from listening_test.server import serve; "
            "serve(Path(sys.argv[1]), sys.argv[2] or None, is_public=True, port=int(sys.argv[3]))"
        )
        self.process = subprocess.Popen([sys.executable, "-c", code, str(self.folder), self.db or "", str(self.port)])
        end = time.monotonic() + 60
        while True:
            try:
                urllib.request.urlopen(f"{self.url}/_stcore/health", timeout=5).close()
                return self
            except OSError:
                if time.monotonic() > end or self.process.poll() is not None:
                    raise
                time.sleep(0.1)

    def kill(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()


@pytest.fixture
def running_server() -> Iterator[Callable[..., Server]]:
    """``running_server(folder, db=None)`` starts a real server, which ends with the test."""
    servers: list[Server] = []

    def start(folder: Path, db: str | None = None) -> Server:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        servers.append(Server(folder, db, port))
        return servers[-1].start()

    yield start
    for server in servers:
        server.kill()


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """URL of a PostgreSQL cluster of the tests' own; skipped where PostgreSQL is absent."""
    programs = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    initdb = str(programs[-1]) if programs else shutil.which("initdb")
    if initdb is None:
        pytest.skip("needs PostgreSQL's server (Debian: apt install postgresql)")
    if os.geteuid() == 0 and shutil.which("runuser") is None:
        pytest.skip("PostgreSQL does not run as root, and there is no runuser")
    # As root: the server refuses to, so the user postgres runs it.
    prefix = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
    folder = Path(tempfile.mkdtemp(prefix="pg"))
    if prefix:
        shutil.chown(folder, "postgres")
    pg_ctl = str(Path(initdb).with_name("pg_ctl"))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    data = str(folder / "data")
    quiet = {"cwd": folder, "check": True, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    subprocess.run([*prefix, initdb, "-D", data, "-U", "flowmac", "-A", "trust", "-N"], **quiet)  # type: ignore[call-overload]
    options = f"-p {port} -h 127.0.0.1 -k {folder}"
    subprocess.run([*prefix, pg_ctl, "-D", data, "-w", "-o", options, "start"], **quiet)  # type: ignore[call-overload]
    yield f"postgresql+psycopg://flowmac@127.0.0.1:{port}/postgres"
    subprocess.run([*prefix, pg_ctl, "-D", data, "-m", "immediate", "stop"], **quiet)  # type: ignore[call-overload]
    shutil.rmtree(folder, ignore_errors=True)

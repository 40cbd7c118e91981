"""Real servers for tests and measurements: the listening test's own, and PostgreSQL's."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_SERVE = (
    "import sys; from pathlib import Path; from listening_test.server import serve; "
    "serve(Path(sys.argv[1]), sys.argv[2] or None, is_public=True, port=int(sys.argv[3]))"
)


def free_port() -> int:
    """A port of this machine that nothing listens at."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
    return port


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
        command = [sys.executable, "-c", _SERVE, str(self.folder), self.db or "", str(self.port)]
        self.process = subprocess.Popen(command)
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


@contextlib.contextmanager
def serving(folder: Path, db: str | None = None) -> Iterator[Server]:
    """A server of the test in ``folder`` until the end of the block."""
    server = Server(folder, db, free_port())
    try:
        yield server.start()
    finally:
        server.kill()


def postgres_programs() -> Path | None:
    """The folder of PostgreSQL's server programs; None where it is not installed, or nobody could run it."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    initdb = str(found[-1]) if found else shutil.which("initdb")
    if initdb is None or (os.geteuid() == 0 and shutil.which("runuser") is None):
        return None
    return Path(initdb).parent


@contextlib.contextmanager
def postgres_cluster(programs: Path, *, is_durable: bool) -> Iterator[str]:
    """The URL of a database in a cluster made for it, which is gone afterwards.

    As root, which PostgreSQL refuses to run as, it runs as user postgres. ``is_durable``: each commit waits for the
    disk, as in use; tests of anything but times need not.
    """
    folder = Path(tempfile.mkdtemp(prefix="listening_postgres_"))
    as_user = []
    if os.geteuid() == 0:
        shutil.chown(folder, "postgres")
        as_user = ["runuser", "-u", "postgres", "--"]
    port = free_port()
    data = str(folder / "data")
    control = [*as_user, str(programs / "pg_ctl"), "-D", data, "-w", "-l", str(folder / "log")]
    try:
        initdb = [*as_user, str(programs / "initdb"), "-D", data, "-U", "flowmac", "-A", "trust"]
        subprocess.run([*initdb, *([] if is_durable else ["-N"])], check=True, capture_output=True, cwd=folder)
        options = f"-p {port} -k {folder} -c listen_addresses=127.0.0.1"
        subprocess.run([*control, "-o", options, "start"], check=True, stdout=subprocess.DEVNULL, cwd=folder)
        yield f"postgresql+psycopg://flowmac@127.0.0.1:{port}/postgres"
    finally:
        subprocess.run([*control, "-m", "immediate", "stop"], check=False, capture_output=True, cwd=folder)
        shutil.rmtree(folder, ignore_errors=True)

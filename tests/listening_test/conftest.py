"""A small test and a real server for it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile
import yaml

from listening_test.database.store import Store
from listening_test.service import Service
from listening_test.study import read_study
from tests.listening_test.servers import Server, free_port, postgres_cluster, postgres_programs

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


@pytest.fixture
def running_server() -> Iterator[Callable[..., Server]]:
    """``running_server(folder, db=None)`` starts a real server, which ends with the test."""
    servers: list[Server] = []

    def start(folder: Path, db: str | None = None) -> Server:
        servers.append(Server(folder, db, free_port()))
        return servers[-1].start()

    yield start
    for server in servers:
        server.kill()


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """URL of a PostgreSQL cluster of the tests' own; skipped where PostgreSQL is absent."""
    programs = postgres_programs()
    if programs is None:
        pytest.skip("needs PostgreSQL's server (Debian: apt install postgresql), and as root runuser")
    with postgres_cluster(programs, is_durable=False) as url:
        yield url

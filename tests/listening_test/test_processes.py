"""Servers as processes: below a base path as behind a proxy, stopped by SIGTERM, and two on one database."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy

from listening_test import protocol
from listening_test.database.store import Store
from listening_test.player.routes import version
from listening_test.server import open_service
from tests.listening_test.servers import free_port

if TYPE_CHECKING:
    from playwright.sync_api import Browser

CODE = (
    "import sys; from pathlib import Path; from listening_test.server import serve; "
    "serve(Path(sys.argv[1]), is_public=True, port=int(sys.argv[2]), base_path='/test')"
)

FORWARDED = {"X-Forwarded-For": "203.0.113.9", "X-Forwarded-Proto": "https", "X-Forwarded-Host": "lab.example"}


def get(url: str) -> tuple[int, bytes]:
    with urllib.request.urlopen(urllib.request.Request(url, headers=FORWARDED), timeout=10) as reply:
        return reply.status, reply.read()


@pytest.mark.browser
@pytest.mark.slow
def test_below_a_base_path(browser: Browser, small_study: Path) -> None:
    port = free_port()
    process = subprocess.Popen([sys.executable, "-c", CODE, str(small_study), str(port)])
    root = f"http://127.0.0.1:{port}/test"
    try:
        for _ in range(300):
            try:
                get(f"{root}/_stcore/health")
                break
            except OSError:
                time.sleep(0.1)
        assert get(f"{root}/")[0] == 200
        assert b"export" in get(f"{root}/player/{version()}/main.js")[1]
        with Store(small_study / "results.sqlite") as store:
            [row] = store.studies()
        service = open_service(small_study, is_public=True, base_path="test")
        participant = protocol.begin(service)
        service.store.mark_step(participant.id, "instructions")
        trial = service.store.trials(participant.id)[0]
        service.store.close()
        assert row.id == service.study_id
        assert get(f"{root}/api/audio/{trial.stimuli[0].id}?t={participant.token}")[1][:4] == b"RIFF"
        page = browser.new_page(extra_http_headers=FORWARDED)
        page.goto(f"{root}/?t={participant.token}")
        # Sounds are loaded, so pages, websocket, scripts and routes are all found.
        page.locator("button[data-stimulus='1']:not([disabled])").wait_for(timeout=20_000)
        # The page stays open: a connection that is held does not hold up the stop.
        begin = time.monotonic()
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=10)
        assert time.monotonic() - begin < 5
        page.close()
    finally:
        process.kill()
        process.wait()


@pytest.mark.slow
def test_two_servers_on_one_database(small_study: Path, postgres: str, running_server: Callable[..., Any]) -> None:
    service = open_service(small_study, postgres, is_public=True)
    participant = protocol.begin(service)
    servers = [running_server(small_study, postgres) for _ in range(2)]
    trial = service.store.trials(participant.id)[0]
    wanted: dict[str, float] = {}
    for seq in range(1, 41):
        stimulus = trial.graded[seq % 5].id
        wanted[stimulus] = float(seq)
        change = {"seq": seq, "kind": "answer", "trial": trial.id, "stimulus": stimulus, "value": seq, "at_ms": seq}
        body = json.dumps({"token": participant.token, "changes": [change]}).encode()
        with urllib.request.urlopen(f"{servers[seq % 2].url}/api/save", data=body, timeout=20) as reply:
            assert json.load(reply) == {"acknowledged": seq}
    for server in servers:
        assert get(f"{server.url}/api/audio/{trial.stimuli[0].id}?t={participant.token}")[0] == 200
    assert {row.stimulus_id: row.value for row in service.store.answers(trial.id)} == wanted
    assert len(service.store.events(participant.id)) == 40
    service.store.close()
    for server in servers:
        server.kill()
    engine = sqlalchemy.create_engine(postgres)
    with engine.begin() as connection:
        connection.exec_driver_sql("DROP SCHEMA public CASCADE; CREATE SCHEMA public")
    engine.dispose()

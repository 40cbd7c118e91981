"""Server and browser killed 20 times mid-test: every acknowledged answer is there, and page and order are the same."""

from __future__ import annotations

import contextlib
import json
import shutil
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from listening_test import protocol
from listening_test.database.store import Store
from listening_test.server import open_service

if TYPE_CHECKING:
    from playwright.sync_api import Browser

N_KILLS = 20


@pytest.mark.slow
def test_server_killed_mid_test(small_study: Path, running_server: Callable[..., Any]) -> None:
    service = open_service(small_study, is_public=True)
    participant = protocol.begin(service)
    service.store.mark_step(participant.id, "instructions")
    orders = [(trial.id, [s.id for s in trial.stimuli]) for trial in service.store.trials(participant.id)]
    trial = service.store.trials(participant.id)[0]
    service.store.close()
    server = running_server(small_study)
    acknowledged: dict[str, float] = {}
    for seq in range(1, N_KILLS + 1):
        stimulus = trial.graded[seq % 5].id
        change = {"seq": seq, "kind": "answer", "trial": trial.id, "stimulus": stimulus, "value": seq, "at_ms": seq}
        body = json.dumps({"token": participant.token, "changes": [change]}).encode()
        with urllib.request.urlopen(f"{server.url}/api/save", data=body, timeout=20) as reply:
            assert json.load(reply) == {"acknowledged": seq}
        acknowledged[stimulus] = float(seq)
        server.kill()
        again = open_service(small_study, is_public=True)
        known = protocol.find(again, participant.token, {})
        assert known is not None
        page = protocol.next_page(again, known)
        assert page.trial is not None
        assert page.trial.id == trial.id
        assert [(row.id, [s.id for s in row.stimuli]) for row in again.store.trials(known.id)] == orders
        assert {row.stimulus_id: row.value for row in again.store.answers(trial.id)} == acknowledged
        again.store.close()
        if seq < N_KILLS:
            server.start()


@pytest.mark.slow
@pytest.mark.browser
def test_browser_killed_mid_trial(browser: Browser, small_study: Path, running_server: Callable[..., Any]) -> None:
    from playwright.sync_api import Error

    service = open_service(small_study, is_public=True)
    participant = protocol.begin(service)
    service.store.mark_step(participant.id, "instructions")
    trial = service.store.trials(participant.id)[0]
    service.store.close()
    server = running_server(small_study)
    for n in range(1, N_KILLS + 1):
        killed = browser.browser_type.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        page = killed.new_page()
        page.set_default_timeout(20_000)
        page.goto(f"{server.url}/?t={participant.token}")
        page.get_by_text("Training 1 of 1").wait_for()
        label = str(n % 5 + 1)
        page.locator(f"button[data-stimulus='{label}']:not([disabled])").click()
        slider = page.locator(f"input[type=range][data-stimulus='{label}']")
        if n > 5:  # what was rated in a browser that is gone
            assert slider.input_value() == str(n - 5)
        slider.press("Home")
        with page.expect_response(lambda reply: reply.url.endswith("/api/save") and reply.ok):
            for _ in range(n):
                slider.press("ArrowRight")
        page.locator(".saving[data-state=saved]").wait_for()
        killer = killed.new_browser_cdp_session()
        with contextlib.suppress(Error):
            killer.send("Browser.crash")
        with Store(small_study / "results.sqlite") as store:
            values = {row.stimulus_id: row.value for row in store.answers(trial.id)}
        assert values[trial.graded[n % 5].id] == n

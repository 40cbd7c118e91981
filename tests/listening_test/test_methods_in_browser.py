"""ABX, AB, ACR and DCR: a short session of each in a real Chromium, read back as judgements."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from listening_test.player.playback_checks import headphone_trial, targets, to_wav
from listening_test.results import open_results
from tests.listening_test.conftest import write_study

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = [pytest.mark.browser, pytest.mark.slow]

N_TRIALS = 2

#: The key that answers each trial.
KEYS = {"abx": "1", "ab": "2", "acr": "4", "dcr": "3"}


def write_short(folder: Path, method: str) -> Path:
    """Two trials: of a pair with two items, or of two conditions graded alone."""
    write_study(folder, method, is_strict=False, training=[])
    file = folder / "study.yaml"
    study = yaml.safe_load(file.read_text(encoding="utf-8"))
    study["conditions"] = [row for row in study["conditions"] if row["id"] in ("ref", "codec-a")]
    study["items"] = study["items"][: N_TRIALS if method in ("abx", "ab") else 1]
    for item in study["items"]:
        item["files"] = {name: item["files"][name] for name in ("ref", "codec-a")}
    has_checks = method == "abx"
    study["procedure"] |= {"has_comments": False, "has_level_check": has_checks, "has_headphone_check": has_checks}
    file.write_text(yaml.safe_dump(study), encoding="utf-8")
    return folder


def pass_checks(page: Page) -> None:
    """Set the level, then hear the six trials of the headphone check, and answer them right."""
    page.locator(".check .sound").first.click()
    page.locator(".check .next").click()
    check = hashlib.sha256(b"headphones-1-1").hexdigest()[:16]
    # The first is heard whole; of the others an instant, to save time.
    start = to_wav(headphone_trial(check, 1)[:4800])
    page.route(re.compile(r"/headphones-\w+-[1-5]\.wav$"), lambda route: route.fulfill(body=start))
    for target in targets(check):
        page.locator(".check .play:not([disabled])").click()
        page.locator(".check .sound:not([disabled])").nth(target).click()


def grade(page: Page, number: int, key: str) -> None:
    from playwright.sync_api import expect

    page.get_by_text(f"Trial {number} of {N_TRIALS}").wait_for()
    expect(page.locator(".next")).to_have_count(1, timeout=20_000)  # what came before is gone
    for sound in page.locator("button.sound[data-stimulus]:not([disabled])").all():
        sound.click()
        page.wait_for_timeout(150)
    page.keyboard.press(key)
    page.locator(".saving[data-state=saved]").wait_for()
    page.locator(".next").click()


@pytest.mark.parametrize("method", KEYS)
def test_session(method: str, browser: Browser, tmp_path: Path, running_server: Callable[..., Any]) -> None:
    folder = write_short(tmp_path / method, method)
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    page.set_default_timeout(20_000)
    page.goto(running_server(folder).url)
    page.get_by_text("I have read this and agree to take part.").click()
    page.get_by_role("button", name="Begin").click()
    if method == "abx":
        pass_checks(page)
    page.get_by_role("heading", name="How it works").wait_for()
    page.get_by_role("button", name="Continue").click()
    for number in range(1, N_TRIALS + 1):
        grade(page, number, KEYS[method])
    page.get_by_role("heading", name="Thank you").wait_for()
    page.close()
    with open_results(folder) as results:
        judgements = results.judgements()
        [participant] = results.store.participants(results.study_id)
        chosen = [row.stimulus for row in results.counted()]
    assert [row.method for row in judgements] == [method] * N_TRIALS
    assert not any(row.is_training or row.is_simulated for row in judgements)
    assert participant.finished_at is not None
    assert participant.device
    if method in ("acr", "dcr"):
        assert [float(row.answer) for row in judgements] == [float(KEYS[method])] * N_TRIALS
        assert {row.condition_a for row in judgements} == {"ref", "codec-a"}
        assert all((row.condition_b == "ref") == (method == "dcr") for row in judgements)
    else:
        assert [stimulus.label for stimulus in chosen] == ["AB"[int(KEYS[method]) - 1]] * N_TRIALS
        assert [row.answer for row in judgements] == [stimulus.condition for stimulus in chosen]
    if method == "abx":
        assert all(row.is_correct == (row.answer == row.condition_x) for row in judgements)
        assert participant.steps["headphones"]["result"] == {"n_right": 6, "n_tries": 1}

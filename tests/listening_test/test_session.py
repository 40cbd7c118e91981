"""A whole test of four trials in a real Chromium against a real server: by the keyboard alone, and by mouse."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from listening_test.database.store import Store

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = [pytest.mark.browser, pytest.mark.slow]


def press_until_focused(page: Page, name: str, role: str) -> None:
    """Tab to a control by its accessible name."""
    target = page.get_by_role(role, name=name, exact=True)  # type: ignore[arg-type]
    target.wait_for()
    for _ in range(60):
        if target.evaluate("node => node.getRootNode().activeElement === node"):
            return
        page.keyboard.press("Tab")
    raise AssertionError(f"{name} cannot be reached by Tab")


def press_button(page: Page, name: str) -> None:
    press_until_focused(page, name, "button")
    page.keyboard.press("Enter")


def _bytes(frame: str | bytes) -> bytes:
    return frame.encode() if isinstance(frame, str) else frame


def begin(page: Page, url: str) -> None:
    page.goto(url)
    press_until_focused(page, "I have read this and agree to take part.", "checkbox")
    page.keyboard.press("Space")
    page.wait_for_timeout(500)
    press_button(page, "Begin")
    page.get_by_role("heading", name="How it works").wait_for()


def grade_by_keyboard(page: Page, n_stimuli: int, progress: str) -> None:
    """Hear the reference and every stimulus, grade the first 100 and the rest lower, and go on."""
    from playwright.sync_api import expect

    page.get_by_text(progress).wait_for()
    sound = page.locator("button[data-stimulus='1']:not([disabled])")
    expect(sound).to_have_count(1, timeout=20_000)  # what came before is gone
    sound.wait_for()
    page.keyboard.press("0")
    page.wait_for_timeout(200)
    for n in range(1, n_stimuli + 1):
        page.keyboard.press(str(n))
        page.wait_for_timeout(200)
        page.keyboard.press("End" if n == 1 else "Home")
    page.locator(".saving[data-state=saved]").wait_for()
    page.locator(".next").focus()
    page.keyboard.press("Enter")


def test_whole_test_by_keyboard(browser: Browser, small_study: Path, running_server: Callable[..., Any]) -> None:
    server = running_server(small_study)
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    page.set_default_timeout(20_000)
    seen: list[bytes] = []
    page.on("websocket", lambda socket: socket.on("framereceived", lambda frame: seen.append(_bytes(frame))))
    page.on("response", lambda reply: seen.append(f"{reply.url} {reply.headers}".encode()))
    begin(page, server.url)
    assert "?t=" in page.url
    press_button(page, "Continue")
    grade_by_keyboard(page, 5, "Training 1 of 1")
    press_button(page, "Continue")
    for trial in range(1, 5):
        if trial == 3:
            page.get_by_role("heading", name="Time for a break").wait_for()
            press_button(page, "Continue")
        grade_by_keyboard(page, 5, f"Trial {trial} of 4")
    page.get_by_role("heading", name="Remarks").wait_for()
    press_button(page, "Continue")
    page.get_by_role("heading", name="Thank you").wait_for()
    # Nothing that the server sent names a condition, an item or a file.
    assert len(seen) > 50
    for name in ("codec-a", "codec-b", "castanets", "violin", "bells", "warm-up", "low_anchor", str(small_study)):
        assert not any(name.encode() in data for data in seen), name
    with Store(small_study / "results.sqlite") as store:
        judged = store.judged(1)
        [participant] = store.participants(1)
        rated = [row for row in judged if row.trial.kind == "rated"]
        assert len(rated) == 20
        assert all(row.answer.value == (100 if row.stimulus.label == "1" else 0) for row in rated)
        assert participant.finished_at is not None
        assert participant.completion_code
    page.close()


def grade_by_mouse(page: Page, n_stimuli: int, progress: str) -> None:
    """As by keyboard: a click plays a sound, a click on its scale grades it."""
    from playwright.sync_api import expect

    page.get_by_text(progress).wait_for()
    expect(page.locator("button[data-stimulus='1']:not([disabled])")).to_have_count(1, timeout=20_000)
    page.get_by_role("button", name="Reference").first.click()
    page.wait_for_timeout(200)
    for n in range(1, n_stimuli + 1):
        page.locator(f"button[data-stimulus='{n}']").click()
        slider = page.locator(f"input[type=range][data-stimulus='{n}']")
        expect(slider).to_be_enabled()
        box = slider.bounding_box()
        assert box is not None
        is_upright = box["height"] > box["width"]
        top = {"x": box["width"] / 2, "y": 1} if is_upright else {"x": box["width"] - 1, "y": box["height"] / 2}
        middle = {"x": box["width"] / 2, "y": box["height"] / 2}
        slider.click(position=top if n == 1 else middle)  # type: ignore[arg-type]
        page.wait_for_timeout(150)
    page.locator(".saving[data-state=saved]").wait_for()
    page.locator(".next").click()


def test_whole_test_by_mouse(browser: Browser, small_study: Path, running_server: Callable[..., Any]) -> None:
    server = running_server(small_study)
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    page.set_default_timeout(20_000)
    page.goto(server.url)
    page.get_by_text("I have read this and agree to take part.").click()
    page.get_by_role("button", name="Begin").click()
    page.get_by_role("heading", name="How it works").wait_for()
    page.get_by_role("button", name="Continue").click()
    grade_by_mouse(page, 5, "Training 1 of 1")
    page.get_by_role("heading", name="The training is over").wait_for()
    page.get_by_role("button", name="Continue").click()
    for trial in range(1, 5):
        if trial == 3:
            page.get_by_role("heading", name="Time for a break").wait_for()
            page.get_by_role("button", name="Continue").click()
        grade_by_mouse(page, 5, f"Trial {trial} of 4")
    page.get_by_role("heading", name="Remarks").wait_for()
    page.get_by_role("textbox").fill("All well.")
    page.get_by_role("button", name="Continue").click()
    page.get_by_role("heading", name="Thank you").wait_for()
    with Store(small_study / "results.sqlite") as store:
        [participant] = store.participants(1)
        rated = [row.answer.value for row in store.judged(1) if row.trial.kind == "rated"]
        assert len(rated) == 20
        assert sum(value == 100 for value in rated) == 4
        assert participant.comments == "All well."
    page.close()

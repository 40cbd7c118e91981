"""No answer is lost: whatever happens between the browser and the server."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import BrowserContext, Page

pytestmark = pytest.mark.browser


def open_trial(page: Page, server: Any) -> None:
    page.goto(server.url)
    page.locator("button.play").wait_for()


def state(page: Page) -> str | None:
    return page.locator(".saving").get_attribute("data-state")


def test_changes_are_sent_again_in_order_after_failures(server: Any, page: Page) -> None:
    open_trial(page, server)
    server.save_statuses = [503, 500, 502]
    page.keyboard.press("1")
    page.locator(".saving[data-state=offline]").wait_for()
    assert "Not connected" in page.locator(".saving").inner_text()
    for key in ("End", "ArrowDown", "ArrowDown"):
        page.keyboard.press(key)
    page.locator(".saving[data-state=saved]").wait_for()
    assert server.answers() == {"stimulus1": 98}
    assert list(server.stored) == sorted(server.stored)


def test_unsent_changes_survive_the_browser_page(server: Any, context: BrowserContext) -> None:
    page = context.new_page()
    open_trial(page, server)
    page.route("**/api/save", lambda route: route.abort())
    # What the browser hands over on leaving fails as well.
    page.evaluate("() => { navigator.sendBeacon = () => false; }")
    page.keyboard.press("1")
    for _ in range(3):
        page.keyboard.press("PageUp")
    page.locator(".saving[data-state=offline]").wait_for()
    page.close()
    assert server.answers() == {}

    again = context.new_page()
    open_trial(again, server)
    # At once on the page, and soon on the server.
    assert again.locator("input.rating").first.get_attribute("aria-valuetext") == "80, Excellent"
    server.wait_for(lambda: server.answers() == {"stimulus1": 80})
    again.keyboard.press("1")
    again.keyboard.press("Home")
    server.wait_for(lambda: server.answers() == {"stimulus1": 0})
    assert sorted(server.stored) == list(range(1, len(server.stored) + 1))


def test_last_changes_leave_with_the_page(server: Any, page: Page) -> None:
    open_trial(page, server)
    page.keyboard.press("1")
    server.wait_for(lambda: 1 in server.stored)
    page.evaluate("() => { window.fetch = () => Promise.reject(new TypeError('gone')); }")
    page.keyboard.press("End")
    page.goto("about:blank")
    server.wait_for(lambda: server.answers() == {"stimulus1": 100})


def test_dragging_saves_some_values_and_the_last(server: Any, page: Page) -> None:
    open_trial(page, server)
    page.keyboard.press("1")
    box = page.locator("input.rating").first.bounding_box()
    assert box is not None
    across = box["x"] + box["width"] / 2
    page.mouse.move(across, box["y"] + box["height"] / 2)
    page.mouse.down()
    page.mouse.move(across, box["y"] + 1, steps=60)
    page.mouse.up()
    page.locator(".saving[data-state=saved]").wait_for()
    server.wait_for(lambda: server.answers() == {"stimulus1": 100})
    n_answers = sum(change["kind"] == "answer" for change in server.stored.values())
    assert n_answers < 30


@pytest.mark.parametrize(
    ("status", "words"), [(409, "paused, closed or already finished"), (403, "no longer valid"), (400, "cannot save")]
)
def test_refusals_are_told_and_not_repeated(server: Any, page: Page, status: int, words: str) -> None:
    open_trial(page, server)
    server.save_statuses = [status]
    page.keyboard.press("1")
    page.locator(".notice").get_by_text(words).wait_for()
    n_saves = server.n_saves
    page.keyboard.press("2")
    page.wait_for_timeout(800)
    assert server.n_saves == n_saves
    assert state(page) == "refused"


def test_next_waits_for_the_server(server: Any, page: Page) -> None:
    server.data["rules"] = {"mustPlay": False, "mustRate": False}
    open_trial(page, server)
    server.save_statuses = [503, 503]
    page.keyboard.press("1")
    page.get_by_role("button", name="Next").click()
    assert page.evaluate("window.triggers") == []
    page.wait_for_function("window.triggers.length > 0")
    assert server.stored

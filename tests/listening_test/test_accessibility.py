"""axe's scan of every page of a session, at the width of a desk and of a phone: no serious or critical finding."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import pytest

from listening_test.database.store import Store
from listening_test.server import open_service
from listening_test.service import Service
from tests.listening_test.conftest import write_study
from tests.listening_test.servers import Server, serving

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = [pytest.mark.browser, pytest.mark.slow]

WIDTHS = (1280, 390)

QUESTIONS = [
    {"id": "age", "kind": "number", "text": {"en": "Your age"}},
    {"id": "hearing", "kind": "yes_no", "text": {"en": "Is your hearing normal?"}, "is_required": True},
    {"id": "work", "kind": "choice", "text": {"en": "Your work"}, "options": ["Sound", "Other"]},
    {"id": "device", "kind": "text", "text": {"en": "Your headphones"}},
]

#: Findings inside Streamlit's own widgets, which we cannot change: rule -> reason.
STREAMLITS_OWN: dict[str, str] = {}


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Server, Service]]:
    """A server of a test with every kind of page, and the service on its database."""
    folder = write_study(
        tmp_path_factory.mktemp("pages") / "test",
        questions=QUESTIONS,
        contact="The lab, lab@example.org",
        completion={"url": "https://example.org/back"},
        procedure={"break_after_trials": 1},
    )
    with serving(folder) as server:
        service = open_service(folder, is_public=True)
        with service.store:
            yield server, service


def scan(page: Page, name: str) -> list[str]:
    """Serious and critical findings at both widths, and what does not fit into the width."""
    from axe_playwright_python.sync_playwright import Axe

    found = []
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 900})
        page.wait_for_timeout(300)
        for violation in Axe().run(page).response["violations"]:
            if violation["impact"] in ("serious", "critical") and violation["id"] not in STREAMLITS_OWN:
                nodes = "; ".join(node["html"][:200] for node in violation["nodes"])
                found.append(f"{name} at {width} px: {violation['id']} ({violation['impact']}): {nodes}")
        too_wide = page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth")
        if too_wide:
            found.append(f"{name} at {width} px: wider than the page")
    return found


def walk(page: Page, server: Server, service: Service, look: Callable[[Page, str], None]) -> None:
    """Every page of a session; the database, not the listener, takes each step, and the link resumes there."""
    store: Store = service.store

    def show(name: str, text: str, link: str) -> None:
        page.goto(link)
        page.get_by_text(text).first.wait_for()
        page.locator("[data-testid=stApp][data-test-script-state=notRunning]").wait_for()
        look(page, name)

    show("welcome", "I have read this", server.url)
    show("unknown", "This link is not known", f"{server.url}/?t=nobody")
    page.goto(server.url)
    page.get_by_text("I have read this").click()
    page.get_by_role("button", name="Begin").click()
    page.get_by_text("Some questions").wait_for()
    participant = store.participants(service.study_id)[-1]
    link = f"{server.url}/?t={participant.token}"

    def step(name: str, result: object = None) -> None:
        store.mark_step(participant.id, name, result)

    show("questionnaire", "Some questions", link)
    step("questionnaire")
    show("level", "Both sides", link)
    step("level")
    show("headphones", "Play the noises", link)
    step("headphones")
    show("instructions", "How it works", link)
    step("instructions")
    training, first, second, *rest = store.trials(participant.id)
    show("training", "Training 1 of 1", link)
    store.finish_trial(training.id)
    show("training over", "The training is over", link)
    step("training_over")
    show("trial", "Trial 1 of 4", link)
    page.locator("button[data-stimulus='1']:not([disabled])").click()
    page.locator(".next").click()
    page.get_by_text("Not rated yet").wait_for()
    look(page, "trial, playing, with what is missing")
    store.set_study_state(service.study_id, "paused")
    show("paused", "This test is paused", link)
    store.set_study_state(service.study_id, "closed")
    show("closed", "This test is closed", link)
    store.set_study_state(service.study_id, "open")
    store.finish_trial(first.id)
    show("break", "Time for a break", link)
    for trial in (second, *rest):
        store.finish_trial(trial.id)
    show("comments", "Remarks", link)
    step("comments")
    show("thanks", "Your completion code", link)


def test_no_serious_finding_on_any_page(browser: Browser, served: tuple[Server, Service]) -> None:
    page: Any = browser.new_page(viewport={"width": 1280, "height": 900})
    page.set_default_timeout(20_000)
    found: list[str] = []
    seen: list[str] = []

    def look(page: Page, name: str) -> None:
        seen.append(name)
        found.extend(scan(page, name))

    walk(page, *served, look)
    page.close()
    assert len(seen) == 15
    assert not found, "\n".join(found)

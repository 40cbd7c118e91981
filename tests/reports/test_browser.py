"""The page in a real Chromium, at three widths, light and dark."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import pytest

from benchmarks.results import Row, Score
from reports import comparison_page
from reports.comparison import compare
from reports.tables import collect
from tests.reports.conftest import OpenPage

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def page_file(whole_page: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("page") / "report.html"
    path.write_text(whole_page, encoding="utf-8")
    return path


@pytest.fixture
def page(browser: Browser, page_file: Path) -> Iterator[Page]:
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    page.goto(page_file.as_uri())
    yield page
    page.close()


def wait_until(page: Page, expression: str) -> None:
    """Playwright's own waiting evaluates text in the page, which the page's security policy refuses."""
    end = time.monotonic() + 20
    while not page.evaluate(expression):
        assert time.monotonic() < end, expression
        time.sleep(0.05)


@pytest.mark.parametrize("width_px", [1280, 768, 390])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_page_is_quiet_fits_its_width_and_asks_for_nothing(
    open_page: OpenPage, page_file: Path, width_px: int, scheme: Literal["light", "dark"]
) -> None:
    open_page(page_file, width_px, scheme)


def test_theme_follows_the_reader(browser: Browser, page_file: Path) -> None:
    colours = {}
    for scheme in ("light", "dark"):
        page = browser.new_page(color_scheme=scheme)  # type: ignore[arg-type]
        page.goto(page_file.as_uri())
        background = page.locator("body").evaluate("e => getComputedStyle(e).backgroundColor")
        text = page.locator(".panel svg text").first.evaluate("e => getComputedStyle(e).fill")
        colours[scheme] = (background, text)
        page.close()
    assert colours["light"][0] == "rgb(255, 255, 255)"
    assert colours["light"][0] != colours["dark"][0]
    assert colours["light"][1] != colours["dark"][1]


def test_every_example_can_be_loaded(page: Page) -> None:
    durations = page.evaluate(
        """() => Promise.all([...document.querySelectorAll("audio")].map((audio) => new Promise((resolve) => {
            audio.addEventListener("loadedmetadata", () => resolve(audio.duration));
            audio.addEventListener("error", () => resolve(-1));
            audio.load();
        })))"""
    )
    assert len(durations) > 50
    assert all(duration == pytest.approx(3.0, abs=0.02) for duration in durations)


def test_examples_play_by_keyboard_one_at_a_time_and_keep_their_place(page: Page) -> None:
    playing = "[...document.querySelectorAll('audio')].map((audio, i) => audio.paused ? -1 : i).filter((i) => i >= 0)"
    buttons = page.locator(".play")
    buttons.nth(0).focus()
    page.keyboard.press("Enter")
    wait_until(page, "document.querySelectorAll('audio')[0].currentTime > 0.3")
    assert buttons.nth(0).get_attribute("aria-label").startswith("Pause ")  # type: ignore[union-attr]
    buttons.nth(1).focus()
    page.keyboard.press("Space")
    wait_until(page, "document.querySelectorAll('audio')[1].currentTime > 0.3")
    assert page.evaluate(playing) == [1]
    page.keyboard.press("Space")
    wait_until(page, "document.querySelectorAll('audio')[1].paused")
    assert page.evaluate(playing) == []


def test_columns_sort_by_click_and_key_and_gaps_stay_last(page: Page) -> None:
    table = page.locator("table.summary")
    head = table.locator("thead th").nth(2)

    def column() -> list[str]:
        return table.locator("tbody tr td:nth-child(3) .mean").all_inner_texts()

    head.locator("button").click()
    assert head.get_attribute("aria-sort") == "ascending"
    rates = [float(text) for text in column()[:13]]
    assert rates == sorted(rates)
    assert column()[13:] == ["–"] * 3
    head.locator("button").focus()
    page.keyboard.press("Enter")
    assert head.get_attribute("aria-sort") == "descending"
    rates = [float(text) for text in column()[:13]]
    assert rates == sorted(rates, reverse=True)
    assert column()[13:] == ["–"] * 3
    assert "descending" in page.locator("#status").inner_text()


def test_skip_link_comes_first_and_leads_to_the_content(page: Page) -> None:
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "main"


def test_what_is_folded_is_printed_and_folded_again(page: Page) -> None:
    closed = "document.querySelectorAll('details:not([open])').length"
    before = page.evaluate(closed)
    assert before > 3
    page.evaluate("window.dispatchEvent(new Event('beforeprint'))")
    assert page.evaluate(closed) == 0
    page.evaluate("window.dispatchEvent(new Event('afterprint'))")
    assert page.evaluate(closed) == before


@pytest.mark.parametrize("width_px", [1280, 768, 390])
def test_comparison_fits_its_width_and_is_quiet(
    open_page: OpenPage, rows: list[Row], tmp_path: Path, width_px: int
) -> None:
    after = [replace(row, scores={**row.scores, "log_mel": Score("1", 1.0)}) for row in rows]
    found = compare(collect(rows), collect(after), ("before", "after"))
    (tmp_path / "page.html").write_text(comparison_page.render(found), encoding="utf-8")
    page = open_page(tmp_path / "page.html", width_px, "dark")
    page.locator("thead button").nth(1).click()
    assert page.locator("thead th").nth(1).get_attribute("aria-sort") == "ascending"


def test_print_hides_what_paper_cannot_do(page: Page) -> None:
    page.emulate_media(media="print")
    assert not page.locator(".play").first.is_visible()
    assert not page.locator("nav").is_visible()
    assert page.locator(".spectrogram").first.is_visible()
    assert page.pdf().startswith(b"%PDF")

"""The page of a listening test in a real Chromium, at three widths, light and dark, and on paper."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from listening_test.ratings import write_ratings
from reports.listening_report import build_listening_page
from tests.reports.listening_report.fake_ratings import fake_ratings

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def page_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("listening")
    write_ratings(folder / "ratings.csv", fake_ratings(9, is_simulated=True))
    page = build_listening_page(folder / "ratings.csv", baseline="EnCodec 6 kbit/s", margin=5.0)
    (folder / "page.html").write_text(page, encoding="utf-8")
    return folder / "page.html"


@pytest.mark.parametrize("width_px", [1280, 768, 390])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_page_is_quiet_fits_its_width_and_asks_for_nothing(
    browser: Browser, page_file: Path, width_px: int, scheme: str
) -> None:
    page = browser.new_page(viewport={"width": width_px, "height": 900}, color_scheme=scheme)  # type: ignore[arg-type]
    messages: list[str] = []
    requests: list[str] = []
    page.on("console", lambda message: messages.append(message.text))
    page.on("pageerror", lambda error: messages.append(str(error)))
    page.on("request", lambda request: requests.append(request.url))
    page.goto(page_file.as_uri())
    page.evaluate("for (const details of document.querySelectorAll('details')) details.open = true")
    assert page.evaluate("document.documentElement.scrollWidth") <= width_px
    assert messages == []
    assert [url for url in requests if not url.startswith(("file:", "data:"))] == []
    # Every name in a table's head keeps a width that can be read.
    narrowest = "Math.min(...[...document.querySelectorAll('tbody th')].map((cell) => cell.offsetWidth))"
    assert page.evaluate(narrowest) > 60
    page.close()


def test_tables_sort_downloads_work_and_paper_has_the_watermark(browser: Browser, page_file: Path) -> None:
    page = browser.new_page()
    page.goto(page_file.as_uri())
    table = page.locator("table.summary")
    table.locator("thead button").nth(1).click()
    means = [float(text) for text in table.locator("tbody td:nth-child(2) .mean").all_inner_texts()]
    assert means == sorted(means)
    with page.expect_download() as download:
        page.locator("a[download$='.csv']").click()
    assert download.value.suggested_filename == "simulated-ratings.csv"
    page.emulate_media(media="print")
    assert not page.locator("nav").is_visible()
    assert page.locator(".banner").is_visible()
    assert "SIMULATED" in page.locator(".is-simulated").evaluate("e => getComputedStyle(e).backgroundImage")
    assert page.pdf().startswith(b"%PDF")
    page.close()

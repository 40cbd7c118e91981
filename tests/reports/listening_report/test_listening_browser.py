"""The page of a listening test in a real Chromium, at three widths, light and dark, and on paper."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal

import pytest

from listening_test.ratings import write_ratings
from reports.listening_report import Options, build_listening_page
from tests.reports.conftest import OpenPage
from tests.reports.listening_report.fake_ratings import fake_ratings

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def page_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("listening")
    write_ratings(folder / "ratings.csv", fake_ratings(9, is_simulated=True))
    page = build_listening_page(folder / "ratings.csv", Options(baseline="EnCodec 6 kbit/s", margin=5.0))
    (folder / "page.html").write_text(page, encoding="utf-8")
    return folder / "page.html"


@pytest.mark.parametrize("width_px", [1280, 768, 390])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_page_is_quiet_fits_its_width_and_asks_for_nothing(
    open_page: OpenPage, page_file: Path, width_px: int, scheme: Literal["light", "dark"]
) -> None:
    page = open_page(page_file, width_px, scheme)
    # Every name in a table's head keeps a width that can be read.
    narrowest = "Math.min(...[...document.querySelectorAll('tbody th')].map((cell) => cell.offsetWidth))"
    assert page.evaluate(narrowest) > 60


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

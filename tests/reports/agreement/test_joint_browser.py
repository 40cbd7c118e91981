"""The page of a sweep and its listening test in a real Chromium, at three widths and on paper."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import pytest

from tests.reports.conftest import OpenPage

pytestmark = pytest.mark.browser


@pytest.mark.parametrize(("width_px", "scheme"), [(1280, "light"), (768, "dark"), (390, "dark")])
def test_page_fits_sorts_and_prints(
    open_page: OpenPage, joint_page: str, tmp_path: Path, width_px: int, scheme: Literal["light", "dark"]
) -> None:
    (tmp_path / "page.html").write_text(joint_page, encoding="utf-8")
    page = open_page(tmp_path / "page.html", width_px, scheme)
    table = page.locator("table.narrow").first
    table.locator("thead button").nth(3).focus()
    page.keyboard.press("Enter")
    values = [float(text) for text in table.locator("tbody td:nth-child(4) .mean").all_inner_texts()]
    assert values == sorted(values)
    page.emulate_media(media="print")
    assert not page.locator("nav").is_visible()
    assert page.locator("#part-test .banner").is_visible()
    assert page.pdf().startswith(b"%PDF")

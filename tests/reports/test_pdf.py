from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from flowmac.errors import SettingError
from reports import pdf


@pytest.fixture
def page(tmp_path: Path) -> Path:
    (tmp_path / "page.html").write_text("<!doctype html><title>x</title><p>Hello", encoding="utf-8")
    return tmp_path / "page.html"


def test_without_a_browser_the_message_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: None)
    with pytest.raises(SettingError, match=r"install one.*or open the page in a browser"):
        pdf.find_chromium()


@pytest.mark.parametrize("script", ["#!/bin/sh\necho no display >&2; exit 3", "#!/bin/sh\nexit 0"])
def test_a_browser_that_fails_is_told(script: str, page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "chromium"
    program.write_text(script + "\n", encoding="utf-8")
    program.chmod(0o755)
    monkeypatch.setattr(pdf, "find_chromium", lambda: str(program))
    with pytest.raises(SettingError, match="could not print the page"):
        pdf.print_page(page, tmp_path / "page.pdf")


@pytest.mark.browser
def test_the_page_becomes_a_pdf(page: Path, tmp_path: Path) -> None:
    if not any(shutil.which(name) for name in pdf.PROGRAMS):
        pytest.skip("there is no Chromium")
    pdf.print_page(page, tmp_path / "page.pdf")
    assert (tmp_path / "page.pdf").read_bytes().startswith(b"%PDF")

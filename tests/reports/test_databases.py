"""Reports of a test's own database: a whole test done by simulated listeners over HTTP, then the page."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from flowmac.cli import full_app
from listening_test.server import DATABASE_FILE
from tests.listening_test.tiny_test import write_tiny_test


@pytest.mark.slow
@pytest.mark.parametrize("method", ["mushra", "dcr"])
def test_folder_and_database_are_reported(tmp_path: Path, method: str) -> None:
    test = write_tiny_test(tmp_path / "test", method)
    runner = CliRunner()
    simulated = runner.invoke(full_app(), ["listen", "simulate", str(test), "--listeners", "6"])
    assert simulated.exit_code == 0, simulated.output
    pages = []
    for source in (test, test / DATABASE_FILE):
        page = tmp_path / f"{len(pages)}.html"
        reported = runner.invoke(full_app(), ["report", "--ratings", str(source), "-o", str(page)])
        assert reported.exit_code == 0, reported.output
        pages.append(page.read_text(encoding="utf-8"))
    for text in pages:
        assert "A tiny test" in text
        assert "imulated" in text
        assert "sys_a" in text

"""An axe scan of the pages: contrast, names, roles, headings; in both themes."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import pytest

from benchmarks.results import Row
from reports import comparison_page
from reports.comparison import compare
from reports.tables import collect
from tests.reports.conftest import OpenPage

pytestmark = pytest.mark.browser


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("kind", ["joint", "comparison"])
def test_axe_finds_nothing(
    open_page: OpenPage, joint_page: str, rows: list[Row], tmp_path: Path, kind: str, scheme: Literal["light", "dark"]
) -> None:
    """The joint page holds the whole of the sweep's and of the listening test's."""
    axe = pytest.importorskip("axe_playwright_python.base")
    html = joint_page
    if kind == "comparison":
        html = comparison_page.render(compare(collect(rows), collect(rows), ("before", "after")))
    (tmp_path / "page.html").write_text(html, encoding="utf-8")
    page = open_page(tmp_path / "page.html", 1280, scheme)
    page.evaluate(axe.AXE_SCRIPT)
    found = page.evaluate("axe.run({resultTypes: ['violations']})")["violations"]
    assert [(own["id"], [node["html"][:200] for node in own["nodes"][:3]]) for own in found] == []

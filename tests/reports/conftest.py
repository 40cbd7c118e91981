"""Fixtures of the tests of reports: the made-up run of `fake_run`, in memory and on disk, and its pages."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import pytest

from benchmarks.results import Row
from listening_test.ratings import write_ratings
from reports.agreement.page import JointReport, prepare, render
from reports.listening_report import Options as ListeningOptions
from reports.page import Options, build
from reports.sources import read_answers
from tests.reports.agreement.fake_joint import joint_ratings
from tests.reports.fake_run import fake_clip, fake_conditions, fake_rows, write_run, write_run_with_audio

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

OpenPage = Callable[[Path, int, Literal["light", "dark"]], "Page"]

SMALL_CLIPS = (("speech_a", "speech"), ("speech_b", "speech"), ("music_a", "music"))


@pytest.fixture(scope="session")
def rows() -> list[Row]:
    return fake_rows()


@pytest.fixture
def small_rows() -> list[Row]:
    """Two FlowMAC settings, one Opus rate, an anchor and the reference on three clips; nothing fails."""
    conditions = [
        condition
        for condition in fake_conditions()
        if condition.label in ("FlowMAC 3 kbit/s, NFE 1", "FlowMAC 3 kbit/s, NFE 4", "Opus 6 kbit/s", "7 kHz anchor")
        or condition.codec == "reference"
    ]
    return fake_rows(conditions, [fake_clip(*entry, duration_s=1.0) for entry in SMALL_CLIPS])


@pytest.fixture(scope="session")
def run_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("run")
    write_run_with_audio(folder)
    return folder


@pytest.fixture(scope="session")
def whole_page(run_folder: Path) -> str:
    """The page of the whole made-up run with one clip of each category."""
    return build(run_folder, Options(n_clips_per_category=1))


@pytest.fixture(scope="session")
def joint_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run with two metrics, ``run``, and simulated ratings of its audio, ``ratings.csv``."""
    folder = tmp_path_factory.mktemp("joint")
    chosen = ("visqol_audio", "log_mel")
    rows = [
        replace(row, scores={name: row.scores[name] for name in chosen if name in row.scores}) for row in fake_rows()
    ]
    write_run(folder / "run", rows)
    write_ratings(folder / "ratings.csv", joint_ratings(8, 6, is_simulated=True))
    return folder


@pytest.fixture(scope="session")
def joint_report(joint_folder: Path) -> JointReport:
    options = ListeningOptions(baseline="FlowMAC 3 kbit/s, NFE 4", margin=5.0)
    return prepare(joint_folder / "run", read_answers(joint_folder / "ratings.csv"), options, 0)


@pytest.fixture(scope="session")
def joint_page(joint_report: JointReport) -> str:
    return render(joint_report)


@pytest.fixture
def open_page(browser: Browser) -> Iterator[OpenPage]:
    """Opens a page with all that is folded unfolded; it must fit its width, stay quiet and ask for nothing."""
    with ExitStack() as stack:
        said: list[str] = []
        requests: list[str] = []

        def open_file(path: Path, width_px: int, scheme: Literal["light", "dark"]) -> Page:
            page = browser.new_page(viewport={"width": width_px, "height": 900}, color_scheme=scheme)
            stack.callback(page.close)
            page.on("console", lambda message: said.append(message.text))
            page.on("pageerror", lambda error: said.append(str(error)))
            page.on("request", lambda request: requests.append(request.url))
            page.goto(path.as_uri())
            page.evaluate("for (const details of document.querySelectorAll('details')) details.open = true")
            assert page.evaluate("document.documentElement.scrollWidth") <= width_px
            assert page.evaluate("document.body.scrollWidth") <= width_px
            return page

        yield open_file
        assert said == []
        assert [url for url in requests if not url.startswith(("file:", "data:"))] == []

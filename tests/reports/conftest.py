"""Fixtures of the tests of reports: the made-up run of `fake_run`, in memory and on disk."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.results import Row
from reports.page import Options, build
from tests.reports.fake_run import fake_clip, fake_conditions, fake_rows, write_run_with_audio

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

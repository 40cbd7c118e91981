"""Places for audio and streams: a folder, an object store in memory, and those that cannot be used."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from pathlib import Path

import pytest

from benchmarks.corpus import read_clips
from benchmarks.plan import read_plan
from benchmarks.results import read_rows
from benchmarks.runner import all_tasks, run
from benchmarks.storage import Store
from flowmac.errors import SettingError


@pytest.fixture(params=["folder", "memory"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return str(tmp_path / "deep" / "store") if request.param == "folder" else f"memory://{uuid.uuid4()}/run"


def test_files_come_back(url: str) -> None:
    store = Store(url)
    assert not store.has("audio/a.flac")
    store.write("audio/a.flac", b"1")
    store.write("audio/a.flac", b"22")
    store.write("streams/b.bin", b"3")
    assert store.has("audio/a.flac")
    assert store.read("audio/a.flac") == b"22"
    assert Store(url).read("streams/b.bin") == b"3"
    with pytest.raises(SettingError, match=r"audio/c\.flac cannot be read"):
        store.read("audio/c.flac")


def test_folder_holds_whole_files_alone(tmp_path: Path) -> None:
    Store(tmp_path).write("audio/a.flac", b"1")
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == ["a.flac"]


@pytest.mark.parametrize("url", ["nonsense://bucket/run", "{tmp}/file/below"])
def test_place_that_cannot_be_used(url: str, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(SettingError, match="cannot be used for audio and streams"):
        Store(url.format(tmp=tmp_path))


def test_full_place_is_told(tmp_path: Path) -> None:
    store = Store(tmp_path)
    (tmp_path / "audio").touch()
    with pytest.raises(SettingError, match=r"audio/a\.flac cannot be written"):
        store.write("audio/a.flac", b"1")


@pytest.mark.slow
@pytest.mark.usefixtures("fakes")
def test_sweep_sends_its_files_to_the_store(
    sweep_file: Callable[[str], Path], clips_folder: Path, tmp_path: Path
) -> None:
    url = f"memory://{uuid.uuid4()}/run"
    plan = read_plan(sweep_file("name: x\nmetrics: [log_mel]\nconditions: [{codec: fake}, {codec: reference}]\n"))
    tasks = all_tasks(plan, read_clips(clips_folder)[:1])
    list(run(tasks, tmp_path / "run", n_workers=1, store=url))
    store = Store(url)
    for row in read_rows(tmp_path / "run"):
        assert row.store == url
        assert store.has(row.decoded_audio or "")
        assert store.has(row.clip.reference_audio)
        assert store.has(row.stream) == (row.total_bits is not None)
    assert [path.name for path in (tmp_path / "run").iterdir()] == ["rows.jsonl"]

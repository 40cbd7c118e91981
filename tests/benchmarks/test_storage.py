"""Places for audio and streams: a folder, an object store in memory, S3's protocol, and those that cannot be used."""

from __future__ import annotations

import socket
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from benchmarks.corpus import read_clips
from benchmarks.plan import read_plan
from benchmarks.results import read_rows
from benchmarks.runner import all_tasks, run
from benchmarks.storage import Store
from flowmac.errors import SettingError


@pytest.fixture(scope="session")
def s3() -> Iterator[str]:
    """Address of a server that speaks S3's protocol; s3fs finds it as it would find any other."""
    pytest.importorskip("s3fs", reason="needs s3fs: pip install 'flowmac[s3]'")
    server = pytest.importorskip("moto.server", reason="needs moto and flask: pip install 'flowmac[dev]'")
    running = server.ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    running.start()
    host, port = running.get_host_and_port()
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("AWS_ENDPOINT_URL", f"http://{host}:{port}")
        environment.setenv("AWS_ACCESS_KEY_ID", "key")
        environment.setenv("AWS_SECRET_ACCESS_KEY", "secret")
        yield f"http://{host}:{port}"
    running.stop()


@pytest.fixture(params=["folder", "memory", "s3"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "folder":
        return str(tmp_path / "deep" / "store")
    if request.param == "s3":
        request.getfixturevalue("s3")
    return f"{request.param}://bucket-{uuid.uuid4()}/run"


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


@pytest.fixture
def lonely_s3(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Callable[[], None]]:
    """s3fs where no server answers and there are no credentials, without the connections that it made before.

    Gives what makes it forget them again.
    """
    s3fs = pytest.importorskip("s3fs", reason="needs s3fs: pip install 'flowmac[s3]'")
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{unused.getsockname()[1]}")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, str(tmp_path / "absent"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    s3fs.S3FileSystem.clear_instance_cache()
    yield s3fs.S3FileSystem.clear_instance_cache
    s3fs.S3FileSystem.clear_instance_cache()


def test_s3_without_credentials_or_server_is_told(
    lonely_s3: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its library raises what is no OSError."""
    with pytest.raises(SettingError, match=r"s3://bucket/run: .*locate credentials"):
        Store("s3://bucket/run")
    lonely_s3()
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "key")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    with pytest.raises(SettingError, match=r"s3://bucket/run: .*connect to the endpoint"):
        Store("s3://bucket/run")


def test_full_place_is_told(tmp_path: Path) -> None:
    store = Store(tmp_path)
    (tmp_path / "audio").touch()
    with pytest.raises(SettingError, match=r"audio/a\.flac cannot be written"):
        store.write("audio/a.flac", b"1")


@pytest.mark.slow
@pytest.mark.usefixtures("fakes")
def test_sweep_sends_its_files_to_the_store(
    url: str, sweep_file: Callable[[str], Path], clips_folder: Path, tmp_path: Path
) -> None:
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

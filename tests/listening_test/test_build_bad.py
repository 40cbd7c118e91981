"""Bad tests are refused with exit status 2 and a message that says what is wrong, before anyone listens."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile
import typer

import flowmac.cli
from listening_test.build_cli import register
from tests.listening_test.bad_tests import BAD_TESTS, RATE_HZ, build_good_test, signal, write_folders

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def listen(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs ``flowmac listen ...`` with our commands alone; returns exit status, stdout and stderr."""
    app, listen_app = typer.Typer(pretty_exceptions_enable=False), typer.Typer()
    register(listen_app)
    app.add_typer(listen_app, name="listen")
    monkeypatch.setattr(flowmac.cli, "full_app", lambda: app)

    def run(*arguments: object) -> tuple[int, str, str]:
        monkeypatch.setattr("sys.argv", ["flowmac", "listen", *map(str, arguments)])
        with pytest.raises(SystemExit) as end:
            flowmac.cli.main()
        out, err = capsys.readouterr()
        return int(end.value.code or 0), out, err

    return run


@pytest.fixture(scope="module")
def good_test(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_good_test(tmp_path_factory.mktemp("good"))


def test_the_good_test_is_accepted(listen: Run, good_test: Path) -> None:
    status, out, err = listen("check", good_test)
    assert (status, err) == (0, "")
    assert "5 items and 1 for training, 4 conditions, 16000 Hz" in out


@pytest.mark.parametrize("name", BAD_TESTS)
def test_a_bad_test_is_refused(listen: Run, good_test: Path, tmp_path: Path, name: str) -> None:
    folder = tmp_path / "test"
    shutil.copytree(good_test, folder)
    spoil, message = BAD_TESTS[name]
    spoil(folder)
    status, out, err = listen("check", folder)
    assert status == 2
    assert out == ""
    assert re.search(message, err), err
    assert re.search("^flowmac: ", err, re.MULTILINE)
    assert "Traceback" not in err


@pytest.fixture
def folders(tmp_path: Path) -> Path:
    write_folders(tmp_path / "audio")
    return tmp_path / "audio"


def _spoil_audio(folders: Path, samples: object, rate_hz: int = RATE_HZ, subtype: str = "PCM_16") -> None:
    soundfile.write(folders / "codec" / "item2.wav", samples, rate_hz, subtype=subtype)


BAD_RECORDINGS: dict[str, tuple[Callable[[Path], object], str]] = {
    "missing": (lambda f: (f / "codec/item2.wav").unlink(), r"no recording named item2\.\*"),
    "not audio": (lambda f: (f / "codec/item2.wav").write_text("no audio"), "cannot be read as audio"),
    "not finite": (lambda f: _spoil_audio(f, np.full(19200, np.nan), subtype="FLOAT"), "not finite"),
    "clipped": (lambda f: _spoil_audio(f, np.clip(50 * signal(2), -1, 1)), "clipped"),
    "another length": (lambda f: _spoil_audio(f, signal(2, 1.5)), "lasts 1.50 s, 'reference' 1.20 s"),
    "late": (lambda f: _spoil_audio(f, np.roll(signal(2), 100)), "6.2 ms too late"),
    "six channels": (lambda f: _spoil_audio(f, np.stack([signal(2)] * 6, axis=1)), "has 6 channels"),
    "silent": (lambda f: _spoil_audio(f, np.zeros(19200)), "is silent"),
    "the reference itself": (lambda f: shutil.copy(f / "reference/item2.wav", f / "codec"), "the same signal"),
    "two of a name": (lambda f: soundfile.write(f / "codec/item2.flac", signal(1), RATE_HZ), "have the same name"),
    "an empty folder": (lambda f: (shutil.rmtree(f / "codec"), (f / "codec").mkdir()), "has no recordings"),
    "no folder": (lambda f: shutil.rmtree(f / "codec"), "is no folder"),
    "ids that collide": (lambda f: soundfile.write(f / "reference/ITEM2.wav", signal(9), RATE_HZ), "the id 'item2'"),
}


@pytest.mark.parametrize("name", BAD_RECORDINGS)
def test_bad_recordings_are_refused_and_nothing_is_left(listen: Run, folders: Path, tmp_path: Path, name: str) -> None:
    spoil, message = BAD_RECORDINGS[name]
    spoil(folders)
    codec, output = f"codec={folders / 'codec'}", tmp_path / "out" / "test"
    status, out, err = listen("build", "--reference", folders / "reference", "--condition", codec, "-o", output)
    assert status == 2
    assert out == ""
    assert re.search(message, err), err
    assert not output.exists()
    assert not output.parent.exists() or not list(output.parent.iterdir())


BAD_OPTIONS = {
    "unknown item": (["--items", "item7"], "unknown item 'item7'"),
    "item twice": (["--items", "item1,item1"], "named twice"),
    "unknown method": (["--method", "mushroom"], "unknown method 'mushroom'"),
    "cut of no item": (["--cut", "item9=0-1"], "no item of this test"),
    "cut outside": (["--cut", "item1=0.5-9"], "not within its 1.20 s"),
    "cut backwards": (["--cut", "item1=1-0.2"], "not within its 1.20 s"),
    "cut no numbers": (["--cut", "item1=nan-inf"], "--cut takes"),
    "reason for nothing": (["--reason", "length=music"], "from which nothing deviates"),
    "reason without rule": (["--reason", "because"], "--reason takes NAME=VALUE"),
    "rate": (["--sample-rate", "4000"], "expected 8000 to 192000 Hz"),
    "conditions of a sweep": (["--conditions", "Opus"], "name its folder"),
    "too long": (["--items", "item1", "--training", "item1"], '--reason "n_items=...", --reason "training=..."'),
}


@pytest.mark.parametrize("name", BAD_OPTIONS)
def test_bad_options_are_refused(listen: Run, folders: Path, tmp_path: Path, name: str) -> None:
    options, message = BAD_OPTIONS[name]
    codec = f"codec={folders / 'codec'}"
    status, _, err = listen(
        "build", "--reference", folders / "reference", "--condition", codec, "-o", tmp_path / "test", *options
    )
    assert status == 2
    assert re.search(re.escape(message), err), err


def test_a_folder_that_exists_is_never_overwritten(listen: Run, folders: Path, tmp_path: Path) -> None:
    (tmp_path / "test").mkdir()
    (tmp_path / "test" / "results.sqlite").write_text("ratings")
    codec = f"codec={folders / 'codec'}"
    status, _, err = listen(
        "build", "--reference", folders / "reference", "--condition", codec, "-o", tmp_path / "test"
    )
    assert status == 2
    assert "exists already" in err


def test_a_deviation_stands_in_the_study_with_its_reason(listen: Run, folders: Path, tmp_path: Path) -> None:
    command = ["build", "--reference", folders / "reference", "--condition", f"codec={folders / 'codec'}"]
    few = [*command, "--items", "item0,item1", "-o", tmp_path / "test"]
    assert listen(*few)[0] == 2
    status, out, _ = listen(*few, "--reason", "n_items=a pilot")
    assert status == 0
    assert "1 deviations listed" in out
    assert "reason: a pilot" in (tmp_path / "test" / "study.yaml").read_text()
    assert listen("check", tmp_path / "test")[0] == 0


def test_a_relaxed_test_lists_deviations_without_reasons(listen: Run, folders: Path, tmp_path: Path) -> None:
    codec = f"codec={folders / 'codec'}"
    status, out, err = listen(
        "build", "--reference", folders / "reference", "--condition", codec, "--items", "item0", "--relaxed",
        "-o", tmp_path / "test",
    )  # fmt: skip
    assert status == 0
    assert "relaxed" in out
    assert "deviation (n_items)" in err

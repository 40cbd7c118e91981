"""The commands' behaviour that needs no cluster."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from benchmarks.codecs import CODECS
from benchmarks.metrics import METRICS

from .conftest import Finished

RunCommand = Callable[..., Finished]
REFERENCE = "name: x\nmetrics: [log_mel]\nconditions: [{codec: reference}, {codec: opus, kbps: [6, 12]}]\n"


def test_codecs_are_listed(flowmac: RunCommand) -> None:
    done = flowmac("codecs")
    assert done.status == 0
    for name in CODECS.names():
        assert name in done.stdout


def test_what_a_codec_needs_is_looked_for(flowmac: RunCommand, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(CODECS.get("lyra"), "modules", ())
    assert "not yet: its network files not found" in flowmac("codecs").stdout
    (tmp_path / "lyra").mkdir()
    for name in ("soundstream_encoder", "quantizer", "lyragan"):
        (tmp_path / "lyra" / f"{name}.tflite").touch()
    assert "its network files" not in flowmac("codecs").stdout


def test_metrics_are_listed_with_what_is_missing(flowmac: RunCommand, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(METRICS.get("pesq_wb"), "modules", ("a_module_that_nobody_has",))
    done = flowmac("metrics")
    assert done.status == 0
    for name in METRICS.names():
        assert name in done.stdout
    assert "pip install 'flowmac[pesq]'" in done.stdout


def test_dry_run_shows_the_rows_and_writes_nothing(
    flowmac: RunCommand, sweep_file: Callable[[str], Path], clips_folder: Path, tmp_path: Path
) -> None:
    output = tmp_path / "run"
    spec = sweep_file(REFERENCE)
    done = flowmac("sweep", spec, "-o", output, "--clips", clips_folder, "--dry-run")
    assert done.status == 0
    assert "3 conditions x 3 clips = 9 rows, 9 to make" in done.stdout
    assert "Opus 12 kbit/s" in done.stdout
    assert not output.exists()
    fewer = flowmac("sweep", spec, "-o", output, "--clips", clips_folder, "--dry-run", "--only", "opus", "--limit", 2)
    assert "2 conditions x 2 clips = 4 rows, 4 to make" in fewer.stdout


@pytest.mark.parametrize(
    ("text", "options", "message"),
    [
        (REFERENCE, [], "names no clips: give a folder or a manifest with --clips"),
        (REFERENCE, ["--clips", "nowhere"], "there is no such folder or manifest"),
        (REFERENCE, ["--clips", ".", "--only", "flowmax"], "unknown codec"),
        (REFERENCE.replace("opus", "opsu"), ["--clips", "."], "line 3: unknown codec 'opsu': did you mean opus"),
        (REFERENCE.replace("kbps", "kpbs"), ["--clips", "."], "line 3: unknown key 'kpbs': did you mean kbps"),
        (REFERENCE, ["--clips", ".", "--workers", "0"], "workers"),
        (REFERENCE, ["--clips", ".", "--limit", "-1"], "limit"),
        (REFERENCE, ["--klips", "."], "No such option"),
    ],
)
def test_bad_input_is_told_with_status_2(
    flowmac: RunCommand,
    sweep_file: Callable[[str], Path],
    tmp_path: Path,
    text: str,
    options: list[str],
    message: str,
) -> None:
    done = flowmac("sweep", sweep_file(text), "-o", tmp_path / "run", *options)
    assert done.status == 2
    assert message in " ".join(done.stderr.split())
    assert "Traceback" not in done.stderr


def test_text_named_wav_is_told_with_status_2(
    flowmac: RunCommand, sweep_file: Callable[[str], Path], tmp_path: Path
) -> None:
    clips = tmp_path / "clips"
    clips.mkdir()
    (clips / "a.wav").write_text("no recording")
    done = flowmac("sweep", sweep_file(REFERENCE), "-o", tmp_path / "run", "--clips", clips)
    assert done.status == 2
    assert "a.wav: cannot be read as audio" in done.stderr


def test_commands_load_nothing_heavy_before_they_run() -> None:
    program = (
        "import sys, benchmarks.cli, benchmarks.results; "
        "print(sorted({'torch', 'dask', 'distributed', 'scipy', 'pandas', 'av', 'rich'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert set(eval(done.stdout)) <= {"rich"}  # Typer may load rich

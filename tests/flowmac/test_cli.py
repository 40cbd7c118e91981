"""The command line: what people type, and what they are told."""

from __future__ import annotations

import contextlib
import io
import shutil
import subprocess
import sys
from pathlib import Path
from unittest import mock

import numpy as np
import pytest
import soundfile

from flowmac import cli
from flowmac.audio import Waveform, read_audio, write_audio
from tests.flowmac.conftest import RATE_HZ, make_sound


def flowmac(*arguments: object) -> subprocess.CompletedProcess[str]:
    """Run the command line here, as the installed script would."""
    stdout, stderr = io.StringIO(), io.StringIO()
    code = 0
    with (
        contextlib.redirect_stdout(stdout),
        contextlib.redirect_stderr(stderr),
        mock.patch.object(sys, "argv", ["flowmac", *map(str, arguments)]),
    ):
        try:
            cli.main()
        except SystemExit as end:
            code = int(end.code or 0)
    return subprocess.CompletedProcess(["flowmac"], code, stdout.getvalue(), stderr.getvalue())


def assert_refused(result: subprocess.CompletedProcess[str], *words: str) -> None:
    assert result.returncode == 2, result.stderr
    assert "Traceback" not in result.stderr
    for word in words:
        assert word in result.stderr


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    path = tmp_path / "sound.wav"
    write_audio(path, Waveform(make_sound(6.1, n_channels=2), RATE_HZ).resampled(44100))
    return path


def test_encode_info_decode(recording: Path, model_folder: Path, tmp_path: Path) -> None:
    stream, target = tmp_path / "sound.fmac", tmp_path / "back.flac"
    encoded = flowmac("encode", recording, stream, "--model", model_folder, "--kbps", "1.5")
    assert encoded.returncode == 0, encoded.stderr
    assert "2 channels" in encoded.stdout
    assert stream.stat().st_size < 2 * 1.1 * 1500 * 6.1 / 8
    described = flowmac("info", stream)
    assert described.returncode == 0
    assert "checksums fit" in described.stdout
    assert "last group" in described.stdout
    decoded = flowmac("decode", stream, target, "--model", model_folder, "--nfe", "2", "--cfg", "1.5", "--seed", "4")
    assert decoded.returncode == 0, decoded.stderr
    assert read_audio(target).samples.shape == (2, round(6.1 * RATE_HZ))
    assert_refused(flowmac("decode", stream, target, "--model", model_folder), "exists already", "--force")
    assert flowmac("decode", stream, target, "--model", model_folder, "--force").returncode == 0


def test_options_of_the_encoder(recording: Path, model_folder: Path, tmp_path: Path) -> None:
    stream, target = tmp_path / "sound.fmac", tmp_path / "back.wav"
    options = ["--kbps", "1.5", "--beam", "3", "--refine", "1", "--adaptive", "--entropy"]
    encoded = flowmac("encode", recording, stream, "--model", model_folder, *options)
    assert encoded.returncode == 0, encoded.stderr
    described = flowmac("info", stream)
    assert "version 2, by need, range coded" in described.stdout
    assert "4 on average" in described.stdout
    assert flowmac("decode", stream, target, "--model", model_folder).returncode == 0
    assert read_audio(target).samples.shape == (2, round(6.1 * RATE_HZ))
    without = tmp_path / "without"
    shutil.copytree(model_folder, without)
    (without / "entropy.safetensors").unlink()
    again = ["encode", recording, stream, "--force", "--model", without, "--entropy"]
    assert_refused(flowmac(*again), "flowmac train entropy")
    assert_refused(flowmac("decode", stream, target, "--force", "--model", without), "no entropy model")
    for what in ("entropy", "levels"):
        assert_refused(flowmac("train", what, model_folder, "--data", tmp_path), "exists already")


def test_bad_input_is_refused_with_a_message(model_folder: Path, tmp_path: Path) -> None:
    text = tmp_path / "text.wav"
    text.write_text("this is no audio")
    empty, nan, six = tmp_path / "empty.wav", tmp_path / "nan.wav", tmp_path / "six.wav"
    soundfile.write(empty, np.zeros((0, 1)), RATE_HZ)
    soundfile.write(nan, np.full(1000, np.nan), RATE_HZ, subtype="FLOAT")
    soundfile.write(six, make_sound(0.5, n_channels=6).T, RATE_HZ)
    out = tmp_path / "out.fmac"
    for path, word in (
        (tmp_path / "missing.wav", "no such file"),
        (text, "cannot be read as audio"),
        (empty, "empty"),
        (nan, "not finite"),
        (six, "--mono"),
        (tmp_path, "folder"),
    ):
        assert_refused(flowmac("encode", path, out, "--model", model_folder), word)
        assert not out.exists()
    assert flowmac("encode", six, out, "--model", model_folder, "--mono").returncode == 0


def test_bad_settings_and_streams_are_refused(recording: Path, model_folder: Path, tmp_path: Path) -> None:
    stream, out = tmp_path / "sound.fmac", tmp_path / "out.wav"
    assert_refused(flowmac("encode", recording, stream, "--kbps", "2", "--model", model_folder), "must be one of")
    assert_refused(flowmac("encode", recording, tmp_path / "no" / "x.fmac"), "no such folder")
    assert_refused(flowmac("encode", recording, stream, "--model", "base-9"), "unknown model")
    assert flowmac("encode", recording, stream, "--model", model_folder).returncode == 0
    data = stream.read_bytes()
    stream.write_bytes(data[:500])
    assert_refused(flowmac("info", stream), "is cut")
    assert_refused(flowmac("decode", stream, out, "--model", model_folder), "is cut")
    stream.write_bytes(data[:500] + b"?" + data[501:])
    assert_refused(flowmac("decode", stream, out, "--model", model_folder), "damaged")
    assert_refused(flowmac("decode", recording, out, "--model", model_folder), "no .fmac stream")
    assert_refused(flowmac("decode", tmp_path / "no.fmac", out), "cannot be read")
    assert not out.exists()


def test_unknown_commands_and_options_are_usage_errors() -> None:
    assert flowmac("encoed").returncode == 2
    assert flowmac("encode").returncode == 2
    assert flowmac("--version").stdout.startswith("flowmac 0.")


@pytest.mark.slow
def test_an_hour_is_coded_in_constant_memory(model_folder: Path, tmp_path: Path) -> None:
    """Peak memory of encoding and decoding an hour stays within 150 MB of that of two minutes."""
    peaks = []
    for duration_s in (120, 3600):
        path = tmp_path / f"{duration_s}.flac"
        minute = make_sound(60.0).T
        with soundfile.SoundFile(path, "w", RATE_HZ, 1) as file:
            for _ in range(duration_s // 60):
                file.write(minute)
        program = (
            "import sys, flowmac.cli as cli, torch; torch.set_num_threads(1);"
            "sys.argv = ['flowmac', *sys.argv[1:]]\n"
            "try: cli.main()\n"
            # the kernel's VmHWM: ru_maxrss begins with the size of the process that started this one
            "finally: print(next(int(line.split()[1]) / 1000 for line in open('/proc/self/status') if 'VmHWM' in line))"
        )
        stream = path.with_suffix(".fmac")
        for arguments in (
            ["encode", path, stream, "--kbps", "0.375"],
            ["decode", stream, path.with_suffix(".wav"), "--nfe", "1"],
        ):
            command = [sys.executable, "-c", program, *map(str, arguments), "--model", str(model_folder)]
            result = subprocess.run(command, capture_output=True, text=True, check=False)
            assert result.returncode == 0, result.stderr
            peaks.append(float(result.stdout.splitlines()[-1]))
    two_minutes, hour = peaks[:2], peaks[2:]
    assert hour[0] < two_minutes[0] + 150, peaks
    assert hour[1] < two_minutes[1] + 150, peaks
    assert max(hour) < 1500, peaks

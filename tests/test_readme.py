"""The README says what is true: commands, code, sweep file."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from benchmarks.plan import read_plan
from flowmac.audio import Waveform, write_audio
from tests.flowmac.conftest import RATE_HZ, make_sound
from tests.readme_commands import with_commands


@pytest.fixture(scope="module")
def readme(repository: Path) -> str:
    return (repository / "README.md").read_text(encoding="utf-8")


def test_commands_are_those_of_the_command_line(readme: str) -> None:
    assert readme == with_commands(readme), "run: python -m tests.readme_commands"


def test_python_example_runs(readme: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (code,) = re.findall(r"```python\n(.*?)```", readme, re.DOTALL)
    write_audio(tmp_path / "talk.wav", Waveform(make_sound(1.0), RATE_HZ))
    monkeypatch.chdir(tmp_path)
    exec(code, {})
    assert (tmp_path / "back.wav").exists()


def test_sweep_example_is_valid(readme: str, tmp_path: Path) -> None:
    (text,) = re.findall(r"```yaml\n(.*?)```", readme, re.DOTALL)
    path = tmp_path / "rates.yaml"
    path.write_text(text)
    assert yaml.safe_load(text)["name"] == read_plan(path).name


def test_named_files_exist(readme: str, repository: Path) -> None:
    for name in re.findall(r"`((?:flowmac|benchmarks|reports|tests)/[\w./]+)`", readme):
        assert (repository / name).exists(), name

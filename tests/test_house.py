"""The repository agrees with itself: version, licence, extras, entry points, Makefile, demo clips, and its text."""

from __future__ import annotations

import csv
import itertools
import re
import subprocess
import sys
import tomllib
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

import flowmac
from benchmarks.codecs import CODECS
from benchmarks.metrics import METRICS
from benchmarks.registry import Registry

PACKAGES = ("flowmac", "benchmarks", "listening_test", "reports")
TEXT_SUFFIXES = {".py", ".md", ".toml", ".txt", ".yaml", ".yml", ".csv", ".json", ".html", ".css", ".js", ".j2", ""}
#: Absolute paths of somebody's machine, and package hosts.
MACHINE_PATH = re.compile(r"(?<![\w.:/-])/(?:root|home|Users|work|opt|mnt)/\w")
PACKAGE_HOST = re.compile(r"pypi\.(?:org|python)|pythonhosted\.|download\.pytorch|(?:extra-)?index-url")


@pytest.fixture(scope="module")
def project(repository: Path) -> dict[str, Any]:
    with (repository / "pyproject.toml").open("rb") as file:
        table: dict[str, Any] = tomllib.load(file)["project"]
    return table


def texts(repository: Path) -> list[Path]:
    """The files that people write: those of the packages and tests, and those at the top."""
    files = [path for path in repository.iterdir() if path.is_file()]
    for folder in (*PACKAGES, "tests", ".ci"):
        files += [path for path in (repository / folder).rglob("*") if path.is_file()]
    return [path for path in files if path.suffix in TEXT_SUFFIXES and "__pycache__" not in path.parts]


def canonical(requirement: str) -> str:
    """``Dask[distributed]>=1`` is ``dask``."""
    match = re.match(r"[\w.-]+", requirement)
    assert match is not None
    return re.sub(r"[-_.]+", "-", match.group()).lower()


def test_version_is_the_same_everywhere(project: dict[str, Any], repository: Path) -> None:
    newest = re.search(r"^## \[?(\d+\.\d+\.\d+)", (repository / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert newest is not None
    assert project["version"] == newest.group(1) == flowmac.__version__


def test_licence_agrees(project: dict[str, Any], repository: Path) -> None:
    assert project["license"] == "MIT"
    assert (repository / "LICENSE").read_text().startswith("MIT License")


def test_extras_named_to_users_exist(project: dict[str, Any], repository: Path) -> None:
    extras = set(project["optional-dependencies"])
    for path in texts(repository):
        for named in re.findall(r"(?:flowmac|\.)\[([a-z]+(?:, ?[a-z]+)*)\]", path.read_text(encoding="utf-8")):
            unknown = set(re.split(r", ?", named)) - extras
            assert not unknown, f"{path} names extras that do not exist: {unknown}"


@pytest.mark.parametrize("registry", [CODECS, METRICS], ids=["codecs", "metrics"])
def test_registered_names_load_and_name_an_extra_that_exists(registry: Registry[Any], project: dict[str, Any]) -> None:
    for name in registry.names():
        target = registry.get(name)
        assert target.name == name
        assert target.extra in project["optional-dependencies"]


def test_constraints_hold_every_dependency_and_no_place(project: dict[str, Any], repository: Path) -> None:
    lines = (repository / "constraints.txt").read_text().splitlines()
    pins = [line for line in lines if line and not line.startswith("#")]
    assert all(re.fullmatch(r"[a-z0-9-]+==[\w.]+", pin) for pin in pins)
    names = [pin.split("==")[0] for pin in pins]
    assert names == sorted(names)
    required = [*project["dependencies"], *itertools.chain(*project["optional-dependencies"].values())]
    missing = {canonical(name) for name in required} - set(names) - {"flowmac"}
    assert not missing


def test_commands_of_the_other_packages_load() -> None:
    found = {point.name: point.load() for point in entry_points(group="flowmac.commands")}
    assert set(found) == {"benchmarks", "listening_test", "reports"}
    assert all(callable(register) for register in found.values())


def test_help_is_fast_because_it_loads_nothing_heavy() -> None:
    code = (
        "import sys, flowmac.cli, benchmarks.cli, reports.cli;"
        "print([name for name in ('torch', 'pandas', 'dask', 'matplotlib', 'scipy', 'numba') if name in sys.modules])"
    )
    assert run_python(code) == "[]"


def test_light_modules_load_no_torch() -> None:
    code = (
        "import sys, pkgutil, importlib, reports, flowmac.audio, flowmac.bitstream, benchmarks.results;"
        "[importlib.import_module(m.name) for m in pkgutil.walk_packages(reports.__path__, 'reports.')];"
        "print('torch' in sys.modules)"
    )
    assert run_python(code) == "False"


def run_python(code: str) -> str:
    return subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout.strip()


def test_help_tells_every_target(repository: Path) -> None:
    makefile = (repository / "Makefile").read_text()
    phony = re.search(r"^\.PHONY: (.*)$", makefile, re.MULTILINE)
    assert phony is not None
    page = subprocess.run(["make", "-s"], cwd=repository, check=True, capture_output=True, text=True).stdout
    assert set(re.findall(r"^  (\w+) +\S", page, re.MULTILINE)) == set(phony.group(1).split())


def test_documents_name_only_targets_that_exist(repository: Path) -> None:
    targets = set(re.findall(r"^([a-z]+):", (repository / "Makefile").read_text(), re.MULTILINE))
    for path in repository.glob("*.md"):
        named = set(re.findall(r"(?:^    |`)make ([a-z]+)", path.read_text(encoding="utf-8"), re.MULTILINE))
        assert named <= targets, path


def test_text_names_no_machine(repository: Path) -> None:
    for path in texts(repository):
        text = path.read_text(encoding="utf-8")
        if path != Path(__file__):
            assert not PACKAGE_HOST.search(text), path
        assert not MACHINE_PATH.search(text), path


def test_demo_clips_are_as_the_manifest_says(demo_clips: Path) -> None:
    with (demo_clips / "manifest.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert {row["path"] for row in rows} == {path.name for path in demo_clips.glob("*.flac")}
    assert {row["category"] for row in rows} == {"speech", "music", "mixed", "environment"}
    assert all(row["licence"] == "MIT" and row["notes"].startswith("synthetic") for row in rows)
    assert sum(path.stat().st_size for path in demo_clips.iterdir()) < 4e6
    seconds = [soundfile.info(demo_clips / row["path"]).duration for row in rows]
    assert len(rows) >= 8
    assert 55 < sum(seconds) < 75
    assert all(5 <= length <= 9 for length in seconds)


def test_demo_clips_have_sound_and_room_to_full_scale(demo_clips: Path) -> None:
    for path in demo_clips.glob("*.flac"):
        samples, sample_rate_hz = soundfile.read(path)
        assert samples.ndim == 1
        assert np.max(np.abs(samples)) < 10 ** (-1 / 20)
        assert -32 < 10 * np.log10(np.mean(samples**2)) < -18
        half_second = sample_rate_hz // 2
        pieces = samples[: len(samples) // half_second * half_second].reshape(-1, half_second)
        assert np.all(np.mean(pieces**2, axis=1) > 1e-8), f"{path.name} is silent for half a second"

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from benchmarks.results import Row
from flowmac.errors import SettingError
from reports import cli
from tests.reports.fake_run import write_run


@pytest.fixture
def app() -> typer.Typer:
    app = typer.Typer()
    app.callback()(lambda: None)
    cli.register(app)
    return app


@pytest.fixture
def folder(small_rows: list[Row], tmp_path: Path) -> Path:
    write_run(tmp_path / "run", small_rows)
    return tmp_path / "run"


def test_report_writes_the_page_and_names_it(app: typer.Typer, folder: Path, tmp_path: Path) -> None:
    output = tmp_path / "page.html"
    result = CliRunner().invoke(
        app, ["report", str(folder), "-o", str(output), "--title", "Ours & theirs", "--clips", "0"]
    )
    assert result.exit_code == 0, result.output
    assert result.stdout.strip() == str(output)
    page = output.read_text(encoding="utf-8")
    assert "<h1>Ours &amp; theirs</h1>" in page
    assert "There is no audio in this page." in page


def test_existing_output_needs_force(app: typer.Typer, folder: Path, tmp_path: Path) -> None:
    output = tmp_path / "page.html"
    output.write_text("mine", encoding="utf-8")
    arguments = ["report", str(folder), "-o", str(output), "--clips", "0"]
    result = CliRunner().invoke(app, arguments)
    assert isinstance(result.exception, SettingError)
    assert output.read_text(encoding="utf-8") == "mine"
    assert CliRunner().invoke(app, [*arguments, "--force"]).exit_code == 0
    assert "<html" in output.read_text(encoding="utf-8")


def test_bad_paths_are_told(app: typer.Typer, folder: Path, tmp_path: Path) -> None:
    missing = CliRunner().invoke(app, ["report", str(tmp_path / "nowhere"), "-o", str(tmp_path / "a.html")])
    assert isinstance(missing.exception, SettingError)
    assert not (tmp_path / "a.html").exists()
    no_parent = CliRunner().invoke(app, ["report", str(folder), "-o", str(tmp_path / "no" / "a.html")])
    assert isinstance(no_parent.exception, SettingError)
    assert CliRunner().invoke(app, ["report", str(folder), "--clips", "-1"]).exit_code == 2


def test_the_command_is_light_to_load() -> None:
    code = "import sys, reports.cli; sys.exit(bool({'pandas', 'matplotlib', 'numpy', 'rich'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0

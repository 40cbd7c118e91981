from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from benchmarks.results import Row
from flowmac.errors import SettingError
from listening_test.ratings import write_ratings
from reports import cli
from reports.pdf import PROGRAMS
from tests.reports.fake_run import write_run
from tests.reports.listening_report.fake_ratings import fake_ratings


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


def test_two_runs_are_compared_in_markdown_and_a_page(app: typer.Typer, folder: Path, tmp_path: Path) -> None:
    outputs = [tmp_path / "a.html", tmp_path / "b.html"]
    ways = [[str(folder), str(folder)], [str(folder), "--baseline-run", str(folder)]]
    for output, arguments in zip(outputs, ways, strict=True):
        result = CliRunner().invoke(app, ["report", *arguments, "-o", str(output)])
        assert result.exit_code == 0, result.output
        assert result.stdout.startswith("### Codec comparison")
        assert "means are identical, clip by clip" in result.stdout
    assert outputs[0].read_bytes() == outputs[1].read_bytes()


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["--format", "docx"], "unknown format 'docx'"),
        (["--format", ""], "unknown format ''"),
        (["RUN", "RUN"], "got 3 runs"),
        (["RUN", "--format", "latex"], "not made of a comparison"),
        (["RUN", "--ratings", "ratings.csv"], "got 2 runs and ratings"),
        (["--ratings", "ratings.csv", "--format", "markdown"], "not made of ratings"),
        (["--baseline", "Opus 7 kbit/s"], "unknown condition"),
    ],
)
def test_wrong_arguments_are_told(
    app: typer.Typer, folder: Path, tmp_path: Path, more: list[str], message: str
) -> None:
    arguments = [str(folder) if argument == "RUN" else argument for argument in more]
    result = CliRunner().invoke(app, ["report", str(folder), "-o", str(tmp_path / "a.html"), *arguments])
    assert isinstance(result.exception, SettingError)
    assert message in str(result.exception)
    assert not list(tmp_path.glob("a*"))


def test_a_paper_is_written_without_a_page(app: typer.Typer, folder: Path, tmp_path: Path) -> None:
    arguments = ["report", str(folder), "-o", str(tmp_path / "a.html"), "--format", "latex"]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 0, result.output
    assert result.stdout.strip() == str(tmp_path / "a_paper")
    assert (tmp_path / "a_paper" / "manifest.json").is_file()
    assert not (tmp_path / "a.html").exists()
    assert isinstance(CliRunner().invoke(app, arguments).exception, SettingError)


def test_tables_in_markdown_stand_alone(app: typer.Typer, folder: Path, tmp_path: Path) -> None:
    arguments = ["report", str(folder), "-o", str(tmp_path / "a.md"), "--format", "markdown", "--title", "All of them"]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 0, result.output
    assert result.stdout.strip() == str(tmp_path / "a.md")
    assert (tmp_path / "a.md").read_text(encoding="utf-8").startswith("# All of them\n")
    compared = CliRunner().invoke(
        app, ["report", str(folder), str(folder), "-o", str(tmp_path / "b.html"), "--format", "html,markdown"]
    )
    assert (tmp_path / "b.md").read_text(encoding="utf-8") == compared.stdout
    assert (tmp_path / "b.html").is_file()


def test_ratings_make_a_listening_report(app: typer.Typer, tmp_path: Path) -> None:
    write_ratings(tmp_path / "ratings.csv", fake_ratings(n_listeners=8, is_simulated=True))
    arguments = ["report", "--ratings", str(tmp_path / "ratings.csv"), "-o", str(tmp_path / "a.html")]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 0, result.output
    assert result.stdout.strip() == str(tmp_path / "a.html")
    assert "simulated" in (tmp_path / "a.html").read_text(encoding="utf-8")


def test_a_report_of_nothing_is_told(app: typer.Typer) -> None:
    assert "got 0 runs" in str(CliRunner().invoke(app, ["report"]).exception)


@pytest.mark.browser
def test_a_pdf_stands_beside_the_page(app: typer.Typer, folder: Path, tmp_path: Path) -> None:
    if not any(shutil.which(name) for name in PROGRAMS):
        pytest.skip("there is no Chromium")
    output = tmp_path / "a.html"
    result = CliRunner().invoke(app, ["report", str(folder), "-o", str(output), "--format", "html,pdf"])
    assert result.exit_code == 0, result.output
    assert result.stdout.split() == [str(output), str(tmp_path / "a.pdf")]
    assert (tmp_path / "a.pdf").read_bytes().startswith(b"%PDF")


def test_the_command_is_light_to_load() -> None:
    code = "import sys, reports.cli; sys.exit(bool({'pandas', 'matplotlib', 'numpy', 'rich'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0

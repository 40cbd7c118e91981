"""The commands of `flowmac listen` that need no browser: what they print, write and refuse."""

from __future__ import annotations

from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from flowmac.errors import SettingError
from listening_test.cli import register
from listening_test.password import verify_password
from listening_test.ratings import read_ratings
from tests.listening_test.tiny_test import ITEMS, ROLES, write_tiny_test


@pytest.fixture(scope="module")
def app() -> typer.Typer:
    made = typer.Typer()
    register(made)
    return made


def run(app: typer.Typer, *arguments: str | Path, text: str | None = None) -> str:
    result = CliRunner().invoke(app, ["listen", *map(str, arguments)], input=text)
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code == 0, result.output
    return result.stdout


def test_all_commands_are_there(app: typer.Typer) -> None:
    text = run(app, "--help")
    for name in ("build", "check", "import", "serve", "invite", "simulate", "export", "methods", "password"):
        assert name in text


def test_simulate_export_methods(app: typer.Typer, tmp_path: Path) -> None:
    test, db = write_tiny_test(tmp_path / "t"), tmp_path / "trial.sqlite"
    said = run(app, "simulate", test, "-n", "2", "--db", db, "--quality", "sys_a=30", "--inattentive", "0")
    assert "2 simulated listeners (0 inattentive), 50 answers; 110 saves" in said
    written = run(app, "export", "--db", db, "-o", tmp_path / "out").splitlines()
    assert all(Path(path).is_file() for path in written)
    ratings = read_ratings(tmp_path / "out" / "ratings.csv")
    assert len(ratings) == 2 * len(ITEMS) * len(ROLES)
    assert all(rating.is_simulated for rating in ratings)
    assert "2 simulated listeners, made by a model" in run(app, "methods", test, "--db", db)
    assert not (test / "results.sqlite").exists()
    with pytest.raises(SettingError, match="no such database"):
        run(app, "export", test, "-o", tmp_path / "other")


def test_invitations_are_personal(app: typer.Typer, tmp_path: Path) -> None:
    test = write_tiny_test(tmp_path / "t")
    run(app, "simulate", test, "-n", "1")
    links = run(app, "invite", test, "-n", "3", "--url", "https://a.org/listen/").splitlines()
    assert len(set(links)) == 3
    assert all(link.startswith("https://a.org/listen/?t=") for link in links)


def test_the_password_is_asked_twice_and_not_shown(app: typer.Typer) -> None:
    said = run(app, "password", text="correct horse\ncorrect horse\n")
    assert "correct horse" not in said
    assert verify_password("correct horse", said.splitlines()[-1])
    with pytest.raises(SettingError, match="at least 10"):
        run(app, "password", text="short\nshort\n")


def test_wrong_input_is_said(app: typer.Typer, tmp_path: Path) -> None:
    test = write_tiny_test(tmp_path / "t")
    for quality in ("sys_a", "sys_a=good", "sys_a=101"):
        with pytest.raises(SettingError, match="expected CONDITION=POINTS"):
            run(app, "simulate", test, "--quality", quality)
    with pytest.raises(SettingError, match="name the folder of the test"):
        run(app, "export", "-o", tmp_path / "out")


def test_reports_read_what_is_exported_and_the_test_itself(app: typer.Typer, tmp_path: Path) -> None:
    from reports.cli import report

    test = write_tiny_test(tmp_path / "t")
    run(app, "simulate", test, "-n", "4")
    run(app, "export", test, "-o", tmp_path / "out")
    reporting = typer.Typer()
    reporting.command()(report)
    for number, ratings in enumerate((tmp_path / "out" / "ratings.csv", test)):
        page = tmp_path / f"report{number}.html"
        result = CliRunner().invoke(reporting, ["--ratings", str(ratings), "-o", str(page)])
        assert result.exception is None, result.exception
        assert "imulated" in page.read_text(encoding="utf-8")

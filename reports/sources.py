"""Where the answers of a listening test come from: a CSV of ratings or of judgements, or the test's database."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

from flowmac.errors import SettingError
from listening_test.judgements import Judgement, read_judgements
from listening_test.ratings import Rating, read_ratings

#: Endings of SQLite's files.
DATABASE_SUFFIXES = (".sqlite", ".sqlite3", ".db")


@dataclass(frozen=True, eq=False)
class Answers:
    """Checked answers of a listening test: either ratings (MUSHRA) or judgements (ABX, AB, ACR, DCR).

    Attributes:
        file: where they were read; None for a database, whose URL may hold a password.
        name: what to call them on a page.
    """

    ratings: list[Rating]
    judgements: list[Judgement]
    file: Path | None
    name: str


def read_answers(source: str | Path) -> Answers:
    """Answers from a CSV (ours or webMUSHRA's), a SQLite file, the folder of a test, or a database's URL.

    Raises:
        SettingError: it cannot be read, or holds what cannot be true, or nothing.
    """
    if _is_database(source):
        return _from_database(source)
    path = Path(source)
    if {"method", "answer"} <= _columns(path):
        return Answers([], read_judgements(path), path, path.stem)
    return Answers(read_ratings(path), [], path, path.stem)


def _is_database(source: str | Path) -> bool:
    if "://" in str(source):
        return True
    return Path(source).suffix.lower() in DATABASE_SUFFIXES or Path(source).is_dir()


def _from_database(source: str | Path) -> Answers:
    # The listening test's packages (SQLAlchemy) are only needed for this.
    try:
        from listening_test.results import open_results
    except ImportError as error:
        raise SettingError(f"a database needs {error.name}: pip install 'flowmac[listen]'") from error
    is_folder = "://" not in str(source) and Path(source).is_dir()
    with open_results(Path(source) if is_folder else None, None if is_folder else str(source)) as results:
        is_rated = results.study.method == "mushra"
        ratings = results.ratings() if is_rated else []
        judgements = [] if is_rated else results.judgements()
        title = results.study.title
    if not ratings and not judgements:
        raise SettingError("no listener has finished the test yet, so that there is nothing to report")
    return Answers(ratings, judgements, None, title)


def _columns(path: Path) -> set[str]:
    """The names in the first line of a CSV."""
    try:
        with path.open(encoding="utf-8-sig", errors="replace", newline="") as file:
            return {name.strip() for name in next(csv.reader([file.readline()]), [])}
    except OSError as error:
        raise SettingError(f"{path}: cannot be read ({error.strerror})") from error

"""Ratings of a MUSHRA test as tidy rows: one listener's score of one condition on one item, in points of 0 to 100.

The CSV has one column for each attribute of `Rating`; `read_ratings` also takes the CSV that webMUSHRA writes. Whatever
is read has been checked: a score is a finite number in range, no rating occurs twice, and a condition has one role.
"""

from __future__ import annotations

import csv
import dataclasses
import io
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from flowmac.errors import SettingError

#: ``mid_anchor`` and ``low_anchor`` are the standard's two (low-pass at 7 and 3.5 kHz); ``anchor`` is any other.
Role = Literal["reference", "system", "mid_anchor", "low_anchor", "anchor"]
ROLES: tuple[Role, ...] = get_args(Role)

MIN_SCORE, MAX_SCORE = 0.0, 100.0

#: webMUSHRA's names of the signals it adds itself, in its published form and in earlier ones, and their roles.
WEBMUSHRA_ROLES: Mapping[str, Role] = {
    "reference": "reference",
    "anchor35": "low_anchor",
    "anchor70": "mid_anchor",
    "anchor75": "mid_anchor",
}
WEBMUSHRA_COLUMNS = ("session_test_id", "trial_id", "rating_stimulus", "rating_score")
_WEBMUSHRA_NO_ANSWERS = {"session_test_id", "trial_id", "rating_stimulus", "rating_score", "rating_time"} | {
    "rating_comment"
}


@dataclass(frozen=True)
class Rating:
    """One score.

    Attributes:
        listener: an opaque id; no name is needed.
        item: the recording (test item); with ``repeat``, one trial.
        condition: what was graded: a system, an anchor, the hidden reference.
        score: 0 (bad) to 100 (excellent).
        category: of the item, such as speech; empty where unknown.
        repeat: 0 for the first rating, 1 and up for later ones of the same item by the same listener.
        is_simulated: made by a model and not by a person; reports say so everywhere.
    """

    listener: str
    item: str
    condition: str
    score: float
    role: Role = "system"
    category: str = ""
    repeat: int = 0
    is_simulated: bool = False


COLUMNS = tuple(field.name for field in dataclasses.fields(Rating))
_ROLE_BY_NAME: Mapping[str, Role] = {role: role for role in ROLES}
_REQUIRED = ("listener", "item", "condition", "score")


def read_ratings(path: Path) -> list[Rating]:
    """Ratings from our CSV or webMUSHRA's, told apart by their columns, and checked.

    Raises:
        SettingError: no such file, no rating in it, a column is missing, or a row is not valid; the message has the
            file, the line and what was expected.
    """
    text = read_csv_text(path, "ratings")
    reader = csv.DictReader(io.StringIO(text, newline=""), restkey="", restval="")
    columns = [name.strip() for name in reader.fieldnames or []]
    reader.fieldnames = columns
    try:
        lines = [(reader.line_num, row) for row in reader]
    except csv.Error as error:
        raise SettingError(f"{path}: line {reader.line_num} is no CSV ({error})") from error
    for line, row in lines:
        if row.get(""):
            raise SettingError(f"{path}, line {line}: has more fields than the head has columns")
    if set(WEBMUSHRA_COLUMNS) <= set(columns):
        numbered = _from_webmushra(path, columns, lines)
    else:
        missing = [name for name in _REQUIRED if name not in columns]
        if missing:
            raise SettingError(
                f"{path}: misses the column{'s' if len(missing) > 1 else ''} {', '.join(missing)}; expected are "
                f"{', '.join(COLUMNS)} (the last four may be absent), or webMUSHRA's {', '.join(WEBMUSHRA_COLUMNS)}"
            )
        numbered = [(line, _from_row(f"{path}, line {line}", row)) for line, row in lines]
    check_ratings([rating for _, rating in numbered], str(path), [line for line, _ in numbered])
    return [rating for _, rating in numbered]


def read_csv_text(path: Path, content: str) -> str:
    """The text of a CSV that holds ``content``, such as ratings.

    Raises:
        SettingError: it cannot be read, or is no text in UTF-8.
    """
    try:
        return path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise SettingError(f"{path}: cannot be read ({error.strerror})") from error
    except UnicodeDecodeError as error:
        raise SettingError(f"{path}: is no text in UTF-8; export the {content} as CSV") from error


def write_ratings(path: Path, ratings: Sequence[Rating]) -> None:
    """Write ``ratings`` as our CSV, which `read_ratings` reads back as they were."""
    path.write_text(ratings_csv(ratings), encoding="utf-8", newline="")


def ratings_csv(ratings: Iterable[Rating]) -> str:
    """The text of our CSV: scores in as many digits as they have, truth as ``true`` and ``false``."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(COLUMNS)
    for rating in ratings:
        score = f"{rating.score:.0f}" if rating.score == int(rating.score) else repr(rating.score)
        simulated = "true" if rating.is_simulated else "false"
        names = (rating.listener, rating.item, rating.condition)
        writer.writerow((*names, score, rating.role, rating.category, rating.repeat, simulated))
    return buffer.getvalue()


def slug(text: str) -> str:
    """The id that a test gives to what is called ``text``: lower case, dashes for all that an id cannot have."""
    plain = re.sub(r"[^a-z0-9._]+", "-", text.lower()).strip("-._")[:60]
    return plain or "unnamed"


def check_ratings(ratings: Sequence[Rating], source: str, lines: Sequence[int] | None = None) -> None:
    """Refuse ratings that cannot all be true. ``source`` and ``lines`` say in messages where they come from.

    Raises:
        SettingError: no rating at all; a score out of range or not finite; an empty name; the same rating twice; a
            condition with two roles; two hidden references; an item of two categories.
    """
    if not ratings:
        raise SettingError(f"{source}: holds no ratings")
    seen: dict[tuple[str, str, str, int], int] = {}
    roles: dict[str, Role] = {}
    categories: dict[str, str] = {}
    for index, rating in enumerate(ratings):
        where = f"{source}, line {lines[index]}" if lines is not None else f"{source}, rating {index + 1}"
        if not all((rating.listener, rating.item, rating.condition)):
            raise SettingError(f"{where}: listener, item and condition must not be empty")
        if not (math.isfinite(rating.score) and MIN_SCORE <= rating.score <= MAX_SCORE):
            raise SettingError(f"{where}: the score {rating.score} is not between 0 and 100")
        key = (rating.listener, rating.item, rating.condition, rating.repeat)
        if key in seen:
            first = f"line {lines[seen[key]]}" if lines is not None else f"rating {seen[key] + 1}"
            raise SettingError(
                f"{where}: listener {rating.listener}, item {rating.item}, condition {rating.condition} is rated "
                f"already in {first}; remove one, or number repeated ratings in the column repeat"
            )
        seen[key] = index
        if roles.setdefault(rating.condition, rating.role) != rating.role:
            known = roles[rating.condition]
            raise SettingError(f"{where}: condition {rating.condition} is {rating.role} here and {known} before")
        if categories.setdefault(rating.item, rating.category) != rating.category:
            other = categories[rating.item]
            raise SettingError(f"{where}: item {rating.item} is of category '{rating.category}' here, '{other}' before")
    for single in ("reference", "mid_anchor"):
        named = [condition for condition, role in roles.items() if role == single]
        if len(named) > 1:
            raise SettingError(f"{source}: {' and '.join(named)} all have the role {single}; only one condition can")


def _from_row(where: str, row: Mapping[str, str]) -> Rating:
    text = {name: (row.get(name) or "").strip() for name in COLUMNS}
    role = _ROLE_BY_NAME.get(text["role"] or "system")
    if role is None:
        raise SettingError(f"{where}: the role '{text['role']}' is none of {', '.join(ROLES)}")
    try:
        repeat = int(text["repeat"] or "0")
    except ValueError:
        repeat = -1
    if repeat < 0:
        raise SettingError(f"{where}: the repeat '{text['repeat']}' is no count (0, 1, 2, ...)")
    simulated = text["is_simulated"].lower() or "false"
    if simulated not in ("true", "false", "1", "0"):
        raise SettingError(f"{where}: is_simulated is '{text['is_simulated']}', expected true or false")
    return Rating(
        listener=text["listener"],
        item=text["item"],
        condition=text["condition"],
        score=_score(where, text["score"]),
        role=role,
        category=text["category"],
        repeat=repeat,
        is_simulated=simulated in ("true", "1"),
    )


def _score(where: str, text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise SettingError(
            f"{where}: the score '{text}' is no number; leave out the row of a condition that was not rated"
        ) from None


def _from_webmushra(
    path: Path, columns: Sequence[str], lines: Sequence[tuple[int, Mapping[str, str]]]
) -> list[tuple[int, Rating]]:
    """Rows of webMUSHRA's ``mushra.csv``.

    Columns: ``session_test_id``, the answers to the questionnaire, ``session_uuid`` in some versions, ``trial_id``,
    ``rating_stimulus``, ``rating_score``, ``rating_time``, ``rating_comment``.
    """
    if "session_uuid" in columns:
        names = {
            uuid: f"listener {n}" for n, uuid in enumerate(dict.fromkeys(row["session_uuid"] for _, row in lines), 1)
        }
        listeners = [names[row["session_uuid"]] for _, row in lines]
    else:
        listeners = _sessions(path, [name for name in columns if name not in _WEBMUSHRA_NO_ANSWERS], lines)
    numbered = []
    for listener, (line, row) in zip(listeners, lines, strict=True):
        stimulus = row["rating_stimulus"].strip()
        score = _score(f"{path}, line {line}", row["rating_score"].strip())
        role = WEBMUSHRA_ROLES.get(stimulus.lower(), "system")
        numbered.append((line, Rating(listener, row["trial_id"].strip(), stimulus, score, role)))
    return numbered


def _sessions(path: Path, answer_columns: Sequence[str], lines: Sequence[tuple[int, Mapping[str, str]]]) -> list[str]:
    """Who rated each line, where sessions carry no id: they are appended whole, one after another.

    A session ends where the answers to the questionnaire change, or where a stimulus of a trial comes again. A line
    that was doubled by mistake looks like the latter too, but then what follows is no session like the one before.
    """
    starts: list[int] = []
    rated: list[set[tuple[str, str]]] = []
    answers: list[tuple[str, ...]] = []
    listeners = []
    for index, (_, row) in enumerate(lines):
        own = tuple(row[name].strip() for name in answer_columns)
        key = (row["trial_id"].strip(), row["rating_stimulus"].strip())
        if not starts or own != answers[-1] or key in rated[-1]:
            starts.append(index)
            rated.append(set())
            answers.append(own)
        rated[-1].add(key)
        listeners.append(f"listener {len(starts)}")
    for session in range(1, len(starts)):
        if answers[session] == answers[session - 1] and rated[session] != rated[session - 1]:
            raise SettingError(
                f"{path}, line {lines[starts[session]][0]}: what begins here rated {len(rated[session])} signals, the "
                f"session before, with the same answers, {len(rated[session - 1])}: a line is missing or occurs twice"
            )
    return listeners

"""Answers of ABX, AB preference, ACR and DCR tests as tidy rows: one listener's answer to one trial.

The CSV has one column for each attribute of `Judgement`. ABX: X is one of the conditions a and b, the answer is the one
that X was said to be. AB: the answer is the preferred one. ACR and DCR: ITU-T P.800, an opinion from 1 to 5.
"""

from __future__ import annotations

import csv
import dataclasses
import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from flowmac.errors import SettingError
from listening_test.ratings import read_csv_text

JudgementMethod = Literal["abx", "ab", "acr", "dcr"]
METHODS: tuple[JudgementMethod, ...] = get_args(JudgementMethod)
OPINIONS = ("1", "2", "3", "4", "5")

_METHOD_BY_NAME: Mapping[str, JudgementMethod] = {method: method for method in METHODS}


@dataclass(frozen=True)
class Judgement:
    """One answer.

    Attributes:
        listener: an opaque id.
        item: the recording (test item); ``category`` is empty where unknown.
        condition_a: the graded condition of acr and dcr; of ab and abx the one heard as A.
        condition_b: the reference of dcr; of ab and abx the one heard as B; empty for acr.
        answer: the id of a condition for ab and abx, ``1`` to ``5`` for acr and dcr.
        is_correct: of abx, whether X was found; None for the others.
        trial: the trial's number in the listener's session, from 1.
        repeat: 0 for the first time, 1 and up for later ones of the same question.
        position: the place of the answer's stimulus on the page, from 1; 0 where unknown.
        is_training: heard in the training; never counts.
        is_simulated: made by a model and not by a person; reports say so everywhere.
        at: when, ISO 8601 with the time zone; empty where unknown.
        condition_x: of abx, which of the two X was; empty for the others.
    """

    listener: str
    method: JudgementMethod
    item: str
    category: str
    condition_a: str
    condition_b: str
    answer: str
    is_correct: bool | None = None
    trial: int = 0
    repeat: int = 0
    position: int = 0
    is_training: bool = False
    is_simulated: bool = False
    at: str = ""
    condition_x: str = ""


COLUMNS = tuple(field.name for field in dataclasses.fields(Judgement))
_REQUIRED = ("listener", "method", "item", "condition_a", "condition_b", "answer")


def read_judgements(path: Path) -> list[Judgement]:
    """Judgements from a CSV, checked.

    Raises:
        SettingError: no such file, no judgement in it, a column is missing, or a row is not valid; the message has the
            file, the line and what was expected.
    """
    text = read_csv_text(path, "judgements")
    reader = csv.DictReader(io.StringIO(text, newline=""), restval="")
    missing = [name for name in _REQUIRED if name not in (reader.fieldnames or [])]
    if missing:
        raise SettingError(f"{path}: misses {', '.join(missing)}; expected are the columns {', '.join(COLUMNS)}")
    judgements = []
    try:
        for row in reader:
            judgements.append(_from_row(f"{path}, line {reader.line_num}", row))
    except csv.Error as error:
        raise SettingError(f"{path}: line {reader.line_num} is no CSV ({error})") from error
    check_judgements(judgements, str(path))
    return judgements


def write_judgements(path: Path, judgements: Iterable[Judgement]) -> None:
    """Write ``judgements`` as CSV, which `read_judgements` reads back as they were."""
    path.write_text(judgements_csv(judgements), encoding="utf-8", newline="")


def judgements_csv(judgements: Iterable[Judgement]) -> str:
    """The text of the CSV: truth as ``true`` and ``false``, empty where there is none."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(COLUMNS)
    for judgement in judgements:
        writer.writerow(_text(getattr(judgement, name)) for name in COLUMNS)
    return buffer.getvalue()


def check_judgements(judgements: Sequence[Judgement], source: str) -> None:
    """Refuse judgements that cannot all be true.

    Raises:
        SettingError: none at all; an empty name; an answer that is no choice of its method; an abx row whose X is
            neither A nor B, or whose ``is_correct`` contradicts its answer; the same judgement twice.
    """
    if not judgements:
        raise SettingError(f"{source}: holds no judgements")
    seen: set[tuple[object, ...]] = set()
    for number, judgement in enumerate(judgements, 1):
        where = f"{source}, judgement {number}"
        if not all((judgement.listener, judgement.item, judgement.condition_a)):
            raise SettingError(f"{where}: listener, item and condition_a must not be empty")
        pair = (judgement.condition_a, judgement.condition_b)
        choices = OPINIONS if judgement.method in ("acr", "dcr") else pair
        if judgement.answer not in choices:
            raise SettingError(f"{where}: the answer '{judgement.answer}' is none of {', '.join(choices)}")
        if judgement.method == "abx":
            if judgement.condition_x not in pair:
                raise SettingError(f"{where}: X is '{judgement.condition_x}', expected one of {' and '.join(pair)}")
            if judgement.is_correct is not (judgement.answer == judgement.condition_x):
                raise SettingError(f"{where}: is_correct contradicts the answer and condition_x")
        question = sorted(pair) if judgement.method in ("ab", "abx") else list(pair)
        key = (judgement.listener, judgement.method, judgement.item, *question, judgement.repeat, judgement.is_training)
        if key in seen:
            raise SettingError(
                f"{where}: listener {judgement.listener} answered item {judgement.item}, {' and '.join(pair)}, before; "
                "remove one, or number repeated judgements in the column repeat"
            )
        seen.add(key)


def _from_row(where: str, row: Mapping[str | None, str]) -> Judgement:
    text = {name: (row.get(name) or "").strip() for name in COLUMNS}
    method = _METHOD_BY_NAME.get(text["method"])
    if method is None:
        raise SettingError(f"{where}: the method '{text['method']}' is none of {', '.join(METHODS)}")
    return Judgement(
        listener=text["listener"],
        method=method,
        item=text["item"],
        category=text["category"],
        condition_a=text["condition_a"],
        condition_b=text["condition_b"],
        answer=text["answer"],
        is_correct=_truth(where, "is_correct", text["is_correct"]) if text["is_correct"] else None,
        trial=_count(where, "trial", text["trial"]),
        repeat=_count(where, "repeat", text["repeat"]),
        position=_count(where, "position", text["position"]),
        is_training=_truth(where, "is_training", text["is_training"]),
        is_simulated=_truth(where, "is_simulated", text["is_simulated"]),
        at=text["at"],
        condition_x=text["condition_x"],
    )


def _count(where: str, name: str, text: str) -> int:
    if not text:
        return 0
    if not (text.isascii() and text.isdigit()):
        raise SettingError(f"{where}: {name} is '{text}', expected a count (0, 1, 2, ...)")
    return int(text)


def _truth(where: str, name: str, text: str) -> bool:
    if text.lower() not in ("true", "false", "1", "0", ""):
        raise SettingError(f"{where}: {name} is '{text}', expected true or false")
    return text.lower() in ("true", "1")


def _text(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return "" if value is None else str(value)

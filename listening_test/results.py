"""The results in a test's database as the tidy rows that exports, the board and reports use."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pydantic
import yaml

from flowmac.errors import SettingError
from listening_test.database.models import Participant, StudyRow, Trial
from listening_test.database.store import Judged, Store
from listening_test.judgements import Judgement
from listening_test.methods import Attendance, paragraph
from listening_test.ratings import Rating
from listening_test.screening import screen
from listening_test.server import DATABASE_FILE
from listening_test.study import STUDY_FILE, Study, read_study

#: What the listener sees in place of a number: the signal to be identified in ABX.
_LABEL_X = "X"


@dataclass(frozen=True)
class Results:
    """One study and its rows in an open database.

    Only trials that were left by Next count. By default those of listeners who finished the whole test.
    """

    study: Study
    study_id: int
    store: Store

    def ratings(self, with_unfinished: bool = False) -> list[Rating]:
        """Scores of a MUSHRA test without the training; simulated ones are marked."""
        roles = {condition.id: condition.role for condition in self.study.conditions}
        categories = self._categories()
        return [
            Rating(
                listener=row.participant.listener,
                item=row.trial.item,
                condition=row.stimulus.condition,
                score=row.answer.value,
                role=roles[row.stimulus.condition],
                category=categories.get(row.trial.item, ""),
                repeat=row.trial.repeat,
                is_simulated=row.participant.is_simulated,
            )
            for row in self.counted(with_unfinished)
        ]

    def judgements(self, with_unfinished: bool = False) -> list[Judgement]:
        """Answers of the other methods, without the training; simulated ones are marked."""
        return [self._judgement(row) for row in self.counted(with_unfinished)]

    def counted(self, with_unfinished: bool = False) -> list[Judged]:
        """The answers that count, with all around them."""
        return [
            row
            for row in self.store.judged(self.study_id)
            if row.trial.kind == "rated"
            and row.trial.done_at is not None
            and (with_unfinished or row.participant.finished_at is not None)
        ]

    def attendance(self) -> Attendance:
        """Who took part, and when."""
        everyone = self.store.participants(self.study_id)
        people = [participant for participant in everyone if not participant.is_simulated]
        days = sorted(moment(participant.started_at).date() for participant in people)
        return Attendance(
            n_started=len(people),
            n_finished=sum(participant.finished_at is not None for participant in people),
            n_answers=sum(not row.participant.is_simulated for row in self.counted()),
            n_simulated=len(everyone) - len(people),
            first_day=days[0] if days else None,
            last_day=days[-1] if days else None,
        )

    def methods_paragraph(self) -> str:
        """The methods paragraph, with the post-screening of the people who finished."""
        screening = None
        if self.study.method == "mushra":
            people = [rating for rating in self.ratings() if not rating.is_simulated]
            screening = screen(people) if people else None
        return paragraph(self.study, self.attendance(), screening)

    def _categories(self) -> dict[str, str]:
        return {item.id: item.category for item in self.study.items}

    def _judgement(self, row: Judged) -> Judgement:
        method = self.study.method
        if method == "mushra":
            raise ValueError("a MUSHRA test has ratings, not judgements")
        condition_a, condition_b, condition_x = row.stimulus.condition, "", ""
        answer, is_correct = f"{row.answer.value:.0f}", None
        if method in ("ab", "abx"):
            heard = {stimulus.label: stimulus.condition for stimulus in row.trial.stimuli}
            condition_a, condition_b = heard["A"], heard["B"]
            answer = row.stimulus.condition
            if method == "abx":
                condition_x = heard[_LABEL_X]
                is_correct = answer == condition_x
        elif method == "dcr" and self.study.reference is not None:
            condition_b = self.study.reference.id
        return Judgement(
            listener=row.participant.listener,
            method=method,
            item=row.trial.item,
            category=self._categories().get(row.trial.item, ""),
            condition_a=condition_a,
            condition_b=condition_b,
            answer=answer,
            is_correct=is_correct,
            trial=trial_number(row.trial),
            repeat=row.trial.repeat,
            position=row.stimulus.position + 1,
            is_simulated=row.participant.is_simulated,
            at=moment(row.answer.at).isoformat(timespec="milliseconds"),
            condition_x=condition_x,
        )


def trial_number(trial: Trial) -> int:
    """The place of a trial in its listener's session, from 1, the training counted too."""
    return trial.position + 1


def moment(seconds: float) -> datetime:
    """A time of the database in UTC."""
    return datetime.fromtimestamp(seconds, UTC)


def people_first(participants: Iterable[Participant]) -> list[Participant]:
    """The listeners a board speaks of: people, or, as long as no person has come, the simulated ones."""
    everyone = list(participants)
    return [participant for participant in everyone if not participant.is_simulated] or everyone


def database_location(test: Path | None, db: str | None) -> Path | str:
    """Where the results of ``test`` are: ``db`` if given, else `DATABASE_FILE` in its folder.

    Raises:
        SettingError: neither is given.
    """
    if db is not None:
        return db
    if test is None:
        raise SettingError("name the folder of the test, or its database with --db")
    return (test if test.is_dir() else test.parent) / DATABASE_FILE


@contextmanager
def open_results(test: Path | None = None, db: str | None = None) -> Iterator[Results]:
    """The results of ``test``, or of the one study in the database ``db`` (a URL, or a SQLite file).

    Raises:
        SettingError: no such test or database; nothing was stored for this test; a database of several studies without
            the test that says which.
    """
    study = read_study(test) if test is not None else None
    location = database_location(test, db)
    if "://" not in str(location) and not Path(location).is_file():
        raise SettingError(f"{location}: no such database; it is made when the test is first served")
    with Store(location) as store:
        rows = store.studies()
        if study is not None:
            rows = [row for row in rows if row.content_hash == study.content_hash]
            if not rows:
                raise SettingError(
                    f"the database holds nothing of {test} as it is now; if {STUDY_FILE} was changed after the "
                    "listeners came, give the database alone with --db"
                )
        yield Results(study or _study_of(_only(rows)), _only(rows).id, store)


@contextmanager
def open_or_begin(test: Path, db: str | None = None) -> Iterator[Results]:
    """The results of ``test``; its database is made if there is none, as the server does.

    Raises:
        SettingError: no such test, or the database cannot be opened.
    """
    study = read_study(test)
    with Store(database_location(test, db)) as store:
        text = (test / STUDY_FILE if test.is_dir() else test).read_text(encoding="utf-8")
        yield Results(study, store.register_study(study, text).id, store)


def _only(rows: list[StudyRow]) -> StudyRow:
    if len(rows) != 1:
        titles = ", ".join(f"'{row.title}'" for row in rows) or "none"
        raise SettingError(f"the database holds {len(rows)} studies ({titles}); name the folder of the test too")
    return rows[0]


def _study_of(row: StudyRow) -> Study:
    try:
        return Study.model_validate(yaml.safe_load(row.yaml))
    except (yaml.YAMLError, pydantic.ValidationError) as error:
        raise SettingError(f"the study '{row.title}' in the database was made by another version ({error})") from error

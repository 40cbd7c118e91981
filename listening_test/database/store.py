"""Reading and writing the database of a listening test. Every method is one transaction; rows come back detached.

A `Store` may be used from any thread, and several processes may share one database: nothing is kept in memory.
"""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import Select, delete, func, insert, select, update
from sqlalchemy.orm import Session

from listening_test.database import engine as engines
from listening_test.database.models import (
    STUDY_STATES,
    Answer,
    Event,
    Invitation,
    Participant,
    Stimulus,
    StudyRow,
    Trial,
    new_id,
    new_token,
)
from listening_test.orders import PlannedTrial
from listening_test.study import Study

Row = TypeVar("Row", Invitation, Participant)

#: How many sets of facts on the audio device are kept of one participant.
MAX_DEVICES = 20


class RefusedError(Exception):
    """A request that the state of things forbids; ``status`` is the HTTP status that says so."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason


@dataclass(frozen=True)
class Change:
    """One line of a save. ``kind`` is ``answer`` or ``event``; ``trial`` and ``stimulus`` are the ids listeners see.

    ``page`` tells apart pages that are open at once, each of which counts its own ``seq``: each pair is stored once.
    """

    seq: int
    kind: str
    trial: str | None
    stimulus: str | None
    name: str | None
    value: float | str | None
    position: int | None
    at_ms: float
    page: str = ""


@dataclass(frozen=True)
class Sound:
    """What an opaque id of a stimulus stands for, and whose token opens it. ``is_open``: the session goes on."""

    token: str
    item: str
    condition: str
    is_open: bool


@dataclass(frozen=True)
class Judged:
    """An answer with all around it, for exports."""

    participant: Participant
    trial: Trial
    stimulus: Stimulus
    answer: Answer


class Store:
    """A database of listening tests, brought up to date when it is opened.

    Args:
        location: a file for SQLite, or a URL such as ``postgresql+psycopg://user@host/name``.

    Raises:
        SettingError: the database cannot be opened, or was made by a newer version.
    """

    def __init__(self, location: Path | str) -> None:
        self._engine = engines.open_engine(location)
        # Writers of one process queue here; SQLite's own waiting is by polling, which makes some wait long.
        self._turn = threading.Lock() if self._engine.dialect.name == "sqlite" else nullcontext()

    def close(self) -> None:
        """Give back all connections."""
        self._engine.dispose()

    def __enter__(self) -> Store:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """A session for queries of one's own; nothing written in it is kept."""
        with Session(self._engine, expire_on_commit=False) as session:
            yield session

    @contextmanager
    def _writing(self) -> Iterator[Session]:
        with self._turn, Session(engines.for_writing(self._engine), expire_on_commit=False) as session, session.begin():
            yield session

    # Studies

    def register_study(self, study: Study, yaml: str) -> StudyRow:
        """The row of ``study``, made at its first opening; ``yaml`` is its file's text."""
        with self._writing() as session:
            values = {"content_hash": study.content_hash, "title": study.title, "yaml": yaml, "created_at": time.time()}
            session.execute(engines.upsert(session, StudyRow, values, "content_hash", ("title", "yaml")))
            return session.scalars(select(StudyRow).where(StudyRow.content_hash == study.content_hash)).one()

    def studies(self) -> list[StudyRow]:
        """All studies, the oldest first."""
        with self.reading() as session:
            return list(session.scalars(select(StudyRow).order_by(StudyRow.id)))

    def study(self, study_id: int) -> StudyRow:
        """One study as it is now."""
        with self.reading() as session:
            return session.get_one(StudyRow, study_id)

    def set_study_state(self, study_id: int, state: str) -> None:
        """Open, pause or close: ``state`` is one of `STUDY_STATES`."""
        if state not in STUDY_STATES:
            raise ValueError(f"no state of a study: {state}")
        with self._writing() as session:
            session.execute(update(StudyRow).where(StudyRow.id == study_id).values(state=state))

    # Invitations

    def add_invitations(self, study_id: int, labels: Sequence[str], max_uses: int = 1) -> list[Invitation]:
        """A personal link for each label (a name that only the experimenter sees; may be empty)."""
        with self._writing() as session:
            rows = [Invitation(study_id=study_id, label=label, max_uses=max_uses) for label in labels]
            session.add_all(rows)
            session.flush()
            return rows

    def invitations(self, study_id: int) -> list[Invitation]:
        """All invitations, the oldest first."""
        with self.reading() as session:
            return list(session.scalars(_of_study(Invitation, study_id).order_by(Invitation.id)))

    def invitation(self, token: str) -> Invitation | None:
        """The invitation whose link ends in ``token``."""
        with self.reading() as session:
            return session.scalars(select(Invitation).where(Invitation.token == token)).one_or_none()

    def delete_invitation(self, invitation_id: int) -> None:
        """Take an invitation back; who has used it keeps what is theirs."""
        with self._writing() as session:
            session.execute(
                update(Participant).where(Participant.invitation_id == invitation_id).values(invitation_id=None)
            )
            session.execute(delete(Invitation).where(Invitation.id == invitation_id))

    # Participants

    def add_participant(
        self,
        study_id: int,
        plan: Callable[[int], Sequence[PlannedTrial]],
        *,
        invitation: str | None = None,
        external: Mapping[str, str] | None = None,
        language: str = "en",
        is_simulated: bool = False,
        has_consented: bool = False,
    ) -> Participant:
        """Admit a listener and store all their trials, in the order that ``plan(seed_index)`` gives.

        Args:
            plan: `listening_test.orders.plan` with the study filled in (``functools.partial(plan, study)``).
            invitation: the token of the invitation used, if any.

        Raises:
            RefusedError: the study is paused or closed (409), the invitation unknown (403) or used up (409).
        """
        with self._writing() as session:
            row = session.scalars(
                update(StudyRow)
                .where(StudyRow.id == study_id)
                .values(n_participants=StudyRow.n_participants + 1)
                .returning(StudyRow)
            ).one()
            if row.state != "open":
                raise RefusedError(409, f"the test is {row.state}")
            invited = _use(session, study_id, invitation) if invitation is not None else None
            now = time.time()
            participant = Participant(
                token=invited.token if invited and invited.max_uses == 1 else new_token(),
                study_id=study_id,
                invitation_id=invited.id if invited else None,
                seed_index=row.n_participants - 1,
                external=dict(external or {}),
                language=language,
                is_simulated=is_simulated,
                consent_at=now if has_consented else None,
                started_at=now,
                seen_at=now,
            )
            session.add(participant)
            session.flush()
            _add_trials(session, participant.id, plan(participant.seed_index))
            return participant

    def participant(self, token: str) -> Participant | None:
        """Who holds the personal link that ends in ``token``."""
        with self.reading() as session:
            return session.scalars(select(Participant).where(Participant.token == token)).one_or_none()

    def participant_by_external(self, study_id: int, key: str, value: str) -> Participant | None:
        """Who came with this identity of a recruiting service, such as ``PROLIFIC_PID``; the first if several."""
        found = _of_study(Participant, study_id).where(Participant.external[key].as_string() == value)
        with self.reading() as session:
            return session.scalars(found.order_by(Participant.id)).first()

    def participants(self, study_id: int) -> list[Participant]:
        """All participants in order of admission."""
        with self.reading() as session:
            return list(session.scalars(_of_study(Participant, study_id).order_by(Participant.seed_index)))

    def update_participant(self, participant_id: int, **values: Any) -> None:
        """Set columns, such as ``language="de"``, ``questionnaire={...}``, ``comments="..."``."""
        with self._writing() as session:
            session.execute(
                update(Participant).where(Participant.id == participant_id).values(seen_at=time.time(), **values)
            )

    def mark_step(self, participant_id: int, step: str, result: Any = None) -> None:
        """Note that a step beside the trials is done, with its result if it has one."""
        with self._writing() as session:
            row = session.get_one(Participant, participant_id, with_for_update=True)
            row.steps = {**row.steps, step: {"at": time.time(), "result": result}}
            row.seen_at = time.time()

    def finish(self, participant_id: int, completion_code: str | None) -> None:
        """The session is complete: nothing more is saved. The code given first stays."""
        with self._writing() as session:
            session.execute(
                update(Participant)
                .where(Participant.id == participant_id, Participant.finished_at.is_(None))
                .values(finished_at=time.time(), completion_code=completion_code or secrets.token_hex(4).upper())
            )

    def delete_participant(self, participant_id: int) -> None:
        """Delete one person's data, with every answer and event. Their index is not given out again."""
        with self._writing() as session:
            row = session.get_one(Participant, participant_id)
            if row.invitation_id is not None:
                session.execute(delete(Invitation).where(Invitation.id == row.invitation_id, Invitation.max_uses == 1))
            # Trials, stimuli, answers and events go with it (ON DELETE CASCADE).
            session.execute(delete(Participant).where(Participant.id == participant_id))

    # Trials and what is saved of them

    def trials(self, participant_id: int) -> list[Trial]:
        """A participant's trials in order, each with its stimuli in order of presentation."""
        with self.reading() as session:
            found = select(Trial).where(Trial.participant_id == participant_id).order_by(Trial.position)
            return list(session.scalars(found))

    def answers(self, trial_id: str) -> list[Answer]:
        """The answers of a trial, the newest last."""
        with self.reading() as session:
            return list(
                session.scalars(select(Answer).where(Answer.trial_id == trial_id).order_by(Answer.at, Answer.seq))
            )

    def played(self, trial_id: str) -> set[str]:
        """The ids of the stimuli of a trial that have been heard."""
        heard = select(Event.stimulus_id).where(Event.trial_id == trial_id, Event.name.in_(("play", "switch")))
        with self.reading() as session:
            return {stimulus for stimulus in session.scalars(heard.distinct()) if stimulus is not None}

    def finish_trial(self, trial_id: str) -> None:
        """The listener went on to the next page."""
        with self._writing() as session:
            session.execute(
                update(Trial).where(Trial.id == trial_id, Trial.done_at.is_(None)).values(done_at=time.time())
            )

    def sound(self, stimulus_id: str) -> Sound | None:
        """What may be heard under an opaque id."""
        with self.reading() as session:
            is_open = (StudyRow.state == "open") & Participant.finished_at.is_(None)
            row = session.execute(
                select(Participant.token, Trial.item, Stimulus.condition, is_open)
                .select_from(Stimulus)
                .join(Trial, Stimulus.trial_id == Trial.id)
                .join(Participant, Trial.participant_id == Participant.id)
                .join(StudyRow, Participant.study_id == StudyRow.id)
                .where(Stimulus.id == stimulus_id)
            ).one_or_none()
        return Sound(*row) if row else None

    def save(self, token: str, study_id: int, changes: Sequence[Change]) -> int:
        """Store changes, in one transaction; what is stored already is left as it is.

        Of two pages open at once the answer that arrives last counts; of one page, that of the highest number.

        Args:
            changes: of which all trials and stimuli must be this participant's.

        Returns:
            The highest number stored for this participant.

        Raises:
            RefusedError: unknown token (403); paused, closed or finished (409); a foreign trial or stimulus (403).
        """
        with self._writing() as session:
            found = select(
                Participant.id, Participant.finished_at, Participant.seq, Participant.seen_at, StudyRow.state
            )
            row = session.execute(
                found.join(StudyRow, Participant.study_id == StudyRow.id)
                .where(Participant.token == token, Participant.study_id == study_id)
                .with_for_update(of=Participant)
            ).one_or_none()
            if row is None:
                raise RefusedError(403, "this link is not known here")
            if row.state != "open" or row.finished_at is not None:
                raise RefusedError(409, f"the test is {row.state if row.state != 'open' else 'finished'}")
            # Later than all before, whatever the clock says: the order of arrival decides which answer counts.
            now = max(time.time(), row.seen_at + 1e-6)
            _write_changes(session, row.id, changes, _open_trials(session, row.id, changes), now)
            seq = max([row.seq, *(change.seq for change in changes)])
            session.execute(update(Participant).where(Participant.id == row.id).values(seq=seq, seen_at=now))
            return seq

    def save_device(self, token: str, study_id: int, device: Mapping[str, Any]) -> None:
        """Keep the facts of the audio device in use.

        Raises:
            RefusedError: unknown token (403).
        """
        with self._writing() as session:
            found = _of_study(Participant, study_id).where(Participant.token == token).with_for_update()
            row = session.scalars(found).one_or_none()
            if row is None:
                raise RefusedError(403, "this link is not known here")
            facts = {**device, "at": time.time()}
            row.device = [*row.device, facts][-MAX_DEVICES:]

    # For exports and the board

    def judged(self, study_id: int) -> list[Judged]:
        """All answers, training included, by participant, trial and presentation; of ab and abx each trial's newest."""
        found = (
            select(Participant, Trial, Stimulus, Answer)
            .join(Trial, Trial.participant_id == Participant.id)
            .join(Stimulus, Stimulus.trial_id == Trial.id)
            .join(Answer, Answer.stimulus_id == Stimulus.id)
            .where(Participant.study_id == study_id)
            .order_by(Participant.seed_index, Trial.position, Stimulus.position)
        )
        with self.reading() as session:
            rows = [Judged(*row) for row in session.execute(found)]
        newest: dict[str, Judged] = {}
        for row in sorted(rows, key=lambda row: (row.answer.at, row.answer.seq)):
            newest[row.trial.id] = row
        return [row for row in rows if "pair" not in row.trial.payload or row is newest[row.trial.id]]

    def events(self, participant_id: int) -> list[Event]:
        """What the player reported of a participant, in order."""
        with self.reading() as session:
            found = select(Event).where(Event.participant_id == participant_id).order_by(Event.seq, Event.at)
            return list(session.scalars(found))

    def count_events(self, study_id: int, names: Sequence[str]) -> dict[int, dict[str, int]]:
        """How often each of ``names`` (such as ``underrun``) was reported, by participant's id."""
        found = (
            select(Event.participant_id, Event.name, func.count())
            .join(Participant, Event.participant_id == Participant.id)
            .where(Participant.study_id == study_id, Event.name.in_(names))
            .group_by(Event.participant_id, Event.name)
        )
        counts: dict[int, dict[str, int]] = {}
        with self.reading() as session:
            for participant_id, name, count in session.execute(found):
                counts.setdefault(participant_id, {})[name] = count
        return counts

    def progress(self, study_id: int) -> dict[int, tuple[int, int]]:
        """Trials done and trials in all (rated ones, not the training), by participant's id."""
        found = (
            select(Trial.participant_id, func.count(Trial.done_at), func.count())
            .join(Participant, Trial.participant_id == Participant.id)
            .where(Participant.study_id == study_id, Trial.kind == "rated")
            .group_by(Trial.participant_id)
        )
        with self.reading() as session:
            return {participant_id: (n_done, n_all) for participant_id, n_done, n_all in session.execute(found)}


def _of_study(row: type[Row], study_id: int) -> Select[Row]:
    return select(row).where(row.study_id == study_id)


def _use(session: Session, study_id: int, token: str) -> Invitation:
    found = _of_study(Invitation, study_id).where(Invitation.token == token).with_for_update()
    invitation = session.scalars(found).one_or_none()
    if invitation is None:
        raise RefusedError(403, "this link is not known here")
    if invitation.n_uses >= invitation.max_uses:
        raise RefusedError(409, "this link has been used")
    invitation.n_uses += 1
    return invitation


def _add_trials(session: Session, participant_id: int, plan: Sequence[PlannedTrial]) -> None:
    trials: list[dict[str, Any]] = []
    stimuli: list[dict[str, Any]] = []
    for position, planned in enumerate(plan):
        trial_id = new_id()
        trials.append(
            {
                "id": trial_id,
                "participant_id": participant_id,
                "position": position,
                "item": planned.item,
                "repeat": planned.repeat,
                "kind": planned.kind,
                "payload": dict(planned.payload),
            }
        )
        stimuli += [
            {
                "id": new_id(),
                "trial_id": trial_id,
                "condition": stimulus.condition,
                "label": stimulus.label,
                "position": index,
                "is_graded": stimulus.is_graded,
            }
            for index, stimulus in enumerate(planned.stimuli)
        ]
    session.execute(insert(Trial), trials)
    session.execute(insert(Stimulus), stimuli)


def _open_trials(session: Session, participant_id: int, changes: Sequence[Change]) -> set[str]:
    """The trials of ``changes`` that are not done; refuses trials and stimuli of others, or that do not fit."""
    trials = {change.trial for change in changes if change.trial is not None}
    own = select(Stimulus.id, Stimulus.trial_id, Stimulus.is_graded, Trial.done_at)
    own = own.join(Trial, Stimulus.trial_id == Trial.id)
    found = session.execute(own.where(Trial.participant_id == participant_id, Trial.id.in_(trials))).all()
    graded_of = {(row.trial_id, row.id): row.is_graded for row in found}
    if trials - {row.trial_id for row in found}:
        raise RefusedError(403, "this trial belongs to another link")
    for change in changes:
        if change.stimulus is not None and (change.trial, change.stimulus) not in graded_of:
            raise RefusedError(403, "this stimulus belongs to another trial")
        if change.kind == "answer" and not graded_of[(change.trial or "", change.stimulus or "")]:
            raise RefusedError(400, "this stimulus is not to be judged")
    return {row.trial_id for row in found if row.done_at is None}


def _write_changes(
    session: Session, participant_id: int, changes: Sequence[Change], open_trials: set[str], now: float
) -> None:
    """Every new change becomes an event; an answer also the trial's answer, unless it comes after the trial's end."""
    stored = select(Event.page, Event.seq).where(
        Event.participant_id == participant_id,
        Event.page.in_({change.page for change in changes}),
        Event.seq.in_({change.seq for change in changes}),
    )
    known = {(page, seq) for page, seq in session.execute(stored)}
    for change in sorted(changes, key=lambda change: change.seq):
        if (change.page, change.seq) in known:
            continue
        known.add((change.page, change.seq))
        event = {
            "participant_id": participant_id,
            "page": change.page,
            "seq": change.seq,
            "name": "answer" if change.kind == "answer" else change.name,
            "trial_id": change.trial,
            "stimulus_id": change.stimulus,
            "value": change.value,
            "position": change.position,
            "at_ms": change.at_ms,
            "at": now,
        }
        session.execute(insert(Event), [event])
        if change.kind == "answer" and change.trial in open_trials:
            answer = {
                "stimulus_id": change.stimulus,
                "trial_id": change.trial,
                "value": change.value,
                "page": change.page,
                "seq": change.seq,
                "at": now,
            }
            updated = ("value", "page", "seq", "at")
            session.execute(
                engines.upsert(session, Answer, answer, "stimulus_id", updated, newer_by="seq", among="page")
            )

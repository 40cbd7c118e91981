"""The schema of a listening test's database. Times are seconds since 1970 (UTC); ids that listeners see are random."""

from __future__ import annotations

import secrets
import time
from typing import Any

from sqlalchemy import JSON, ForeignKey, MetaData, UniqueConstraint
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship

#: What decides over a participant's saves: ``open``, ``paused`` (later again) or ``closed``.
STUDY_STATES = ("open", "paused", "closed")


def new_token() -> str:
    """An unguessable name for a link: 192 random bits."""
    return secrets.token_urlsafe(24)


def new_id() -> str:
    """A random name for a trial or a stimulus, which says nothing of what it stands for: 96 random bits."""
    return secrets.token_hex(12)


class Base(DeclarativeBase):
    """All constraints have names, so that migrations can alter them on every database."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s",
            "pk": "pk_%(table_name)s",
        }
    )


class StudyRow(Base):
    """A test. What is heard and in which order makes its hash; texts and procedure may be mended while it runs.

    Attributes:
        yaml: the study file as it was last served.
        n_participants: how many were ever admitted; the next one's ``seed_index``.
    """

    __tablename__ = "studies"

    id: Mapped[int] = mapped_column(primary_key=True)
    content_hash: Mapped[str] = mapped_column(unique=True)
    title: Mapped[str]
    yaml: Mapped[str]
    state: Mapped[str] = mapped_column(default="open")
    n_participants: Mapped[int] = mapped_column(default=0)
    created_at: Mapped[float] = mapped_column(default=time.time)


class Invitation(Base):
    """A personal link. With ``max_uses`` of 1 the participant takes over the token, so the link always resumes."""

    __tablename__ = "invitations"

    id: Mapped[int] = mapped_column(primary_key=True)
    token: Mapped[str] = mapped_column(unique=True, default=new_token)
    study_id: Mapped[int] = mapped_column(ForeignKey("studies.id"), index=True)
    label: Mapped[str] = mapped_column(default="")
    max_uses: Mapped[int] = mapped_column(default=1)
    n_uses: Mapped[int] = mapped_column(default=0)
    created_at: Mapped[float] = mapped_column(default=time.time)


class Participant(Base):
    """A listener and how far they are.

    Attributes:
        token: the personal link, which is also the key to this person's audio and saves.
        listener: the name in results, such as ``L0007``; says nothing of the person.
        seed_index: 0, 1, 2, ... in order of admission; with the study's seed it decides all orders.
        external: identities given by a recruiting service, such as ``{"PROLIFIC_PID": "..."}``.
        steps: what is done beside trials, by name: a time, or a result with a time (see `listening_test.protocol`).
        seq: the highest number among the saved changes.
        device: facts of the audio device as the browser reports them, the newest last.
    """

    __tablename__ = "participants"
    __table_args__ = (UniqueConstraint("study_id", "seed_index"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    token: Mapped[str] = mapped_column(unique=True, default=new_token)
    study_id: Mapped[int] = mapped_column(ForeignKey("studies.id"))
    invitation_id: Mapped[int | None] = mapped_column(ForeignKey("invitations.id", ondelete="SET NULL"))
    seed_index: Mapped[int]
    external: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    language: Mapped[str] = mapped_column(default="en")
    is_simulated: Mapped[bool] = mapped_column(default=False)
    started_at: Mapped[float] = mapped_column(default=time.time)
    consent_at: Mapped[float | None]
    finished_at: Mapped[float | None]
    seen_at: Mapped[float] = mapped_column(default=time.time)
    seq: Mapped[int] = mapped_column(default=0)
    steps: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    questionnaire: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    comments: Mapped[str] = mapped_column(default="")
    device: Mapped[list[dict[str, Any]]] = mapped_column(JSON, default=list)
    completion_code: Mapped[str | None]

    @property
    def listener(self) -> str:
        """The name in results."""
        return f"L{self.seed_index + 1:04d}"


class Trial(Base):
    """One page of stimuli to be judged.

    Attributes:
        position: 0, 1, 2, ... among all of the participant's trials, the training's first.
        kind: ``training`` (never counted) or ``rated``.
        payload: what the method adds, such as ``{"pair": ["a", "b"]}`` for abx and ab.
    """

    __tablename__ = "trials"
    __table_args__ = (UniqueConstraint("participant_id", "position"),)

    id: Mapped[str] = mapped_column(primary_key=True, default=new_id)
    participant_id: Mapped[int] = mapped_column(ForeignKey("participants.id", ondelete="CASCADE"))
    position: Mapped[int]
    item: Mapped[str]
    repeat: Mapped[int] = mapped_column(default=0)
    kind: Mapped[str] = mapped_column(default="rated")
    payload: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    done_at: Mapped[float | None]

    stimuli: Mapped[list[Stimulus]] = relationship(order_by="Stimulus.position", lazy="selectin", viewonly=True)

    @property
    def graded(self) -> list[Stimulus]:
        """The stimuli that can be judged: all but the open reference and X."""
        return [stimulus for stimulus in self.stimuli if stimulus.is_graded]


class Stimulus(Base):
    """One signal of a trial. ``label`` is what listeners see: ``R`` (open reference), ``1``, ``2`` or ``A``, ``X``."""

    __tablename__ = "stimuli"

    id: Mapped[str] = mapped_column(primary_key=True, default=new_id)
    trial_id: Mapped[str] = mapped_column(ForeignKey("trials.id", ondelete="CASCADE"), index=True)
    condition: Mapped[str]
    label: Mapped[str]
    position: Mapped[int]
    is_graded: Mapped[bool] = mapped_column(default=True)


class Answer(Base):
    """The newest judgement of a stimulus, sent by ``page`` as its number ``seq``.

    Of several in a trial of ab or abx, the one that arrived last (``at``) counts.
    """

    __tablename__ = "answers"

    stimulus_id: Mapped[str] = mapped_column(ForeignKey("stimuli.id", ondelete="CASCADE"), primary_key=True)
    trial_id: Mapped[str] = mapped_column(ForeignKey("trials.id", ondelete="CASCADE"), index=True)
    value: Mapped[float]
    page: Mapped[str] = mapped_column(default="")
    seq: Mapped[int]
    at: Mapped[float] = mapped_column(default=time.time)


class Event(Base):
    """What the player reports: play, switch, pause, seek, loop, underrun, ..., and each value an answer ever had.

    Attributes:
        page: of the browser that sent it; ``seq`` is its number among what that page sent.
        position: in the excerpt, samples.
        at_ms: by the browser's clock; ``at`` is when the server took it.
    """

    __tablename__ = "events"

    participant_id: Mapped[int] = mapped_column(ForeignKey("participants.id", ondelete="CASCADE"), primary_key=True)
    page: Mapped[str] = mapped_column(primary_key=True, default="")
    seq: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    name: Mapped[str]
    trial_id: Mapped[str | None] = mapped_column(ForeignKey("trials.id", ondelete="CASCADE"), index=True)
    stimulus_id: Mapped[str | None] = mapped_column(ForeignKey("stimuli.id", ondelete="CASCADE"))
    value: Mapped[Any | None] = mapped_column(JSON(none_as_null=True))
    position: Mapped[int | None]
    at_ms: Mapped[float]
    at: Mapped[float] = mapped_column(default=time.time)

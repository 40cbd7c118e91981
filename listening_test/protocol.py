"""How a session goes: which page comes next follows from the database alone, so it goes on wherever it was left."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from listening_test.database.models import Participant, Trial
from listening_test.database.store import RefusedError
from listening_test.orders import plan
from listening_test.service import Service

#: Steps beside the trials; done once they stand in `Participant.steps`.
Step = Literal["questionnaire", "level", "headphones", "instructions", "training_over", "comments"]

PageKind = Literal[
    "welcome",
    "paused",
    "closed",
    "unknown",
    "questionnaire",
    "level",
    "headphones",
    "instructions",
    "training_over",
    "trial",
    "break",
    "comments",
    "thanks",
]

#: Names by which recruiting services (Prolific, MTurk) tell who comes. The first two name the person.
IDENTITIES = ("PROLIFIC_PID", "workerId")
EXTERNAL = (*IDENTITIES, "STUDY_ID", "SESSION_ID", "assignmentId", "hitId")

#: The grade that at least one stimulus of a MUSHRA trial has to get (BS.1534-3).
MUSHRA_TOP = 100.0

#: A link's parameter longer than this is cut.
_MAX_EXTERNAL = 100


@dataclass(frozen=True)
class Page:
    """What a listener sees. ``number`` of ``total`` trials are counted apart for the training and the rated ones."""

    kind: PageKind
    trial: Trial | None = None
    number: int = 0
    total: int = 0


@dataclass(frozen=True)
class Missing:
    """Labels of stimuli that must be heard, and judged, before Next.

    ``needs_top``: all are judged, but none at 100, as BS.1534-3 instructs listeners to (one of them is the reference).
    """

    unplayed: tuple[str, ...]
    unrated: tuple[str, ...]
    needs_top: bool = False

    def __bool__(self) -> bool:
        return bool(self.unplayed or self.unrated or self.needs_top)


def external_of(parameters: Mapping[str, str]) -> dict[str, str]:
    """What a recruiting service says in a link's parameters, and nothing else of them."""
    found = {name: parameters.get(name, "") for name in EXTERNAL}
    return {
        name: "".join(sign for sign in text if sign.isprintable())[:_MAX_EXTERNAL]
        for name, text in found.items()
        if text
    }


def find(service: Service, token: str | None, external: Mapping[str, str]) -> Participant | None:
    """Who comes with this link, if they have been here before."""
    if token:
        known = service.store.participant(token)
        return known if known is not None and known.study_id == service.study_id else None
    for name in IDENTITIES:
        if name in external and service.is_public:
            return service.store.participant_by_external(service.study_id, name, external[name])
    return None


def may_begin(service: Service, token: str | None) -> bool:
    """Whether a new listener may take part with this link."""
    if not token:
        return service.is_public
    invitation = service.store.invitation(token)
    return (
        invitation is not None and invitation.study_id == service.study_id and invitation.n_uses < invitation.max_uses
    )


def begin(
    service: Service,
    token: str | None = None,
    external: Mapping[str, str] | None = None,
    *,
    language: str = "en",
    is_simulated: bool = False,
) -> Participant:
    """Admit a new listener, who has consented.

    Raises:
        RefusedError: the link is not known (403) or used up (409), or the test is not open (409).
    """
    if not token and not service.is_public and not is_simulated:
        raise RefusedError(403, "this test needs a personal link")
    return service.store.add_participant(
        service.study_id,
        functools.partial(plan, service.study),
        invitation=token or None,
        external=external,
        language=language,
        is_simulated=is_simulated,
        has_consented=True,
    )


def next_page(service: Service, participant: Participant) -> Page:
    """The page that comes next."""
    if participant.finished_at is not None:
        return Page("thanks")
    state = service.store.study(service.study_id).state
    if state == "paused":
        return Page("paused")
    if state == "closed":
        return Page("closed")
    return _page(service, participant, service.store.trials(participant.id))


def _page(service: Service, participant: Participant, trials: Sequence[Trial]) -> Page:
    study, procedure, done = service.study, service.study.procedure, participant.steps
    training = [trial for trial in trials if trial.kind == "training"]
    rated = [trial for trial in trials if trial.kind == "rated"]
    n_training = sum(trial.done_at is not None for trial in training)
    n_rated = sum(trial.done_at is not None for trial in rated)
    has_questions = bool(study.questions) and "questionnaire" not in done
    if has_questions and procedure.questionnaire == "before":
        return Page("questionnaire")
    if procedure.has_level_check and "level" not in done:
        return Page("level")
    if procedure.has_headphone_check and "headphones" not in done:
        return Page("headphones")
    if "instructions" not in done:
        return Page("instructions", total=len(training))
    if n_training < len(training):
        trial = next(trial for trial in training if trial.done_at is None)
        return Page("trial", trial, n_training + 1, len(training))
    if training and "training_over" not in done:
        return Page("training_over", total=len(rated))
    if n_rated < len(rated):
        pause = procedure.break_after_trials
        if pause and n_rated and n_rated % pause == 0 and f"break_{n_rated}" not in done:
            return Page("break", number=n_rated, total=len(rated))
        trial = next(trial for trial in rated if trial.done_at is None)
        return Page("trial", trial, n_rated + 1, len(rated))
    if has_questions:
        return Page("questionnaire")
    if procedure.has_comments and "comments" not in done:
        return Page("comments")
    return Page("thanks")


def step_of(page: Page) -> str:
    """The name under which a page beside the trials is marked as done."""
    return f"break_{page.number}" if page.kind == "break" else page.kind


def trial_data(service: Service, participant: Participant, page: Page, texts: Mapping[str, str]) -> dict[str, Any]:
    """What the player needs to know of a trial: opaque ids and labels, no condition's name.

    Args:
        page: of kind ``trial``.
        texts: of the player, in the listener's language.
    """
    trial = page.trial
    if trial is None:
        raise ValueError(f"the page {page.kind} has no trial")
    procedure = service.study.procedure
    following = next((other for other in service.store.trials(participant.id) if other.position > trial.position), None)
    return {
        "method": service.study.method,
        "trial": trial.id,
        "token": participant.token,
        "api": f"{service.base_path}/api",
        "sampleRate": service.study.sample_rate_hz,
        "reference": next((stimulus.id for stimulus in trial.stimuli if stimulus.label == "R"), None),
        "stimuli": [
            {"id": stimulus.id, "label": stimulus.label} for stimulus in trial.stimuli if stimulus.label != "R"
        ],
        "durationSeconds": _duration_s(service, trial),
        "answers": {answer.stimulus_id: answer.value for answer in _answers(service, trial)},
        "played": sorted(service.store.played(trial.id)),
        "seq": participant.seq,
        "prefetch": [stimulus.id for stimulus in following.stimuli] if following else [],
        "isTraining": trial.kind == "training",
        "isLast": trial.kind == "rated" and page.number == page.total,
        "rules": {"mustPlay": procedure.must_play_all, "mustRate": procedure.must_rate_all},
        "progress": {"trial": page.number, "of": page.total},
        "texts": dict(texts),
    }


def missing(service: Service, trial: Trial) -> Missing:
    """What the rules of the study ask for before the listener may go on."""
    procedure = service.study.procedure
    played = service.store.played(trial.id)
    rated = {answer.stimulus_id: answer.value for answer in _answers(service, trial)}
    # Of a pair one is chosen; otherwise each stimulus is graded.
    needed = [] if "pair" in trial.payload and rated else trial.graded
    unplayed = tuple(s.label for s in trial.stimuli if s.id not in played) if procedure.must_play_all else ()
    unrated = tuple(s.label for s in needed if s.id not in rated) if procedure.must_rate_all else ()
    is_graded = procedure.must_rate_all and not unrated
    return Missing(
        unplayed, unrated, is_graded and service.study.method == "mushra" and MUSHRA_TOP not in rated.values()
    )


def finish_trial(service: Service, participant: Participant, trial_id: str) -> Missing:
    """Go on from a trial of this participant's, unless something is missing, which is returned."""
    trial = next((trial for trial in service.store.trials(participant.id) if trial.id == trial_id), None)
    if trial is None:
        raise RefusedError(403, "this trial belongs to another link")
    lacks = missing(service, trial)
    if not lacks:
        service.store.finish_trial(trial.id)
    return lacks


def finish(service: Service, participant: Participant) -> None:
    """The last page is reached. Without a code in the study, the listener gets one of their own."""
    service.store.finish(participant.id, service.study.completion.code)


def _answers(service: Service, trial: Trial) -> list[Any]:
    answers = service.store.answers(trial.id)
    return answers[-1:] if "pair" in trial.payload else answers


def _duration_s(service: Service, trial: Trial) -> float:
    import soundfile

    info = soundfile.info(service.audio_file(trial.item, trial.stimuli[0].condition))
    return float(info.frames / info.samplerate)

"""Which page comes next in every state of a session, and what the server asks for before Next."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path

import pytest

from listening_test import protocol
from listening_test.database.models import Participant
from listening_test.database.store import Change, RefusedError, Store
from listening_test.service import Service
from listening_test.study import Study
from tests.listening_test.test_orders import study

FULL = {
    "questions": [{"id": "age", "kind": "number", "text": {"en": "Age?"}}],
    "procedure": {"break_after_trials": 2},
}


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store(tmp_path / "results.sqlite") as store:
        yield store


def served(store: Store, test: Study, **changes: object) -> Service:
    test = Study.model_validate(test.model_dump() | changes)
    return Service(test, Path(), store, store.register_study(test, "").id, is_public=True)


def walk(service: Service, participant: Participant) -> list[str]:
    """All pages to the end; each is left as the script leaves it."""
    pages = []
    while True:
        known = service.store.participant(participant.token)
        assert known is not None
        page = protocol.next_page(service, known)
        pages.append(f"{page.kind} {page.number}/{page.total}" if page.trial else protocol.step_of(page))
        if page.kind == "thanks":
            return pages
        if page.trial:
            service.store.finish_trial(page.trial.id)
        else:
            service.store.mark_step(participant.id, protocol.step_of(page))


def test_pages_in_order(store: Store) -> None:
    service = served(store, study(3), **FULL)
    assert walk(service, protocol.begin(service)) == [
        *("questionnaire", "level", "headphones", "instructions", "trial 1/1", "training_over"),
        *("trial 1/3", "trial 2/3", "break_2", "trial 3/3", "comments", "thanks"),
    ]


def test_pages_that_are_switched_off(store: Store) -> None:
    bare = {"has_headphone_check": False, "has_level_check": False, "has_comments": False, "break_after_trials": None}
    service = served(store, study(2), training=[], procedure=bare)
    assert walk(service, protocol.begin(service)) == ["instructions", "trial 1/2", "trial 2/2", "thanks"]
    after = served(
        store, study(2), **FULL | {"training": [], "seed": 4, "procedure": {**bare, "questionnaire": "after"}}
    )
    pages = walk(after, protocol.begin(after))
    assert pages == ["instructions", "trial 1/2", "trial 2/2", "questionnaire", "thanks"]


def test_paused_closed_and_finished(store: Store) -> None:
    service = served(store, study(2))
    participant = protocol.begin(service)
    for state in ("paused", "closed"):
        store.set_study_state(service.study_id, state)
        assert protocol.next_page(service, participant).kind == state
        with pytest.raises(RefusedError, match=state):
            protocol.begin(service)
    protocol.finish(service, participant)
    known = protocol.find(service, participant.token, {})
    assert known is not None
    assert protocol.next_page(service, known).kind == "thanks"


def test_links(store: Store) -> None:
    service = served(store, study(2))
    invited = dataclasses.replace(service, is_public=False)
    with pytest.raises(RefusedError, match="personal link"):
        protocol.begin(invited)
    [invitation] = store.add_invitations(service.study_id, [""])
    assert protocol.may_begin(invited, invitation.token)
    assert not protocol.may_begin(invited, "unknown")
    assert not protocol.may_begin(invited, None)
    protocol.begin(invited, invitation.token)
    assert not protocol.may_begin(invited, invitation.token)
    external = protocol.external_of({"PROLIFIC_PID": "p\0" + "1" * 200, "other": "x"})
    assert external == {"PROLIFIC_PID": "p" + "1" * 99}
    came = protocol.begin(service, external=external)
    again = protocol.find(service, None, external)
    assert again is not None
    assert again.id == came.id


def test_next_waits_for_what_is_missing(store: Store) -> None:
    service = served(store, study(2))
    participant = protocol.begin(service)
    trial = store.trials(participant.id)[1]
    graded = trial.graded

    def save(seq: int, stimulus: str, value: float | None) -> None:
        kind, name = ("event", "play") if value is None else ("answer", None)
        store.save(participant.token, service.study_id, [Change(seq, kind, trial.id, stimulus, name, value, None, 0.0)])

    lacks = protocol.finish_trial(service, participant, trial.id)
    assert lacks.unplayed == tuple(s.label for s in trial.stimuli)
    assert lacks.unrated == tuple(s.label for s in graded)
    for seq, stimulus in enumerate(trial.stimuli, 1):
        save(seq, stimulus.id, None)
    for seq, stimulus in enumerate(graded, 20):
        save(seq, stimulus.id, 50.0)
    # BS.1534-3: one of them is the reference, so at least one gets 100.
    assert protocol.finish_trial(service, participant, trial.id) == protocol.Missing((), (), needs_top=True)
    save(40, graded[2].id, 100.0)
    assert not protocol.finish_trial(service, participant, trial.id)
    assert store.trials(participant.id)[1].done_at is not None
    with pytest.raises(RefusedError, match="another link"):
        protocol.finish_trial(service, protocol.begin(service), trial.id)

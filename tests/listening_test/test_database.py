"""SQLite and PostgreSQL keep the same, and the migrations make what the models say."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from flowmac.errors import SettingError
from listening_test.database.engine import open_engine
from listening_test.database.models import Base
from listening_test.database.store import Change, RefusedError, Store
from listening_test.orders import plan
from listening_test.study import Study
from tests.listening_test.test_orders import study


@pytest.fixture(params=["sqlite", "postgresql"])
def location(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    if request.param == "sqlite":
        yield str(tmp_path / "results.sqlite")
        return
    url: str = request.getfixturevalue("postgres")
    yield url
    engine = sqlalchemy.create_engine(url)
    with engine.begin() as connection:
        connection.exec_driver_sql("DROP SCHEMA public CASCADE; CREATE SCHEMA public")
    engine.dispose()


def admit(store: Store, test: Study) -> tuple[int, int, str]:
    row = store.register_study(test, "yaml")
    participant = store.add_participant(row.id, functools.partial(plan, test), has_consented=True)
    return row.id, participant.id, participant.token


def change(seq: int, trial: str, stimulus: str, value: float) -> Change:
    return Change(seq, "answer", trial, stimulus, None, value, None, 0.0)


def test_migrations_make_the_models(location: str) -> None:
    engine = open_engine(location)
    with engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), Base.metadata) == []
    engine.dispose()


def test_what_is_saved_is_there_when_opened_again(location: str) -> None:
    test = study()
    with Store(location) as store:
        study_id, participant_id, token = admit(store, test)
        orders = [(trial.id, [s.id for s in trial.stimuli]) for trial in store.trials(participant_id)]
        trial = store.trials(participant_id)[1]
        first = trial.graded[0].id
        assert store.save(token, study_id, [change(4, trial.id, first, 70), change(2, trial.id, first, 5)]) == 4
        assert store.save(token, study_id, [change(3, trial.id, first, 9)]) == 4
        store.mark_step(participant_id, "instructions")
    with Store(location) as store:
        assert store.register_study(test, "mended").id == study_id
        assert [(trial.id, [s.id for s in trial.stimuli]) for trial in store.trials(participant_id)] == orders
        assert [(row.value, row.seq) for row in store.answers(trial.id)] == [(70.0, 4)]
        assert [event.seq for event in store.events(participant_id)] == [2, 3, 4]
        assert [row.answer.value for row in store.judged(study_id)] == [70.0]
        store.finish_trial(trial.id)
        store.save(token, study_id, [change(9, trial.id, first, 1)])
        assert store.answers(trial.id)[0].value == 70.0
        assert store.progress(study_id) == {participant_id: (1, 6)}
        store.delete_participant(participant_id)
        assert store.judged(study_id) == []
        assert store.participant(token) is None


def test_invitations(location: str) -> None:
    test = study()
    with Store(location) as store:
        row = store.register_study(test, "")
        [single] = store.add_invitations(row.id, ["one"])
        admitted = store.add_participant(row.id, functools.partial(plan, test), invitation=single.token)
        assert admitted.token == single.token
        with pytest.raises(RefusedError, match="used"):
            store.add_participant(row.id, functools.partial(plan, test), invitation=single.token)
        with pytest.raises(RefusedError, match="not known"):
            store.add_participant(row.id, functools.partial(plan, test), invitation="no")
        known = store.add_participant(row.id, functools.partial(plan, test), external={"PROLIFIC_PID": "p1"})
        found = store.participant_by_external(row.id, "PROLIFIC_PID", "p1")
        assert found is not None
        assert found.id == known.id
        assert [person.seed_index for person in store.participants(row.id)] == [0, 1]


def test_messages_of_what_is_no_database(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("no database at all " * 100, encoding="utf-8")
    for location in (tmp_path / "text", tmp_path / "no" / "folder", "mysql://host/x", "postgresql://127.0.0.1:1/x"):
        with pytest.raises(SettingError):
            Store(location)

"""The HTTP routes: what they give, what they refuse, and that nothing they are sent breaks them."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from listening_test import protocol
from listening_test.routes import api_routes
from listening_test.service import Service
from tests.listening_test.conftest import CONDITIONS, ITEMS


@pytest.fixture
def client(service: Service) -> Iterator[TestClient]:
    with TestClient(Starlette(routes=api_routes(service))) as client:
        yield client


def answer(trial: Any, seq: int, value: Any = 50.0, n: int = 0) -> dict[str, Any]:
    return {
        "seq": seq,
        "kind": "answer",
        "trial": trial.id,
        "stimulus": trial.graded[n].id,
        "name": None,
        "value": value,
        "position": None,
        "at_ms": 1.0,
    }


def test_newest_answer_stays_and_saves_are_idempotent(client: TestClient, service: Service) -> None:
    participant = protocol.begin(service)
    trial = service.store.trials(participant.id)[1]
    for seq, value in ((5, 80.0), (3, 10.0), (5, 20.0)):
        body = {"token": participant.token, "changes": [answer(trial, seq, value)]}
        reply = client.post("/api/save", content=json.dumps(body), headers={"content-type": "text/plain"})
        assert reply.json() == {"acknowledged": 5}
    assert [row.value for row in service.store.answers(trial.id)] == [80.0]


def test_two_pages_on_one_link_lose_nothing(client: TestClient, service: Service) -> None:
    participant = protocol.begin(service)
    trial = service.store.trials(participant.id)[1]

    def save(page: str, seq: int, value: float, n: int = 0) -> None:
        change = {**answer(trial, seq, value, n), "page": page}
        reply = client.post("/api/save", json={"token": participant.token, "changes": [change]})
        assert reply.json()["acknowledged"] >= seq

    save("desk", 7, 70.0)
    save("phone", 7, 20.0)  # the same number
    save("phone", 8, 30.0, n=1)
    save("desk", 3, 60.0, n=1)  # a lower one, never seen before
    save("desk", 7, 70.0)  # sent again, as its answer was lost: no newer than it was
    values = {row.stimulus_id: row.value for row in service.store.answers(trial.id)}
    assert values == {trial.graded[0].id: 20.0, trial.graded[1].id: 60.0}
    assert len(service.store.events(participant.id)) == 4


def test_audio_is_refused_to_others_and_headers_tell_nothing(client: TestClient, service: Service) -> None:
    participant, other = protocol.begin(service), protocol.begin(service)
    trial = service.store.trials(participant.id)[0]
    replies = [client.get(f"/api/audio/{row.id}", params={"t": participant.token}) for row in trial.stimuli]
    assert {reply.status_code for reply in replies} == {200}
    # No header differs between stimuli, and none names anything.
    assert len({json.dumps(sorted(reply.headers.items())) for reply in replies}) == 1
    assert not {"etag", "last-modified", "content-disposition"} & set(replies[0].headers)
    for reply in replies:
        assert not any(name in str(reply.headers) for name in (*CONDITIONS, *ITEMS))
    url = f"/api/audio/{trial.stimuli[0].id}"
    assert client.get(url, params={"t": other.token}).status_code == 403
    assert client.get(url).status_code == 403
    for path in ("nothing", "..%2f..%2fstudy.yaml", "%2e%2e%2fstudy.yaml", "a%00b", "é"):
        assert client.get(f"/api/audio/{path}", params={"t": participant.token}).status_code == 404
    service.store.set_study_state(service.study_id, "closed")
    assert client.get(url, params={"t": participant.token}).status_code == 409


def test_saves_are_refused_with_a_reason(client: TestClient, service: Service) -> None:
    participant, other = protocol.begin(service), protocol.begin(service)
    trial, foreign = (service.store.trials(person.id)[0] for person in (participant, other))

    def status(*changes: dict[str, Any], token: str = participant.token) -> int:
        return client.post("/api/save", json={"token": token, "changes": list(changes)}).status_code

    assert status(answer(trial, 1), token="wrong") == 403
    assert status(answer(foreign, 1)) == 403
    assert status({**answer(trial, 1), "stimulus": foreign.graded[0].id}) == 403
    assert status({**answer(trial, 1), "stimulus": trial.stimuli[0].id}) == 400  # the open reference
    for value in (-1, 100.5, "50", None, True, [1]):
        assert status(answer(trial, 1, value)) == 400
    assert client.post("/api/save", content=b"x" * 70_000).status_code == 413
    for state in ("paused", "closed"):
        service.store.set_study_state(service.study_id, state)
        assert status(answer(trial, 1)) == 409
    service.store.set_study_state(service.study_id, "open")
    assert status(answer(trial, 1)) == 200
    service.store.finish(participant.id, None)
    assert status(answer(trial, 2)) == 409


def test_thousand_fuzzed_saves_never_break(client: TestClient, service: Service) -> None:
    participant = protocol.begin(service)
    trial = service.store.trials(participant.id)[0]
    good = {"token": participant.token, "changes": [answer(trial, 1)]}
    rng = random.Random(3)
    junk = [
        None,
        True,
        -1,
        2**31,
        2**70,
        1e308,
        "",
        "\0",
        "\ud800",
        "x" * 999,
        [],
        {},
        [[]],
        {"a": 1},
        0.5,
        "é",
        trial.id,
    ]
    for _ in range(1000):
        body = json.loads(json.dumps(good))
        target = rng.choice([body, body["changes"][0], body["changes"][0]])
        target[rng.choice([*target, "other"])] = rng.choice(junk)
        data = bytearray(json.dumps(body).encode())
        if rng.random() < 0.4:
            for _ in range(rng.randrange(1, 6)):
                data[rng.randrange(len(data))] = rng.randrange(256)
        path = rng.choice(["/api/save", "/api/save", "/api/device"])
        assert client.post(path, content=bytes(data)).status_code in (200, 204, 400, 403, 409)


def test_device_facts_are_kept(client: TestClient, service: Service) -> None:
    participant = protocol.begin(service)
    facts = {"sampleRate": 48000, "outputLatency": None, "userAgent": "a browser", "hasWorklet": True}
    assert client.post("/api/device", json={"token": participant.token, "device": facts}).status_code == 204
    known = service.store.participant(participant.token)
    assert known is not None
    assert known.device[0]["sampleRate"] == 48000
    assert client.post("/api/device", json={"token": "x", "device": facts}).status_code == 403


def test_pages_data_name_no_condition(service: Service, small_study: Path) -> None:
    participant = protocol.begin(service)
    trials = service.store.trials(participant.id)
    data = protocol.trial_data(service, participant, protocol.Page("trial", trials[0], 1, 4), {})
    text = json.dumps(data)
    assert not any(f'"{name}"' in text for name in (*CONDITIONS, *ITEMS, "warm-up"))
    assert str(small_study) not in text

"""Simulated listeners who do a whole test through the HTTP routes that a browser uses: to try a test, and its load.

They are admitted in the database and marked there for good; sounds, device facts and each change of an answer go
through the server, one request for each as the player sends them.
"""

from __future__ import annotations

import asyncio
import itertools
import math
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from flowmac.errors import SettingError
from listening_test import protocol
from listening_test.database.models import Participant, Stimulus, Trial
from listening_test.database.store import RefusedError
from listening_test.results import Results
from listening_test.service import Service
from listening_test.simulated_listener import SimulatedListener, made_up_qualities

if TYPE_CHECKING:
    import httpx

_TIMEOUT_S = 60.0

#: Listeners arrive within so many mean pauses.
_ARRIVAL_PAUSES = 8

#: What a player reports of its audio device; the name says that there is none.
_DEVICE = {"baseLatency": 0.01, "outputLatency": 0.02, "maxChannelCount": 2, "userAgent": "simulated listener"}


@dataclass(frozen=True)
class Behaviour:
    """How simulated listeners are.

    Attributes:
        share_inattentive: of listeners who answer without listening.
        qualities: of conditions, 0 to 100, in place of made-up ones.
        pause_s: mean time between two changes of one listener, drawn anew each time; 0 for none.
        has_audio: each sound is fetched, as a browser does.
        n_at_once: listeners who take part at the same time.
    """

    share_inattentive: float = 0.1
    qualities: Mapping[str, float] = field(default_factory=dict)
    pause_s: float = 0.0
    has_audio: bool = True
    n_at_once: int = 8


@dataclass
class Account:
    """What happened.

    Attributes:
        acknowledged: the value of each stimulus whose save the server acknowledged.
        save_s: time of each save as the listener sees it, from request to acknowledgement.
        n_inattentive: how many listeners answered without listening.
    """

    listeners: list[str] = field(default_factory=list)
    acknowledged: dict[str, float] = field(default_factory=dict)
    save_s: list[float] = field(default_factory=list)
    n_inattentive: int = 0

    def save_quantile_s(self, share: float) -> float:
        """The time within which ``share`` of the saves were acknowledged (nearest rank)."""
        ordered = sorted(self.save_s)
        return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def simulate(
    results: Results,
    n_listeners: int,
    url: str,
    behaviour: Behaviour | None = None,
    progress: Callable[[str], None] = lambda listener: None,
) -> Account:
    """Let ``n_listeners`` do the test that is served at ``url`` from the database of ``results``.

    Raises:
        SettingError: no server answers there, it refuses a request, or a quality is of no condition of the test.
    """
    import httpx

    behaviour = behaviour or Behaviour()
    unknown = set(behaviour.qualities) - {condition.id for condition in results.study.conditions}
    if unknown:
        raise SettingError(f"{', '.join(sorted(unknown))} is no condition of the test")
    try:
        # A thread of its own: whoever calls, such as a notebook, may have an event loop running already.
        with ThreadPoolExecutor(1) as thread:
            session = partial(_all, results, n_listeners, url.rstrip("/"), behaviour, progress)
            return thread.submit(lambda: asyncio.run(session())).result()
    except httpx.HTTPStatusError as error:
        answer = error.response
        raise SettingError(
            f"{url}: refused {answer.request.url.path} with {answer.status_code}: {answer.text[:200]}"
        ) from None
    except RefusedError as error:
        raise SettingError(f"no listener is admitted: {error.reason}") from None
    except httpx.HTTPError as error:
        raise SettingError(f"{url}: does not answer ({error}); start it with `flowmac listen serve`") from None


@contextmanager
def running(results: Results, folder: Path) -> Iterator[str]:
    """Serve the routes of the test in ``folder``, without its pages, on a free port of this machine."""
    import uvicorn
    from starlette.applications import Starlette

    from listening_test.routes import api_routes

    service = Service(results.study, folder, results.store, results.study_id)
    app = Starlette(routes=api_routes(service))
    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=0, log_level="warning"))
    thread = threading.Thread(target=server.run, name="simulation's server")
    thread.start()
    while not server.started and thread.is_alive():
        time.sleep(0.01)
    try:
        if not server.started:
            raise SettingError("no server could be started on this machine; start one and give --url")
        port = server.servers[0].sockets[0].getsockname()[1]
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join()


async def _all(
    results: Results, n_listeners: int, url: str, behaviour: Behaviour, progress: Callable[[str], None]
) -> Account:
    import httpx

    account = Account()
    service = Service(results.study, Path(), results.store, results.study_id)
    places = asyncio.Semaphore(behaviour.n_at_once)
    # One connection a listener, as browsers keep theirs.
    limits = httpx.Limits(max_connections=behaviour.n_at_once, max_keepalive_connections=behaviour.n_at_once)
    async with httpx.AsyncClient(base_url=url, timeout=_TIMEOUT_S, limits=limits) as client:

        async def one() -> None:
            async with places:
                participant = await asyncio.to_thread(partial(protocol.begin, service, is_simulated=True))
                await _Session(service, client, participant, behaviour, account).run()
                account.listeners.append(participant.listener)
                progress(participant.listener)

        await asyncio.gather(*(one() for _ in range(n_listeners)))
    return account


class _Session:
    """One listener's way through the test."""

    def __init__(
        self,
        service: Service,
        client: httpx.AsyncClient,
        participant: Participant,
        behaviour: Behaviour,
        account: Account,
    ) -> None:
        self._service = service
        self._client = client
        self._participant = participant
        self._behaviour = behaviour
        self._account = account
        self._seq = itertools.count(participant.seq + 1)
        self._random = np.random.default_rng([service.study.seed, participant.seed_index, 1])
        is_inattentive = bool(self._random.random() < behaviour.share_inattentive)
        account.n_inattentive += is_inattentive
        study = service.study
        self._listener = SimulatedListener(
            made_up_qualities(study.conditions, behaviour.qualities),
            study.reference.id if study.reference else None,
            study.seed,
            participant.seed_index,
            is_inattentive,
        )

    async def run(self) -> None:
        service, participant = self._service, self._participant
        if self._behaviour.pause_s:  # people do not come in the same second
            await asyncio.sleep(float(self._random.uniform(0, _ARRIVAL_PAUSES * self._behaviour.pause_s)))
        device = {**_DEVICE, "sampleRate": self._service.study.sample_rate_hz}
        await self._post("/api/device", {"token": participant.token, "device": device})
        for trial in await asyncio.to_thread(service.store.trials, participant.id):
            await self._listen(trial)
            for stimulus, value in self._answers(trial):
                await self._save(trial, stimulus, "answer", value)
            missing = await asyncio.to_thread(protocol.finish_trial, service, participant, trial.id)
            if missing:
                raise SettingError(f"the server misses {missing} of a trial that a simulated listener completed")
        await asyncio.to_thread(protocol.finish, service, participant)

    async def _listen(self, trial: Trial) -> None:
        for number, stimulus in enumerate(trial.stimuli):
            if self._behaviour.has_audio:
                sound = await self._client.get(f"/api/audio/{stimulus.id}", params={"t": self._participant.token})
                sound.raise_for_status()
            await self._save(trial, stimulus, "switch" if number else "play")

    def _answers(self, trial: Trial) -> Iterator[tuple[Stimulus, float]]:
        """What the listener answers, in the order of the page."""
        listener, graded, method = self._listener, trial.graded, self._service.study.method
        if method == "mushra":
            scores = listener.scores(trial.item, [stimulus.condition for stimulus in graded])
            yield from zip(graded, map(float, scores), strict=True)
        elif method in ("acr", "dcr"):
            yield from ((stimulus, float(listener.opinion(trial.item, stimulus.condition))) for stimulus in graded)
        else:
            first, second = graded
            if method == "ab":
                chosen = listener.preferred(trial.item, first.condition, second.condition)
            else:
                x = next(stimulus.condition for stimulus in trial.stimuli if stimulus.label == "X")
                chosen = listener.heard_as(x, second.condition if x == first.condition else first.condition)
            yield (first if chosen == first.condition else second), 1.0

    async def _save(self, trial: Trial, stimulus: Stimulus, name: str, value: float | None = None) -> None:
        if self._behaviour.pause_s:
            await asyncio.sleep(float(self._random.exponential(self._behaviour.pause_s)))
        is_answer = value is not None
        change = {
            "seq": next(self._seq),
            "kind": "answer" if is_answer else "event",
            "trial": trial.id,
            "stimulus": stimulus.id,
            "name": None if is_answer else name,
            "value": value,
            "position": 0,
            "at_ms": time.time() * 1000,
        }
        begin = time.perf_counter()
        reply = await self._post("/api/save", {"token": self._participant.token, "changes": [change]})
        self._account.save_s.append(time.perf_counter() - begin)
        if value is not None and reply.json()["acknowledged"] >= change["seq"]:
            self._account.acknowledged[stimulus.id] = value

    async def _post(self, path: str, body: Mapping[str, Any]) -> httpx.Response:
        reply = await self._client.post(path, json=body)
        reply.raise_for_status()
        return reply

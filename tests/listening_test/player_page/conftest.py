"""A small server of the player's files, with a stand-in for the listening test's routes that can be told to fail."""

from __future__ import annotations

import io
import json
import threading
import time
import wave
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pytest
import yaml

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, Page

HERE = Path(__file__).parent
RATE_HZ = 48_000


def wav(sound: npt.NDArray[np.float64], rate_hz: int = RATE_HZ, n_bytes: int = 2) -> bytes:
    """A PCM WAV of ``sound``, shape (n_samples, n_channels)."""
    whole = np.round(sound * 2 ** (8 * n_bytes - 1)).astype("<i4")
    file = io.BytesIO()
    with wave.open(file, "wb") as writer:
        writer.setnchannels(sound.shape[1])
        writer.setsampwidth(n_bytes)
        writer.setframerate(rate_hz)
        writer.writeframes(whole.reshape(-1, 1).view(np.uint8)[:, :n_bytes].tobytes())
    return file.getvalue()


def voice(n: int, duration_s: float = 2.0) -> bytes:
    """A stereo sound that differs with ``n``."""
    time_s = np.arange(round(duration_s * RATE_HZ)) / RATE_HZ
    tone = 0.4 * np.sin(2 * np.pi * (200 + 30 * n) * time_s) * (0.3 + 0.7 * np.sin(2 * np.pi * 1.3 * time_s) ** 2)
    return wav(np.stack([tone, 0.8 * tone], axis=1))


@dataclass
class FakeServer:
    """What the page is given, and what came back."""

    url: str = ""
    data: dict[str, Any] = field(default_factory=dict)
    sounds: dict[str, bytes] = field(default_factory=dict)
    #: Statuses of the next answers to a save, first ones first; then 200.
    save_statuses: list[int] = field(default_factory=list)
    #: The same for sounds.
    audio_statuses: list[int] = field(default_factory=list)
    #: Every change that was stored, by its number.
    stored: dict[int, dict[str, Any]] = field(default_factory=dict)
    n_saves: int = 0
    fetched: list[str] = field(default_factory=list)
    device: dict[str, Any] | None = None

    wav = staticmethod(wav)

    def reset(self) -> None:
        self.__init__(url=self.url)  # type: ignore[misc]
        texts = yaml.safe_load((HERE.parents[2] / "listening_test/texts/en.yaml").read_text(encoding="utf-8"))["player"]
        stimuli = [{"id": f"stimulus{n}", "label": str(n)} for n in range(1, 5)]
        self.data = {
            "page": "trial", "method": "mushra", "trial": "trial1", "token": "token", "api": "/api",
            "sampleRate": RATE_HZ, "reference": "open", "stimuli": stimuli, "durationSeconds": 2.0, "answers": {},
            "played": [], "seq": 0, "prefetch": [], "isTraining": False, "isLast": False,
            "rules": {"mustPlay": True, "mustRate": True}, "progress": {"trial": 3, "of": 12}, "texts": texts,
        }  # fmt: skip
        self.sounds = {name: voice(n) for n, name in enumerate(["open", *(stimulus["id"] for stimulus in stimuli)])}

    def answers(self) -> dict[str, Any]:
        """The last value of each stimulus."""
        changes = [self.stored[seq] for seq in sorted(self.stored)]
        return {change["stimulus"]: change["value"] for change in changes if change["kind"] == "answer"}

    def events(self) -> list[tuple[str, str | None]]:
        changes = [self.stored[seq] for seq in sorted(self.stored)]
        return [(change["name"], change["stimulus"]) for change in changes if change["kind"] == "event"]

    def wait_for(self, is_so: Any, timeout_s: float = 10.0) -> None:
        end_s = time.monotonic() + timeout_s
        while not is_so():
            assert time.monotonic() < end_s, f"stored: {self.stored}"
            time.sleep(0.02)


@pytest.fixture(scope="session")
def _server() -> Iterator[FakeServer]:
    uvicorn = pytest.importorskip("uvicorn", reason="needs the server's extra")
    from starlette.applications import Starlette
    from starlette.requests import Request
    from starlette.responses import FileResponse, JSONResponse, Response
    from starlette.routing import Route

    from listening_test.player.routes import player_routes, version

    fake = FakeServer()

    def page(_: Request) -> Response:
        return FileResponse(HERE / "page.html")

    def page_data(_: Request) -> Response:
        return JSONResponse({"scripts": f"/player/{version()}", "data": {**fake.data, "checks": "/player/checks"}})

    def scheduled(_: Request) -> Response:
        code = (HERE / "scheduled.js").read_text().replace("/current/", f"/{version()}/")
        return Response(code, media_type="text/javascript")

    def audio(request: Request) -> Response:
        name = request.path_params["name"]
        fake.fetched.append(name)
        status = fake.audio_statuses.pop(0) if fake.audio_statuses else 200
        return Response(fake.sounds[name] if status == 200 else b"", status, media_type="audio/wav")

    async def save(request: Request) -> Response:
        fake.n_saves += 1
        changes = json.loads(await request.body())["changes"]
        status = fake.save_statuses.pop(0) if fake.save_statuses else 200
        if status != 200:
            return Response(status_code=status)
        for change in changes:
            fake.stored.setdefault(change["seq"], change)
        return JSONResponse({"acknowledged": max(fake.stored)})

    async def device(request: Request) -> Response:
        fake.device = json.loads(await request.body())["device"]
        return Response(status_code=204)

    routes = [
        *player_routes(),
        Route("/", page),
        Route("/page-data", page_data),
        Route("/scheduled.js", scheduled),
        Route("/api/audio/{name}", audio),
        Route("/api/save", save, methods=["POST"]),
        Route("/api/device", device, methods=["POST"]),
    ]
    config = uvicorn.Config(Starlette(routes=routes), port=0, log_level="error", lifespan="off", ws="none")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        time.sleep(0.02)
    fake.url = f"http://localhost:{server.servers[0].sockets[0].getsockname()[1]}/"
    yield fake
    server.should_exit = True
    thread.join()


@pytest.fixture
def server(_server: FakeServer) -> FakeServer:
    """The server, forgetful of the test before."""
    _server.reset()
    return _server


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    context = browser.new_context(viewport={"width": 1280, "height": 1000})
    context.set_default_timeout(15_000)
    yield context
    context.close()


@pytest.fixture
def page(context: BrowserContext) -> Iterator[Page]:
    """A page whose scripts must not fail."""
    page = context.new_page()
    faults: list[str] = []
    page.on("pageerror", lambda error: faults.append(str(error)))
    yield page
    assert not faults

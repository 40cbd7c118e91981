"""The HTTP routes that the player calls: stimuli out, judgements and facts of the audio device in."""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Annotated, Any, Literal

import pydantic
from pydantic import Field, StringConstraints

from listening_test.database.store import Change, RefusedError

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.routing import Route

    from listening_test.service import Service
    from listening_test.study import Method

MAX_BODY_BYTES = 64 * 1024

#: What a database column of whole numbers takes.
_MAX_INT = 2**31 - 1

# No control characters: PostgreSQL takes no NUL.
_Token = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,64}$")]
_Name = Annotated[str, StringConstraints(pattern=r"^[a-zA-Z][a-zA-Z0-9_-]{0,31}$")]
_Page = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{0,64}$")]
_Text = Annotated[str, StringConstraints(pattern=r"^[^\x00-\x1f]{0,500}$")]
_Number = Annotated[float, Field(strict=True, allow_inf_nan=False, ge=-1e15, le=1e15)]
_Int = Annotated[int, Field(strict=True, ge=0, le=_MAX_INT)]

# Sent with all that is only for one listener. Nothing that links equal sounds, such as ETag, goes beside it; the
# encoding is named so that no compression betrays by its size what is band-limited.
_PRIVATE = {"Cache-Control": "private, no-store", "X-Content-Type-Options": "nosniff", "Content-Encoding": "identity"}


class _Body(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(extra="forbid")


class _Change(_Body):
    seq: Annotated[_Int, Field(ge=1)]
    kind: Literal["answer", "event"]
    trial: _Token | None = None
    stimulus: _Token | None = None
    name: _Name | None = None
    value: _Number | _Text | None = None
    position: Annotated[int, Field(strict=True, ge=-_MAX_INT, le=_MAX_INT)] | None = None
    at_ms: _Number = 0.0
    page: _Page = ""


class _Save(_Body):
    token: _Token
    changes: Annotated[list[_Change], Field(max_length=1000)]


class _Device(_Body):
    token: _Token
    device: Annotated[dict[_Name, _Number | bool | _Text | None], Field(max_length=40)]


def api_routes(service: Service) -> list[Route]:
    """``/api/audio/ID``, ``/api/save`` and ``/api/device``."""
    from starlette.concurrency import run_in_threadpool
    from starlette.responses import JSONResponse, Response
    from starlette.routing import Route

    def guarded(handler: Callable[[Request], Awaitable[Response]]) -> Callable[[Request], Awaitable[Response]]:
        async def answer(request: Request) -> Response:
            try:
                return await handler(request)
            except RefusedError as error:
                return JSONResponse({"error": error.reason}, status_code=error.status, headers=_PRIVATE)

        return answer

    async def audio(request: Request) -> Response:
        token = request.query_params.get("t", "")
        data = await run_in_threadpool(read_audio, service, request.path_params["stimulus"], token)
        return Response(data, media_type="audio/wav", headers=_PRIVATE)

    async def save(request: Request) -> Response:
        body = _parse(_Save, await _read(request))
        changes = [_checked(change, service.study.method) for change in body.changes]
        seq = await run_in_threadpool(service.store.save, body.token, service.study_id, changes)
        return JSONResponse({"acknowledged": seq}, headers=_PRIVATE)

    async def device(request: Request) -> Response:
        body = _parse(_Device, await _read(request))
        await run_in_threadpool(service.store.save_device, body.token, service.study_id, body.device)
        return Response(status_code=204, headers=_PRIVATE)

    return [
        Route("/api/audio/{stimulus:str}", guarded(audio), methods=["GET"]),
        Route("/api/save", guarded(save), methods=["POST"]),
        Route("/api/device", guarded(device), methods=["POST"]),
    ]


def read_audio(service: Service, stimulus: str, token: str) -> bytes:
    """The WAV file of a stimulus.

    Raises:
        RefusedError: no such stimulus (404), another listener's (403), or the session is over (409).
    """
    sound = service.store.sound(stimulus) if stimulus.isascii() and stimulus.isalnum() else None
    if sound is None:
        raise RefusedError(404, "no such stimulus")
    if not secrets.compare_digest(sound.token.encode(), token.encode("utf-8", "replace")):
        raise RefusedError(403, "this stimulus belongs to another link")
    if not sound.is_open:
        raise RefusedError(409, "the test is not open")
    return service.audio_file(sound.item, sound.condition).read_bytes()


async def _read(request: Request) -> bytes:
    """The body, whatever type it claims: `navigator.sendBeacon` sends text."""
    body = bytearray()
    async for part in request.stream():
        body += part
        if len(body) > MAX_BODY_BYTES:
            raise RefusedError(413, f"a save has at most {MAX_BODY_BYTES} bytes")
    return bytes(body)


def _parse(model: type[Any], body: bytes) -> Any:
    try:
        return model.model_validate_json(body)
    except pydantic.ValidationError as error:
        fault = error.errors(include_url=False, include_input=False, include_context=False)[0]
        where = ".".join(str(part) for part in fault["loc"])
        # Keys that a stranger sent may hold anything.
        text = f"{where}: {fault['msg']}".encode("ascii", "replace").decode()[:200]
        raise RefusedError(400, text) from None


def _checked(change: _Change, method: Method) -> Change:
    """Refuse what is no answer in ``method``: 0 to 100 for MUSHRA, 1 to 5 for ACR and DCR, 1 for what is chosen."""
    if change.kind == "answer":
        value = change.value
        low, high = {"mushra": (0, 100), "acr": (1, 5), "dcr": (1, 5)}.get(method, (1, 1))
        if change.trial is None or change.stimulus is None:
            raise RefusedError(400, "an answer names its trial and its stimulus")
        if not isinstance(value, float) or not low <= value <= high or (method != "mushra" and value != int(value)):
            raise RefusedError(400, f"an answer of {method} is a number from {low} to {high}")
    elif change.name is None:
        raise RefusedError(400, "an event has a name")
    return Change(**change.model_dump())

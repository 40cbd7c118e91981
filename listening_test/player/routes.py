"""The player's HTTP routes: its scripts, its style and the sounds of the playback checks. Nothing here is secret."""

from __future__ import annotations

import functools
import hashlib
import re
from pathlib import Path
from typing import TYPE_CHECKING

from listening_test.player import playback_checks

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.routing import Route

_WEB = Path(__file__).parent / "web"

#: Spelt out: some systems serve .js as text/plain, which browsers refuse for modules.
_MEDIA_TYPES = {".js": "text/javascript", ".css": "text/css"}

_FOR_EVER = {"Cache-Control": "public, max-age=31536000, immutable"}


@functools.cache
def version() -> str:
    """A hash of all files of the player; it is part of their URL, so browsers may keep them for ever."""
    digest = hashlib.sha256()
    for path in sorted(_WEB.iterdir()):
        digest.update(path.name.encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()[:16]


def style() -> str:
    """The style sheet."""
    return (_WEB / "player.css").read_text(encoding="utf-8")


def player_routes() -> list[Route]:
    """Routes for the server: ``/player/VERSION/NAME`` and ``/player/checks/NAME.wav``."""
    from starlette.routing import Route

    return [
        Route("/player/checks/{name}.wav", _check_sound, methods=["GET"]),
        Route("/player/{version}/{name}", _web_file, methods=["GET"]),
    ]


def _web_file(request: Request) -> Response:
    from starlette.responses import Response

    name = request.path_params["name"]
    known = {path.name: path for path in _WEB.iterdir() if path.suffix in _MEDIA_TYPES}
    if name not in known or request.path_params["version"] != version():
        return Response(status_code=404)
    path = known[name]
    return Response(path.read_bytes(), media_type=_MEDIA_TYPES[path.suffix], headers=_FOR_EVER)


def _check_sound(request: Request) -> Response:
    from starlette.responses import Response

    name = request.path_params["name"]
    headphones = re.fullmatch(r"headphones-([0-9a-f]{16})-([0-5])", name)
    if headphones:
        sound = playback_checks.headphone_trial(headphones[1], int(headphones[2]))
    elif name in playback_checks.LEVEL_SIDES:
        sound = playback_checks.level_noise(name)
    else:
        return Response(status_code=404)
    return Response(playback_checks.to_wav(sound), media_type="audio/wav", headers=_FOR_EVER)

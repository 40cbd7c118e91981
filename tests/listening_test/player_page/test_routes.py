"""The player's routes give out its own files and nothing else."""

from __future__ import annotations

import urllib.error
import urllib.request
from typing import Any

KEY = "0123456789abcdef"


def status(url: str) -> int:
    try:
        with urllib.request.urlopen(url) as response:
            return response.status
    except urllib.error.HTTPError as error:
        with error:
            return error.code


def test_routes_give_out_only_their_files(server: Any) -> None:
    from listening_test.player.routes import version

    root = f"{server.url}player"
    good = [f"{version()}/main.js", "checks/left.wav", f"checks/headphones-{KEY}-5.wav"]
    bad = [f"{version()}/..%2froutes.py", f"{version()}/none.js", "old/main.js", f"checks/headphones-{KEY}-6.wav"]
    assert [status(f"{root}/{path}") for path in good] == [200] * 3
    assert [status(f"{root}/{path}") for path in bad] == [404] * 4

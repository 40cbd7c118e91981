"""How often the headphone check may be tried is kept with the listener, not with the page."""

from __future__ import annotations

from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from listening_test import protocol
from listening_test.player import component
from listening_test.server import MAIN_SCRIPT, open_service
from listening_test.service import set_current
from tests.listening_test.conftest import write_study


def test_reload_gives_no_further_try(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    keys: list[str] = []

    def fail(_texts: object, *, key: str) -> int | None:
        keys.append(key)
        return 2

    monkeypatch.setattr(component, "mount_headphone_check", fail)
    service = open_service(write_study(tmp_path / "test", procedure={"has_level_check": False}), is_public=True)
    with service.store:
        set_current(service)
        token = protocol.begin(service).token
        app = AppTest.from_file(str(MAIN_SCRIPT))
        app.query_params["t"] = token
        app.run(timeout=20)
        assert app.warning[0].value.startswith("Not all answers were right")
        reloaded = AppTest.from_file(str(MAIN_SCRIPT))
        reloaded.query_params["t"] = token
        reloaded.run(timeout=20)
        assert reloaded.title[0].value == "How it works"
        participant = service.store.participant(token)
        assert participant is not None
        assert participant.steps["headphones"]["result"] == {"n_right": 2, "n_tries": 2}
        assert len(set(keys)) == 2  # other tones the second time

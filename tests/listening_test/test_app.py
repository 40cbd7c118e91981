"""The flow of the pages, without a browser."""

from __future__ import annotations

from streamlit.testing.v1 import AppTest

from listening_test.server import MAIN_SCRIPT
from listening_test.service import Service, set_current


def click(app: AppTest, label: str) -> None:
    next(button for button in app.button if button.label == label).click().run(timeout=20)


def test_flow_and_resumption(service: Service) -> None:
    set_current(service)
    app = AppTest.from_file(str(MAIN_SCRIPT)).run(timeout=20)
    assert app.title[0].value == "A small test"
    click(app, "Begin")
    assert app.warning[0].value == "Please agree first."
    app.checkbox[0].check().run(timeout=20)
    click(app, "Begin")
    assert app.title[0].value == "How it works"
    [participant] = service.store.participants(service.study_id)
    assert app.query_params["t"] in (participant.token, [participant.token])
    click(app, "Continue")
    for trial in service.store.trials(participant.id):
        service.store.finish_trial(trial.id)
    # Another device, with the personal link: on where it stopped.
    other = AppTest.from_file(str(MAIN_SCRIPT))
    other.query_params["t"] = participant.token
    other.run(timeout=20)
    assert other.title[0].value == "The training is over"
    click(other, "Continue")
    click(other, "Continue")
    assert other.title[0].value == "Thank you"
    assert not other.exception


def test_closed_and_unknown(service: Service) -> None:
    set_current(service)
    app = AppTest.from_file(str(MAIN_SCRIPT))
    app.query_params["t"] = "unknown"
    app.run(timeout=20)
    assert app.info[0].value.startswith("This link is not known")
    assert not app.button
    service.store.set_study_state(service.study_id, "closed")
    app = AppTest.from_file(str(MAIN_SCRIPT)).run(timeout=20)
    assert app.info[0].value.startswith("This test is closed")

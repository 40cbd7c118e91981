"""The experimenter's page: closed without the password; it shows, pauses, invites and deletes with it."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser
from streamlit.testing.v1 import AppTest

from listening_test import protocol
from listening_test.admin import login
from listening_test.admin.board import find_listeners, precision_sentence, read_board, troubles
from listening_test.admin.links import PROLIFIC, links_csv, personal_link, recruiting_link
from listening_test.database.models import Invitation, Participant
from listening_test.password import Throttle, hash_password
from listening_test.results import Results, open_or_begin
from listening_test.service import Service, set_current
from listening_test.simulate import Behaviour, running, simulate
from tests.listening_test.servers import serving
from tests.listening_test.tiny_test import write_tiny_test

PASSWORD = "let me in please"
TIMEOUT_S = 60


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A test that four simulated listeners did."""
    test = write_tiny_test(tmp_path_factory.mktemp("done"), admin={"password_hash": hash_password(PASSWORD)})
    with open_or_begin(test) as results, running(results, test) as url:
        simulate(results, 4, url, Behaviour(share_inattentive=0))
    return test


@pytest.fixture
def served(done: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Results]:
    """A copy of it, as the pages of this process see it."""
    monkeypatch.setattr(login, "_throttle", Throttle(n_free=2, clock=lambda: 0.0))
    monkeypatch.setattr(login, "visitor_address", lambda: "192.0.2.1")
    test = shutil.copytree(done, tmp_path / "test")
    with open_or_begin(test) as results:
        set_current(Service(results.study, test, results.store, results.study_id, is_public=True))
        yield results


def page() -> AppTest:
    def script() -> None:
        from listening_test.admin.page import show
        from listening_test.service import current

        show(current().store, current().study)

    return AppTest.from_function(script, default_timeout=TIMEOUT_S)


def logged_in() -> AppTest:
    app = page().run()
    app.text_input[0].input(PASSWORD)
    app.button[0].click().run()
    return app


def shown(app: AppTest) -> str:
    return " ".join(
        str(element.value) for kind in ("title", "markdown", "text", "caption") for element in app.get(kind)
    )


def test_nothing_is_shown_without_the_password(served: Results) -> None:
    app = page().run()
    assert not app.exception
    assert served.study.title not in shown(app)
    for tries in range(2):
        app.text_input[0].input(f"wrong {tries}")
        app.button[0].click().run()
        assert "not the password" in app.error[0].value
    app.text_input[0].input(PASSWORD)
    app.button[0].click().run()
    assert "Too many wrong passwords" in app.error[0].value
    assert served.study.title not in shown(app)


def test_pause_and_resume(served: Results) -> None:
    app = logged_in()
    assert not app.exception
    assert served.study.title in shown(app)
    next(button for button in app.button if button.label == "Pause").click().run()
    assert served.store.study(served.study_id).state == "paused"
    next(button for button in app.button if button.label == "Resume").click().run()
    assert served.store.study(served.study_id).state == "open"


def test_invitations_and_their_links(served: Results) -> None:
    app = logged_in()
    app.text_area[0].input("seat 1\n\nseat 2\n")
    next(button for button in app.button if button.label == "Make links").click().run()
    assert not app.exception
    assert [row.label for row in served.store.invitations(served.study_id)] == ["seat 1", "seat 2"]


@pytest.mark.browser
def test_one_persons_data_goes_and_the_others_stay(browser: Browser, done: Path, tmp_path: Path) -> None:
    test = shutil.copytree(done, tmp_path / "test")
    with serving(test) as server, open_or_begin(test) as results:
        service = Service(results.study, test, results.store, results.study_id, is_public=True)
        person = protocol.begin(service, None, {"PROLIFIC_PID": "5f3a9c"})
        page = browser.new_page()
        page.set_default_timeout(1000 * TIMEOUT_S)
        page.goto(f"{server.url}/admin")
        page.get_by_label("Password").first.fill(PASSWORD)
        page.get_by_role("button", name="Log in").click()
        page.get_by_role("tab", name="Delete data").click()
        page.get_by_label("Link, identity").fill("5f3a9c")
        page.keyboard.press("Enter")
        page.get_by_role("button", name="Delete all data").click()
        page.get_by_label("Type L0005").fill("L0001")
        page.get_by_role("button", name="Delete for good").click()
        page.get_by_text("Nothing was deleted").wait_for()
        assert len(results.store.participants(results.study_id)) == 5
        page.get_by_label("Type L0005").fill("L0005")
        page.get_by_role("button", name="Delete for good").click()
        page.get_by_text("No listener of this test fits").wait_for()
        left = [row.listener for row in results.store.participants(results.study_id)]
        assert left == ["L0001", "L0002", "L0003", "L0004"]
        assert results.store.trials(person.id) == []
        page.close()


def test_the_board_counts_people_once_there_are_any(served: Results) -> None:
    board = read_board(served, wanted=5)
    assert (board.is_simulated, board.n_finished, len(board.lines)) == (True, 4, 4)
    assert [entry.condition for entry in board.precision] == ["sys_a", "sys_b", "lp7", "lp35"]
    assert board.n_missing is not None
    assert ("reached" in precision_sentence(board, 5, "points")) is (board.n_missing == 0)
    service = Service(served.study, Path(), served.store, served.study_id, is_public=True)
    protocol.begin(service)
    board = read_board(served, wanted=5)
    assert (board.is_simulated, board.n_simulated, board.n_finished, len(board.lines)) == (False, 4, 0, 1)
    assert board.lines[0].state == "trial 1 of 4"
    assert "Too few" in precision_sentence(board, 5, "points")


def test_troubles_are_told_in_words() -> None:
    fine = Participant(device=[{"sampleRate": 48000.0}], steps={"headphones": {"result": {"n_right": 6}}})
    assert troubles(fine, {}, 48000) == ()
    bad = Participant(device=[{"sampleRate": 44100.0}], steps={"headphones": {"result": {"n_right": 3}}})
    found = " ".join(troubles(bad, {"underrun": 2, "fallback": 1}, 48000))
    for words in ("44100 Hz, not 48000 Hz", "2 gaps", "no AudioWorklet", "(3 of 6)"):
        assert words in found


def test_links() -> None:
    assert personal_link("https://a.org/listen/", "t-_k") == "https://a.org/listen/?t=t-_k"
    assert recruiting_link("https://a.org", PROLIFIC).startswith("https://a.org/?PROLIFIC_PID={{%PROLIFIC_PID%}}&")
    text = links_csv("https://a.org", [Invitation(label="seat, 1", token="k", n_uses=1)])
    assert text == 'label,link,is_used\n"seat, 1",https://a.org/?t=k,true\n'


def test_a_person_is_found_by_link_identity_or_name() -> None:
    rows = [
        Participant(token="abc", seed_index=0, external={"PROLIFIC_PID": "pid"}),
        Participant(token="def", seed_index=1, external={}),
    ]
    for wanted in ("abc", "https://a.org/?t=abc", " pid ", "L0001"):
        assert find_listeners(rows, wanted) == rows[:1]
    assert find_listeners(rows, "") == find_listeners(rows, "nobody") == []

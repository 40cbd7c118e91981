"""A listener cannot learn which condition they hear: not by page, URL, response, header, order, size or time."""

from __future__ import annotations

import base64
import http.client
import itertools
import shutil
import time
import urllib.parse
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import yaml

from listening_test import protocol
from listening_test.database.models import Trial
from listening_test.server import open_service
from listening_test.service import Service
from tests.listening_test.conftest import write_study
from tests.listening_test.servers import Server, serving

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page, Response

#: The study's own names, which no text of ours or of Streamlit's holds by chance.
NAMES = {
    "ref": "Qz-original",
    "low": "Qz-lowpass35",
    "mid": "Qz-lowpass70",
    "codec-a": "Qz-flow6",
    "codec-b": "Qz-rival9",
    "castanets": "Qz-clatter",
    "speech": "Qz-talk",
    "violin": "Qz-strings",
    "bells": "Qz-chime",
    "warm-up": "Qz-first",
}
SEED = 918273645
N_REQUESTS = 40


def write_hidden(folder: Path) -> Path:
    """The small test with those names in ids, labels, notes, files and folders; two items, a seed, categories."""
    write_study(folder)
    study = yaml.safe_load((folder / "study.yaml").read_text(encoding="utf-8"))
    study["seed"] = SEED
    for condition in study["conditions"]:
        name = NAMES[condition["id"]]
        condition.update(id=name, label=f"{name} label", note=f"{name} note")
    study["items"] = study["items"][:2]
    for item in (*study["items"], *study["training"]):
        files = {}
        for condition, file in item["files"].items():
            files[NAMES[condition]] = f"Qz-audio/{NAMES[item['id']]}/{NAMES[condition]}.wav"
            (folder / files[NAMES[condition]]).parent.mkdir(parents=True, exist_ok=True)
            shutil.move(folder / file, folder / files[NAMES[condition]])
        item.update(id=NAMES[item["id"]], category="Qz-category", files=files)
    (folder / "study.yaml").write_text(yaml.safe_dump(study), encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Server, Service]]:
    folder = write_hidden(tmp_path_factory.mktemp("blind") / "Qz-folder")
    with serving(folder) as server:
        service = open_service(folder, is_public=True)
        with service.store:
            yield server, service


def traces(folder: Path) -> dict[str, list[bytes]]:
    """What must not be found: names, roles, paths and the seed, each plain and in the encodings of the web."""
    names = ["Qz-", "low_anchor", "mid_anchor", "seed_index", "latin_square", str(folder), str(SEED)]
    names += [name for name in NAMES.values() if name.startswith("Qz-")]
    return {name: list(_encodings(name)) for name in names}


def _encodings(name: str) -> Iterator[bytes]:
    plain = name.encode()
    yield plain
    yield urllib.parse.quote(name, safe="").encode()
    yield plain.hex().encode()
    yield name.encode("utf-16-le")
    for shift in range(3):
        # In base64 a text looks different at each of three offsets; its ends mix with what stands beside it.
        core = base64.b64encode(b"\0" * shift + plain)[4 if shift else 0 :][: (len(plain) // 3 - 1) * 4]
        if len(core) >= 8:
            yield core


class Wiretap:
    """Keeps all that passes between a page and its server."""

    def __init__(self, page: Page) -> None:
        self.texts: list[tuple[str, bytes]] = []
        self._responses: list[Response] = []
        page.on("websocket", self._listen)
        page.on("response", lambda response: self._responses.append(response))
        page.on("console", lambda message: self.texts.append(("console", message.text.encode())))

    def _listen(self, web_socket: Any) -> None:
        for name in ("framereceived", "framesent"):
            web_socket.on(name, lambda frame, name=name: self.texts.append((name, _bytes(frame))))

    def look(self, page: Page) -> None:
        """Keep what has come so far, and the page as it stands, its shadow roots and storage included."""
        from playwright.sync_api import Error

        html = page.evaluate(
            """() => {
              const parts = [JSON.stringify({...localStorage}), JSON.stringify({...sessionStorage}), document.cookie];
              const add = (root) => {
                parts.push(root.innerHTML ?? root.documentElement.outerHTML);
                for (const node of root.querySelectorAll("*")) if (node.shadowRoot) add(node.shadowRoot);
              };
              add(document);
              return parts.join("\\n");
            }"""
        )
        self.texts.append(("page", f"{page.url}\n{html}".encode()))
        for response in self._responses:
            url = response.url
            self.texts.append((f"headers of {url}", f"{url}\n{response.all_headers()}".encode()))
            try:
                self.texts.append((f"body of {url}", response.body()))
            except Error:  # no body: a redirect, 204
                continue
        self._responses.clear()


def _bytes(frame: str | bytes) -> bytes:
    return frame.encode() if isinstance(frame, str) else frame


@pytest.mark.browser
@pytest.mark.slow
def test_session_names_nothing(browser: Browser, served: tuple[Server, Service]) -> None:
    from playwright.sync_api import expect

    server, service = served
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    page.set_default_timeout(20_000)
    tap = Wiretap(page)
    page.goto(server.url)
    page.get_by_text("I have read this and agree to take part.").click()
    tap.look(page)
    page.get_by_role("button", name="Begin").click()
    page.get_by_role("button", name="Continue").click()
    for progress in ("Training 1 of 1", "Trial 1 of 2", "Trial 2 of 2"):
        page.get_by_text(progress).wait_for()
        expect(page.locator("button[data-stimulus='1']:not([disabled])")).to_have_count(1, timeout=20_000)
        tap.look(page)
        for n in range(6):
            page.keyboard.press(str(n))
            page.wait_for_timeout(120)
            if n:
                page.keyboard.press("End" if n == 1 else "Home")
        page.locator(".saving[data-state=saved]").wait_for()
        tap.look(page)
        page.locator(".next").click()
        if "Training" in progress:
            page.get_by_role("heading", name="The training is over").wait_for()
            page.get_by_role("button", name="Continue").click()
    page.get_by_role("heading", name="Remarks").wait_for()
    page.get_by_role("button", name="Continue").click()
    page.get_by_role("heading", name="Thank you").wait_for()
    tap.look(page)
    page.close()
    kinds = " ".join(where for where, _ in tap.texts)
    assert all(part in kinds for part in ("framereceived", "framesent", "page", "/api/audio/", "/api/save", "main.js"))
    # The search sees what is there: texts in frames, markup within shadow roots.
    assert any(where == "framereceived" and b"A small test" in data for where, data in tap.texts)
    assert any(where == "page" and b'data-stimulus="1"' in data for where, data in tap.texts)
    for name, codes in traces(service.folder).items():
        found = {where for where, data in tap.texts if any(code in data for code in codes)}
        assert not found, f"{name} is in {sorted(found)}"


def admit(service: Service) -> tuple[str, list[Trial]]:
    participant = protocol.begin(service)
    return participant.token, service.store.trials(participant.id)


def get(connection: http.client.HTTPConnection, stimulus: str, token: str) -> tuple[list[tuple[str, str]], bytes]:
    connection.request("GET", f"/api/audio/{stimulus}?t={token}")
    response = connection.getresponse()
    data = response.read()
    assert response.status == 200
    return response.getheaders(), data


def test_stimuli_differ_in_samples_only(served: tuple[Server, Service]) -> None:
    server, service = served
    token, trials = admit(service)
    connection = http.client.HTTPConnection("127.0.0.1", server.port)
    for trial in trials:
        replies = [get(connection, stimulus.id, token) for stimulus in trial.stimuli]
        headers = {tuple((name, value) for name, value in head if name != "date") for head, _ in replies}
        assert len(headers) == 1
        assert not {name for name, _ in headers.pop()} & {"etag", "last-modified", "content-disposition", "age"}
        assert len({len(data) for _, data in replies}) == 1
        # All before the samples is one and the same.
        assert len({data[: data.index(b"data") + 8] for _, data in replies}) == 1
        assert len({data[44:] for _, data in replies}) == 5  # the open and the hidden reference are the same sound
    connection.close()


def test_orders_and_ids_name_nothing(served: tuple[Server, Service]) -> None:
    """A label stands for other conditions in other trials; no id comes twice or sorts by condition."""
    _, service = served
    trials = [trial for _ in range(4) for trial in admit(service)[1]]
    for label in "12345":
        assert len({s.condition for trial in trials for s in trial.stimuli if s.label == label}) > 1
    ids = [stimulus.id for trial in trials for stimulus in trial.stimuli]
    assert len(set(ids)) == len(ids)
    assert {len(name) for name in ids} == {24}
    by_id = [tuple(s.condition for s in sorted(trial.graded, key=lambda s: s.id)) for trial in trials]
    assert len(set(by_id)) > 6


def test_response_times_name_nothing(served: tuple[Server, Service]) -> None:
    """Requests take turns in random order. One quiet round of three is enough: what leaks, leaks in each.

    For two conditions the share of pairs of times in which the first is slower (Mann and Whitney's U) is 0.5 where
    time says nothing, with a standard deviation of 0.065 for 40 times each; 0.25 to 0.75 is nearly four of them.
    """
    server, service = served
    assert any(_separation(server, service) < 0.25 for _ in range(3))


def _separation(server: Server, service: Service) -> float:
    """The farthest that such a share is from 0.5, of all pairs of conditions of a trial."""
    token, (trial, *_) = admit(service)
    rng = np.random.default_rng(3)
    connection = http.client.HTTPConnection("127.0.0.1", server.port)
    times_s: dict[str, list[float]] = defaultdict(list)
    for _ in range(N_REQUESTS):
        for n in rng.permutation(len(trial.graded)):
            begin = time.perf_counter()
            get(connection, trial.graded[n].id, token)
            times_s[trial.graded[n].condition].append(time.perf_counter() - begin)
    connection.close()
    assert len(times_s) == 5
    shares = [np.greater.outer(first, second).mean() for first, second in itertools.combinations(times_s.values(), 2)]
    return max(abs(float(share) - 0.5) for share in shares)

"""Trials as a listener does them: by mouse, by keyboard alone, on a phone, with a screen reader's eyes."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import yaml

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = pytest.mark.browser

TEXTS = Path(__file__).parents[3] / "listening_test" / "texts"
SCRIPTS = Path(__file__).parents[3] / "listening_test" / "player" / "web"
SEVERE = {"serious", "critical"}


def open_trial(page: Page, server: Any) -> None:
    page.goto(server.url)
    page.locator("button.play").wait_for()


def slider(page: Page, label: int) -> Any:
    return page.locator(f"input.rating[data-stimulus='{label}']")


def press_and_hear(page: Page, key: str, name: str) -> None:
    page.keyboard.press(key)
    page.wait_for_function("name => page.engine.isPlaying && page.heard.has(name)", arg=name)


def stimulus(page: Page, label: str) -> Any:
    return page.locator(f"button.sound[data-stimulus='{label}']")


def finish(page: Page) -> list[list[Any]]:
    page.get_by_role("button", name="Next").click()
    page.wait_for_function("window.triggers.length > 0")
    return page.evaluate("window.triggers")


def severe_findings(page: Page) -> list[str]:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="needs axe-playwright-python")
    found = axe.Axe().run(page).response["violations"]
    return [f"{fault['id']}: {fault['nodes'][0]['html']}" for fault in found if fault["impact"] in SEVERE]


def choose_method(server: Any, method: str, labels: str, has_reference: bool = False) -> None:
    stimuli = [{"id": f"stimulus{n}", "label": label} for n, label in enumerate(labels, start=1)]
    server.data.update(method=method, stimuli=stimuli, reference="open" if has_reference else None)


def test_mushra_by_keyboard_alone(server: Any, page: Page) -> None:
    open_trial(page, server)
    press_and_hear(page, "0", "open")
    for n, key in enumerate(["End", "PageUp", "ArrowDown", "Home"], start=1):
        press_and_hear(page, str(n), f"stimulus{n}")
        page.keyboard.press(key)
    for _ in range(30):
        page.keyboard.press("Tab")
        if page.evaluate("document.getElementById('host').shadowRoot.activeElement?.className") == "main next":
            break
    page.keyboard.press("Enter")
    page.wait_for_function("window.triggers.length > 0")
    assert page.evaluate("window.triggers") == [["done", "trial1"]]
    assert server.answers() == {"stimulus1": 100, "stimulus2": 60, "stimulus3": 49, "stimulus4": 0}
    heard = [name for name in server.events() if name[0] in ("play", "switch")]
    assert heard == [("play", "open"), *(("switch", f"stimulus{n}") for n in range(1, 5))]
    assert sorted(server.stored) == list(range(1, len(server.stored) + 1))


def test_mushra_by_mouse(server: Any, page: Page) -> None:
    open_trial(page, server)
    stimulus(page, "0").click()
    page.wait_for_function("page.heard.has('open')")
    for n in range(1, 5):
        stimulus(page, str(n)).click()
        box = slider(page, n).bounding_box()
        page.mouse.click(box["x"] + box["width"] / 2, box["y"] + (2 if n == 1 else box["height"] / 2))
    assert finish(page) == [["done", "trial1"]]
    # The middle too, where the hidden thumb lies and the browser sees no change.
    assert server.answers() == {"stimulus1": 100, "stimulus2": 50, "stimulus3": 50, "stimulus4": 50}
    assert server.device["sampleRate"] == 48_000
    assert server.device["hasAudioWorklet"]


def test_only_the_playing_stimulus_can_be_rated(server: Any, page: Page) -> None:
    open_trial(page, server)
    assert all(slider(page, n).is_disabled() for n in range(1, 5))
    stimulus(page, "2").click()
    assert [slider(page, n).is_enabled() for n in range(1, 5)] == [False, True, False, False]
    assert stimulus(page, "2").get_attribute("aria-pressed") == "true"
    assert "▶" in stimulus(page, "2").inner_text()
    slider(page, 1).click(force=True)
    page.keyboard.press("ArrowUp")
    page.keyboard.press(" ")
    assert all(slider(page, n).is_disabled() for n in range(1, 5))
    page.keyboard.press("End")
    server.wait_for(lambda: server.answers() == {"stimulus2": 51})


def test_sliders_are_unset_until_touched(server: Any, page: Page) -> None:
    open_trial(page, server)
    assert slider(page, 1).get_attribute("aria-valuetext") == "not rated yet"
    assert page.locator(".stimulus.unset").count() == 4
    page.keyboard.press("1")
    page.keyboard.press("PageUp")
    assert slider(page, 1).get_attribute("aria-valuetext") == "60, Good"
    assert page.locator(".stimulus.unset").count() == 3


def test_next_says_what_is_missing(server: Any, page: Page) -> None:
    open_trial(page, server)
    press_and_hear(page, "3", "stimulus3")
    page.keyboard.press("ArrowUp")
    page.get_by_role("button", name="Next").click()
    missing = page.locator(".missing").inner_text()
    assert "Not listened to yet: Reference, Sound 1, Sound 2, Sound 4" in missing
    assert "Not rated yet: Sound 1, Sound 2, Sound 4" in missing
    for key in "0124":
        page.keyboard.press(key)
        if key != "0":
            page.keyboard.press("ArrowUp")
    page.get_by_role("button", name="Next").click()
    assert "No sound is rated 100" in page.locator(".missing").inner_text()
    assert page.evaluate("window.triggers") == []


def test_keys_of_streamlit_do_not_get_through(server: Any, page: Page) -> None:
    open_trial(page, server)
    for key in ("r", "c", "1", " ", "r", "c", "ArrowUp"):
        page.keyboard.press(key)
    assert page.evaluate("window.streamlitKeys") == []


def test_loop_by_keyboard_and_by_drag(server: Any, page: Page) -> None:
    open_trial(page, server)
    start, end = page.locator(".loop_start"), page.locator(".loop_end")
    end.press("PageDown")
    assert end.get_attribute("aria-valuetext") == "1.50 seconds"
    end.press("Home")
    # Half a second is the least.
    assert end.get_attribute("aria-valuetext") == "0.50 seconds"
    box = end.bounding_box()
    page.mouse.move(box["x"] + 10 + (box["width"] - 20) * 0.25, box["y"] + 20)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.9, box["y"] + 20, steps=3)
    page.mouse.up()
    assert 1.6 < float(end.input_value()) < 2.0
    assert float(start.input_value()) == 0
    page.keyboard.press("w")
    assert float(end.input_value()) == 2.0
    server.wait_for(lambda: ("loop", None) in server.events())


def test_switch_is_heard_within_15_ms(server: Any, page: Page) -> None:
    """From the request to the first faded frame, by the clock of the output."""
    open_trial(page, server)
    page.evaluate(
        "window.latencies = []; page.engine.addEventListener('latency', ({detail}) => latencies.push(detail))"
    )
    page.keyboard.press("0")
    page.wait_for_timeout(300)
    for n in range(40):
        page.keyboard.press("1234"[n % 4])
        page.wait_for_timeout(30)
    latencies_ms = page.evaluate("window.latencies")
    assert len(latencies_ms) >= 35
    assert np.median(latencies_ms) < 15


def test_sound_pauses_when_the_page_is_hidden(server: Any, page: Page) -> None:
    open_trial(page, server)
    page.keyboard.press("1")
    page.wait_for_function("page.engine.position > 0")
    page.evaluate(
        "Object.defineProperty(document, 'hidden', {get: () => true}); "
        "document.dispatchEvent(new Event('visibilitychange'))"
    )
    assert not page.evaluate("page.engine.isPlaying")


def test_next_trial_is_fetched_ahead_once(server: Any, page: Page) -> None:
    server.data["prefetch"] = ["later"]
    server.sounds["later"] = server.sounds["open"]
    open_trial(page, server)
    server.wait_for(lambda: "later" in server.fetched)
    assert sorted(server.fetched) == ["later", "open", *(f"stimulus{n}" for n in range(1, 5))]


def test_loading_is_tried_again(server: Any, page: Page) -> None:
    server.audio_statuses = [503, 503]
    open_trial(page, server)
    server.audio_statuses = [403]
    page.reload()
    page.get_by_text("The server does not give out these sounds").wait_for()
    page.get_by_role("button", name="Try again").click()
    page.locator("button.play").wait_for()


def test_wrong_sampling_rate_is_told(server: Any, page: Page) -> None:
    server.sounds["stimulus3"] = server.wav(np.zeros((96_000, 2)), rate_hz=44_100)
    page.goto(server.url)
    page.get_by_text("wrong sampling rate").wait_for()


def test_without_audio_thread_the_page_plays_and_says_so(server: Any, page: Page) -> None:
    page.add_init_script("delete BaseAudioContext.prototype.audioWorklet")
    open_trial(page, server)
    page.keyboard.press("1")
    page.get_by_text("not opened by a secure connection").wait_for()
    page.wait_for_function("page.engine.position > 4800")
    page.keyboard.press("2")
    server.wait_for(lambda: ("switch", "stimulus2") in server.events())
    assert "fallback" in [name for name, _ in server.events()]


def test_state_is_restored(server: Any, page: Page) -> None:
    server.data.update(answers={"stimulus1": 30, "stimulus2": 100}, played=["open", "stimulus1"], seq=40)
    open_trial(page, server)
    assert slider(page, 2).get_attribute("aria-valuetext") == "100, Excellent"
    page.get_by_role("button", name="Next").click()
    assert "Not listened to yet: Sound 2, Sound 3, Sound 4" in page.locator(".missing").inner_text()
    page.keyboard.press("3")
    server.wait_for(lambda: 41 in server.stored)


@pytest.mark.parametrize(("method", "labels"), [("abx", "ABX"), ("ab", "AB")])
def test_pairs(server: Any, page: Page, method: str, labels: str) -> None:
    choose_method(server, method, labels)
    open_trial(page, server)
    page.get_by_role("button", name="Next").click()
    assert "The question has no answer yet" in page.locator(".missing").inner_text()
    for n, label in enumerate(labels, start=1):
        press_and_hear(page, label.lower(), f"stimulus{n}")
    page.keyboard.press("1")
    page.get_by_role("radio").nth(1).check()
    assert severe_findings(page) == []
    assert finish(page) == [["done", "trial1"]]
    answers = [change for change in server.stored.values() if change["kind"] == "answer"]
    assert [(change["stimulus"], change["value"]) for change in answers] == [("stimulus1", 1), ("stimulus2", 1)]


@pytest.mark.parametrize("method", ["acr", "dcr"])
def test_categories(server: Any, page: Page, method: str) -> None:
    choose_method(server, method, "1", has_reference=method == "dcr")
    open_trial(page, server)
    if method == "dcr":
        press_and_hear(page, "0", "open")
    stimulus(page, "1").click()
    page.keyboard.press("2")
    page.get_by_role("radio").first.check()
    assert severe_findings(page) == []
    assert finish(page) == [["done", "trial1"]]
    assert server.answers() == {"stimulus1": 5}


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width_px", [1280, 390])
def test_no_serious_findings_and_no_sideways_scrolling(
    server: Any, browser: Browser, width_px: int, scheme: Any
) -> None:
    context = browser.new_context(viewport={"width": width_px, "height": 844}, color_scheme=scheme)
    page = context.new_page()
    open_trial(page, server)
    page.keyboard.press("2")
    page.get_by_role("button", name="Next").click()
    assert severe_findings(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width_px
    box = slider(page, 1).bounding_box()
    if width_px == 1280:
        # 10 cm at 96 pixels an inch.
        assert box["height"] >= 10 / 2.54 * 96
    else:
        assert box["width"] > 0.6 * width_px
        assert stimulus(page, "1").bounding_box()["height"] >= 44
    context.close()


def test_level_check(server: Any, page: Page) -> None:
    server.data["page"] = "level"
    page.goto(server.url)
    done = page.get_by_role("button", name="The volume is set")
    assert done.is_disabled()
    page.get_by_role("button", name="Left").click()
    page.locator("button[aria-pressed=true]").wait_for()
    assert severe_findings(page) == []
    done.click()
    assert page.evaluate("window.triggers") == [["done", True]]


def test_headphone_check(server: Any, page: Page) -> None:
    server.data.update(page="headphones", check="0123456789abcdef")
    page.goto(server.url)
    # A second instead of four for each.
    page.route("**/player/checks/*", lambda route: route.fulfill(body=server.sounds["open"], content_type="audio/wav"))
    for n in range(6):
        page.get_by_role("button", name="Play the noises").click()
        page.locator("fieldset button:enabled").nth(n % 3).click()
    assert page.evaluate("window.triggers") == [["done", [0, 1, 2, 0, 1, 2]]]


def test_texts_have_the_same_keys_and_places_in_all_languages() -> None:
    texts = {path.stem: yaml.safe_load(path.read_text(encoding="utf-8"))["player"] for path in TEXTS.glob("*.yaml")}
    assert {"en", "de", "fr", "es", "ja"} <= texts.keys()
    for language, found in texts.items():
        assert found.keys() == texts["en"].keys(), language
        for key, text in found.items():
            places = [sorted(re.findall(r"\{\w+\}", words)) for words in (text, texts["en"][key])]
            assert places[0] == places[1], f"{language}: {key}"


def test_scripts_use_only_known_texts() -> None:
    known = set(yaml.safe_load((TEXTS / "en.yaml").read_text(encoding="utf-8"))["player"])
    used = set()
    for path in SCRIPTS.glob("*.js"):
        used |= set(re.findall(r"""\bt\("(\w+)"\)?""", path.read_text(encoding="utf-8")))
    assert used
    assert used <= known

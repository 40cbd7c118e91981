"""The page of a listening test: everything is on it, simulated data says so, and damage gives a clear message."""

from __future__ import annotations

import base64
import csv
import dataclasses
import io
import json
import re
import time
from pathlib import Path

import pytest

from flowmac.errors import SettingError
from listening_test.ratings import Rating, ratings_csv, write_ratings
from reports.listening_report import Options, build_listening_page
from reports.listening_report.analysis import Analysis, analyse
from reports.listening_report.compliance import checks, name_of_test
from reports.listening_report.paper import scores_latex
from reports.listening_report.study_info import StudyInfo, read_study_info
from tests.reports.listening_report.fake_ratings import CONDITIONS, fake_ratings

BASELINE = "EnCodec 6 kbit/s"
WHOLE_INFO = """
title: A test
dates: May 2026
software: made up
transducers: headphones
level: set once, then locked
instructions: as in the standard
n_invited: 20
n_started: 16
has_training: true
has_experienced_listeners: true
has_random_order: true
uses_cross_fade: false
longest_item_s: 11.5
rates_playing_signal_only: true
"""


@pytest.fixture(scope="module")
def analysis() -> Analysis:
    return analyse(fake_ratings(), BASELINE, margin=5.0)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("ratings")


@pytest.fixture(scope="module")
def page(folder: Path) -> str:
    write_ratings(folder / "r.csv", fake_ratings())
    (folder / "info.yaml").write_text(WHOLE_INFO)
    return build_listening_page(folder / "r.csv", Options(folder / "info.yaml", BASELINE, margin=5.0))


def page_of(folder: Path, ratings: list[Rating], **options: object) -> str:
    path = folder / "own.csv"
    write_ratings(path, ratings)
    return build_listening_page(path, Options(**options))  # type: ignore[arg-type]


def file_in(page: str, name: str) -> str:
    found = re.search(rf'href="data:[a-z/-]+;base64,([^"]+)" download="{name}"', page)
    assert found is not None
    return base64.b64decode(found.group(1)).decode()


def test_conditions_are_ordered_and_every_figure_has_all(analysis: Analysis, page: str) -> None:
    assert analysis.conditions[0] == "Hidden reference"
    assert analysis.conditions[-2:] == ("7 kHz anchor", "3.5 kHz anchor")
    means = {summary.condition: summary.mean for summary in analysis.summaries}
    assert list(analysis.systems) == sorted(analysis.systems, key=lambda name: -means[name])
    pictures = re.findall(r'<svg role="img".*?</svg>', page, re.DOTALL)
    with_scores = [picture for picture in pictures if "Excellent" in picture]
    assert len(with_scores) == 1 + 8
    for picture in with_scores:
        assert all(name in picture for name, *_ in CONDITIONS)


def test_the_eleven_things_are_there(page: str) -> None:
    for text in (
        "20 invited, 16 started, 15 with ratings, 1 excluded",
        "Box plot of all ratings",
        "Median of each condition on each item",
        "The shaded band is the margin of 5 points",
        "To the hidden reference",
        f"Planned contrasts: to {BASELINE}",
        "Significance matrix",
        "critical difference",
        "hidden reference below 90 on 10 of 10 items (100.0 %, allowed are 15 %)",
        "Q-Q plot",
        "is found with 80 %",
        "Attachment 3",
        "ICC(2,1)",
        "Repeated ratings",
    ):
        assert text in page, text
    assert "None" not in re.sub(r"<svg.*?</svg>|base64,[^\"]*", "", page, flags=re.DOTALL)
    assert not re.search(r"\bnan\b", re.sub(r"base64,[^\"]*", "", page))


def test_excluded_listeners_are_in_no_figure(analysis: Analysis) -> None:
    assert "P01" not in analysis.cube.listeners
    assert [entry.listener for entry in analysis.screening.excluded] == ["P01"]
    assert all(summary.n_listeners == 14 for summary in analysis.summaries)
    assert all(pair.n_listeners == 14 for pair in analysis.pairs)


def test_numbers_of_the_page_are_those_of_the_ratings(analysis: Analysis) -> None:
    own = [
        rating.score for rating in fake_ratings() if rating.condition == "Opus 6 kbit/s" and rating.listener == "P05"
    ]
    first = [
        rating.score
        for rating in fake_ratings()
        if rating.condition == "Opus 6 kbit/s" and rating.listener == "P05" and rating.item == "speech_de_f"
    ]
    place = analysis.conditions.index("Opus 6 kbit/s")
    listener = analysis.cube.listeners.index("P05")
    assert len(own) == 10
    assert analysis.cube.scores[listener, 0, place] == sum(first) / 2
    assert analysis.cube.n_incomplete_trials == 0


def test_real_ratings_have_no_watermark_and_simulated_ones_everywhere(folder: Path, page: str) -> None:
    assert "SIMULATED" not in page.split("</style>")[1]
    simulated = page_of(folder, [dataclasses.replace(r, is_simulated=True) for r in few()], baseline=BASELINE)
    assert "<title>SIMULATED: " in simulated
    assert "Simulated data. " in simulated
    pictures = re.findall(r'<svg role="img".*?</svg>', simulated, re.DOTALL)
    assert len(pictures) == 10
    for picture in pictures:
        assert ">SIMULATED<" in picture
        assert 'aria-label="Simulated ratings. ' in picture
    captions = re.findall(r"<caption>(.*?)</caption>", simulated, re.DOTALL)
    assert captions
    assert all(caption.startswith("Simulated ratings. ") for caption in captions)
    assert file_in(simulated, "simulated-table.tex").startswith("% These ratings were made by a model")
    assert json.loads(file_in(simulated, "simulated-manifest.json"))["is_simulated"]


def test_one_simulated_rating_is_enough_for_the_watermark(folder: Path) -> None:
    ratings = few(6)
    ratings[5] = dataclasses.replace(ratings[5], is_simulated=True)
    page = page_of(folder, ratings)
    assert "<title>SIMULATED" in page
    assert "Simulated and real ratings are mixed" in page


def test_downloads_are_whole(page: str) -> None:
    tidy = file_in(page, "ratings.csv")
    assert tidy == ratings_csv(fake_ratings())
    assert len(list(csv.DictReader(io.StringIO(tidy)))) == 15 * 10 * 8
    manifest = json.loads(file_in(page, "manifest.json"))
    assert manifest["n_ratings"] == 1200
    assert list(manifest["excluded_listeners"]) == ["P01"]
    assert manifest["study"]["n_invited"] == 20


def test_latex_escapes_names() -> None:
    ratings = [dataclasses.replace(r, condition=r.condition.replace("EnCodec", "50% & $x_1$")) for r in fake_ratings(6)]
    table = scores_latex(analyse(ratings))
    assert r"50\% \& \$x\_1\$ 6 kbit/s & " in table
    assert table.count(r"\\") == 1 + len(CONDITIONS)


def test_names_cannot_break_the_page(folder: Path) -> None:
    bad = '<script>alert(1)</script>$x$"'
    ratings = [
        dataclasses.replace(r, condition=bad if r.condition == "Opus 6 kbit/s" else r.condition, item=f"<b>{r.item}")
        for r in few(6)
    ]
    page = page_of(folder, ratings)
    assert "<script>alert" not in page
    assert "<b>speech" not in page


def test_only_a_test_that_meets_all_is_called_mushra(analysis: Analysis, folder: Path, page: str) -> None:
    info = read_study_info(folder / "info.yaml")
    found = checks(analysis, info)
    assert {check.status for check in found} == {"met"}
    assert name_of_test(found, info, is_simulated=False) == "MUSHRA (ITU-R BS.1534-3)"
    assert "MUSHRA-like" not in page
    unknown = checks(analysis, StudyInfo())
    assert name_of_test(unknown, StudyInfo(), is_simulated=False) == "MUSHRA-like: 8 points not recorded"
    faded = info.model_copy(update={"uses_cross_fade": True, "deviations": ("at home",)})
    assert name_of_test(checks(analysis, faded), faded, is_simulated=False) == "MUSHRA-like: 2 deviations"
    without = analyse([r for r in fake_ratings() if r.role != "low_anchor"])
    assert "deviates" in {check.status for check in checks(without, info)}
    assert "no listening test" in name_of_test(found, info, is_simulated=True)


@pytest.mark.parametrize("text", ["has_trainin: true\n", "n_invited: -1\n", "- a\n", "title: [\n"])
def test_facts_that_are_not_valid_are_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "info.yaml").write_text(text)
    with pytest.raises(SettingError, match=r"info\.yaml"):
        read_study_info(tmp_path / "info.yaml")


def few(n_listeners: int = 8, n_careless: int = 1, repeated_items: int = 1) -> list[Rating]:
    """Three items are enough to look for what is missing."""
    ratings = fake_ratings(n_listeners, n_careless=n_careless, repeated_items=repeated_items)
    return [r for r in ratings if r.item in ("speech_de_f", "music_song", "birds")]


def constant(score: float) -> list[Rating]:
    return [dataclasses.replace(r, score=score if r.role != "mid_anchor" else 50.0) for r in few(n_careless=0)]


DAMAGED = {
    "one listener": (few(1, n_careless=0), "there are no intervals"),
    "two listeners": (few(2, n_careless=0), "fewer than 6 listeners"),
    "one item": ([r for r in few() if r.item == "birds"], "There is one item"),
    "one condition": ([r for r in few() if r.role == "reference"], "no pair of systems"),
    "one system": ([r for r in few() if r.role != "system" or "Opus" in r.condition], "no pair of systems"),
    "all ties": (constant(95.0), "Not computed"),
    "no reference": ([r for r in few() if r.role != "reference"], "There is no hidden reference"),
    "no mid anchor": ([r for r in few() if r.role != "mid_anchor"], "There is no mid anchor"),
    "a gap": (few(repeated_items=0)[:-1], "1 trial without all conditions"),
    "nobody repeats": (few(repeated_items=0), "There are no repeated ratings"),
    "nobody rated all": (
        [r for r in few(9) if (sum(map(ord, r.listener + r.item))) % 3],
        "the analysis of variance needs two listeners and two conditions with all items rated",
    ),
}


@pytest.mark.parametrize("name", DAMAGED)
def test_damage_gives_a_page_that_says_what_it_lacks(folder: Path, name: str) -> None:
    ratings, message = DAMAGED[name]
    page = page_of(folder, ratings)
    assert message in page
    text = re.sub(r"<svg.*?</svg>|base64,[^\"]*|<style>.*?</style>", "", page, flags=re.DOTALL)
    assert not re.search(r"\b(nan|inf|None)\b", text)


def test_everyone_excluded_is_said(folder: Path) -> None:
    with pytest.raises(SettingError, match=r"excludes all 5 listeners.*hidden reference below 90 on 4 of 4 items"):
        page_of(folder, few(5, n_careless=5))


def test_settings_that_cannot_be_are_refused(folder: Path) -> None:
    ratings = few(5)
    for options, message in (
        ({"baseline": "Encodec 6 kbits"}, "did you mean EnCodec 6 kbit/s"),
        ({"margin": 5.0}, "needs a baseline"),
        ({"margin": -1.0, "baseline": BASELINE}, "must be a positive number"),
    ):
        with pytest.raises(SettingError, match=message):
            page_of(folder, ratings, **options)


def test_webmushras_csv_is_reported(folder: Path) -> None:
    names = {"Hidden reference": "reference", "7 kHz anchor": "anchor70", "3.5 kHz anchor": "anchor35"}
    head = "session_test_id,email,trial_id,rating_stimulus,rating_score,rating_time,rating_comment\n"
    lines = [
        f"t,{r.listener}@x.org,{r.item},{names.get(r.condition, r.condition.split(',')[0] + r.condition[-1])},"
        f"{r.score:.0f},900,\n"
        for r in few(9, repeated_items=0)
    ]
    (folder / "mushra.csv").write_text(head + "".join(lines))
    page = build_listening_page(folder / "mushra.csv")
    assert "9 with ratings, 1 excluded by post-screening, 8 in the figures" in page
    assert "@x.org" not in page


@pytest.mark.slow
def test_a_large_test_is_reported_within_a_minute(folder: Path) -> None:
    ratings = fake_ratings(200, n_extra_systems=4, n_extra_items=4, repeated_items=0, n_careless=8)
    assert len(ratings) == 200 * 12 * 12
    write_ratings(folder / "large.csv", ratings)
    start = time.monotonic()
    page = build_listening_page(folder / "large.csv", Options(baseline=BASELINE, margin=5.0))
    assert time.monotonic() - start < 60
    assert len(page) < 15e6

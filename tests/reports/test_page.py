from __future__ import annotations

import html
import re
import subprocess
import sys
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest

from benchmarks.results import ROWS_FILE, Failure, Row, Score
from flowmac.errors import SettingError
from reports.analysis import analyse
from reports.listening import Listening
from reports.page import SILENT, Options, build, render
from reports.tables import collect
from tests.reports.fake_run import write_run

VOID = {"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr"}


class Outline(HTMLParser):
    """Collects what the tests ask for and checks that every element is closed in its turn."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.ids: list[str] = []
        self.headings: list[int] = []
        self.links: list[tuple[str, str]] = []
        self.tags: list[str] = []
        self.text: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        for name, value in attrs:
            if name == "id" and value:
                self.ids.append(value)
            if name in ("src", "href", "xlink:href", "action", "poster", "srcset") and value:
                self.links.append((name, value))
        if re.fullmatch("h[1-6]", tag):
            self.headings.append(int(tag[1]))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.handle_endtag(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text.append(data)


def outline(page: str) -> Outline:
    parser = Outline()
    parser.feed(page)
    parser.close()
    assert parser.open == []
    return parser


def page_of(rows: list[Row], baseline: str | None = None) -> str:
    return render(analyse(collect(rows), "A title", baseline), SILENT)


def test_page_is_well_formed_with_unique_ids_and_ordered_headings(whole_page: str) -> None:
    found = outline(whole_page)
    assert len(found.ids) == len(set(found.ids))
    assert found.headings[0] == 1
    assert found.headings.count(1) == 1
    assert all(after - before <= 1 for before, after in zip(found.headings, found.headings[1:], strict=False))
    assert {"header", "nav", "main", "section", "figure", "caption", "audio"} <= set(found.tags)


def test_page_loads_nothing_from_anywhere(whole_page: str) -> None:
    found = outline(whole_page)
    assert found.links
    for name, target in found.links:
        assert target.startswith(("data:", "#")), (name, target[:80])
    assert "@import" not in whole_page
    assert not re.search(r"url\((?!#)", whole_page)
    assert "default-src 'none'" in whole_page


def test_inner_links_have_their_targets(whole_page: str) -> None:
    found = outline(whole_page)
    inner = {target[1:] for _, target in found.links if target.startswith("#")}
    assert inner <= set(found.ids)
    for label in re.findall(r'aria-labelledby="([^"]+)"', whole_page):
        assert label in found.ids


def test_page_has_every_condition_and_its_figures(whole_page: str, rows: list[Row]) -> None:
    text = " ".join(outline(whole_page).text)
    for label in {row.label for row in rows}:
        assert text.count(label) >= 3  # summary, settings, listening
    assert "FlowMAC (9 settings), Opus (4 settings), 2 anchors and the hidden reference on 14 clips" in text
    assert "Of 224 runs, 1 failed, and 1 score of the others could not be computed" in text
    assert "5eed" * 16 in text
    assert "0123456789abcdef" in text
    assert "Not measured for lack of a package: Distill-MOS" in text


def test_failures_are_counted_and_explained(whole_page: str) -> None:
    assert "out of memory while decoding 3.0 s" in whole_page
    assert "PESQ found no utterance in the degraded recording" in whole_page
    summary = whole_page[whole_page.index('<table class="sortable summary">') :].split("</table>")[0]
    assert summary.count("1 failed</span>") == 4  # of the clips, of two metrics for all material, of PESQ


def test_page_is_small(whole_page: str) -> None:
    assert len(whole_page) < 15_000_000


def test_same_rows_make_the_same_page(small_rows: list[Row]) -> None:
    assert page_of(small_rows) == page_of(small_rows)


def test_hostile_text_stays_text(small_rows: list[Row]) -> None:
    evil = '"><script>alert(1)</script><img src=x onerror=alert(1)>'
    rows = [
        replace(
            row,
            label=f"{row.label} {evil}",
            codec=row.codec if row.codec == "reference" else evil,
            settings={evil: evil},
            clip=replace(row.clip, id=row.clip.id + evil, category=evil, language=evil),
            scores={evil: Score(evil, 1.0), "estoi": Score(evil, None, Failure(evil, evil))},
            environment={evil: evil},
        )
        for row in small_rows
    ]
    page = render(analyse(collect(rows), evil), replace(SILENT, chosen=Listening((), (evil,))))
    found = outline(page)
    assert found.tags.count("script") == 1
    assert "img" not in found.tags
    assert html.escape(evil, quote=False)[:20] in page.replace("&#34;", '"')


def test_labels_may_hold_any_letters(small_rows: list[Row]) -> None:
    label = "$\\frac{ 声音 ✓"
    rows = [replace(row, label=f"{row.label} {label}") for row in small_rows]
    rows = [replace(row, clip=replace(row.clip, category="音楽 $x_{")) for row in rows]
    text = " ".join(outline(page_of(rows)).text)
    assert f"Opus 6 kbit/s {label}" in text
    assert "音楽 $x_{, 3 clips" in text


def test_one_row_makes_a_page(small_rows: list[Row]) -> None:
    text = " ".join(outline(page_of(small_rows[:1])).text)
    assert "This page compares FlowMAC (1 setting) on 1 clip (1 speech; 1 s in all)." in text
    assert "No run failed, of 1, and no score." in text


def test_only_failures_make_a_page(small_rows: list[Row]) -> None:
    failure = Failure("OSError", "no space left")
    failed = [replace(row, status="failed", failure=failure, scores={}, payload_bits=None) for row in small_rows]
    text = " ".join(outline(page_of(failed)).text)
    assert "Of 15 runs, 15 failed" in text
    assert "no space left" in text
    assert "No metric was measured." in text


def test_no_scores_make_a_page(small_rows: list[Row]) -> None:
    page = page_of([replace(row, scores={}) for row in small_rows])
    assert "No metric was measured." in page


def test_only_the_reference_makes_a_page(small_rows: list[Row]) -> None:
    text = " ".join(outline(page_of([row for row in small_rows if row.codec == "reference"])).text)
    assert "This page compares the hidden reference on 3 clips" in text
    assert "kbit/s." not in text.split("Summary")[0]


def test_rows_still_missing_are_said(small_rows: list[Row]) -> None:
    text = page_of(small_rows[:-1])
    assert "1 run of 15 is not there yet" in text
    assert "compare means only where n agrees" in text


def test_several_processors_are_said(small_rows: list[Row]) -> None:
    small_rows[0] = replace(small_rows[0], environment={**small_rows[0].environment, "cpu": "another"})
    text = page_of(small_rows)
    assert "2 kinds of processor" in text
    assert "(14 rows)" in text


def test_baseline_is_chosen_by_label(small_rows: list[Row]) -> None:
    assert "Each condition minus <strong>Opus 6 kbit/s</strong>" in page_of(small_rows, "Opus 6 kbit/s")
    assert "Each condition minus <strong>FlowMAC 3 kbit/s, NFE 4</strong>" in page_of(small_rows)
    with pytest.raises(SettingError, match=r"unknown condition 'Opus 7 kbit/s'.*Opus 6 kbit/s"):
        page_of(small_rows, "Opus 7 kbit/s")
    without = [row for row in small_rows if row.codec != "flowmac"]
    assert "Each condition minus" not in page_of(without)


def test_torn_last_line_is_passed_over_and_a_damaged_one_refused(small_rows: list[Row], tmp_path: Path) -> None:
    write_run(tmp_path, small_rows)
    path = tmp_path / ROWS_FILE
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    path.write_text("".join(lines[:-1]) + lines[-1][:40], encoding="utf-8")
    assert "1 run of 15 is not there yet" in build(tmp_path, Options())
    path.write_text("".join(lines[:3]) + lines[3][:40] + "\n" + "".join(lines[4:]), encoding="utf-8")
    with pytest.raises(SettingError, match="line 4"):
        build(tmp_path, Options())


def test_a_folder_without_rows_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingError, match=re.escape(ROWS_FILE)):
        build(tmp_path / "missing", Options())
    (tmp_path / ROWS_FILE).touch()
    with pytest.raises(SettingError, match="no rows yet"):
        build(tmp_path, Options())


def test_missing_audio_is_said_in_the_page(small_rows: list[Row], tmp_path: Path) -> None:
    write_run(tmp_path, [replace(row, decoded_audio=f"audio/{row.row_id}.flac") for row in small_rows])
    page = build(tmp_path, Options())
    chosen, worst = page[page.index('<h2 id="listening">') :].split('<h2 id="worst">')
    assert chosen.count("No audio: the file audio/") == 15
    assert worst.count("No audio: the file audio/") == 9  # three clips of reference, baseline and Opus
    assert "<audio" not in page


def test_reports_load_neither_torch_nor_streamlit() -> None:
    code = (
        "import sys, reports.page, reports.cli; from reports.metric_info import metric_infos;"
        "metric_infos(['visqol_audio', 'distillmos']);"
        "sys.exit(bool({'torch', 'streamlit', 'matplotlib.pyplot'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0

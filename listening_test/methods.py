"""The methods paragraph of a paper, from the test's file, who took part, and the post-screening."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

from listening_test.screening import Screening
from listening_test.study import Study

_NAMES = {
    "mushra": "MUSHRA",
    "abx": "ABX",
    "ab": "AB preference",
    "acr": "absolute category rating (ITU-T P.800)",
    "dcr": "degradation category rating (ITU-T P.800)",
}


@dataclass(frozen=True)
class Attendance:
    """Who took part; simulated listeners apart.

    Attributes:
        n_started, n_finished: listeners who began, and who came to the end; simulated ones are not among them.
        n_answers: stored answers of the rated trials of those who finished, simulated ones not counted.
        first_day, last_day: of the listeners' sessions; None before the first.
    """

    n_started: int
    n_finished: int
    n_answers: int
    n_simulated: int = 0
    first_day: date | None = None
    last_day: date | None = None


def method_name(study: Study) -> str:
    """What the test may be called: MUSHRA by its standard's number only if it is strict and nothing deviates."""
    if study.method != "mushra":
        return _NAMES[study.method]
    return "MUSHRA (ITU-R BS.1534-3)" if study.is_strict and not study.deviations else "MUSHRA-like"


def paragraph(study: Study, attendance: Attendance, screening: Screening | None) -> str:
    """What was done, in plain text that holds for the test as it ran; a paper adds why, rooms and headphones."""
    return " ".join(_sentences(study, attendance, screening))


def _sentences(study: Study, attendance: Attendance, screening: Screening | None) -> Iterator[str]:
    yield from _presented(study)
    yield from _procedure(study)
    yield from _who(attendance)
    if study.method == "mushra":
        yield from _screened(screening)
    for deviation in study.deviations:
        reason = f" ({deviation.reason})" if deviation.reason else ""
        yield f"Deviating from the standard ({deviation.rule}): {deviation.found}{reason}."
    yield "The test ran in the listeners' web browsers with the listening test of the FlowMAC suite."


def _presented(study: Study) -> Iterator[str]:
    systems = [condition.label for condition in study.conditions if condition.role == "system"]
    categories = list(dict.fromkeys(item.category for item in study.items if item.category))
    kinds = f" ({_listed(categories)})" if categories else ""
    yield (
        f"We ran a listening test by {method_name(study)} with {_count(len(systems), 'system')} ({_listed(systems)}) "
        f"on {_count(len(study.items), 'item')}{kinds} at {study.sample_rate_hz / 1000:g} kHz."
    )
    anchors = [c for c in study.conditions if c.role in ("mid_anchor", "low_anchor", "anchor")]
    if anchors:
        yield f"Anchors: {'; '.join(f'{c.label}: {c.note}' if c.note else c.label for c in anchors)}."
    reference = study.reference
    if study.method == "mushra" and reference is not None:
        yield "The reference could be heard openly and was hidden among the graded signals."
        yield "Grades were given on the continuous scale from 0 to 100 (bad, poor, fair, good, excellent)."
        yield (
            "Listeners switched freely and in synchrony between the signals and could loop any section; each switch "
            "was a fade-out and a fade-in of 5 ms without a cross-fade."
        )
    if study.method in ("ab", "abx"):
        yield f"{_count(len(study.pairs), 'pair')} of conditions {'was' if len(study.pairs) == 1 else 'were'} compared."


def _procedure(study: Study) -> Iterator[str]:
    design, procedure = study.design, study.procedure
    share = (
        f"{design.items_per_listener} of the {len(study.items)} items, in balanced blocks"
        if (design.items_per_listener)
        else "all items"
    )
    order = "drawn at random" if design.order == "random" else "taken from balanced Latin squares"
    yield f"Each listener heard {share}; the orders of items and conditions were {order} from the seed {study.seed}."
    if design.n_repeats:
        yield f"{_count(design.n_repeats, 'item')} came a second time, to measure the reliability of listeners."
    before = []
    if procedure.has_headphone_check:
        before.append("a check of headphones with dichotic (Huggins) pitch")
    if procedure.has_level_check:
        before.append("the setting of the level (fixed from then on)")
    if study.training:
        before.append(f"a training with {_count(len(study.training), 'item')}, whose grades do not count")
    if before:
        yield f"Before the test came {_listed(before)}."
    rules = []
    if procedure.must_play_all:
        rules.append("heard")
    if procedure.must_rate_all:
        rules.append("rated" if study.method == "mushra" else "answered")
    if rules:
        yield f"A trial could be left only when everything in it had been {_listed(rules)}."


def _who(attendance: Attendance) -> Iterator[str]:
    days = ""
    if attendance.first_day is not None and attendance.last_day is not None:
        first, last = attendance.first_day.isoformat(), attendance.last_day.isoformat()
        days = f" on {first}" if first == last else f" between {first} and {last}"
    yield (
        f"{_count(attendance.n_started, 'listener')} began the test{days}, and {attendance.n_finished} finished it "
        f"({_count(attendance.n_answers, 'answer')})."
    )
    if attendance.n_simulated:
        yield (
            f"The data also hold {_count(attendance.n_simulated, 'simulated listener')}, made by a model and no "
            "person; these are no results."
        )


def _screened(screening: Screening | None) -> Iterator[str]:
    if screening is None:
        yield "No post-screening was made."
        return
    n_excluded = len(screening.excluded)
    yield (
        f"By the post-screening of ITU-R BS.1534-3, {n_excluded} of {_count(len(screening.listeners), 'listener')} "
        f"{'was' if n_excluded == 1 else 'were'} excluded: {sum(e.fails_reference for e in screening.excluded)} for "
        f"grading the hidden reference below 90 on more than 15 % of the items, "
        f"{sum(e.fails_mid_anchor for e in screening.excluded)} for grading the mid anchor above 90 on more than 15 %."
    )
    missing = [
        name
        for name, has in (("hidden reference", screening.has_reference), ("mid anchor", screening.has_mid_anchor))
        if not has
    ]
    if missing:
        yield f"The rule on the {_listed(missing)} could not be applied, as the data hold no grade of it."
    if screening.guarded_items:
        items = _listed([entry.item for entry in screening.guarded_items])
        yield f"The mid anchor of {items} was graded above 90 by more than 25 % of the listeners and excluded nobody."


def _count(n: int, what: str) -> str:
    return f"{n} {what}" if n == 1 else f"{n} {what}s"


def _listed(words: list[str]) -> str:
    return " and ".join([", ".join(words[:-1]), words[-1]]) if len(words) > 1 else "".join(words)

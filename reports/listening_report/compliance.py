"""The rules of ITU-R BS.1534-3 one by one: met, not met, or not recorded. Only a test that meets all is MUSHRA."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Literal

from reports.listening_report.analysis import Analysis
from reports.listening_report.study_info import StudyInfo

Status = Literal["met", "deviates", "not recorded"]

MAX_SIGNALS = 12
MAX_ITEM_S = 12.0
MIN_ITEMS = 5


@dataclass(frozen=True)
class Check:
    """One rule of the standard; ``detail`` has the numbers."""

    rule: str
    status: Status
    detail: str


def checks(analysis: Analysis, info: StudyInfo) -> list[Check]:
    """All rules that ratings and the experimenter's facts can tell."""
    roles = Counter(analysis.roles.values())
    n_signals, n_items = len(analysis.roles), len({rating.item for rating in analysis.ratings})
    n_wanted = max(MIN_ITEMS, round(1.5 * roles["system"]))
    shares = [20 <= summary.median <= 80 for summary in analysis.summaries if summary.condition in analysis.systems]
    found = [
        _check("A hidden reference is graded", roles["reference"] == 1, _present(roles["reference"])),
        _check("A low anchor, low-pass at 3.5 kHz", roles["low_anchor"] >= 1, _present(roles["low_anchor"])),
        _check("A mid anchor, low-pass at 7 kHz", roles["mid_anchor"] == 1, _present(roles["mid_anchor"])),
        _check(f"At most {MAX_SIGNALS} signals in a trial", n_signals <= MAX_SIGNALS, f"{n_signals} signals"),
        _check(
            f"About 1.5 times as many items as systems, {MIN_ITEMS} or more",
            n_items >= n_wanted,
            f"{n_items} items, {n_wanted} asked for",
        ),
        _check(
            "All signals of a trial are graded",
            analysis.cube.n_incomplete_trials == 0,
            f"{analysis.cube.n_incomplete_trials} trials with signals not graded, left out",
        ),
        _check(
            "Medians of most systems lie between 20 and 80 (else the method does not suit the material)",
            2 * sum(shares) >= len(shares),
            f"{sum(shares)} of {len(shares)}",
        ),
        _fact("Training before the test, its grades not counted", info.has_training),
        _fact("Experienced listeners", info.has_experienced_listeners),
        _fact("Items and conditions in random order", info.has_random_order),
        _fact("No cross-fade on switching", None if info.uses_cross_fade is None else not info.uses_cross_fade),
        _fact("Only the signal that is heard can be graded", info.rates_playing_signal_only),
    ]
    if info.longest_item_s is None:
        found.append(Check(f"Items no longer than {MAX_ITEM_S:g} s", "not recorded", ""))
    else:
        is_short = info.longest_item_s <= MAX_ITEM_S
        found.append(_check(f"Items no longer than {MAX_ITEM_S:g} s", is_short, f"{info.longest_item_s:g} s"))
    found.append(_text("One kind of transducer, reported", info.transducers))
    found.append(_text("Level of playback, reported", info.level))
    return found


def name_of_test(found: list[Check], info: StudyInfo, is_simulated: bool) -> str:
    """The claim that the checks allow."""
    if is_simulated:
        return "Simulated ratings: no listening test"
    if all(check.status == "met" for check in found) and not info.deviations:
        return "MUSHRA (ITU-R BS.1534-3)"
    n_deviating = sum(check.status == "deviates" for check in found) + len(info.deviations)
    n_unknown = sum(check.status == "not recorded" for check in found)
    parts = [f"{n_deviating} deviation{'s' if n_deviating != 1 else ''}"] if n_deviating else []
    parts += [f"{n_unknown} point{'s' if n_unknown != 1 else ''} not recorded"] if n_unknown else []
    return f"MUSHRA-like: {' and '.join(parts)}"


def _check(rule: str, is_met: bool, detail: str) -> Check:
    return Check(rule, "met" if is_met else "deviates", detail)


def _fact(rule: str, value: bool | None) -> Check:
    return Check(rule, "not recorded", "") if value is None else _check(rule, value, "as stated by the experimenter")


def _text(rule: str, value: str | None) -> Check:
    return Check(rule, "not recorded", "") if not value else Check(rule, "met", value)


def _present(n: int) -> str:
    return {0: "absent", 1: "present"}.get(n, f"{n} of them")

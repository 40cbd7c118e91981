"""The page of judgements, and what a paper needs of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from reports.environment import environment, render_page, render_part
from reports.judgement_report.analysis import (
    METHOD_NAMES,
    CategorySection,
    JudgementAnalysis,
    PairSection,
    analyse,
)
from reports.judgement_report.figures import figure_of
from reports.listening_report.page import STYLESHEET, Options
from reports.listening_report.sentences import CAPTION_MARK, SIMULATED, count, p_text
from reports.listening_report.study_info import StudyInfo, read_study_info
from reports.panel import Panel
from reports.paper import Paper, PaperTable
from reports.sources import Answers
from reports.statistics.nonparametric import ALPHA
from reports.views import DASH


@dataclass(frozen=True, eq=False)
class JudgementReport:
    """All numbers and figures of a test by judgements; ``panels`` and ``tables`` are one list for each section."""

    source: Path | None
    title: str
    info: StudyInfo
    analysis: JudgementAnalysis
    panels: tuple[Panel, ...]
    tables: tuple[tuple[PaperTable, ...], ...]


def prepare(answers: Answers, options: Options, progress: Callable[[str], None]) -> JudgementReport:
    """All that goes into the forms of a report on judgements.

    Raises:
        SettingError: a study's file that is not valid, nothing but training, or an unknown baseline.
    """
    info = read_study_info(options.info_path) if options.info_path is not None else StudyInfo()
    progress("statistics")
    analysis = analyse(answers.judgements, options.baseline)
    progress("figures")
    return JudgementReport(
        source=answers.file,
        title=options.title or info.title or f"Listening test: {answers.name}",
        info=info,
        analysis=analysis,
        panels=tuple(figure_of(own, is_simulated=analysis.is_simulated) for own in analysis.sections),
        tables=tuple(tuple(_tables(own)) for own in analysis.sections),
    )


def render(report: JudgementReport) -> str:
    """The page."""
    is_simulated = report.analysis.is_simulated
    sections = zip(report.analysis.sections, report.panels, report.tables, strict=True)
    context: dict[str, Any] = {
        "sections": list(sections),
        "names": METHOD_NAMES,
        "headline": _headline(report.analysis),
        "info": report.info,
        "methods": methods(report.analysis),
        "simulated": SIMULATED if is_simulated else "",
        "caption_mark": CAPTION_MARK if is_simulated else "",
    }
    part = render_part(environment(), "judgements", context)
    return render_page(f"SIMULATED: {report.title}" if is_simulated else report.title, part, [STYLESHEET])


def paper_of(report: JudgementReport) -> Paper:
    """What a paper needs."""
    return Paper(
        panels=report.panels,
        tables=[table for tables in report.tables for table in tables],
        data={"judgements": pd.DataFrame([asdict(own) for own in report.analysis.judgements])},
        methods=methods(report.analysis),
        sources=[] if report.source is None else [report.source],
        facts={"is_simulated": report.analysis.is_simulated, "n_judgements": len(report.analysis.judgements)},
        warning=SIMULATED if report.analysis.is_simulated else "",
    )


def methods(analysis: JudgementAnalysis) -> str:
    """A paragraph for a paper."""
    found = []
    for own in analysis.sections:
        who = "model listeners (simulated)" if analysis.is_simulated else "listeners"
        found.append(
            f"{METHOD_NAMES[own.method].split(':')[0]}: {own.n_listeners} {who}, {count(own.n_items, 'item')}."
        )
    if any(isinstance(own, CategorySection) for own in analysis.sections):
        found.append(
            "Mean votes have 95 % bootstrap intervals over listeners; conditions were compared by a cumulative link "
            "model with proportional odds, items as factors and standard errors clustered by listener, corrected "
            "after Holm."
        )
    if any(isinstance(own, PairSection) for own in analysis.sections):
        found.append(
            "Shares have exact (Clopper-Pearson) intervals; where listeners answered once the test is the exact "
            "binomial (one-sided for ABX), else a two-sided sign-flip permutation test on listeners' shares, corrected "
            "after Holm."
        )
    return " ".join(found)


def _headline(analysis: JudgementAnalysis) -> str:
    n_listeners = len({own.listener for own in analysis.judgements})
    names = ", ".join(own.method.upper() for own in analysis.sections)
    return f"{count(len(analysis.judgements), 'judgement')} by {count(n_listeners, 'listener')}: {names}."


def _tables(section: CategorySection | PairSection) -> Iterator[PaperTable]:
    if isinstance(section, PairSection):
        yield _pair_table(section)
        return
    heads = ["Condition", "Mean", "95 % interval", "Median", "1", "2", "3", "4", "5"]
    lines = [
        [
            name,
            f"{own.mos.mean:.2f}",
            DASH if own.mos.low is None else f"[{own.mos.low:.2f}, {own.mos.high:.2f}]",
            f"{own.median:g}",
            *(str(n) for n in own.counts),
        ]
        for name, own in section.summaries
    ]
    caption = f"Votes of {section.n_listeners} listeners: mean with interval over listeners, median, and counts."
    yield PaperTable(f"judgements_{section.method}", caption, heads, lines)
    if isinstance(section.odds, str):
        return
    odds = [
        [
            own.condition,
            f"{own.odds_ratio:.2g}",
            f"[{own.low:.2g}, {own.high:.2g}]",
            p_text(own.p_adjusted),
            "higher" if own.p_adjusted < ALPHA and own.odds_ratio > 1 else "lower" if own.p_adjusted < ALPHA else "",
        ]
        for own in section.odds
    ]
    caption = (
        f"Odds of a higher category, as a multiple of those of {section.baseline}: ordinal model with items as factors "
        "and standard errors clustered by listener; p after Holm."
    )
    heads = ["Condition", "Odds ratio", "95 % interval", "p", "Significant"]
    yield PaperTable(f"judgements_{section.method}_odds", caption, heads, odds)


def _pair_table(section: PairSection) -> PaperTable:
    lines = []
    for own in section.pairs:
        listeners = own.listeners.share
        ends = DASH if listeners.low is None else f"[{listeners.low:.2f}, {listeners.high:.2f}]"
        lines.append(
            [
                f"{own.first} / {own.second}",
                f"{own.answers.n_successes} of {own.answers.n_answers}",
                f"{own.answers.share:.2f}",
                f"[{own.answers.low:.2f}, {own.answers.high:.2f}]",
                p_text(own.answers.p),
                ends,
                p_text(own.listeners.p),
                p_text(own.p_adjusted),
            ]
        )
    what = "Correct" if section.method == "abx" else "For the first"
    heads = ["Pair", what, "Share", "Exact 95 %", "p (exact)", "Over listeners", "p (listeners)", "p (Holm)"]
    caption = (
        f"{section.n_listeners} listeners. The exact binomial takes all answers as independent; where listeners "
        "answered more than once, the test over listeners is the one that counts, and is corrected in the last column."
    )
    return PaperTable(f"judgements_{section.method}", caption, heads, lines)

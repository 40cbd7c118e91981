"""One page of a sweep and a listening test: metrics against listeners first, then each of the two whole."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from reports import page as sweep_page
from reports import tables
from reports.agreement import sentences
from reports.agreement.analysis import Agreement, analyse
from reports.agreement.figures import MAX_NARROW_ROWS, scatters
from reports.agreement.matching import Matched, match
from reports.analysis import Report
from reports.analysis import analyse as analyse_sweep
from reports.environment import environment, render_page, render_part
from reports.listening_report import page as listening_page
from reports.listening_report.page import ListeningReport
from reports.listening_report.sentences import CAPTION_MARK, SIMULATED, p_text
from reports.metric_info import metric_infos
from reports.page import Heard
from reports.panel import FigureGroup
from reports.sources import Answers
from reports.statistics.nonparametric import ALPHA

STYLESHEET = "agreement.css"


@dataclass(frozen=True, eq=False)
class JointReport:
    """A sweep, a listening test of its audio, and how the metrics of the one follow the listeners of the other."""

    title: str
    sweep: Report
    heard: Heard
    listening: ListeningReport
    agreement: Agreement
    figures: FigureGroup


def prepare(
    run: Path,
    answers: Answers,
    options: listening_page.Options,
    n_clips_per_category: int,
    progress: Callable[[str], None] = lambda step: None,
    *,
    with_audio: bool = True,
) -> JointReport:
    """All that goes into the forms of a report of the sweep in ``run`` and of ``answers``, the ratings of its audio.

    Args:
        options: of the listening test; its baseline is that of the sweep too, by the name that the ratings have.

    Raises:
        SettingError: as for the reports of either alone, or names of the ratings that the sweep does not have.
    """
    listening = listening_page.prepare(answers, options, progress)
    progress("reading rows")
    found = tables.read(run)
    progress("metrics against listeners")
    scored = found.scores.loc[found.scores["outcome"] == tables.SCORED, "metric"].unique()
    metrics = metric_infos([str(name) for name in scored])
    own = listening.analysis
    matched = match(found, metrics, own.cube, own.roles, listening.info.items, listening.info.conditions)
    agreement = analyse(matched)
    progress("figures and tables of the sweep")
    title = options.title or listening.info.title or f"Metrics and listeners: {run.resolve().name}"
    sweep = analyse_sweep(found, title, _label(matched, options.baseline))
    heard = sweep_page.SILENT
    if with_audio:
        heard = sweep_page.hear(run, sweep, n_clips_per_category, progress)
    return JointReport(title, sweep, heard, listening, agreement, scatters(agreement, is_simulated=own.is_simulated))


def _label(matched: Matched, baseline: str | None) -> str | None:
    """What the sweep calls the baseline of the listening test; None, so that it chooses its own, where it has none."""
    if baseline not in matched.conditions:
        return None
    return matched.of_sweep[matched.conditions.index(baseline)].label


def render(report: JointReport) -> str:
    """The page."""
    own = report.listening.analysis
    is_simulated = own.is_simulated
    templates = environment()
    templates.filters |= {"correlation": sentences.correlation, "number": sentences.number, "p": p_text}
    context: dict[str, Any] = {
        "agreement": report.agreement,
        "headline": sentences.headline(report.agreement),
        "trust": [sentences.trust(report.agreement, entry) for entry in report.agreement.categories],
        "cautions": sentences.cautions(report.agreement),
        "methods": sentences.methods(report.agreement),
        "interval": sentences.interval,
        "figures": report.figures,
        "max_narrow_rows": MAX_NARROW_ROWS,
        "simulated": SIMULATED if is_simulated else "",
        "caption_mark": CAPTION_MARK if is_simulated else "",
        "alpha": ALPHA,
        "test": listening_page.part(report.listening, prefix="test-"),
        "sweep": sweep_page.part(report.sweep, report.heard),
    }
    part = render_part(templates, "agreement", context)
    return render_page(listening_page.titled(report.title, own), part, [listening_page.STYLESHEET, STYLESHEET])

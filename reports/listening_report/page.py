"""The page of a listening test: from ratings to one self-contained HTML file, or to a part of another page."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flowmac.errors import SettingError
from reports.environment import Part, environment, render_page, render_part
from reports.listening_report import compliance, sentences
from reports.listening_report.analysis import Analysis, analyse
from reports.listening_report.compliance import Check
from reports.listening_report.downloads import downloads
from reports.listening_report.figures import ListeningFigures, figures
from reports.listening_report.study_info import StudyInfo, read_study_info
from reports.sources import Answers, read_answers
from reports.statistics import anova
from reports.statistics.assumptions import BIMODALITY_LIMIT, SKEWNESS_TO_NOTE
from reports.statistics.contrasts import PairComparison
from reports.statistics.nonparametric import ALPHA

STYLESHEET = "listening.css"


@dataclass(frozen=True)
class Options:
    """What a person may choose.

    Attributes:
        info_path: YAML file with what the ratings do not say; see `study_info.StudyInfo`.
        baseline: condition that the planned contrasts refer to; all pairs of systems are compared without.
        margin: points within which a system is as good as the baseline.
        title: of the page; that of the YAML file, or the name of the ratings' file, without.
    """

    info_path: Path | None = None
    baseline: str | None = None
    margin: float | None = None
    title: str | None = None


@dataclass(frozen=True, eq=False)
class ListeningReport:
    """All numbers and figures of a listening test.

    Attributes:
        source: file of the ratings; None where they came from a database.
        name: what the test may be called.
    """

    source: Path | None
    info: StudyInfo
    analysis: Analysis
    checks: list[Check]
    name: str
    title: str
    figures: ListeningFigures


def build_listening_page(
    source: str | Path, options: Options = Options(), progress: Callable[[str], None] = lambda step: None
) -> str:
    """The HTML of the report on the ratings in ``source`` (see `reports.sources`); ``progress`` is told what is done.

    Raises:
        SettingError: as for `reports.sources.read_answers` and `prepare`.
    """
    return render(prepare(read_answers(source), options, progress))


def prepare(answers: Answers, options: Options, progress: Callable[[str], None]) -> ListeningReport:
    """All that goes into the forms of a report on ratings.

    Raises:
        SettingError: judgements in place of ratings, or a study's file that is not valid; nobody is left after
            post-screening; an unknown baseline; a margin that is not positive or has no baseline.
    """
    if not answers.ratings:
        raise SettingError(f"{answers.name}: holds judgements by ABX, AB, ACR or DCR; this needs ratings from 0 to 100")
    margin, baseline = options.margin, options.baseline
    if margin is not None and not (margin > 0 and math.isfinite(margin)):
        raise SettingError(f"the margin must be a positive number of points, got {margin}")
    if margin is not None and baseline is None:
        raise SettingError("a margin needs a baseline that the systems are to be as good as; name one")
    info = read_study_info(options.info_path) if options.info_path is not None else StudyInfo()
    progress("statistics of the listening test")
    analysis = analyse(answers.ratings, baseline, margin)
    progress("figures of the listening test")
    found = compliance.checks(analysis, info)
    return ListeningReport(
        source=answers.file,
        info=info,
        analysis=analysis,
        checks=found,
        name=compliance.name_of_test(found, info, analysis.is_simulated),
        title=options.title or info.title or f"Listening test: {answers.name}",
        figures=figures(analysis),
    )


def render(report: ListeningReport) -> str:
    """The page for a report."""
    return render_page(titled(report.title, report.analysis), part(report), [STYLESHEET])


def titled(title: str, analysis: Analysis) -> str:
    """``title`` with a warning before it where ratings are simulated."""
    return f"SIMULATED: {title}" if analysis.is_simulated else title


def part(report: ListeningReport, prefix: str = "") -> Part:
    """The report as a part of a page; ``prefix`` keeps its anchors apart from those of other parts."""
    analysis = report.analysis
    templates = environment()
    templates.filters |= {"points": _points, "signed": _signed, "effect": _effect, "p": sentences.p_text}
    context: dict[str, Any] = {
        "prefix": prefix,
        "a": analysis,
        "info": report.info,
        "name": report.name,
        "checks": report.checks,
        "headline": sentences.headline(analysis),
        "simulated": sentences.SIMULATED if analysis.is_simulated else "",
        "caption_mark": sentences.CAPTION_MARK if analysis.is_simulated else "",
        "cautions": sentences.cautions(analysis),
        "methods": sentences.methods(analysis, report.info, report.name),
        "figures": report.figures,
        "matrix": _matrix(analysis),
        "shade": _shade,
        "files": downloads(analysis, report.info, report.source),
        "alpha": ALPHA,
        "anova_assumptions": anova.ANOVA_ASSUMPTIONS,
        "permutation_assumptions": anova.PERMUTATION_ASSUMPTIONS,
        "bimodality_limit": BIMODALITY_LIMIT,
        "skewness_to_note": SKEWNESS_TO_NOTE,
    }
    return render_part(templates, "listening", context)


def _matrix(analysis: Analysis) -> list[tuple[str, list[tuple[PairComparison, int] | None]]]:
    """Rows of the significance matrix: each condition against each; the sign is 1 where the row is the pair's first."""
    by_names: dict[tuple[str, str], tuple[PairComparison, int]] = {}
    for pair in analysis.pairs:
        by_names[pair.first, pair.second] = (pair, 1)
        by_names[pair.second, pair.first] = (pair, -1)
    names = analysis.conditions
    return [(row, [by_names.get((row, column)) for column in names]) for row in names]


def _shade(score: float) -> str:
    """How strongly to tint the cell of a score, in percent: five steps, one for each word of the scale."""
    return f"{12 + 14 * min(4, int(score // 20))}%"


def _points(value: float | None) -> str:
    return "–" if value is None else f"{value:.1f}"


def _effect(value: float) -> str:
    return f"{value:+.2f}".replace("-", "−")


def _signed(value: float | None) -> str:
    return "–" if value is None else f"{value:+.1f}".replace("-", "−")

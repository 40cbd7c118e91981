"""The page of a listening test: from a file of ratings to one self-contained HTML file."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from flowmac.errors import SettingError
from listening_test.ratings import read_ratings
from reports import style
from reports.environment import environment
from reports.listening_report import charts, compliance, sentences
from reports.listening_report.analysis import Analysis, analyse
from reports.listening_report.downloads import downloads
from reports.listening_report.study_info import StudyInfo, read_study_info
from reports.statistics import anova
from reports.statistics.assumptions import BIMODALITY_LIMIT, SKEWNESS_TO_NOTE
from reports.statistics.contrasts import PairComparison
from reports.statistics.nonparametric import ALPHA, critical_difference


def build_listening_page(
    ratings_path: Path,
    *,
    info_path: Path | None = None,
    baseline: str | None = None,
    margin: float | None = None,
    title: str | None = None,
    progress: Callable[[str], None] = lambda step: None,
) -> str:
    """The HTML of the report on the ratings in ``ratings_path`` (our CSV or webMUSHRA's).

    Args:
        info_path: YAML file with what the ratings do not say; see `study_info.StudyInfo`.
        baseline: condition that the planned contrasts refer to; all pairs of systems are compared without.
        margin: points within which a system is as good as the baseline.
        title: of the page; that of the YAML file, or the name of the ratings' file, without.
        progress: told what is being done.

    Raises:
        SettingError: a file cannot be read or holds what cannot be true; nobody is left after post-screening; an
            unknown baseline; a margin that is not positive or has no baseline.
    """
    if margin is not None and not (margin > 0 and math.isfinite(margin)):
        raise SettingError(f"the margin must be a positive number of points, got {margin}")
    if margin is not None and baseline is None:
        raise SettingError("a margin needs a baseline that the systems are to be as good as; name one")
    progress("reading ratings")
    ratings = read_ratings(ratings_path)
    info = read_study_info(info_path) if info_path is not None else StudyInfo()
    progress("statistics")
    analysis = analyse(ratings, baseline, margin)
    progress("figures")
    found = compliance.checks(analysis, info)
    name = compliance.name_of_test(found, info, analysis.is_simulated)
    heading = title or info.title or f"Listening test: {ratings_path.stem}"
    templates = environment()
    templates.filters |= {"points": _points, "signed": _signed, "effect": _effect, "p": sentences.p_text}
    loader = templates.loader
    assert loader is not None
    stylesheet = "\n".join(loader.get_source(templates, css)[0] for css in ("report.css", "listening.css"))
    context: dict[str, Any] = {
        "title": f"SIMULATED: {heading}" if analysis.is_simulated else heading,
        "stylesheet": stylesheet,
        "a": analysis,
        "info": info,
        "name": name,
        "checks": found,
        "headline": sentences.headline(analysis),
        "simulated": sentences.SIMULATED if analysis.is_simulated else "",
        "caption_mark": "Simulated ratings. " if analysis.is_simulated else "",
        "cautions": sentences.cautions(analysis),
        "methods": sentences.methods(analysis, info, name),
        "figures": _figures(analysis),
        "matrix": _matrix(analysis),
        "shade": _shade,
        "files": downloads(analysis, info, ratings_path),
        "alpha": ALPHA,
        "anova_assumptions": anova.ANOVA_ASSUMPTIONS,
        "permutation_assumptions": anova.PERMUTATION_ASSUMPTIONS,
        "bimodality_limit": BIMODALITY_LIMIT,
        "skewness_to_note": SKEWNESS_TO_NOTE,
    }
    return templates.get_template("listening.html").render(context)


def _figures(analysis: Analysis) -> dict[str, Any]:
    """Each picture as inline SVG; None where there is nothing to draw."""
    mark = "Simulated ratings. " if analysis.is_simulated else ""
    cube = analysis.cube

    def svg(figure: Figure, name: str, description: str) -> str:
        return style.to_svg(figure, f"listening-{name}", mark + description)

    means = "; ".join(f"{summary.condition} {summary.mean:.1f}" for summary in analysis.summaries)
    found: dict[str, Any] = {
        "overall": svg(
            charts.boxes(analysis, cube.scores, analysis.summaries, "", has_points=True),
            "overall",
            f"Box plot of all ratings by condition. Means: {means}.",
        ),
        "items": [
            svg(
                charts.boxes(
                    analysis, cube.scores[:, [place]], analysis.by_item[item], charts.short(item), has_points=False
                ),
                f"item-{place}",
                f"Box plot of the ratings of {item} by condition; the medians are in the table below.",
            )
            for place, item in enumerate(cube.items)
        ],
        "screening": svg(
            charts.screening(analysis, analysis.screening),
            "screening",
            "Each listener's share of missed hidden references and of mid anchors above 90; the table has the numbers.",
        ),
        "to_reference": None,
        "to_baseline": None,
        "ranks": None,
        "repeats": None,
        "quantiles": None,
    }
    if analysis.reference and analysis.to_reference:
        figure = charts.differences(analysis, analysis.to_reference, analysis.reference)
        found["to_reference"] = svg(figure, "to-reference", f"Differences to {analysis.reference}, as in the table.")
    if analysis.baseline and analysis.contrasts:
        figure = charts.differences(analysis, [contrast.pair for contrast in analysis.contrasts], analysis.baseline)
        found["to_baseline"] = svg(figure, "to-baseline", f"Differences to {analysis.baseline}, as in the table.")
    if not isinstance(analysis.friedman, str):
        ranks = analysis.friedman.mean_ranks
        difference = critical_difference(analysis.friedman.n_listeners, len(ranks))
        described = "; ".join(f"{name} {rank:.2f}" for name, rank in zip(cube.conditions, ranks, strict=True))
        figure = charts.critical_differences(analysis, ranks, difference)
        found["ranks"] = svg(figure, "ranks", f"Mean ranks: {described}. Critical difference {difference:.2f}.")
    if analysis.repeats:
        figure = charts.repeats(analysis, analysis.repeats)
        found["repeats"] = svg(figure, "repeats", "Spread between signals against the spread of repeated ratings.")
    if not isinstance(analysis.residuals, str):
        figure = charts.quantiles(analysis, analysis.residuals)
        found["quantiles"] = svg(figure, "quantiles", "Q-Q plot of the residuals against a normal distribution.")
    return found


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

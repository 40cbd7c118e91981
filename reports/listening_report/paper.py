"""What a paper needs of a listening test: its figures, tables and tidy ratings."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

import pandas as pd

from reports import latex
from reports.listening_report import sentences
from reports.listening_report.analysis import Analysis
from reports.paper import Paper, PaperTable
from reports.statistics.contrasts import PairComparison
from reports.statistics.descriptive import Summary
from reports.views import DASH

if TYPE_CHECKING:
    from reports.listening_report.page import ListeningReport


def paper_of(report: ListeningReport) -> Paper:
    """The paper of a listening test."""
    analysis = report.analysis
    return Paper(
        panels=report.figures.panels,
        tables=list(_tables(analysis)),
        data=_data(analysis),
        methods=sentences.methods(analysis, report.info, report.name),
        sources=[] if report.source is None else [report.source],
        facts={
            "is_simulated": analysis.is_simulated,
            "n_ratings": len(analysis.ratings),
            "excluded_listeners": {entry.listener: entry.reasons for entry in analysis.screening.excluded},
            "baseline": analysis.baseline,
            "margin_points": analysis.margin,
            "study": report.info.model_dump(mode="json", exclude_none=True),
        },
        warning=sentences.SIMULATED if analysis.is_simulated else "",
    )


def scores_table(analysis: Analysis) -> PaperTable:
    """Conditions with median, IQR, mean and interval."""
    to_reference = {pair.first: pair for pair in analysis.to_reference}
    heads = ["Condition", "Median", "IQR", "Mean", "95 % interval", "p to reference"]
    lines = []
    for own in analysis.summaries:
        pair = to_reference.get(own.condition)
        p = DASH if pair is None else sentences.p_text(pair.p_adjusted)
        lines.append([own.condition, _text(own.median), _text(own.iqr), _text(own.mean), _ends(own.low, own.high), p])
    n = len(analysis.cube.listeners)
    caption = f"Scores of {n} listeners; median and IQR over ratings, mean and interval over listeners; p after Holm."
    return PaperTable("listening_scores", caption, heads, lines)


def scores_latex(analysis: Analysis) -> str:
    """The table of scores for LaTeX, with a comment where ratings are simulated."""
    table = scores_table(analysis)
    caption = table.caption
    comment = ""
    if analysis.is_simulated:
        comment, caption = f"% {sentences.SIMULATED}\n", f"{sentences.SIMULATED} {caption}"
    return comment + latex.table(table.heads, table.lines, caption, table.name)


def _tables(analysis: Analysis) -> Iterator[PaperTable]:
    yield scores_table(analysis)
    if analysis.to_reference:
        yield _pairs("listening_to_reference", f"Differences to {analysis.reference}", analysis.to_reference)
    if analysis.contrasts:
        words = f"Differences to {analysis.baseline}" if analysis.is_planned else "Differences between systems"
        yield _pairs("listening_contrasts", words, [contrast.pair for contrast in analysis.contrasts])
        yield _new_material(analysis)
    yield _pairs("listening_all_pairs", "All pairs of conditions", analysis.pairs)
    yield _by("listening_items", "Item", "Median (mean) by item.", analysis, analysis.by_item)
    yield _by("listening_categories", "Category", "Median (mean) by category.", analysis, analysis.by_category)
    yield PaperTable(
        "listening_screening",
        "Post-screening as in ITU-R BS.1534-3.",
        ["Listener", "Reference below 90", "Mid anchor above 90", "Not counted", "Excluded"],
        [
            [
                own.listener,
                f"{own.n_reference_below} of {own.n_reference}",
                f"{own.n_mid_anchor_above} of {own.n_mid_anchor}",
                str(own.n_guarded),
                "; ".join(own.reasons) or "no",
            ]
            for own in analysis.screening.listeners
        ],
    )


def _pairs(name: str, words: str, pairs: Sequence[PairComparison]) -> PaperTable:
    caption = f"{words}: mean difference with 95 % interval, p of sign-flip and Wilcoxon tests after Holm, effect size."
    heads = ["Contrast", "Difference", "95 % interval", "p (sign flip)", "p (Wilcoxon)", "Rank-biserial"]
    lines = [
        [
            f"{own.first} − {own.second}",
            f"{own.mean:+.1f}".replace("-", "−"),
            _ends(own.low, own.high),
            sentences.p_text(own.p_adjusted),
            sentences.p_text(own.p_wilcoxon_adjusted),
            f"{own.rank_biserial:+.2f}".replace("-", "−"),
        ]
        for own in pairs
    ]
    return PaperTable(name, caption, heads, lines)


def _new_material(analysis: Analysis) -> PaperTable:
    """The mixed models: claims on other listeners and items."""
    lines = []
    for own in analysis.contrasts:
        label = f"{own.pair.first} − {own.pair.second}"
        if isinstance(own.mixed, str) or own.p_mixed_adjusted is None:
            lines.append([label, f"not computed: {own.mixed}", DASH, DASH, DASH, DASH])
            continue
        mean = f"{own.mixed.mean:+.1f}".replace("-", "−")
        p = sentences.p_text(own.p_mixed_adjusted)
        spread = (_text(own.mixed.listener_sd), _text(own.mixed.item_sd))
        lines.append([label, mean, _ends(own.mixed.low, own.mixed.high), p, *spread])
    heads = ["Contrast", "Difference", "95 % interval", "p", "SD over listeners", "SD over items"]
    caption = "Linear mixed model with crossed listeners and items; p after Holm."
    return PaperTable("listening_new_material", caption, heads, lines)


def _by(name: str, head: str, caption: str, analysis: Analysis, groups: dict[str, list[Summary]]) -> PaperTable:
    lines = [[group, *(f"{own.median:.1f} ({own.mean:.1f})" for own in found)] for group, found in groups.items()]
    return PaperTable(name, caption, [head, *analysis.conditions], lines)


def _data(analysis: Analysis) -> dict[str, pd.DataFrame]:
    """Tidy data: ratings as they came, and summaries by condition, by item and by category."""
    groups: dict[str, dict[str, Sequence[Summary]]] = {
        "": {"": analysis.summaries},
        "item": {**analysis.by_item},
        "category": {**analysis.by_category},
    }
    summaries = [
        {"by": by, "group": group, **asdict(own)}
        for by, entries in groups.items()
        for group, found in entries.items()
        for own in found
    ]
    return {
        "ratings": pd.DataFrame([asdict(rating) for rating in analysis.ratings]),
        "rating_summary": pd.DataFrame(summaries),
    }


def _ends(low: float | None, high: float | None) -> str:
    return DASH if low is None or high is None else f"[{low:.1f}, {high:.1f}]".replace("-", "−")


def _text(value: float) -> str:
    return f"{value:.1f}".replace("-", "−")

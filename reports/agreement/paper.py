"""What a paper needs of a sweep and a listening test together."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd

from reports import export
from reports.agreement import sentences
from reports.agreement.analysis import Agreement
from reports.agreement.matching import Matched
from reports.agreement.page import JointReport
from reports.listening_report import paper as listening_paper
from reports.listening_report.sentences import SIMULATED, p_text
from reports.paper import Paper, PaperTable, together
from reports.statistics.agreement import mean_grades
from reports.views import DASH


def paper_of(report: JointReport, run: Path) -> Paper:
    """The papers of the metrics against the listeners, of the listening test and of the sweep in ``run``, as one."""
    figures = report.figures
    own = Paper(
        panels=[panel for panel in (*figures.panels, figures.legend) if panel is not None],
        tables=list(_tables(report.agreement)),
        data={"agreement": _pairs(report.agreement.matched)},
        methods=sentences.methods(report.agreement),
        sources=[],
        facts={"left_out": list(report.agreement.matched.left_out)},
        warning=SIMULATED if report.listening.analysis.is_simulated else "",
    )
    return together([own, listening_paper.paper_of(report.listening), export.paper_of(report.sweep, run)])


def _tables(agreement: Agreement) -> Iterator[PaperTable]:
    for place, scope in enumerate(agreement.scopes):
        heads = ["Metric", "Pairs", "Pearson", "Spearman", "RMSE", "Systems: Pearson", "Spearman ", "RMSE "]
        lines = [
            [
                own.metric.label,
                str(own.item.spearman.n),
                *(
                    text
                    for level in (own.item, own.system)
                    for text in (
                        sentences.correlation(level.pearson),
                        sentences.correlation(level.spearman),
                        DASH if level.error.value is None else f"{level.error.value:.1f}",
                    )
                ),
                sentences.number(own.within.kendall.mean),
                DASH if own.within.share_in_order.mean is None else f"{100 * own.within.share_in_order.mean:.0f} %",
            ]
            for own in scope.metrics
        ]
        name = ("agreement", "agreement_systems")[place]
        caption = f"Scores against mean grades, {scope.title.lower()}; 95 % intervals over items and listeners."
        yield PaperTable(name, caption, [*heads, "Kendall within items", "Pairs in order"], lines)
    trust = [
        [entry.category, str(entry.n_items), *(sentences.correlation(found) for found in entry.correlations)]
        for entry in agreement.categories
    ]
    labels = [metric.label for metric in agreement.metrics]
    caption = "Spearman's correlation with mean grades by category, item by item."
    yield PaperTable("agreement_by_category", caption, ["Category", "Items", *labels], trust)
    differences = [
        [
            f"{pair.first.label} − {pair.second.label}",
            sentences.number(pair.result.difference),
            sentences.interval(pair.result.low, pair.result.high),
            p_text(pair.p_adjusted),
        ]
        for pair in agreement.pairs
    ]
    caption = "Differences between metrics' Spearman correlations, item by item; p after Holm."
    yield PaperTable("agreement_pairs", caption, ["Metrics", "Difference", "95 % interval", "p"], differences)


def _pairs(matched: Matched) -> pd.DataFrame:
    """One line for each item and condition: mean grade, listeners, and all scores."""
    means, count = mean_grades(matched.grades), (~np.isnan(matched.grades)).sum(axis=0)
    records = []
    for item, name in enumerate(matched.items):
        for place, condition in enumerate(matched.conditions):
            scores = {metric.name: own[item, place] for metric, own in matched.scores.items()}
            records.append(
                {
                    "item": name,
                    "category": matched.categories[item],
                    "condition": condition,
                    "spec_id": matched.of_sweep[place].spec_id,
                    "role": matched.roles[place],
                    "n_listeners": int(count[item, place]),
                    "mean_grade": means[item, place],
                    **scores,
                }
            )
    return pd.DataFrame(records)

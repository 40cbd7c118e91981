"""What a paper needs of a sweep: its figures, tables and tidy data, keyed by spec_id and clip_id."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path

import pandas as pd

from benchmarks.results import ROWS_FILE
from reports import methods, views
from reports.analysis import Report
from reports.paper import Paper, PaperTable
from reports.views import Cell


def paper_of(report: Report, run_folder: Path) -> Paper:
    """The paper of the run in ``run_folder``."""
    panels = [panel for group in report.figures for panel in (*group.panels, group.legend) if panel is not None]
    rows = run_folder / ROWS_FILE
    return Paper(panels, list(_tables(report)), _data(report), methods.paragraph(report), [rows])


def _tables(report: Report) -> Iterator[PaperTable]:
    conditions, shown = report.tables.conditions, report.shown
    heads = [
        "Condition",
        "Clips",
        "Payload [kbit/s]",
        "Total [kbit/s]",
        "RTF",
        *(metric.axis_label for metric in shown),
    ]
    lines = views.summary_lines(conditions, shown, report.tables.runs, report.summary)
    caption = "Means over clips with 95 % intervals in brackets."
    yield _table("summary", heads, [(line.condition.label, line.cells) for line in lines], caption)
    for table in views.generalisation(report.tables, shown, report.summary, report.by_language):
        yield _table(
            f"generalisation_{table.metric.name}",
            ["Condition", *table.columns],
            [(line.condition.label, line.cells) for line in table.lines],
            f"{table.metric.axis_label} by category.",
        )
    if report.differences is not None and report.baseline is not None:
        yield _table(
            "differences",
            ["Condition", *(metric.axis_label for metric in shown)],
            [
                (line.condition.label, line.cells)
                for line in views.difference_lines(conditions, shown, report.differences)
            ],
            f"Paired differences to {report.baseline.label}.",
        )
    if report.bd_table is not None:
        yield _table(
            "bd_rate",
            ["Codec", *(metric.label for metric in report.bd_table.metrics)],
            views.bd_lines(report.bd_table),
            f"BD-rate against {report.bd_table.anchor.name}.",
        )


def _table(name: str, heads: Sequence[str], lines: Sequence[tuple[str, Sequence[Cell]]], caption: str) -> PaperTable:
    texts = [[label, *(f"{cell.text} {cell.interval}".strip() for cell in cells)] for label, cells in lines]
    return PaperTable(name, caption, heads, texts)


def _data(report: Report) -> dict[str, pd.DataFrame]:
    """Tidy data: one line an observation, keyed by spec_id and clip_id."""
    found = report.tables
    conditions = pd.DataFrame(
        [
            {
                "spec_id": own.spec_id,
                "codec": own.codec,
                "label": own.label,
                "role": own.role,
                "nominal_kbps": own.nominal_kbps,
                "n_evaluations": own.n_evaluations,
                "weights_sha256": own.weights_sha256,
                "settings": json.dumps(own.settings, sort_keys=True),
            }
            for own in found.conditions
        ]
    )
    clips = pd.DataFrame(
        [
            {
                "clip_id": clip.id,
                "sha256": clip.sha256,
                "category": clip.category,
                "language": clip.language,
                "duration_s": clip.duration_s,
                "sample_rate_hz": clip.sample_rate_hz,
                "n_channels": clip.n_channels,
            }
            for clip in found.clips
        ]
    )
    return {
        "conditions": conditions,
        "clips": clips,
        "runs": found.runs,
        "scores": found.scores,
        "summary": pd.concat(
            [report.summary, report.by_language.assign(category="language " + report.by_language["category"])]
        ),
    }

"""The page: from the folder of a run to one self-contained HTML file. It runs no codec and no network.

Text from rows (labels, messages, names of clips) is escaped by the template; the page's security policy allows its own
script alone and no connection at all.
"""

from __future__ import annotations

import importlib.metadata
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib
import pandas as pd

from benchmarks.results import Clip
from reports import bd_rate, intervals, listening, record, sentences, spectrograms, statistics, tables, views, worst
from reports.analysis import Report, analyse
from reports.conditions import Condition
from reports.environment import Part, environment, render_page, render_part
from reports.metric_info import MetricInfo

DEFAULT_CLIPS_PER_CATEGORY = 2

#: More clips are not listed one by one; they are in the tidy data.
MAX_LISTED_CLIPS = 500

#: Worst clips to hear, and what they may take of `listening.BUDGET_BYTES`.
N_WORST_CLIPS = 4
WORST_BUDGET_BYTES = 3_000_000


@dataclass(frozen=True)
class Options:
    """What a person may choose. ``baseline`` is the label of the condition that differences refer to."""

    title: str | None = None
    n_clips_per_category: int = DEFAULT_CLIPS_PER_CATEGORY
    baseline: str | None = None


@dataclass(frozen=True)
class Heard:
    """The audio of a page: clips chosen by no score, and the worst of the baseline."""

    chosen: listening.Listening
    worst: listening.Listening


#: A page without audio.
SILENT = Heard(listening.Listening((), ()), listening.Listening((), ()))


def build(folder: Path, options: Options, progress: Callable[[str], None] = lambda step: None) -> str:
    """The page for the run in ``folder``. ``progress`` is told what is being done.

    Raises:
        SettingError: no results in the folder, damaged or mixed ones, or an unknown baseline.
    """
    return render(*prepare(folder, options, progress))


def prepare(
    folder: Path, options: Options, progress: Callable[[str], None], *, with_audio: bool = True
) -> tuple[Report, Heard]:
    """All that goes into the forms of a report of the run in ``folder``.

    Raises:
        SettingError: as for `build`.
    """
    progress("reading rows")
    found = tables.read(folder)
    progress("figures and tables")
    report = analyse(found, options.title or default_title(folder), options.baseline)
    return report, hear(folder, report, options.n_clips_per_category, progress) if with_audio else SILENT


def default_title(folder: Path) -> str:
    """What a page is called that nobody gave a name."""
    return f"Codec comparison: {folder.resolve().name}"


def hear(
    folder: Path, report: Report, n_per_category: int, progress: Callable[[str], None] = lambda step: None
) -> Heard:
    """The audio of the page, encoded: the worst clips first, as they take little, then the chosen ones."""
    found = report.tables
    if n_per_category == 0:
        return SILENT

    def examples(chosen: Sequence[tuple[Clip, Sequence[Condition]]], budget_bytes: int) -> listening.Listening:
        return listening.make_examples(
            folder, found.runs, chosen, budget_bytes, lambda clip_id: progress(f"audio of {clip_id}")
        )

    worst_heard = listening.Listening((), ())
    if report.baseline is not None:
        beside = worst.rivals(found.conditions, report.baseline)
        worst_clips = worst.to_hear(report.worst, N_WORST_CLIPS)
        worst_heard = examples([(clip, beside) for clip in worst_clips], WORST_BUDGET_BYTES)
    chosen = listening.choose_clips(found.clips, n_per_category)
    left_bytes = listening.BUDGET_BYTES - worst_heard.n_bytes
    return Heard(examples([(clip, found.conditions) for clip in chosen], left_bytes), worst_heard)


def render(report: Report, heard: Heard) -> str:
    """The page for a report."""
    return render_page(report.title, part(report, heard))


def part(report: Report, heard: Heard) -> Part:
    """The report as a part of a page."""
    found, shown = report.tables, report.shown
    processors = {recorded.get("cpu", "not recorded") for recorded, _ in found.environment}
    context: dict[str, Any] = {
        "report": report,
        "summary": sentences.summary(found.conditions, found.clips, found.runs, found.scores),
        "cautions": sentences.cautions(
            found.conditions, found.clips, found.runs, found.scores, report.metrics, len(processors)
        ),
        "metrics": shown,
        "summary_lines": views.summary_lines(found.conditions, shown, found.runs, report.summary),
        "speed_lines": views.speed_lines(report.speed_lines),
        "bd_lines": views.bd_lines(report.bd_table) if report.bd_table else [],
        "solver_lines": views.solver_lines(report.solvers, shown),
        "difference_lines": []
        if report.differences is None
        else views.difference_lines(found.conditions, shown, report.differences),
        "generalisation": views.generalisation(found, shown, report.summary, report.by_language),
        "heard": heard,
        "opus_kbps": listening.OPUS_KBPS_PER_CHANNEL,
        "excerpt_s": listening.EXCERPT_S,
        "range_db": spectrograms.RANGE_DB,
        "ticks": spectrograms.axis_ticks,
        "colour_map": _colour_map(),
        "failures": record.failure_groups(found, report.metrics),
        "definitions": [_definition(metric, found.scores) for metric in report.metrics],
        "condition_details": [_condition_details(condition, found.runs) for condition in found.conditions],
        "weights": _weights(found.conditions),
        "environment": record.environment(found),
        "clips": found.clips[:MAX_LISTED_CLIPS],
        "n_clips": len(found.clips),
        "confidence": statistics.CONFIDENCE,
        "n_resamples": statistics.N_RESAMPLES,
        "max_resampled": intervals.MAX_RESAMPLED,
        "min_clips": statistics.MIN_CLIPS,
        "bd_min_points": bd_rate.MIN_POINTS,
        "report_packages": {name: importlib.metadata.version(name) for name in ("matplotlib", "numpy", "pandas")},
    }
    return render_part(environment(), "sweep", context)


def _definition(metric: MetricInfo, scores: pd.DataFrame) -> dict[str, Any]:
    own = scores[scores["metric"] == metric.name]
    n_by_outcome = own["outcome"].value_counts()
    versions = own.loc[own["outcome"] == tables.SCORED, "version"].unique()
    return {
        "metric": metric,
        "version": versions[0] if len(versions) else "none, as nothing was scored",
        "outcomes": [
            (words, int(n_by_outcome[outcome]))
            for outcome, words in tables.OUTCOME_WORDS.items()
            if n_by_outcome.get(outcome, 0)
        ],
    }


def _condition_details(condition: Condition, runs: pd.DataFrame) -> dict[str, Any]:
    return {
        "condition": condition,
        "settings": record.settings_text(condition) or views.DASH,
        "delay": record.delay_text(runs, condition),
    }


def _weights(conditions: Sequence[Condition]) -> list[tuple[str, str]]:
    """Codec and hash of each set of weights."""
    pairs = ((condition.codec, condition.weights_sha256) for condition in conditions)
    return [(codec, weights) for codec, weights in dict.fromkeys(pairs) if weights is not None]


def _colour_map() -> str:
    """Stops of a CSS gradient for the key to the spectrograms' colours."""
    colour_map = matplotlib.colormaps[spectrograms.COLOUR_MAP]
    return ", ".join(matplotlib.colors.to_hex(colour_map(stop / 8)) for stop in range(9))

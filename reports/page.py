"""The page: from the folder of a run to one self-contained HTML file. It runs no codec and no network.

Text from rows (labels, messages, names of clips) is escaped by the template; the page's security policy allows its own
script alone and no connection at all.
"""

from __future__ import annotations

import base64
import hashlib
import importlib.metadata
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jinja2
import matplotlib
import pandas as pd

from benchmarks.results import Row, read_rows
from flowmac.errors import SettingError, unknown_name
from reports import aggregate, figures, listening, sentences, spectrograms, statistics, views
from reports.aggregate import ALL, Condition
from reports.metric_info import MetricInfo, metric_infos

DEFAULT_CLIPS_PER_CATEGORY = 2


@dataclass(frozen=True)
class Options:
    """What a person may choose. ``baseline`` is the label of the condition that differences refer to."""

    title: str | None = None
    n_clips_per_category: int = DEFAULT_CLIPS_PER_CATEGORY
    baseline: str | None = None


def build(folder: Path, options: Options, progress: Callable[[str], None] = lambda step: None) -> str:
    """The page for the run in ``folder``. ``progress`` is told what is being done.

    Raises:
        SettingError: no results in the folder, damaged or mixed ones, or an unknown baseline.
    """
    progress("reading rows")
    rows = read_rows(folder)
    if not rows:
        raise SettingError(f"{folder}: the sweep has written no rows yet; let it finish a few first")
    heard = listening.make_examples(
        folder,
        rows,
        aggregate.conditions(rows),
        options.n_clips_per_category,
        lambda clip_id: progress(f"audio of {clip_id}"),
    )
    progress("figures and tables")
    title = options.title or f"Codec comparison: {folder.resolve().name}"
    return render(rows, title, options.baseline, heard)


def render(rows: Sequence[Row], title: str, baseline: str | None, heard: listening.Listening) -> str:
    """The page for ``rows``, of which there is at least one.

    Raises:
        SettingError: as for `build`.
    """
    conditions = aggregate.conditions(rows)
    runs = aggregate.run_table(rows)
    scores = aggregate.score_table(rows)
    summary = aggregate.summarise(scores)
    metrics = metric_infos(list(dict.fromkeys(scores["metric"])))
    tried = set(scores.loc[scores["outcome"].isin([aggregate.SCORED, aggregate.FAILED]), "metric"])
    shown = [metric for metric in metrics if metric.name in tried]
    tables = figures.FigureTables(conditions, aggregate.categories(rows), runs, summary)
    clips = sorted({row.clip.id: row.clip for row in rows}.items())
    processors = {row.environment.get("cpu", "not recorded") for row in rows}
    context: dict[str, Any] = {
        "title": title,
        "summary": sentences.summary(conditions, [clip for _, clip in clips], runs, scores),
        "cautions": sentences.cautions(conditions, [clip for _, clip in clips], runs, scores, metrics, len(processors)),
        "metrics": shown,
        "summary_lines": views.summary_lines(conditions, shown, runs, summary),
        "rate_figures": [_rate_figure(metric, tables) for metric in shown],
        "speed_figure": figures.against_real_time_factor(tables, shown),
        "nfe_figure": figures.against_evaluations(tables, shown),
        "differences": _differences(conditions, shown, scores, baseline),
        "listening": heard,
        "opus_kbps": listening.OPUS_KBPS_PER_CHANNEL,
        "excerpt_s": listening.EXCERPT_S,
        "range_db": spectrograms.RANGE_DB,
        "ticks": spectrograms.axis_ticks,
        "colour_map": _colour_map(),
        "failures": views.failure_groups(rows, conditions, scores, metrics),
        "definitions": [_definition(metric, scores) for metric in metrics],
        "condition_details": [_condition_details(condition, runs) for condition in conditions],
        "weights": _weights(conditions),
        "environment": views.environment(rows),
        "clips": [clip for _, clip in clips],
        "confidence": statistics.CONFIDENCE,
        "n_resamples": statistics.N_RESAMPLES,
        "min_clips": statistics.MIN_CLIPS,
        "report_packages": {name: importlib.metadata.version(name) for name in ("matplotlib", "numpy", "pandas")},
    }
    return _environment().get_template("report.html").render(context)


def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("reports", "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    loader = environment.loader
    assert loader is not None
    script = loader.get_source(environment, "report.js")[0].strip()
    environment.globals["script"] = script
    environment.globals["script_hash"] = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    environment.globals["stylesheet"] = loader.get_source(environment, "report.css")[0]
    return environment


def _rate_figure(metric: MetricInfo, tables: figures.FigureTables) -> dict[str, Any]:
    columns = [ALL, *tables.categories] if len(tables.categories) > 1 else list(tables.categories)
    return {
        "metric": metric,
        "group": figures.against_rate(tables, metric),
        "categories": columns,
        "lines": views.category_lines(tables.conditions, metric, columns, tables.summary),
    }


def _differences(
    conditions: Sequence[Condition], metrics: Sequence[MetricInfo], scores: pd.DataFrame, baseline: str | None
) -> dict[str, Any] | None:
    """Paired differences against the chosen condition, or FlowMAC at its highest rate and NFE; None without either."""
    if baseline is not None:
        chosen = next((condition for condition in conditions if condition.label == baseline), None)
        if chosen is None:
            raise unknown_name("condition", baseline, [condition.label for condition in conditions])
    else:
        own = [condition for condition in conditions if condition.codec == "flowmac"]
        chosen = max(own, key=lambda own: (own.nominal_kbps or 0, own.n_evaluations or 0), default=None)
    if chosen is None or len(conditions) < 2:
        return None
    table = aggregate.paired_differences(scores, chosen.spec_id)
    return {"baseline": chosen, "lines": views.difference_lines(conditions, metrics, table)}


def _definition(metric: MetricInfo, scores: pd.DataFrame) -> dict[str, Any]:
    own = scores[scores["metric"] == metric.name]
    n_by_outcome = own["outcome"].value_counts()
    versions = own.loc[own["outcome"] == aggregate.SCORED, "version"].unique()
    return {
        "metric": metric,
        "version": versions[0] if len(versions) else "none, as nothing was scored",
        "outcomes": [
            (words, int(n_by_outcome[outcome]))
            for outcome, words in aggregate.OUTCOME_WORDS.items()
            if outcome in n_by_outcome
        ],
    }


def _condition_details(condition: Condition, runs: pd.DataFrame) -> dict[str, Any]:
    return {
        "condition": condition,
        "settings": views.settings_text(condition) or views.DASH,
        "delay": views.delay_text(runs, condition),
    }


def _weights(conditions: Sequence[Condition]) -> list[tuple[str, str]]:
    """Codec and hash of each set of weights."""
    pairs = ((condition.codec, condition.weights_sha256) for condition in conditions)
    return [(codec, weights) for codec, weights in dict.fromkeys(pairs) if weights is not None]


def _colour_map() -> str:
    """Stops of a CSS gradient for the key to the spectrograms' colours."""
    colour_map = matplotlib.colormaps[spectrograms.COLOUR_MAP]
    return ", ".join(matplotlib.colors.to_hex(colour_map(stop / 8)) for stop in range(9))

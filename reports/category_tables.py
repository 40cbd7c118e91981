"""The means of a sweep as tables in Markdown, one for each category of clips: for a README, or a page of results."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from pathlib import Path

import pandas as pd

from benchmarks.results import Row, read_rows
from flowmac.errors import SettingError
from reports import views
from reports.aggregate import ALL, summarise
from reports.markdown import escaped
from reports.metric_info import MetricInfo, metric_infos
from reports.sentences import count
from reports.tables import FAILED, SCORED, Tables, collect

ARROWS = {True: "↑", False: "↓", None: ""}


def of_run(folder: Path, title: str) -> str:
    """The tables of the run in ``folder``, over all clips and by category, and where the figures come from.

    Raises:
        SettingError: no results in the folder, damaged or mixed ones.
    """
    rows = read_rows(folder)
    if not rows:
        raise SettingError(f"{folder}: the sweep has written no rows yet; let it finish a few first")
    return "\n".join(_lines(collect(of_newest_weights(rows)), title)) + "\n"


def of_newest_weights(rows: Sequence[Row]) -> list[Row]:
    """``rows`` without those of weights that were replaced under their name, such as a release by its successor."""
    newest = {(row.codec, row.settings.get("weights")): row.weights_sha256 for row in rows}
    return [row for row in rows if row.weights_sha256 == newest[row.codec, row.settings.get("weights")]]


def _lines(found: Tables, title: str) -> Iterator[str]:
    summary = summarise(found.scores)
    tried = set(found.scores.loc[found.scores["outcome"].isin([SCORED, FAILED]), "metric"])
    metrics = [metric for metric in metric_infos(sorted(tried)) if metric.name in tried]
    yield f"# {escaped(title)}"
    yield ""
    yield "<!-- written by flowmac report RUN --format markdown -->"
    yield ""
    yield (
        "Means over the clips that were coded. Payload: kbit/s counted on the coded bytes, without headers. Real-time "
        "factor: seconds of encoding and decoding on one thread for a second of audio. Failed: clips that the codec "
        "failed on, and scores that could not be computed. ↑ higher is better, ↓ lower is better. A dash: there is "
        "nothing to measure."
    )
    for category in (ALL, *found.categories):
        yield ""
        yield from _category(found, summary[summary["category"] == category], category, metrics)
    yield ""
    yield from _sources(found, metrics)


def _category(found: Tables, summary: pd.DataFrame, category: str, metrics: Sequence[MetricInfo]) -> Iterator[str]:
    clips = [clip for clip in found.clips if category in (ALL, clip.category)]
    duration_s = sum(clip.duration_s for clip in clips)
    runs = found.runs if category == ALL else found.runs[found.runs["category"] == category]
    measured = set(summary.loc[summary["n"] + summary["n_failed"] > 0, "metric"])
    shown = [metric for metric in metrics if metric.name in measured]
    entries = {(entry["spec_id"], entry["metric"]): entry for entry in summary.to_dict("records")}
    heading = f"{category[0].upper()}{category[1:]}" if category != ALL else "All clips"
    yield f"## {escaped(heading)}"
    yield ""
    yield f"{count(len(clips), 'clip')}, {duration_s:.0f} s."
    yield ""
    heads = [f"`{metric.name}`{_unit(metric)} {ARROWS[metric.higher_is_better]}".strip() for metric in shown]
    yield f"| {' | '.join(['condition', 'clips', 'failed', 'payload kbit/s', 'real-time factor', *heads])} |"
    yield f"|---|{'--:|' * (4 + len(heads))}"
    for condition in found.conditions:
        own = runs[runs["spec_id"] == condition.spec_id]
        rates = own.loc[own["is_ok"], ["payload_kbps", "real_time_factor"]].mean()
        has_rate = condition.role == "codec"
        cells = [
            str(own["is_ok"].sum()),
            str(_n_failed(found, own, condition.spec_id, category)),
            views.number(float(rates["payload_kbps"]) if has_rate else math.nan, ".3f").text,
            views.number(float(rates["real_time_factor"]) if has_rate else math.nan, ".2g").text,
        ]
        for metric in shown:
            cells.append(views.mean_cell(entries.get((condition.spec_id, metric.name)), metric, None).text)
        yield f"| {' | '.join([escaped(condition.label), *cells])} |"


def _unit(metric: MetricInfo) -> str:
    return f" {metric.unit}" if metric.unit else ""


def _n_failed(found: Tables, runs: pd.DataFrame, spec_id: str, category: str) -> int:
    """Clips that the codec failed on, and scores that could not be computed on the others."""
    scores = found.scores[(found.scores["spec_id"] == spec_id) & (found.scores["outcome"] == FAILED)]
    if category != ALL:
        scores = scores[scores["category"] == category]
    return int((~runs["is_ok"]).sum()) + len(scores)


def _sources(found: Tables, metrics: Sequence[MetricInfo]) -> Iterator[str]:
    """What another measurement needs to come to the same figures."""
    yield "## Where the figures come from"
    yield ""
    for recorded, n_rows in found.environment:
        facts = [
            f"{key} {recorded[key]}" for key in ("cpu", "platform", "python", "flowmac", "commit") if key in recorded
        ]
        yield f"- {count(n_rows, 'row')}: {escaped(', '.join(facts))}"
    for condition in {own.weights_sha256: own for own in found.conditions if own.weights_sha256}.values():
        name = " ".join(filter(None, (condition.codec, condition.settings.get("weights"))))
        yield f"- weights of {escaped(name)}: SHA-256 {condition.weights_sha256}"
    for metric in metrics:
        is_own = (found.scores["metric"] == metric.name) & (found.scores["outcome"] == SCORED)
        versions = [str(version) for version in found.scores.loc[is_own, "version"].unique()]
        yield f"- `{metric.name}`: {escaped('; '.join(versions) or 'no score')}"

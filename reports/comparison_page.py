"""The page of a comparison of two sweeps."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from reports import forest, intervals, statistics, style, tables, views
from reports.comparison import ALPHA, Change, Comparison, Cost, compare
from reports.environment import environment
from reports.markdown import headline, p_text
from reports.views import DASH, Cell

TONES = {"better": "better", "worse": "worse"}


@dataclass(frozen=True)
class ChangeLine:
    """One condition and its change by each metric."""

    label: str
    cells: tuple[Cell, ...]


def compare_folders(before: Path, after: Path) -> Comparison:
    """The comparison of the runs in two folders.

    Raises:
        SettingError: no results in a folder, damaged or mixed ones, or nothing in common.
    """
    return compare(tables.read(before), tables.read(after), _names(before, after))


def _names(before: Path, after: Path) -> tuple[str, str]:
    """The folders' own names, or their paths where the names are alike."""
    short = before.resolve().name, after.resolve().name
    return short if short[0] != short[1] else (str(before), str(after))


def render(comparison: Comparison, title: str | None = None) -> str:
    """The page for a comparison."""
    figures = []
    for place, metric in enumerate(comparison.metrics):
        changes = (change for change in comparison.changes if change.metric == metric)
        own = [change for change in changes if change.n > 0 and change.verdict != "identical"]
        if own:
            figures.append(style.to_svg(forest.forest(own), f"change-{place}", forest.description(own)))
    context: dict[str, Any] = {
        "title": title or f"Codec comparison: {comparison.names[1]} against {comparison.names[0]}",
        "comparison": comparison,
        "headline": headline(comparison),
        "lines": _lines(comparison),
        "figures": figures,
        "cost_lines": [(cost.label, _cost_cells(cost)) for cost in comparison.costs],
        "alpha": ALPHA,
        "confidence": statistics.CONFIDENCE,
        "max_resampled": intervals.MAX_RESAMPLED,
        "min_clips": statistics.MIN_CLIPS,
    }
    return environment().get_template("comparison.html").render(context)


def _lines(comparison: Comparison) -> list[ChangeLine]:
    by_label: dict[str, dict[str, Change]] = {}
    for change in comparison.changes:
        by_label.setdefault(change.label, {})[change.metric.name] = change
    return [
        ChangeLine(label, tuple(_cell(own[metric.name]) for metric in comparison.metrics))
        for label, own in by_label.items()
    ]


def _cell(change: Change) -> Cell:
    if change.n == 0:
        return Cell(DASH, note="no clip in common")
    metric = change.metric
    if change.verdict == "identical":
        return Cell("±0", sort="0.0", n=change.n, note="identical")
    text = ("+" if change.difference > 0 else "") + metric.text(change.difference)
    interval = ""
    if change.low is not None and change.high is not None:
        interval = f"[{metric.text(change.low)}, {metric.text(change.high)}]"
    note = change.verdict if change.p_holm is None else f"{change.verdict}, p {_with_sign(p_text(change.p_holm))}"
    return Cell(text, repr(change.difference), interval, change.n, note, TONES.get(change.verdict, ""))


def _with_sign(p: str) -> str:
    return p if p.startswith("<") else f"= {p}"


def _cost_cells(cost: Cost) -> list[Cell]:
    same = Cell(f"{cost.n_identical} of {cost.n}", repr(cost.n_identical))
    failed = [Cell(str(n), repr(n), tone="failed" if n else "") for n in cost.n_failed]
    rates = [views.number(value, ".3f") for value in cost.kbps]
    factors = [views.number(value, ".2g") for value in cost.real_time_factor]
    return [*rates, *factors, *failed, same]

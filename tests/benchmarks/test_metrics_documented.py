"""benchmarks/METRICS.md says of every metric what the registry says."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.metrics import METRICS
from benchmarks.metrics.base import Metric

COLUMNS = ["metric", "judges", "worst to best", "what it hears", "when to trust it", "version", "licence", "citation"]


@pytest.fixture(scope="module")
def table(repository: Path) -> dict[str, dict[str, str]]:
    text = (repository / "benchmarks" / "METRICS.md").read_text(encoding="utf-8")
    lines = [line for line in text.splitlines() if line.startswith("| ")]
    head, *rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    assert head == COLUMNS
    return {row[0].strip("`"): dict(zip(COLUMNS, row, strict=True)) for row in rows if not row[0].startswith("---")}


def facts(metric: type[Metric]) -> dict[str, str]:
    """What a row must say, from the declarations."""
    rate = f"{metric.sample_rate_hz / 1000:g} kHz"
    unit = f" {metric.unit}" if metric.unit else ""
    ends = " to ".join(f"{end:g}".replace("inf", "∞") for end in (metric.worst, metric.best))
    return {
        "judges": f"{'speech' if metric.speech_only else 'all audio'}, {rate}",
        "worst to best": ends + unit,
        "version": ", ".join([metric.distribution or "own", metric.method]),
        "licence": metric.licence,
        "citation": metric.citation,
    }


def test_every_metric_has_its_row_in_the_registry_s_order(table: dict[str, dict[str, str]]) -> None:
    assert list(table) == METRICS.names()


@pytest.mark.parametrize("name", METRICS.names())
def test_row_agrees_with_the_declarations(name: str, table: dict[str, dict[str, str]]) -> None:
    row = table[name]
    for column, fact in facts(METRICS.get(name)).items():
        assert row[column] == fact, f"{name}: the column '{column}' of METRICS.md differs from the class"
    assert row["what it hears"]
    assert row["when to trust it"]

"""What a report says of a metric: name, unit, direction, definition and source, from the registry of the benchmarks.

Reads the declarations only; no metric's package is imported.
"""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.metrics import METRICS


@dataclass(frozen=True)
class MetricInfo:
    """A metric as a report shows it. ``higher_is_better`` is None for quantities without a good end."""

    name: str
    label: str
    unit: str = ""
    higher_is_better: bool | None = None
    definition: str = ""
    citation: str = ""
    range: str = ""
    sample_rate_hz: int | None = None
    decimals: int = 2

    @property
    def direction(self) -> str:
        """Which way is better, for an axis or a column head; empty where neither is."""
        if self.higher_is_better is None:
            return ""
        return "better ↑" if self.higher_is_better else "better ↓"

    @property
    def axis_label(self) -> str:
        """Label, unit and direction."""
        unit = f" [{self.unit}]" if self.unit else ""
        return f"{self.label}{unit}" + (f"  ({self.direction})" if self.direction else "")

    def text(self, value: float) -> str:
        """A value or difference with the metric's decimals and a real minus sign."""
        return f"{value:.{self.decimals}f}".replace("-", "−")


def metric_infos(names: Sequence[str]) -> list[MetricInfo]:
    """The metrics ``names`` in the order of the registry; then those it does not know, by their bare names."""
    known = [name for name in METRICS.names() if name in names]
    unknown = sorted(set(names) - set(known))
    return [_from_registry(name) for name in known] + [MetricInfo(name, label=name) for name in unknown]


def _from_registry(name: str) -> MetricInfo:
    metric = METRICS.get(name)
    is_fraction = abs(metric.best - metric.worst) <= 2
    return MetricInfo(
        name=name,
        label=metric.label,
        unit=metric.unit,
        higher_is_better=metric.higher_is_better(),
        definition=" ".join((inspect.getdoc(metric) or "").split()),
        citation=metric.citation,
        range=f"{_end(metric.worst)} (worst) to {_end(metric.best)} (best)",
        sample_rate_hz=metric.sample_rate_hz,
        decimals=3 if is_fraction else 2,
    )


def _end(value: float) -> str:
    return f"{value:g}".replace("inf", "∞").replace("-", "−")

"""The contract of a metric, and the one way to apply it: a number, or the reason why there is none.

Scores are never clipped, padded or replaced by a stand-in: what cannot be measured is said.
"""

from __future__ import annotations

import contextlib
import logging
import math
import sys
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from types import ModuleType
from typing import ClassVar

import numpy as np

from benchmarks.metrics.align import REVISION as ALIGNMENT_REVISION
from benchmarks.metrics.pair import Pair, UnmeasurableError
from benchmarks.registry import Backed
from benchmarks.results import Failure, Score
from flowmac.audio import FloatArray, Waveform

logger = logging.getLogger(__name__)

SPEECH = "speech"

#: Version of a metric whose package is absent; once it is installed, such rows are made anew.
NOT_INSTALLED = "not installed"

#: Reasons that another attempt would not change.
SETTLED_KINDS = frozenset({"not_applicable", "not_installed", "silent", "too_short", "too_loud"})


class Metric(Backed, ABC):
    """One metric.

    To add one: subclass, declare the attributes, write `compare`, and register ``module:Class`` in
    `benchmarks.metrics.METRICS`.

    Attributes:
        label: what tables and axes show.
        unit: of the value, empty where it has none.
        worst, best: ends of the range; infinite where there is none. ``best`` is the score of a perfect copy.
        sample_rate_hz: both recordings are brought to this rate; the reference is never lowered to the codec's.
        speech_only: judges speech; anything else is ``not_applicable``.
        needs_reference: False for metrics that hear the degraded recording alone.
        min_duration_s: shorter recordings are ``too_short``.
        method: mode and variant of the implementation, part of the version. Of a metric made here it begins with a
            revision, which must change whenever a score could.
        citation: paper or standard.
    """

    label: ClassVar[str]
    unit: ClassVar[str] = ""
    worst: ClassVar[float]
    best: ClassVar[float]
    sample_rate_hz: ClassVar[int]
    speech_only: ClassVar[bool] = False
    needs_reference: ClassVar[bool] = True
    min_duration_s: ClassVar[float] = 0.0
    method: ClassVar[str] = ""
    citation: ClassVar[str]

    @classmethod
    def higher_is_better(cls) -> bool:
        """Direction, from the ends of the range."""
        return cls.best > cls.worst

    @classmethod
    def axis_label(cls) -> str:
        """Label with unit and direction, such as ``ESTOI (higher is better)``."""
        unit = f"{cls.unit}, " if cls.unit else ""
        return f"{cls.label} ({unit}{'higher' if cls.higher_is_better() else 'lower'} is better)"

    @classmethod
    def version(cls) -> str:
        """Implementation, its version, the variant of the metric, and how the pair was aligned."""
        if cls.missing():
            return NOT_INSTALLED
        return ", ".join(filter(None, [cls.implementation(), cls.method, f"alignment {ALIGNMENT_REVISION}"]))

    def warm_up(self) -> None:
        """Load and compile what the first call would otherwise pay for."""

    @abstractmethod
    def compare(self, reference: FloatArray, degraded: FloatArray) -> float:
        """Score one channel.

        Args:
            reference, degraded: float32, shape [N], equal length, at ``sample_rate_hz``, finite, not silent.

        Raises:
            UnmeasurableError: the material has no score.
        """

    def compare_channels(self, reference: FloatArray, degraded: FloatArray) -> float:
        """Score all channels, shape [C, N]: each apart, then their mean.

        A downmix would hide what is lost between the channels. To be overridden where the definition itself joins
        the channels, as that of loudness does.
        """
        return float(np.mean([self.compare(a, b) for a, b in zip(reference, degraded, strict=True)]))


def measure(metric: Metric, reference: Waveform, degraded: Waveform, category: str) -> Score:
    """Apply one metric to an aligned pair; see `measure_all`."""
    return _score(metric, Pair(reference, degraded), category)


class SpeechJudge(Metric):
    """A metric that hears the decoded speech alone, by a network whose weights come inside its package."""

    sample_rate_hz = 16000
    speech_only = True
    needs_reference = False
    min_duration_s = 0.5
    extra = "neural"


def measure_all(metrics: Iterable[Metric], reference: Waveform, degraded: Waveform, category: str) -> dict[str, Score]:
    """Apply metrics to an aligned pair, which is resampled once for each rate.

    Any error of an implementation becomes the score's `Failure`: a metric must not cost the row.

    Args:
        metrics: what to apply.
        reference, degraded: aligned and of equal duration and channels; their rates may differ.
        category: of the clip; metrics of speech judge ``speech`` only.

    Returns:
        scores by the metrics' names.
    """
    pair = Pair(reference, degraded)
    return {metric.name: _score(metric, pair, category) for metric in metrics}


def _score(metric: Metric, pair: Pair, category: str) -> Score:
    version = metric.version()
    try:
        return Score(version, value=_value(metric, pair, category))
    except UnmeasurableError as error:
        return Score(version, failure=Failure(error.kind, str(error)))
    except Exception as error:
        logger.debug("%s failed", metric.name, exc_info=True)
        return Score(version, failure=Failure(type(error).__name__, str(error) or "no message"))


def _value(metric: Metric, pair: Pair, category: str) -> float:
    if metric.speech_only and category != SPEECH:
        raise UnmeasurableError("not_applicable", f"{metric.label} judges speech only, this clip is '{category}'")
    missing = metric.missing()
    if missing:
        raise UnmeasurableError("not_installed", missing)
    if pair.duration_s < metric.min_duration_s:
        raise UnmeasurableError(
            "too_short", f"{metric.label} needs {metric.min_duration_s:g} s, got {pair.duration_s:.3g} s"
        )
    value = metric.compare_channels(*pair.at(metric.sample_rate_hz))
    if not math.isfinite(value):
        raise UnmeasurableError("not_finite", f"{metric.label} came out as {value}")
    return value


@contextlib.contextmanager
def stand_in_module(name: str, module: ModuleType | None) -> Iterator[None]:
    """While a third party is imported, let ``import name`` find ``module``; None makes it absent."""
    had_module = name in sys.modules
    before = sys.modules.get(name)
    sys.modules[name] = module  # type: ignore[assignment]  # None is how Python marks a module as not importable
    try:
        yield
    finally:
        if had_module and before is not None:
            sys.modules[name] = before
        else:
            del sys.modules[name]

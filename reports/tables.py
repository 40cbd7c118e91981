"""Rows of a sweep to tidy tables: what was compared, one line a run, one line a score.

Nothing is dropped in silence: a run or score without a value stays in the tables with the reason, and is counted.
Rows are taken one after another and none is kept, so that a hundred thousand of them fit into little memory.
"""

from __future__ import annotations

import gc
import math
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from benchmarks.results import Clip, Row, Score, for_each_row
from flowmac.errors import SettingError
from reports.conditions import Condition, condition_of, condition_order, ordered_categories

FloatArray = npt.NDArray[np.float64]

#: What became of a score. Only ``failed`` and ``codec_failed`` are failures.
SCORED = "scored"
FAILED = "failed"
CODEC_FAILED = "codec_failed"
NOT_APPLICABLE = "not_applicable"
NOT_INSTALLED = "not_installed"
NOT_MEASURED = "not_measured"
OUTCOME_WORDS = {
    SCORED: "scored",
    FAILED: "failed",
    CODEC_FAILED: "without audio, as the codec failed",
    NOT_APPLICABLE: "to which it does not apply",
    NOT_INSTALLED: "not measured, its package being absent",
    NOT_MEASURED: "not asked for",
}

_RUN_TEXT = ("spec_id", "clip_id", "category", "decoded_audio", "decoded_sha256", "failure_kind", "failure_message")
_RUN_NUMBERS = ("payload_kbps", "total_kbps", "real_time_factor", "delay_s")
_SCORE_COLUMNS = ("spec_id", "clip_id", "category", "metric", "version", "value", "outcome", "kind", "message")


@dataclass(frozen=True)
class Tables:
    """All that a report knows of a run.

    Attributes:
        conditions: the reference first, then codecs by name and rate, then anchors.
        clips: by name.
        runs: one line a row. Columns spec_id, clip_id, category, decoded_audio, decoded_sha256, failure_kind,
            failure_message (empty text for none), is_ok, payload_kbps, total_kbps, real_time_factor, delay_s.
        scores: one line for each row and each metric of the run, whether or not there is a value. Columns spec_id,
            clip_id, category, metric, version, value (NaN without one), outcome, kind, message.
        environment: what the rows recorded of packages and machine, each with the number of rows that did.
    """

    conditions: list[Condition]
    clips: list[Clip]
    runs: pd.DataFrame
    scores: pd.DataFrame
    environment: list[tuple[dict[str, str], int]]

    @property
    def categories(self) -> list[str]:
        """The categories of the clips, in the order of `CATEGORY_ORDER`."""
        return ordered_categories(clip.category for clip in self.clips)


def read(folder: Path) -> Tables:
    """The tables of the run in ``folder``. Of rows with one id the last counts; a torn last line is passed over.

    Raises:
        SettingError: no rows, a damaged line, or what `collect` refuses.
    """
    collector = _Collector()
    with _garbage_kept():
        for_each_row(folder, collector.add)
    if not collector.runs:
        raise SettingError(f"{folder}: the sweep has written no rows yet; let it finish a few first")
    return collector.tables()


@contextmanager
def _garbage_kept() -> Iterator[None]:
    """No search for garbage meanwhile: it would walk over all kept tuples again and again, and find nothing."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def collect(rows: Iterable[Row]) -> Tables:
    """The tables of ``rows``; of rows with one id the last counts.

    Raises:
        SettingError: a condition has two rows for one clip, because the clip's content changed between two sweeps, or
            the values of one metric come from several of its versions.
    """
    collector = _Collector()
    for row in rows:
        collector.add(row)
    return collector.tables()


#: Version of a metric, outcome, and kind and message of the failure.
Fate = tuple[str, str, str, str]
_NOT_ASKED_FOR: Fate = ("", NOT_MEASURED, "", "the sweep did not ask for this metric")


@dataclass
class _Spec:
    first: Row
    has_stream: bool = False
    n_evaluations: int | None = None


@dataclass
class _Collector:
    """Keeps of each row what the tables need. ``environments`` and ``fates`` are numbered: rows share a few of them."""

    runs: dict[str, tuple[Any, ...]] = field(default_factory=dict)
    scores: dict[str, tuple[tuple[str, float, int], ...]] = field(default_factory=dict)
    fates: dict[Fate, int] = field(default_factory=dict)
    specs: dict[str, _Spec] = field(default_factory=dict)
    clips: dict[str, Clip] = field(default_factory=dict)
    metrics: dict[str, None] = field(default_factory=dict)
    environments: dict[tuple[tuple[str, str], ...], int] = field(default_factory=dict)

    def add(self, row: Row) -> None:
        """Take one row in.

        Raises:
            TypeError, ValueError: a value is of the wrong kind.
        """
        if not row.clip.duration_s > 0:
            raise ValueError(f"clip '{row.clip.id}' lasts {row.clip.duration_s} s")
        spec = self.specs.setdefault(row.spec_id, _Spec(row))
        spec.has_stream = spec.has_stream or row.payload_bits is not None
        spec.n_evaluations = row.n_evaluations if spec.n_evaluations is None else spec.n_evaluations
        clip = self.clips.setdefault(row.clip.id, row.clip)
        self.metrics.update(dict.fromkeys(row.scores))
        kind, message = _failure(row)
        self.runs[row.row_id] = (
            spec.first.spec_id,
            clip.id,
            clip.category,
            row.decoded_audio or "",
            row.decoded_sha256 or "",
            kind,
            message,
            row.status == "ok",
            *(_number(value) for value in (row.payload_kbps, row.total_kbps, row.real_time_factor, row.delay_s)),
            self.environments.setdefault(tuple(row.environment.items()), len(self.environments)),
        )
        self.scores[row.row_id] = tuple(self._score(name, score) for name, score in row.scores.items())

    def _score(self, name: str, score: Score) -> tuple[str, float, int]:
        """Metric, value, and the number of what became of it."""
        value, outcome, kind, message = _outcome(score)
        return name, value, self._fate((score.version, outcome, kind, message))

    def tables(self) -> Tables:
        """The tables of all rows taken in."""
        clips = sorted(self.clips.values(), key=lambda clip: clip.id)
        n_rows = Counter(run[-1] for run in self.runs.values())
        environment = [
            (dict(recorded), n_rows[place]) for recorded, place in self.environments.items() if n_rows[place]
        ]
        runs = self._run_table()
        return Tables(self._conditions(), clips, runs, self._score_table(runs), environment)

    def _conditions(self) -> list[Condition]:
        n_same_label = Counter(spec.first.label for spec in self.specs.values())
        found = [
            condition_of(
                spec.first,
                has_stream=spec.has_stream,
                n_evaluations=spec.n_evaluations,
                is_ambiguous=n_same_label[spec.first.label] > 1,
            )
            for spec in self.specs.values()
        ]
        return sorted(found, key=condition_order)

    def _run_table(self) -> pd.DataFrame:
        columns = list(zip(*self.runs.values(), strict=True)) or [()] * 13
        table = pd.DataFrame(dict(zip((*_RUN_TEXT, "is_ok", *_RUN_NUMBERS), columns, strict=False)))
        table = table.astype(dict.fromkeys(_RUN_NUMBERS, "float64") | {"is_ok": "bool"})
        is_double = table.duplicated(["spec_id", "clip_id"])
        if is_double.any():
            double = table[is_double].iloc[0]
            raise SettingError(
                f"clip '{double['clip_id']}' has two results for '{self.specs[double['spec_id']].first.label}': its "
                "file changed between two sweeps into one folder; sweep the clips as they are now into a new folder"
            )
        return table

    def _score_table(self, runs: pd.DataFrame) -> pd.DataFrame:
        """Rows by metrics as arrays first: half a million lines of nine texts each would take seconds to make."""
        place = {metric: index for index, metric in enumerate(self.metrics)}
        values = np.full((len(runs), len(place)), np.nan)
        fates = np.full(values.shape, self._fate(_NOT_ASKED_FOR))
        for index, scores in enumerate(self.scores.values()):
            for metric, value, fate in scores:
                values[index, place[metric]] = value
                fates[index, place[metric]] = fate
        self._mark_failed_runs(runs, values, fates)
        n_metrics = len(place)
        repeated = runs[["spec_id", "clip_id", "category"]].astype("category").loc[runs.index.repeat(n_metrics)]
        known = pd.DataFrame(list(self.fates), columns=["version", "outcome", "kind", "message"], dtype="str")
        columns = {name: pd.Categorical(repeated[name]) for name in repeated}
        columns["metric"] = pd.Categorical.from_codes(
            np.tile(np.arange(n_metrics), len(runs)), categories=pd.Index(list(place), dtype="str")
        )
        columns |= {name: pd.Categorical(known[name]).take(fates.ravel()) for name in known}
        table = pd.DataFrame(columns).assign(value=values.ravel())[list(_SCORE_COLUMNS)]
        _refuse_mixed_versions(table)
        return table

    def _mark_failed_runs(self, runs: pd.DataFrame, values: FloatArray, fates: npt.NDArray[np.int64]) -> None:
        """Scores of runs without audio: not applicable where the metric does not apply to the clip, else failed."""
        inapplicable = [code for code, fate in enumerate(self.fates) if fate[1] == NOT_APPLICABLE]
        does_not_apply = pd.DataFrame(np.isin(fates, inapplicable)).groupby(runs["clip_id"]).any()
        for index in np.flatnonzero(~runs["is_ok"]):
            run = runs.iloc[index]
            for column, is_inapplicable in enumerate(does_not_apply.loc[run["clip_id"]]):
                outcome = NOT_APPLICABLE if is_inapplicable else CODEC_FAILED
                values[index, column] = np.nan
                fates[index, column] = self._fate(("", outcome, run["failure_kind"], run["failure_message"]))

    def _fate(self, fate: Fate) -> int:
        return self.fates.setdefault(fate, len(self.fates))


def _number(value: float | None) -> float:
    return math.nan if value is None else float(value)


def _failure(row: Row) -> tuple[str, str]:
    """Kind and message of what stopped a row, empty for rows that are fine."""
    if row.status == "ok":
        return "", ""
    return (row.failure.kind, row.failure.message) if row.failure else ("unknown", "no reason was recorded")


def _outcome(score: Score) -> tuple[float, str, str, str]:
    """Value, outcome, and kind and message of the failure of one score."""
    if score.failure is not None:
        kind = score.failure.kind
        return math.nan, kind if kind in (NOT_APPLICABLE, NOT_INSTALLED) else FAILED, kind, score.failure.message
    if score.value is None or not math.isfinite(score.value):
        return math.nan, FAILED, "not_finite", f"the recorded value is {score.value}"
    return float(score.value), SCORED, "", ""


def _refuse_mixed_versions(scores: pd.DataFrame) -> None:
    scored = scores[scores["outcome"] == SCORED]
    for metric, group in scored.groupby("metric", sort=False, observed=True):
        n_by_version = group["version"].value_counts()
        n_by_version = n_by_version[n_by_version > 0]
        if len(n_by_version) > 1:
            found = ", ".join(f"version {version} ({n} scores)" for version, n in n_by_version.items())
            raise SettingError(
                f"metric '{metric}' was measured in several versions, which must not be averaged: {found}; "
                "run the sweep again into a new folder, so that one version scores everything"
            )

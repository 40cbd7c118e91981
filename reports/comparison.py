"""Two sweeps of the same conditions on the same clips: what changed, and whether more than clips vary by chance."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import stats

from flowmac.errors import SettingError
from reports import aggregate
from reports.conditions import Condition
from reports.intervals import MAX_RESAMPLED, clip_interval
from reports.metric_info import MetricInfo, metric_infos
from reports.statistics import MIN_CLIPS
from reports.statistics.nonparametric import adjust, sign_flip
from reports.tables import SCORED, Tables

FloatArray = npt.NDArray[np.float64]

ALPHA = 0.05

#: The setting that may differ between two runs whose conditions are otherwise the same: it is what is compared.
WEIGHTS_SETTING = "weights"

Verdict = Literal["better", "worse", "changed", "no change found", "identical", "too few clips", "nothing in common"]


@dataclass(frozen=True)
class Change:
    """One metric of one condition: the later run minus the earlier, clip by clip over the ``n`` clips of both.

    ``p`` is that of a sign-flip test, ``p_holm`` corrected for all tests of the comparison; None where not tested.
    """

    label: str
    metric: MetricInfo
    n: int
    before: float
    after: float
    difference: float
    low: float | None
    high: float | None
    p: float | None
    p_holm: float | None
    verdict: Verdict


@dataclass(frozen=True)
class Cost:
    """Mean rate and real-time factor of one condition in both runs over the same clips; NaN without a stream."""

    label: str
    kbps: tuple[float, float]
    real_time_factor: tuple[float, float]
    n_failed: tuple[int, int]
    n_identical: int
    n: int


@dataclass(frozen=True)
class Comparison:
    """Two runs, ``before`` and ``after``.

    Attributes:
        changes: by condition and metric, in the order of the later run.
        only_before, only_after: labels of conditions without a counterpart.
        changed_clips: names of clips whose recordings differ, which are left out.
        clips_only_before, clips_only_after: numbers of clips that one run alone has.
        left_out_metrics: metrics with the reason why they cannot be compared.
        differing: what the runs recorded of themselves that differs: name, before, after.
    """

    names: tuple[str, str]
    changes: tuple[Change, ...]
    costs: tuple[Cost, ...]
    n_clips: int
    only_before: tuple[str, ...]
    only_after: tuple[str, ...]
    changed_clips: tuple[str, ...]
    clips_only_before: int
    clips_only_after: int
    left_out_metrics: tuple[tuple[str, str], ...]
    differing: tuple[tuple[str, str, str], ...]

    @property
    def metrics(self) -> list[MetricInfo]:
        """The metrics that were compared."""
        return list({change.metric.name: change.metric for change in self.changes}.values())

    def count(self, *verdicts: Verdict) -> int:
        """How many changes have one of ``verdicts``."""
        return sum(change.verdict in verdicts for change in self.changes)

    @property
    def n_tested(self) -> int:
        """How many tests were made, for which p values are corrected."""
        return sum(change.p is not None for change in self.changes)


def compare(before: Tables, after: Tables, names: tuple[str, str]) -> Comparison:
    """Compare two runs over the conditions and clips that both have.

    Raises:
        SettingError: they have no condition or no clip in common.
    """
    pairs = match_conditions(before.conditions, after.conditions)
    if not pairs:
        raise SettingError(f"{names[0]} and {names[1]} have no condition in common; compare runs of one sweep file")
    hashes = [{clip.id: clip.sha256 for clip in run.clips} for run in (before, after)]
    common = hashes[0].keys() & hashes[1].keys()
    same = {clip_id for clip_id in common if hashes[0][clip_id] == hashes[1][clip_id]}
    if not same:
        raise SettingError(f"{names[0]} and {names[1]} have no clip in common: none has the same name and content")
    metrics, left_out = _comparable_metrics(before.scores, after.scores)
    changes = [
        _change(pair, metric, *(_values(run.scores, metric, same) for run in (before, after)))
        for metric in metrics
        for pair in pairs
    ]
    tested = _with_tests(changes)
    order = {condition.label: place for place, condition in enumerate(after.conditions)}
    matched = [{pair[side].spec_id for pair in pairs} for side in (0, 1)]
    return Comparison(
        names=names,
        changes=tuple(sorted(tested, key=lambda change: order[change.label])),
        costs=tuple(_cost(pair, before.runs, after.runs, same) for pair in pairs),
        n_clips=len(same),
        only_before=tuple(own.label for own in before.conditions if own.spec_id not in matched[0]),
        only_after=tuple(own.label for own in after.conditions if own.spec_id not in matched[1]),
        changed_clips=tuple(sorted(common - same)),
        clips_only_before=len(hashes[0].keys() - common),
        clips_only_after=len(hashes[1].keys() - common),
        left_out_metrics=tuple(left_out),
        differing=tuple(_differing(before, after, pairs)),
    )


def match_conditions(before: Sequence[Condition], after: Sequence[Condition]) -> list[tuple[Condition, Condition]]:
    """Conditions of equal codec and settings; weights may differ where that leaves no doubt."""
    keys = [_keys(own) for own in (before, after)]
    by_key = [dict(zip(own_keys, own, strict=True)) for own_keys, own in zip(keys, (before, after), strict=True)]
    return [(by_key[0][key], condition) for key, condition in by_key[1].items() if key in by_key[0]]


def _keys(conditions: Sequence[Condition]) -> list[tuple[str, str]]:
    loose = [
        (
            condition.codec,
            json.dumps({k: v for k, v in condition.settings.items() if k != WEIGHTS_SETTING}, sort_keys=True),
        )
        for condition in conditions
    ]
    n_loose = Counter(loose)
    return [
        key
        if n_loose[key] == 1
        else (condition.codec, json.dumps([condition.settings, condition.weights_sha256], sort_keys=True))
        for key, condition in zip(loose, conditions, strict=True)
    ]


def _comparable_metrics(before: pd.DataFrame, after: pd.DataFrame) -> tuple[list[MetricInfo], list[tuple[str, str]]]:
    """Metrics with values of one version in both runs; the others with the reason."""
    versions = [_versions(scores) for scores in (before, after)]
    comparable, left_out = [], []
    for metric in metric_infos(list(dict.fromkeys([*versions[0], *versions[1]]))):
        earlier, later = (own.get(metric.name) for own in versions)
        if earlier is None or later is None:
            left_out.append((metric.label, f"only the {'earlier' if later is None else 'later'} run has values"))
        elif earlier != later:
            left_out.append((metric.label, f"measured in two versions: {earlier}, then {later}"))
        else:
            comparable.append(metric)
    return comparable, left_out


def _versions(scores: pd.DataFrame) -> dict[str, str]:
    scored = scores[scores["outcome"] == SCORED].drop_duplicates("metric")
    return {str(entry.metric): str(entry.version) for entry in scored.itertuples()}


def _values(scores: pd.DataFrame, metric: MetricInfo, clip_ids: set[str]) -> pd.DataFrame:
    chosen = scores[(scores["metric"] == metric.name) & scores["clip_id"].isin(clip_ids)]
    values = aggregate.clip_values(chosen)
    values.index = values.index.astype("str")
    return values


@dataclass(frozen=True)
class _Untested:
    change: Change
    differences: FloatArray


def _change(
    pair: tuple[Condition, Condition], metric: MetricInfo, before: pd.DataFrame, after: pd.DataFrame
) -> _Untested:
    columns = [run.reindex(columns=[own.spec_id]) for run, own in zip((before, after), pair, strict=True)]
    both = pd.concat(columns, axis=1).dropna()
    earlier, later = both.to_numpy(dtype="float64").T
    differences = later - earlier
    interval = clip_interval(differences)
    verdict: Verdict = "no change found"
    if len(both) == 0:
        verdict = "nothing in common"
    elif not differences.any():
        verdict = "identical"
    elif len(both) < MIN_CLIPS:
        verdict = "too few clips"
    means = [float(values.mean()) if len(both) else np.nan for values in (earlier, later, differences)]
    change = Change(
        pair[1].label, metric, len(both), means[0], means[1], means[2], interval.low, interval.high, None, None, verdict
    )
    return _Untested(change, differences)


def _with_tests(untested: Sequence[_Untested]) -> list[Change]:
    """Fill in p values and verdicts. Unchanged conditions are not tested: nothing about them is left to chance."""
    tested = [entry for entry in untested if entry.change.verdict == "no change found"]
    p_values = np.empty(len(tested))
    for n in {entry.change.n for entry in tested}:
        places = [place for place, entry in enumerate(tested) if entry.change.n == n]
        columns = np.column_stack([tested[place].differences for place in places])
        p_values[places] = paired_p(columns)
    corrected = adjust(p_values)
    results = {
        id(entry): replace(entry.change, p=float(p), p_holm=float(p_holm), verdict=_verdict(entry.change, p_holm))
        for entry, p, p_holm in zip(tested, p_values, corrected, strict=True)
    }
    return [results.get(id(entry), entry.change) for entry in untested]


def paired_p(differences: FloatArray) -> FloatArray:
    """Two-sided p for each comparison, ``differences`` of shape [N, C]: N clips, C comparisons.

    The sign-flip test of the mean; above `MAX_RESAMPLED` clips the t-test, which it tends to.
    """
    if len(differences) > MAX_RESAMPLED:
        return np.asarray(stats.ttest_1samp(differences, 0).pvalue)
    return sign_flip(differences)


def _verdict(change: Change, p_holm: float) -> Verdict:
    if p_holm >= ALPHA:
        return "no change found"
    if change.metric.higher_is_better is None:
        return "changed"
    return "better" if (change.difference > 0) == change.metric.higher_is_better else "worse"


def _cost(pair: tuple[Condition, Condition], before: pd.DataFrame, after: pd.DataFrame, clip_ids: set[str]) -> Cost:
    runs = [
        table[(table["spec_id"] == condition.spec_id) & table["clip_id"].isin(clip_ids)].set_index("clip_id")
        for condition, table in zip(pair, (before, after), strict=True)
    ]
    ok = [own[own["is_ok"]] for own in runs]
    common = ok[0].index.intersection(ok[1].index)
    earlier, later = (own.loc[common] for own in ok)
    is_same = (earlier["decoded_sha256"] == later["decoded_sha256"]) & (earlier["decoded_sha256"] != "")
    return Cost(
        pair[1].label,
        (float(earlier["payload_kbps"].mean()), float(later["payload_kbps"].mean())),
        (float(earlier["real_time_factor"].mean()), float(later["real_time_factor"].mean())),
        (int((~runs[0]["is_ok"]).sum()), int((~runs[1]["is_ok"]).sum())),
        int(is_same.sum()),
        len(common),
    )


def _differing(
    before: Tables, after: Tables, pairs: Sequence[tuple[Condition, Condition]]
) -> list[tuple[str, str, str]]:
    """Weights, packages and machines that are not the same in both runs."""
    recorded = []
    for side, run in enumerate((before, after)):
        values: dict[str, dict[str, None]] = {}
        for pair in pairs:
            condition = pair[side]
            if condition.weights_sha256 is not None:
                values.setdefault(f"weights of {condition.codec}", {})[condition.weights_sha256[:12]] = None
        for environment, _ in run.environment:
            for name, value in environment.items():
                values.setdefault(name, {})[value] = None
        recorded.append({name: ", ".join(own) for name, own in values.items()})
    names = dict.fromkeys([*recorded[0], *recorded[1]])
    absent = "not recorded"
    found = [(name, recorded[0].get(name, absent), recorded[1].get(name, absent)) for name in names]
    return [entry for entry in found if entry[1] != entry[2]]

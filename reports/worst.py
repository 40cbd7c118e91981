"""The clips that one condition does worst on: where to listen first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from benchmarks.results import Clip
from reports.conditions import Condition
from reports.metric_info import MetricInfo
from reports.tables import SCORED

#: Clips listed for each metric.
N_LISTED = 5


@dataclass(frozen=True)
class WorstList:
    """The worst clips of a condition by one metric, the worst first, with their scores."""

    metric: MetricInfo
    clips: tuple[tuple[Clip, float], ...]


def worst_lists(
    scores: pd.DataFrame, clips: Sequence[Clip], metrics: Sequence[MetricInfo], spec_id: str, n: int = N_LISTED
) -> list[WorstList]:
    """The ``n`` worst clips by each metric that has a better end."""
    by_id = {clip.id: clip for clip in clips}
    own = scores[(scores["spec_id"] == spec_id) & (scores["outcome"] == SCORED)]
    found = []
    for metric in metrics:
        if metric.higher_is_better is None:
            continue
        chosen = own[own["metric"] == metric.name].assign(clip_id=lambda table: table["clip_id"].astype("str"))
        chosen = chosen.sort_values(["value", "clip_id"], ascending=[metric.higher_is_better, True]).head(n)
        if not chosen.empty:
            pairs = tuple((by_id[clip_id], float(value)) for clip_id, value in chosen[["clip_id", "value"]].to_numpy())
            found.append(WorstList(metric, pairs))
    return found


def to_hear(lists: Sequence[WorstList], n: int) -> list[Clip]:
    """The worst clip of each metric, then the second of each, until there are ``n``."""
    n_ranks = max((len(worst.clips) for worst in lists), default=0)
    in_turn = [worst.clips[rank][0] for rank in range(n_ranks) for worst in lists if rank < len(worst.clips)]
    return list({clip.id: clip for clip in in_turn}.values())[:n]


def rivals(conditions: Sequence[Condition], chosen: Condition) -> list[Condition]:
    """What to hear beside a condition: the reference, the condition, and each other codec at its highest rate."""
    references = [condition for condition in conditions if condition.role == "reference"]
    highest: dict[str, Condition] = {}
    for condition in conditions:
        if condition.role == "codec" and condition.codec != chosen.codec:
            highest[condition.codec] = condition  # conditions come by rising rate
    return [*references, chosen, *highest.values()]

"""The scores of a sweep and the ratings of a listening test as tables of the same items and conditions.

An item of the ratings is the clip of that id. A condition of the ratings is the condition of the sweep with that label
or spec_id, or with the id that a test makes of the label; the hidden reference is matched by its role. Where the two
use other names, the YAML file beside the ratings says which is which (``items`` and ``conditions``, null for one that
the sweep does not have).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from flowmac.errors import SettingError
from listening_test.ratings import Role, slug
from reports.conditions import Condition, ordered_categories
from reports.metric_info import MetricInfo
from reports.statistics.cube import Cube, FloatArray
from reports.tables import Tables

#: As many names of each side as a message lists.
N_LISTED = 20


@dataclass(frozen=True, eq=False)
class Matched:
    """Scores and grades of the same audio.

    Attributes:
        items, conditions: names as in the ratings; of the conditions, ``of_sweep`` are the sweep's.
        categories: of each item, as in the sweep.
        grades: shape [n_listeners, n_items, n_conditions], points, NaN where not graded.
        scores: by metric, shape [n_items, n_conditions], NaN where there is none.
        left_out: names in the ratings that the sweep does not have, each with the reason.
    """

    items: tuple[str, ...]
    conditions: tuple[str, ...]
    of_sweep: tuple[Condition, ...]
    roles: tuple[Role, ...]
    categories: tuple[str, ...]
    grades: FloatArray
    scores: Mapping[MetricInfo, FloatArray]
    left_out: tuple[str, ...]

    @property
    def is_system(self) -> npt.NDArray[np.bool_]:
        """Which conditions are neither reference nor anchor, shape [n_conditions]."""
        return np.array([role == "system" for role in self.roles])

    def in_category(self, category: str) -> npt.NDArray[np.bool_]:
        """Which items are of a category, shape [n_items]."""
        return np.array([own == category for own in self.categories])

    @property
    def category_names(self) -> list[str]:
        """In the order of all pages."""
        return ordered_categories(self.categories)


def match(
    found: Tables,
    metrics: Sequence[MetricInfo],
    cube: Cube,
    roles: Mapping[str, Role],
    item_names: Mapping[str, str | None],
    condition_names: Mapping[str, str | None],
) -> Matched:
    """Join a sweep's tables with the grades of a listening test.

    Args:
        metrics: which metrics to take, such as those with values.
        cube: of the listeners whom post-screening keeps.
        roles: by condition of the ratings.
        item_names, condition_names: from names of the ratings to those of the sweep; None leaves one out.

    Raises:
        SettingError: an item or a system that the sweep does not have (the message lists both sides), or no score.
    """
    _refuse_unknown(item_names, cube.items, "item")
    _refuse_unknown(condition_names, cube.conditions, "condition")
    clips = {clip.id: clip for clip in found.clips}
    left_out: list[str] = []
    items = _matched(cube.items, {name: name for name in clips}, {**_by_id(clips), **item_names}, "item", left_out)
    of_sweep = {own.spec_id: own for own in found.conditions} | {own.label: own for own in found.conditions}
    reference = next((own.label for own in found.conditions if own.role == "reference"), None)
    known = {name: own.spec_id for name, own in of_sweep.items()}
    names = {**_by_id(own.label for own in found.conditions), **condition_names}
    for name in cube.conditions:
        if name in names or name in known:
            continue
        if roles[name] == "reference" and reference is not None:
            names[name] = reference
        elif roles[name] != "system":  # the sweep need not score what the listening test adds of itself
            names[name] = None
    conditions = _matched(cube.conditions, known, names, "condition", left_out)
    _refuse_doubles(conditions)
    places = np.ix_(
        range(len(cube.listeners)),
        [cube.items.index(name) for name in items],
        [cube.conditions.index(name) for name in conditions],
    )
    values = found.scores.assign(
        clip_id=found.scores["clip_id"].astype("str"),
        spec_id=found.scores["spec_id"].astype("str"),
        metric=found.scores["metric"].astype("str"),
    )
    values = values[values["clip_id"].isin(items.values()) & values["spec_id"].isin(conditions.values())]
    by_metric = {
        metric: values[values["metric"] == metric.name]
        .pivot(index="clip_id", columns="spec_id", values="value")
        .reindex(index=list(items.values()), columns=list(conditions.values()))
        .to_numpy(dtype=np.float64)
        for metric in metrics
    }
    scored = {metric: own for metric, own in by_metric.items() if not np.isnan(own).all()}
    if not scored:
        raise SettingError("no metric has a score of what was graded; sweep the graded clips with the metrics wanted")
    return Matched(
        items=tuple(items),
        conditions=tuple(conditions),
        of_sweep=tuple(of_sweep[spec_id] for spec_id in conditions.values()),
        roles=tuple(roles[name] for name in conditions),
        categories=tuple(clips[clip_id].category for clip_id in items.values()),
        grades=cube.scores[places],
        scores=scored,
        left_out=tuple(left_out),
    )


def _matched(
    graded: Sequence[str],
    known: Mapping[str, str],
    names: Mapping[str, str | None],
    kind: str,
    left_out: list[str],
) -> dict[str, str]:
    """The sweep's key of each name of the ratings; what is left out is added to ``left_out``."""
    found: dict[str, str] = {}
    missing = []
    for name in graded:
        named = names.get(name, name)
        if named is None:
            left_out.append(f"{kind} {name}: not in the sweep")
        elif named in known:
            found[name] = known[named]
        else:
            missing.append(name if named == name else f"{name} (given as {named})")
    if missing:
        raise SettingError(
            f"{kind}s of the ratings that the sweep does not have: {_listed(missing)}. The sweep has: "
            f"{_listed([name for name in known if name != known[name] or kind == 'item'])}. Say which is which below "
            f"'{kind}s:' in the file of --study, such as '{missing[0].split(' (given')[0]}: <name in the sweep>', or "
            "null to leave one out"
        )
    if not found:
        raise SettingError(f"no {kind} of the ratings is left to compare with the sweep")
    return found


def _by_id(names: Iterable[str]) -> dict[str, str | None]:
    """The sweep's name behind each id that `flowmac listen build` makes of one, where the two differ."""
    return {slug(name): name for name in names if slug(name) != name}


def _refuse_unknown(names: Mapping[str, str | None], graded: Sequence[str], kind: str) -> None:
    unknown = [name for name in names if name not in graded]
    if unknown:
        raise SettingError(
            f"the file of --study names {kind}s that nobody graded: {_listed(unknown)}. The ratings have: "
            f"{_listed(graded)}"
        )


def _refuse_doubles(conditions: Mapping[str, str]) -> None:
    first: dict[str, str] = {}
    for name, spec_id in conditions.items():
        if spec_id in first:
            raise SettingError(f"'{first[spec_id]}' and '{name}' of the ratings are one condition of the sweep")
        first[spec_id] = name


def _listed(names: Sequence[str]) -> str:
    more = len(names) - N_LISTED
    return ", ".join(f"'{name}'" for name in names[:N_LISTED]) + (f" and {more} more" if more > 0 else "")

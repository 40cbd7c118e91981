"""What the figures show, before anything is drawn: series of points, each a condition's mean against rate or cost.

A series joins the conditions of one codec that differ in one thing only: the bit rate, or the number of network
evaluations. Which setting carries the rate is read off the data, so that a new codec needs no change here.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import takewhile, zip_longest

import pandas as pd

from reports.conditions import Condition

#: The setting for the number of solver steps, in `flowmac.Codec.decode` and in sweeps.
NFE_SETTING = "nfe"

#: More series than this are not drawn in full in one figure.
MAX_DRAWN = 8

#: Stands for the settings that carry the rate, where series of several rates are told apart.
_RATE = "rate"


@dataclass(frozen=True)
class Point:
    """One condition in a figure. ``low`` and ``high`` are None where there are too few clips for an interval."""

    spec_id: str
    x: float
    mean: float
    low: float | None
    high: float | None
    n: int


@dataclass(frozen=True)
class Series:
    """Conditions that a line joins. ``index`` numbers all series of a figure, ``index_in_codec`` those of its codec."""

    name: str
    codec: str
    index: int
    index_in_codec: int
    spec_ids: tuple[str, ...]


def rate_series(conditions: Sequence[Condition]) -> list[Series]:
    """Series along the bit rate: conditions of a codec whose other settings are equal."""
    return _series(conditions, lambda condition, own: _without(condition, _rate_settings(own)))


def nfe_series(conditions: Sequence[Condition]) -> list[Series]:
    """Series along the network evaluations; empty unless some series has several of them."""
    with_solver = [condition for condition in conditions if condition.n_evaluations is not None]
    found = _series(
        with_solver,
        lambda condition, own: (
            _without(condition, {NFE_SETTING} | _rate_settings(own))
            | {_RATE: f"{condition.nominal_kbps or 0:g} kbit/s"}
        ),
        names=conditions,
    )
    n_evaluations = {condition.spec_id: condition.n_evaluations for condition in conditions}
    has_several = [len({n_evaluations[spec_id] for spec_id in series.spec_ids}) > 1 for series in found]
    return found if any(has_several) else []


def drawn_series(found: Sequence[Series], baseline: str | None) -> tuple[list[Series], list[Series]]:
    """The series to draw in full and those to hint at, so that a figure of any number of series can be read.

    `MAX_DRAWN` are drawn in full, at least one of each codec: the one that holds ``baseline`` (a spec_id), then the
    longest of each codec in turn. A single condition is hinted at where its codec has lines to draw.
    """
    by_codec: dict[str, list[Series]] = {}
    for series in sorted(found, key=lambda series: (baseline not in series.spec_ids, -len(series.spec_ids))):
        own = by_codec.setdefault(series.codec, [])
        if len(series.spec_ids) > 1 or not own or len(own[0].spec_ids) == 1:
            own.append(series)
    in_turn = [series for turn in zip_longest(*by_codec.values()) for series in turn if series is not None]
    chosen = in_turn[: max(MAX_DRAWN, len(by_codec))]
    return [series for series in found if series in chosen], [series for series in found if series not in chosen]


def codec_names(conditions: Sequence[Condition]) -> dict[str, str]:
    """A name for each codec: the words that its labels begin with in common, up to the first number."""
    names = {}
    for codec in dict.fromkeys(condition.codec for condition in conditions):
        labels = [condition.label.split() for condition in conditions if condition.codec == codec]
        common = takewhile(lambda words: len(set(words)) == 1, zip(*labels, strict=False))
        words = takewhile(lambda word: not word[0].isdigit(), (words[0] for words in common))
        names[codec] = " ".join(words).rstrip(",") or codec
    return names


def points(series: Series, x: pd.Series[float], summary: pd.DataFrame, metric: str, category: str) -> list[Point]:
    """The points of one series for one metric and category, by rising ``x`` (indexed by spec_id).

    Conditions without a value or without a positive ``x`` have no point.
    """
    chosen = summary[(summary["metric"] == metric) & (summary["category"] == category) & (summary["n"] > 0)]
    entries = {entry["spec_id"]: entry for entry in chosen.to_dict("records")}
    found = []
    for spec_id in series.spec_ids:
        position = float(x.get(spec_id, math.nan))
        if spec_id not in entries or not position > 0:
            continue
        entry = entries[spec_id]
        low, high = (None if math.isnan(entry[end]) else float(entry[end]) for end in ("low", "high"))
        found.append(Point(spec_id, position, float(entry["mean"]), low, high, int(entry["n"])))
    return sorted(found, key=lambda point: point.x)


def codec_order(conditions: Sequence[Condition]) -> list[str]:
    """The codecs that have a bit rate, FlowMAC first: the order in which colours are given out."""
    codecs = {condition.codec for condition in conditions if condition.role == "codec"}
    return sorted(codecs, key=lambda codec: (codec != "flowmac", codec))


def _series(
    conditions: Sequence[Condition],
    shared_settings: Callable[[Condition, list[Condition]], dict[str, str]],
    names: Sequence[Condition] | None = None,
) -> list[Series]:
    name_of = codec_names(names or conditions)
    found: list[Series] = []
    for codec in codec_order(conditions):
        own = [condition for condition in conditions if condition.codec == codec and condition.role == "codec"]
        groups: dict[str, list[Condition]] = {}
        for condition in own:
            groups.setdefault(json.dumps(shared_settings(condition, own), sort_keys=True), []).append(condition)
        varying = _varying([json.loads(key) for key in groups])
        for index_in_codec, (key, members) in enumerate(groups.items()):
            shared = json.loads(key)
            detail = ", ".join(setting_words(name, shared.get(name, "none")) for name in varying)
            found.append(
                Series(
                    name=f"{name_of[codec]}, {detail}" if detail else name_of[codec],
                    codec=codec,
                    index=len(found),
                    index_in_codec=index_in_codec,
                    spec_ids=tuple(condition.spec_id for condition in members),
                )
            )
    return found


def _without(condition: Condition, names: set[str]) -> dict[str, str]:
    """Settings as text, without ``names``."""
    return {
        name: value if isinstance(value, str) else json.dumps(value, sort_keys=True)
        for name, value in condition.settings.items()
        if name not in names
    }


def _rate_settings(own: list[Condition]) -> set[str]:
    """Settings of one codec that are its nominal rate, in whatever unit: in a fixed proportion to it."""
    found = set()
    for name in own[0].settings:
        ratios = [_ratio(condition.settings.get(name), condition.nominal_kbps) for condition in own]
        numbers = [ratio for ratio in ratios if ratio is not None]
        if name != NFE_SETTING and len(numbers) == len(own) and max(numbers) - min(numbers) < 1e-3 * max(numbers):
            found.add(name)
    return found


def _ratio(setting: object, nominal_kbps: float | None) -> float | None:
    is_number = isinstance(setting, int | float) and not isinstance(setting, bool)
    return float(setting) / nominal_kbps if is_number and setting and nominal_kbps else None  # type: ignore[arg-type]


def _varying(groups: list[dict[str, str]]) -> list[str]:
    names = dict.fromkeys(name for group in groups for name in group)
    return [name for name in names if len({group.get(name) for group in groups}) > 1]


def setting_words(setting: str, value: str) -> str:
    """A setting as a legend names it, its value being text."""
    if setting == _RATE:
        return value
    name = setting.upper() if setting in (NFE_SETTING, "cfg") else setting.replace("_", " ")
    return f"{name} {value.removesuffix('.0')}"

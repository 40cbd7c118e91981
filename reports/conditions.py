"""What is compared: codec settings, in the order in which every table and figure has them, and categories of clips."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

from benchmarks.results import Row

#: Categories in the order in which people expect them; others follow by name.
CATEGORY_ORDER = ("speech", "music", "mixed", "sounds")

Role = Literal["reference", "codec", "anchor"]
_ROLE_ORDER: tuple[Role, ...] = ("reference", "codec", "anchor")


@dataclass(frozen=True)
class Condition:
    """One codec setting, the thing that is compared. ``label`` is unique among the conditions of a report."""

    spec_id: str
    codec: str
    label: str
    role: Role
    settings: dict[str, Any]
    nominal_kbps: float | None
    n_evaluations: int | None
    weights_sha256: str | None


def condition_of(first: Row, *, has_stream: bool, n_evaluations: int | None, is_ambiguous: bool) -> Condition:
    """The condition of the rows that begin with ``first``; an ambiguous label gets the first digits of its id."""
    role: Role = "codec"
    if first.codec == "reference":
        role = "reference"
    elif first.nominal_kbps is None and not has_stream:
        role = "anchor"
    return Condition(
        spec_id=first.spec_id,
        codec=first.codec,
        label=f"{first.label} [{first.spec_id[:6]}]" if is_ambiguous else first.label,
        role=role,
        settings=first.settings,
        nominal_kbps=first.nominal_kbps,
        n_evaluations=n_evaluations,
        weights_sha256=first.weights_sha256,
    )


def condition_order(condition: Condition) -> tuple[Any, ...]:
    """What conditions are sorted by: the reference first, then codecs by name and rate, then anchors."""
    return (
        _ROLE_ORDER.index(condition.role),
        condition.codec,
        condition.nominal_kbps or 0.0,
        condition.n_evaluations or 0,
        condition.label,
    )


def ordered_categories(names: Iterable[str]) -> list[str]:
    """``names`` once each, in the order of `CATEGORY_ORDER`, others by name."""
    found = set(names)
    known = [name for name in CATEGORY_ORDER if name in found]
    return known + sorted(found - set(known))

"""Who hears what in which order: all of it follows from the study's seed and the listener's index.

Balanced Latin squares: E. J. Williams, "Experimental designs balanced for the estimation of residual effects of
treatments", Australian Journal of Scientific Research A 2 (1949).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, TypeVar

import numpy as np

from listening_test.study import Item, Study

T = TypeVar("T")

#: What a random stream is for; keeps streams of one seed apart.
_LISTENER, _BLOCK, _SQUARE = 0, 1, 2


@dataclass(frozen=True)
class PlannedStimulus:
    """A signal of a trial; ``label`` is what the listener sees, ``R`` for the open reference."""

    condition: str
    label: str
    is_graded: bool = True


@dataclass(frozen=True)
class PlannedTrial:
    """A page of stimuli in order of presentation. ``repeat`` counts a listener's trials of the same content from 0."""

    item: str
    stimuli: tuple[PlannedStimulus, ...]
    kind: Literal["training", "rated"] = "rated"
    repeat: int = 0
    payload: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class _Content:
    """What a trial judges: conditions of an item (all for MUSHRA, a pair for abx and ab, one for acr and dcr)."""

    item: str
    conditions: tuple[str, ...]


def plan(study: Study, seed_index: int) -> list[PlannedTrial]:
    """All trials of the listener of index ``seed_index`` (0, 1, 2, ...), the training's first.

    The training goes through its items as the study lists them. Repeats follow when everything has been heard once.
    """
    rng = np.random.default_rng([study.seed, _LISTENER, seed_index])
    training = [content for item in study.training for content in _shuffled(rng, _contents(study, item))]
    first = _ordered(study, seed_index, _contents_of(study, items_for(study, seed_index)), rng)
    repeated = _repeated(study, first, rng)
    trials = [_trial(study, content, index, seed_index, rng, "training") for index, content in enumerate(training)]
    trials += [_trial(study, content, index, seed_index, rng) for index, content in enumerate(first)]
    n_first = len(first)
    return trials + [
        _trial(study, content, n_first + index, seed_index, rng, repeat=1) for index, content in enumerate(repeated)
    ]


def items_for(study: Study, seed_index: int) -> list[Item]:
    """The items that a listener hears, in no order yet.

    Subsets come in blocks of listeners: within a block every item is heard equally often, and each block cuts its
    subsets from a new permutation.
    """
    n_items = len(study.items)
    n_own = study.design.items_per_listener or n_items
    block_size = n_items // math.gcd(n_items, n_own)
    block, place = divmod(seed_index, block_size)
    permutation = np.random.default_rng([study.seed, _BLOCK, block]).permutation(n_items)
    return [study.items[permutation[(place * n_own + k) % n_items]] for k in range(n_own)]


def williams_row(n: int, row: int) -> list[int]:
    """Row ``row`` of a balanced Latin square of the numbers below ``n``.

    Over all rows (``n`` for even ``n``, ``2 n`` for odd) each number stands equally often at each place, and follows
    each other number equally often.
    """
    zigzag = [(k + 1) // 2 if k % 2 else -(k // 2) for k in range(n)]
    shift, is_mirrored = row % n, n % 2 and (row // n) % 2
    numbers = [(shift + step) % n for step in zigzag]
    return numbers[::-1] if is_mirrored else numbers


def _contents_of(study: Study, items: Iterable[Item]) -> list[_Content]:
    return [content for item in items for content in _contents(study, item)]


def _contents(study: Study, item: Item) -> list[_Content]:
    every = tuple(condition.id for condition in study.conditions)
    if study.method == "mushra":
        return [_Content(item.id, every)]
    if study.method in ("acr", "dcr"):
        return [_Content(item.id, (condition,)) for condition in every]
    return [_Content(item.id, pair) for pair in study.pairs]


def _shuffled(rng: np.random.Generator, things: Sequence[T]) -> list[T]:
    return [things[k] for k in rng.permutation(len(things))]


def _ordered(study: Study, seed_index: int, contents: Sequence[_Content], rng: np.random.Generator) -> list[_Content]:
    if study.design.order == "random":
        return _shuffled(rng, contents)
    # The same letters for all listeners, so that the rows of one square complete each other.
    by_name = sorted(contents, key=lambda content: (content.item, content.conditions))
    letters = _shuffled(np.random.default_rng([study.seed, _SQUARE]), by_name)
    return [letters[k] for k in williams_row(len(letters), seed_index)]


def _repeated(study: Study, first: Sequence[_Content], rng: np.random.Generator) -> list[_Content]:
    """All trials of some items again, in a new order that does not begin with what was heard last if that can be."""
    items = sorted({content.item for content in first})
    chosen = {items[k] for k in rng.permutation(len(items))[: study.design.n_repeats]}
    again = _shuffled(rng, [content for content in first if content.item in chosen])
    if len(again) > 1 and again[0] == first[-1]:
        again = [*again[1:], again[0]]
    return again


def _trial(
    study: Study,
    content: _Content,
    index: int,
    seed_index: int,
    rng: np.random.Generator,
    kind: Literal["training", "rated"] = "rated",
    repeat: int = 0,
) -> PlannedTrial:
    if study.design.order == "latin_square" and kind == "rated":
        order = williams_row(len(content.conditions), seed_index + index)
    else:
        order = [int(k) for k in rng.permutation(len(content.conditions))]
    conditions = [content.conditions[k] for k in order]
    payload: dict[str, Any] = {}
    if study.method in ("abx", "ab"):
        stimuli = [PlannedStimulus(condition, label) for condition, label in zip(conditions, "AB", strict=True)]
        payload = {"pair": list(content.conditions)}
        if study.method == "abx":
            stimuli.append(PlannedStimulus(conditions[int(rng.integers(2))], "X", is_graded=False))
    else:
        stimuli = [PlannedStimulus(condition, str(n)) for n, condition in enumerate(conditions, 1)]
        if study.method in ("mushra", "dcr") and study.reference is not None:
            stimuli.insert(0, PlannedStimulus(study.reference.id, "R", is_graded=False))
    return PlannedTrial(content.item, tuple(stimuli), kind, repeat, payload)

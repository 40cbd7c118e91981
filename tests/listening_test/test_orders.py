"""Orders follow from seed and index, and designs are balanced."""

from __future__ import annotations

import itertools
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from listening_test.orders import items_for, plan, williams_row
from listening_test.study import Study


def study(n_items: int = 6, method: str = "mushra", **design: Any) -> Study:
    roles = {"ref": "reference", "low": "low_anchor", "mid": "mid_anchor", "a": "system", "b": "system"}
    items = [{"id": f"item{n}", "files": {name: f"{n}{name}.wav" for name in roles}} for n in range(n_items)]
    return Study.model_validate(
        {
            "title": "t",
            "method": method,
            "is_strict": False,
            "seed": 3,
            "sample_rate_hz": 48000,
            "conditions": [{"id": name, "label": name, "role": role} for name, role in roles.items()],
            "items": items,
            "training": [{"id": "warm", "files": {name: f"w{name}.wav" for name in roles}}],
            "design": design,
        }
    )


@pytest.mark.parametrize("n", [2, 3, 4, 5, 7, 8])
def test_williams_square_is_balanced(n: int) -> None:
    rows = [williams_row(n, row) for row in range(n if n % 2 == 0 else 2 * n)]
    assert all(sorted(row) == list(range(n)) for row in rows)
    places = Counter((place, number) for row in rows for place, number in enumerate(row))
    follows = Counter(pair for row in rows for pair in itertools.pairwise(row))
    assert len(set(places.values())) == len(set(follows.values())) == 1
    assert len(follows) == n * (n - 1)


def test_same_seed_and_index_same_plan() -> None:
    assert plan(study(), 4) == plan(study(), 4)
    assert plan(study(), 4) != plan(study(), 5)


def test_subsets_are_balanced_in_blocks() -> None:
    subsets = [items_for(study(6, items_per_listener=4), index) for index in range(6)]
    assert all(len({item.id for item in subset}) == 4 for subset in subsets)
    for block in (subsets[:3], subsets[3:]):
        assert set(Counter(item.id for subset in block for item in subset).values()) == {2}


def test_repeats_come_second_and_training_first() -> None:
    trials = plan(study(n_repeats=2), 0)
    assert [trial.kind for trial in trials] == ["training"] + ["rated"] * 8
    assert [trial.repeat for trial in trials] == [0] * 7 + [1, 1]
    assert trials[7].item != trials[6].item


@pytest.mark.parametrize(
    ("method", "n_trials", "labels"),
    [
        ("mushra", 6, "R12345"),
        ("acr", 30, "1"),
        ("dcr", 30, "R1"),
        ("ab", 18, "AB"),
        ("abx", 18, "ABX"),
    ],
)
@pytest.mark.parametrize("order", ["random", "latin_square"])
def test_methods(method: str, n_trials: int, labels: str, order: str, tmp_path: Path) -> None:
    trials = [trial for trial in plan(study(6, method, order=order), 2) if trial.kind == "rated"]
    assert len(trials) == n_trials
    for trial in trials:
        assert "".join(stimulus.label for stimulus in trial.stimuli) == labels
        if method == "abx":
            assert trial.stimuli[2].condition in trial.payload["pair"]

"""Levels by need: as good as trying everything, and within the budget."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from flowmac.allocation import share_out


def falling_errors(n_groups: int, n_levels: int, seed: int) -> np.ndarray:
    """Errors that fall by less with every level."""
    random = np.random.default_rng(seed)
    return random.uniform(1, 100, (n_groups, 1)) * random.uniform(0.3, 0.9, (n_groups, 1)) ** np.arange(n_levels)


@pytest.mark.parametrize("seed", range(20))
def test_no_other_choice_of_the_same_cost_is_better(seed: int) -> None:
    errors = falling_errors(4, 4, seed)
    bits = np.broadcast_to(8.0 * np.arange(1, 5), errors.shape)
    budget = 8.0 * 9
    shares = share_out(errors, bits, budget)
    assert shares.sum() == 9
    best = min(
        sum(errors[group, n - 1] for group, n in enumerate(choice))
        for choice in itertools.product(range(1, 5), repeat=4)
        if sum(choice) <= 9
    )
    assert errors[np.arange(4), shares - 1].sum() == pytest.approx(best)


def test_budget_is_kept_and_used_up_with_costs_of_all_sizes() -> None:
    errors = falling_errors(50, 8, seed=3)
    bits = np.cumsum(np.random.default_rng(4).uniform(5, 10, errors.shape), axis=1)
    for budget in (600, 1500, 2500):
        spent = bits[np.arange(50), share_out(errors, bits, budget) - 1].sum()
        assert budget - 10 < spent <= budget


def test_limits() -> None:
    errors = falling_errors(3, 5, seed=0)
    bits = np.broadcast_to(np.arange(1.0, 6.0), errors.shape)
    assert share_out(errors, bits, 0).tolist() == [1, 1, 1]
    assert share_out(errors, bits, 1e9).tolist() == [5, 5, 5]
    assert share_out(errors[:, :1], bits[:, :1], 1e9).tolist() == [1, 1, 1]

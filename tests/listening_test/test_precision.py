"""The interval is Student's over listeners, and the listeners asked for are enough."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from listening_test.judgements import Judgement
from listening_test.precision import listeners_needed, precision_of, precision_of_judgements, precision_of_ratings
from listening_test.ratings import Rating


def test_closed_form_of_three_listeners() -> None:
    (found,) = precision_of([("l1", "a", 40), ("l1", "a", 60), ("l2", "a", 60), ("l3", "a", 70)], wanted=5)
    assert (found.n_listeners, found.mean) == (3, 60)
    # The standard deviation of 50, 60, 70 is 10; t(2) at 97.5 % is 4.3027.
    assert found.half_width == pytest.approx(4.302653 * 10 / math.sqrt(3), rel=1e-6)
    assert found.n_needed == math.ceil((4.302653 * 10 / 5) ** 2)
    assert found.n_missing == 75 - 3


def test_the_half_width_is_scipys_interval() -> None:
    scores = np.random.default_rng(1).normal(50, 12, 14)
    (found,) = precision_of([(str(n), "a", float(score)) for n, score in enumerate(scores)], wanted=3)
    low, high = stats.t.interval(0.95, 13, loc=scores.mean(), scale=stats.sem(scores))
    assert found.half_width == pytest.approx((high - low) / 2)


def test_steins_promise_holds() -> None:
    """With the listeners it asks for, the mean is within the wanted distance at least 95 % of the time."""
    rng = np.random.default_rng(2)
    hits = []
    for _ in range(300):
        first = rng.normal(0, 10, 8)
        (found,) = precision_of([(str(n), "a", float(score)) for n, score in enumerate(first)], wanted=5)
        assert found.n_missing is not None
        hits.append(abs(np.concatenate([first, rng.normal(0, 10, found.n_missing)]).mean()) <= 5)
    assert np.mean(hits) >= 0.92  # 0.95 less two and a half standard errors


def test_enough_listeners_and_too_few_to_say() -> None:
    found = precision_of([(f"l{n}", "a", 50 + n % 2) for n in range(20)] + [("l0", "b", 1), ("l1", "b", 2)], wanted=5)
    assert found[0].n_missing == 0
    assert (found[1].half_width, found[1].n_missing) == (None, None)
    assert listeners_needed(found) is None
    assert listeners_needed(found[:1]) == 0
    assert listeners_needed([]) is None
    with pytest.raises(ValueError, match="more than 0"):
        precision_of([], wanted=0)


def test_screened_out_listeners_and_the_reference_do_not_count() -> None:
    ratings = []
    for n in range(5):
        reference = 50 if n == 4 else 100
        ratings += [Rating(f"l{n}", "i", "ref", reference, "reference"), Rating(f"l{n}", "i", "a", 40 + n)]
    (found,) = precision_of_ratings(ratings, wanted=3)
    assert (found.condition, found.n_listeners, found.mean) == ("a", 4, 41.5)


def test_judgements_become_shares_and_opinions() -> None:
    common = {"category": "", "trial": 1}
    answers = ["a", "a", "b"]
    ab = [
        Judgement(f"l{n}", "ab", "i", condition_a="b", condition_b="a", answer=answer, **common)
        for n, answer in enumerate(answers)
    ]  # type: ignore[arg-type]
    (found,) = precision_of_judgements(ab, wanted=10)
    assert (found.condition, found.mean) == ("a over b", pytest.approx(200 / 3))
    abx = [
        Judgement("l", "abx", "i", "", "a", "b", "a", True, condition_x="a"),
        Judgement("l", "abx", "i", "", "a", "b", "a", False, condition_x="b", repeat=1),
        Judgement("l", "abx", "i", "", "a", "b", "a", False, condition_x="b", is_training=True),
    ]
    assert precision_of_judgements(abx, wanted=10)[0].mean == 50
    assert precision_of_judgements([Judgement("l", "dcr", "i", "", "a", "r", "4")], wanted=1)[0].mean == 4

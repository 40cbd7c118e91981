"""Post-screening of BS.1534-3 on hand-made tables, on both sides of each limit."""

from __future__ import annotations

import pytest

from listening_test.ratings import Rating
from listening_test.screening import exceeds, outlying_grades, quartiles, screen


def listener(name: str, n_items: int, n_below: int = 0, n_above: int = 0, first_above: int = 0) -> list[Rating]:
    """Someone who misses ``n_below`` hidden references, and grades ``n_above`` mid anchors from an item on above 90."""
    ratings = []
    for item in range(n_items):
        reference = 89.9 if item < n_below else 90.0
        anchor = 90.1 if first_above <= item < first_above + n_above else 90.0
        ratings.append(Rating(name, f"i{item}", "ref", reference, "reference"))
        ratings.append(Rating(name, f"i{item}", "7 kHz", anchor, "mid_anchor"))
    return ratings


# 5 %, exactly 15 %, just above; the share that 0.15 as a float would get wrong is among them (3 of 20, 9 of 60).
CASES = [(1, 20, False), (3, 20, False), (4, 20, True), (9, 60, False), (10, 60, True), (1, 6, True), (1, 7, False)]
CASES += [(151, 1000, True), (150, 1000, False), (1, 1, True), (0, 8, False), (2, 8, True), (1, 8, False)]


@pytest.mark.parametrize(("n_below", "n_items", "is_excluded"), CASES)
def test_hidden_reference_below_90_on_more_than_15_percent(n_below: int, n_items: int, is_excluded: bool) -> None:
    (entry,) = screen(listener("l", n_items, n_below=n_below)).listeners
    assert (entry.n_reference, entry.n_reference_below) == (n_items, n_below)
    assert entry.fails_reference is is_excluded
    assert entry.is_excluded is is_excluded
    assert (f"{n_below} of {n_items} items" in "".join(entry.reasons)) is is_excluded


@pytest.mark.parametrize(("n_above", "n_items", "is_excluded"), CASES)
def test_mid_anchor_above_90_on_more_than_15_percent(n_above: int, n_items: int, is_excluded: bool) -> None:
    others = [rating for number in range(4) for rating in listener(f"o{number}", n_items)]
    screening = screen([*listener("l", n_items, n_above=n_above), *others])
    assert screening.guarded_items == ()  # 1 of 5 is not more than 25 %
    assert [entry.listener for entry in screening.excluded] == (["l"] if is_excluded else [])


@pytest.mark.parametrize(("n_assessors_above", "is_guarded"), [(4, False), (5, False), (6, True)])
def test_guard_begins_above_25_percent_of_the_assessors(n_assessors_above: int, is_guarded: bool) -> None:
    """20 assessors and 5 items: one item graded above 90 is 20 % of them."""
    ratings = []
    for number in range(20):
        ratings += listener(f"l{number}", 5, n_above=1 if number < n_assessors_above else 0)
    screening = screen(ratings)
    assert [entry.item for entry in screening.guarded_items] == (["i0"] if is_guarded else [])
    assert len(screening.excluded) == (0 if is_guarded else n_assessors_above)
    if is_guarded:
        assert (screening.guarded_items[0].n_above, screening.guarded_items[0].n_assessors) == (6, 20)
        assert screening.listeners[0].n_guarded == 1


def test_guard_spares_on_its_item_alone() -> None:
    ratings = []
    for number in range(4):
        ratings += listener(f"l{number}", 10, n_above=1)  # 4 of 8: item 0 is guarded
    ratings += listener("two more", 10, n_above=3)  # items 0, 1, 2
    ratings += listener("one more", 10, n_above=2)  # items 0, 1: 2 of 6 and more ...
    ratings += [rating for number in range(2) for rating in listener(f"o{number}", 10)]
    screening = screen(ratings)
    assert [entry.item for entry in screening.guarded_items] == ["i0"]  # item 1: 2 of 8 is just 25 %
    assert [entry.listener for entry in screening.excluded] == ["two more"]
    entry = screening.excluded[0]
    assert (entry.n_mid_anchor_above, entry.n_guarded, entry.n_mid_anchor) == (2, 1, 10)
    assert "2 of 10 items (20.0 %" in entry.reasons[0]


def test_both_rules_give_both_reasons() -> None:
    others = [rating for number in range(4) for rating in listener(f"o{number}", 5)]
    screening = screen([*listener("l", 5, n_below=1, n_above=1), *others])
    assert len(screening.excluded[0].reasons) == 2
    assert screening.kept == ("o0", "o1", "o2", "o3")


def test_missing_signals_exclude_nobody_and_say_so() -> None:
    screening = screen([Rating("l", "i", "a", 5)])
    assert not screening.has_reference
    assert not screening.has_mid_anchor
    assert screening.kept == ("l",)
    assert screen([]).listeners == ()


def test_exact_limits_do_not_exceed() -> None:
    assert not exceeds(15, 100, 15)
    assert exceeds(1501, 10_000, 15)
    assert not exceeds(0, 0, 15)


def test_quartiles_are_medians_of_halves_with_the_median_in_both() -> None:
    assert quartiles([1, 2, 3, 4, 5]) == (2, 3, 4)
    assert quartiles([4, 1, 3, 2]) == (1.5, 2.5, 3.5)
    assert quartiles([7]) == (7, 7, 7)
    with pytest.raises(ValueError, match="at least one"):
        quartiles([])


def test_outlying_grades_lie_beyond_the_whiskers() -> None:
    scores = [50, 52, 54, 56, 58, 64, 64.1]  # quartiles 53 and 61: whiskers end at 41 and 73
    ratings = [Rating(f"l{n}", "i", "a", score) for n, score in enumerate(scores)]
    assert outlying_grades(ratings) == []
    found = outlying_grades([*ratings[:-1], Rating("far", "i", "a", 80)])
    assert [grade.rating.listener for grade in found] == ["far"]
    assert (found[0].low, found[0].high) == (41, 73)

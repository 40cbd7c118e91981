"""Few listeners, few items, ties and gaps: a number that is right, or a reason why there is none."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from listening_test.ratings import Rating
from reports.statistics import bootstrap, descriptive
from reports.statistics.anova import median_permutation, repeated_measures_anova
from reports.statistics.assumptions import bimodality, residuals
from reports.statistics.contrasts import against, all_pairs, compare
from reports.statistics.cube import NotComputableError, cube_of
from reports.statistics.effects import cohens_dz, hodges_lehmann, rank_biserial
from reports.statistics.equivalence import equivalence
from reports.statistics.mixed import mixed_comparison
from reports.statistics.nonparametric import adjust, cliques, friedman, sign_flip, wilcoxon
from reports.statistics.preference import ab, abx, acr, preference_over_listeners
from reports.statistics.reliability import cronbachs_alpha, icc, repeats

CONDITIONS = ("ref", "a", "b")


def full(n_listeners: int = 6, n_items: int = 3, seed: int = 0) -> list[Rating]:
    rng = np.random.default_rng(seed)
    return [
        Rating(f"l{listener}", f"i{item}", condition, float(rng.integers(20, 100)))
        for listener in range(n_listeners)
        for item in range(n_items)
        for condition in CONDITIONS
    ]


def test_cube_keeps_whole_trials_alone() -> None:
    ratings = full()
    cube = cube_of([*ratings[:-1], Rating("l9", "i0", "a", 50)])
    assert cube.listeners == tuple(f"l{n}" for n in range(6))
    assert cube.n_incomplete_trials == 2
    assert np.isnan(cube.scores[5, 2]).all()
    assert len(cube.whole) == 5
    assert cube.listener_means[5] == pytest.approx(cube.scores[5, :2].mean(axis=0))
    assert cube.of_item("i2").shape == (5, 3)


def test_cube_averages_repeats_and_takes_the_listeners_asked_for() -> None:
    ratings = [Rating("l", "i", "a", 40), Rating("l", "i", "a", 60, repeat=1), Rating("m", "i", "a", 10)]
    assert cube_of(ratings).scores[0, 0, 0] == 50
    assert cube_of(ratings, ["m"]).listeners == ("m",)
    with pytest.raises(NotComputableError, match="no listener"):
        cube_of(ratings, [])


def test_cube_without_a_whole_trial_is_refused() -> None:
    with pytest.raises(NotComputableError, match="all conditions"):
        cube_of([Rating("l", "i", "a", 40), Rating("l", "j", "b", 40)])


def test_descriptions_count_listeners_and_not_ratings() -> None:
    summary = descriptive.by_condition(cube_of(full()))[0]
    assert (summary.condition, summary.n_listeners, summary.n_ratings) == ("ref", 6, 18)
    assert summary.first_quartile <= summary.median <= summary.third_quartile
    assert summary.low is not None
    assert summary.high is not None
    assert summary.low <= summary.mean <= summary.high
    by_item = descriptive.by_item(cube_of(full()))
    assert set(by_item) == {"i0", "i1", "i2"}
    assert by_item["i0"][0].n_ratings == 6
    categories = descriptive.by_category(cube_of(full()), {"i0": "speech", "i1": "speech"})
    assert list(categories) == ["speech"]
    assert categories["speech"][0].n_ratings == 12


def test_one_listener_has_a_mean_but_no_tests() -> None:
    cube = cube_of(full(n_listeners=1))
    assert descriptive.by_condition(cube)[0].low is None
    for test in (friedman, residuals):
        with pytest.raises(NotComputableError):
            test(cube.listener_means if test is friedman else cube.scores)
    with pytest.raises(NotComputableError):
        repeated_measures_anova(cube.whole)
    # Two sign patterns: nothing can be told, and no p says otherwise.
    assert [pair.p for pair in all_pairs(cube)] == [1.0, 1.0, 1.0]


def test_one_item_is_compared_but_not_generalised() -> None:
    cube = cube_of(full(n_items=1))
    assert [effect.name for effect in repeated_measures_anova(cube.whole)] == ["condition"]
    with pytest.raises(NotComputableError, match="two of each"):
        mixed_comparison(cube.scores[:, :, 0] - cube.scores[:, :, 1])


def test_all_ties_differ_nowhere() -> None:
    zeros = np.zeros(8)
    assert wilcoxon(zeros) == 1
    assert sign_flip(zeros[:, None])[0] == 1
    assert sign_flip(np.zeros((30, 1)))[0] == 1
    assert rank_biserial(zeros) == 0
    assert cohens_dz(zeros) is None
    assert bimodality(zeros) is None
    assert hodges_lehmann(zeros).estimate == 0
    assert median_permutation(zeros, zeros) == 1
    table = np.full((8, 3, 3), 50.0)
    for function in (residuals, repeated_measures_anova):
        with pytest.raises(NotComputableError):
            function(table)
    for function_of_table in (friedman, icc, cronbachs_alpha):
        with pytest.raises(NotComputableError):
            function_of_table(table[:, 0])
    with pytest.raises(NotComputableError):
        equivalence(zeros, 5)
    with pytest.raises(NotComputableError):
        mixed_comparison(np.zeros((8, 3)))


def test_full_agreement_is_certain() -> None:
    result = friedman(np.tile([10.0, 20, 30], (12, 1)))
    assert result.kendalls_w == pytest.approx(1)
    assert result.f == math.inf
    assert result.p_f == 0
    assert result.p < 1e-4
    assert result.mean_ranks == (1, 2, 3)


def test_small_samples_have_no_interval_rather_than_a_short_one() -> None:
    assert hodges_lehmann(np.arange(5.0)).low is None
    assert hodges_lehmann(np.arange(6.0) + 1).low == 1
    assert bootstrap.mean_interval(np.arange(4.0)).low is None


def test_mixed_model_takes_gaps_and_no_spread_of_items() -> None:
    rng = np.random.default_rng(1)
    table = 3 + rng.normal(0, 4, (10, 1)) + rng.normal(0, 5, (10, 6))
    table -= table.mean(axis=0) - table.mean()  # items do not differ at all
    found = mixed_comparison(table)
    assert found.item_sd == pytest.approx(0, abs=0.05)
    table[2, 3:] = np.nan
    table[7] = np.nan
    with_gaps = mixed_comparison(table)
    assert with_gaps.n_listeners == 9
    assert with_gaps.low < 3 < with_gaps.high


def test_cliques_are_the_largest_groups_within_the_difference() -> None:
    assert cliques([1.0, 1.5, 3.0, 3.4, 5.0], 1.6) == [(0, 1), (1, 2), (2, 3)]
    assert cliques([3.0, 1.0, 2.0], 1.5) == [(1, 2), (2, 0)]
    assert cliques([1.0, 3.0], 1.5) == []


def test_contrasts_are_corrected_for_their_own_number() -> None:
    cube = cube_of(full(n_listeners=10))
    planned, everything = against(cube, "ref", ["ref", "a", "b"]), all_pairs(cube)
    assert [(pair.first, pair.second) for pair in planned] == [("a", "ref"), ("b", "ref")]
    assert len(everything) == 3
    assert planned[0].p == everything[0].p
    assert planned[0].mean == -everything[0].mean
    assert planned[0].rank_biserial == -everything[0].rank_biserial
    assert all(pair.p <= pair.p_adjusted <= 1 for pair in everything)
    assert compare(cube, []) == []
    with pytest.raises(ValueError, match="not two conditions"):
        compare(cube, [("a", "zzz")])


@given(st.lists(st.floats(0, 1), max_size=12))
@settings(deadline=None, max_examples=50)
def test_corrections_never_lower_a_p(p: list[float]) -> None:
    holm, hochberg = adjust(p), adjust(p, "hochberg")
    assert (holm >= np.array(p)).all()
    assert (hochberg <= holm + 1e-12).all()


def test_preferences_refuse_counts_that_cannot_be() -> None:
    for n_successes, n_answers in ((3, 2), (0, 0), (-1, 5)):
        with pytest.raises(NotComputableError):
            abx(n_successes, n_answers)
    assert ab(5, 10).p == 1
    with pytest.raises(NotComputableError):
        preference_over_listeners([1], [0])
    shares = preference_over_listeners([9, 8, 10, 7, 9, 8], [10] * 6)
    assert shares.share.mean == pytest.approx(0.85)
    assert shares.p == pytest.approx(2 / 2**6)


def test_categories_are_summarised_by_listener() -> None:
    found = acr([[5, 4], [4, 4], [3, 5], [2, 3], [4, 4]])
    assert found.counts == (0, 1, 2, 5, 2)
    assert found.median == 4
    assert found.mos.n == 5
    for votes in ([[6]], [[]]):
        with pytest.raises(NotComputableError):
            acr(votes)


def test_repeats_tell_reliable_listeners_from_others() -> None:
    scores = {"steady": ([20, 50, 80], [22, 50, 78]), "random": ([20, 50, 80], [70, 20, 40])}
    ratings = [
        Rating(listener, "i", f"c{place}", score, repeat=repeat)
        for listener, both in scores.items()
        for repeat, own in enumerate(both)
        for place, score in enumerate(own)
    ]
    steady, random = repeats([*ratings, Rating("once", "i", "c0", 50)])
    assert (steady.listener, steady.n_pairs) == ("steady", 3)
    assert steady.measurement_sd == pytest.approx(math.sqrt(8 / 3 / 2))
    assert steady.correlation == pytest.approx(0.9996, abs=5e-4)
    assert random.measurement_sd > 20 > steady.measurement_sd
    assert steady.discrimination_sd > random.discrimination_sd

"""Every test against an independent implementation (pingouin, SciPy, statsmodels) or published values, to 1e-6."""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from statsmodels.formula.api import ols
from statsmodels.regression.mixed_linear_model import MixedLM, VCSpec
from statsmodels.stats.anova import AnovaRM, anova_lm
from statsmodels.stats.multitest import multipletests

from reports.statistics.anova import median_permutation, repeated_measures_anova
from reports.statistics.assumptions import bimodality, residuals
from reports.statistics.cube import FloatArray
from reports.statistics.effects import cohens_dz, hodges_lehmann, rank_biserial
from reports.statistics.equivalence import equivalence
from reports.statistics.mixed import mixed_comparison
from reports.statistics.nonparametric import adjust, critical_difference, friedman, sign_flip, wilcoxon
from reports.statistics.preference import ab, abx
from reports.statistics.reliability import cronbachs_alpha, icc

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import pingouin

pytestmark = pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::DeprecationWarning")
EXACT = {"rel": 1e-6, "abs": 1e-6}


@pytest.fixture(scope="module")
def scores() -> FloatArray:
    """Shape [12 listeners, 5 items, 4 conditions]."""
    rng = np.random.default_rng(11)
    listener, item = rng.normal(0, 8, (12, 1, 1)), rng.normal(0, 6, (1, 5, 1))
    return np.asarray(60 + np.arange(4) * 3 + listener + item + rng.normal(0, 9, (12, 5, 4)))


@pytest.fixture(scope="module")
def differences(scores: FloatArray) -> FloatArray:
    means = scores.mean(axis=1)
    return np.asarray(means[:, 2] - means[:, 1])


def long_table(scores: FloatArray) -> pd.DataFrame:
    listener, item, condition = np.indices(scores.shape).reshape(3, -1)
    return pd.DataFrame({"listener": listener, "item": item, "condition": condition, "score": scores.ravel()})


def test_friedman(scores: FloatArray) -> None:
    means = scores.mean(axis=1)
    found = friedman(means)
    table = long_table(means[:, None, :])
    chi_squared = pingouin.friedman(table, dv="score", within="condition", subject="listener").iloc[0]
    f_test = pingouin.friedman(table, dv="score", within="condition", subject="listener", method="f").iloc[0]
    assert found.chi_squared == pytest.approx(chi_squared["Q"], **EXACT)
    assert found.p == pytest.approx(chi_squared["p_unc"], **EXACT)
    assert found.kendalls_w == pytest.approx(chi_squared["W"], **EXACT)
    assert found.f == pytest.approx(f_test["F"], **EXACT)


def test_friedman_with_ties_is_scipys() -> None:
    means = np.array([[1, 1, 2, 3], [2, 1, 1, 4], [3, 3, 3, 3], [1, 2, 4, 4], [2, 2, 1, 5]], dtype=float)
    expected = stats.friedmanchisquare(*means.T)
    found = friedman(means)
    assert (found.chi_squared, found.p) == pytest.approx(tuple(expected), **EXACT)


def test_critical_difference_has_demsars_values() -> None:
    # Table 5 of Demšar (2006): q of 2.343 for 3, 2.728 for 5 and 3.164 for 10 conditions.
    for n_conditions, q in ((3, 2.343), (5, 2.728), (10, 3.164)):
        scale = (n_conditions * (n_conditions + 1) / (6 * 14)) ** 0.5
        assert critical_difference(14, n_conditions) / scale == pytest.approx(q, abs=1e-3)


def test_wilcoxon_and_rank_biserial(differences: FloatArray) -> None:
    expected = pingouin.wilcoxon(differences, method="exact").iloc[0]
    assert wilcoxon(differences) == pytest.approx(expected["p_val"], **EXACT)
    assert rank_biserial(differences) == pytest.approx(expected["RBC"], **EXACT)


def test_hodges_lehmann_belongs_to_wilcoxon(differences: FloatArray) -> None:
    found = hodges_lehmann(differences)
    walsh = [(a + b) / 2 for i, a in enumerate(differences) for b in differences[i:]]
    assert found.estimate == pytest.approx(np.median(walsh), **EXACT)
    assert found.low is not None
    assert found.high is not None
    # The interval holds just those shifts that Wilcoxon's test does not reject.
    for end, inwards in ((found.low, 1e-6), (found.high, -1e-6)):
        assert wilcoxon(differences - end - inwards) > 0.05
        assert wilcoxon(differences - end + inwards) <= 0.05


def test_sign_flip_is_scipys_exact_permutation_test(differences: FloatArray) -> None:
    expected = stats.permutation_test(
        (differences,), lambda x, axis: x.mean(axis=axis), permutation_type="samples", n_resamples=np.inf
    )
    assert sign_flip(differences[:, None])[0] == pytest.approx(expected.pvalue, **EXACT)


def test_random_sign_flips_come_near_the_exact_ones() -> None:
    rng = np.random.default_rng(5)
    many = rng.normal(1.0, 4.0, (20, 1))
    exact = stats.permutation_test(
        (many[:, 0],), lambda x, axis: x.mean(axis=axis), permutation_type="samples", n_resamples=200_000, rng=rng
    )
    assert sign_flip(many)[0] == pytest.approx(exact.pvalue, abs=0.005)


@pytest.mark.parametrize(("method", "name"), [("holm", "holm"), ("hochberg", "simes-hochberg")])
def test_corrections(method: str, name: str) -> None:
    p = np.random.default_rng(2).uniform(0, 0.1, 17)
    found = adjust(p, method)  # type: ignore[arg-type]
    assert found == pytest.approx(multipletests(p, method=name)[1], **EXACT)


def test_cohens_dz(differences: FloatArray) -> None:
    expected = pingouin.ttest(differences, 0).iloc[0]["T"] / len(differences) ** 0.5
    assert cohens_dz(differences) == pytest.approx(expected, **EXACT)


@pytest.mark.parametrize("margin", [1.0, 5.0, 9.0])
def test_equivalence(differences: FloatArray, margin: float) -> None:
    expected = pingouin.tost(differences, np.zeros_like(differences), bound=margin, paired=True).iloc[0]
    found = equivalence(differences, margin)
    assert found.p == pytest.approx(expected["pval"], **EXACT)
    above = stats.ttest_1samp(differences, -margin, alternative="greater")
    assert found.p_non_inferior == pytest.approx(above.pvalue, **EXACT)
    interval = stats.ttest_1samp(differences, 0).confidence_interval(0.90)
    assert (found.low, found.high) == pytest.approx(tuple(interval), **EXACT)


def test_anova_of_two_factors_is_statsmodels(scores: FloatArray) -> None:
    expected = AnovaRM(long_table(scores), "score", "listener", within=["condition", "item"]).fit().anova_table
    found = {effect.name: effect for effect in repeated_measures_anova(scores)}
    for name, own in (("condition", "condition"), ("item", "item"), ("condition:item", "condition x item")):
        row = expected.loc[name]
        effect = found[own]
        assert (effect.f, effect.p) == pytest.approx((row["F Value"], row["Pr > F"]), **EXACT)
        assert (effect.df_effect, effect.df_error) == (row["Num DF"], row["Den DF"])


def test_anova_corrections_are_pingouins(scores: FloatArray) -> None:
    means = scores.mean(axis=1)
    table = long_table(means[:, None, :])
    expected = pingouin.rm_anova(
        table, dv="score", within="condition", subject="listener", correction=True, effsize="np2"
    ).iloc[0]
    found = repeated_measures_anova(means[:, None, :])[0]
    assert found.f == pytest.approx(expected["F"], **EXACT)
    assert found.p_gg == pytest.approx(expected["p_GG_corr"], **EXACT)
    assert found.partial_eta_squared == pytest.approx(expected["np2"], **EXACT)
    wide = pd.DataFrame(means)
    assert found.epsilon_gg == pytest.approx(pingouin.epsilon(wide, correction="gg"), **EXACT)
    assert found.epsilon_hf == pytest.approx(pingouin.epsilon(wide, correction="hf"), **EXACT)
    two_way = pingouin.rm_anova(
        long_table(scores), dv="score", within=["condition", "item"], subject="listener", correction=True
    ).set_index("Source")
    interaction = repeated_measures_anova(scores)[2]
    assert interaction.f == pytest.approx(two_way.loc["condition * item", "F"], **EXACT)


def absolute_difference_of_medians(x: FloatArray, y: FloatArray, axis: int) -> FloatArray:
    return np.asarray(np.abs(np.median(x, axis=axis) - np.median(y, axis=axis)))


def test_median_permutation_is_scipys() -> None:
    first, second = np.array([55, 60, 61, 72, 80.0]), np.array([40, 52, 58, 60, 61, 66.0])
    expected = stats.permutation_test(
        (first, second), absolute_difference_of_medians, alternative="greater", n_resamples=np.inf
    )
    assert median_permutation(first, second) == pytest.approx(expected.pvalue, **EXACT)
    # Random splits, here fewer than there are, come as near as their number allows (4 standard errors).
    assert median_permutation(first, second, n_permutations=400) == pytest.approx(expected.pvalue, abs=0.1)


def test_random_splits_of_many_ratings_come_near_scipys() -> None:
    rng = np.random.default_rng(1)
    first, second = np.round(rng.normal(60, 15, 80)), np.round(rng.normal(65, 15, 70))
    expected = stats.permutation_test(
        (first, second), absolute_difference_of_medians, alternative="greater", n_resamples=10_000, rng=rng
    )
    assert median_permutation(first, second) == pytest.approx(expected.pvalue, abs=0.015)


def fit_by_statsmodels(table: FloatArray) -> tuple[float, ...]:
    """Mean and variances by `MixedLM`, of the trials that were rated."""
    listeners, items = np.nonzero(~np.isnan(table))
    values = table[listeners, items]
    columns = [np.eye(index.max() + 1)[index] for index in (listeners, items)]
    names = [[str(place) for place in range(matrix.shape[1])] for matrix in columns]
    spread = VCSpec(["listener", "item"], [[names[0]], [names[1]]], [[columns[0]], [columns[1]]])
    model = MixedLM(values, np.ones((len(values), 1)), np.zeros(len(values)), exog_vc=spread)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        # Its methods by gradients stop away from the maximum when a variance is zero; Powell's does not.
        fit = model.fit(reml=True, method="bfgs", gtol=1e-8)
        fit = fit if fit.converged else model.fit(reml=True, method="powell")
    assert fit.converged
    return float(fit.fe_params[0]), *map(float, fit.vcomp), float(fit.scale)


@pytest.mark.parametrize("has_gaps", [False, True])
@pytest.mark.parametrize(("listener_sd", "item_sd"), [(4.0, 4.0), (4.0, 0.0), (0.0, 4.0), (0.0, 0.0)])
def test_mixed_model_is_that_of_statsmodels(listener_sd: float, item_sd: float, has_gaps: bool) -> None:
    """Variances of zero, at the edge of what is possible, are among them. Powell's method ends near them."""
    rng = np.random.default_rng(3)
    spread = listener_sd * rng.normal(0, 1, (15, 1)) + item_sd * rng.normal(0, 1, (1, 8))
    table = 2 + spread + rng.normal(0, 6, (15, 8))
    if has_gaps:
        table[rng.random(table.shape) < 0.25] = np.nan
    found = mixed_comparison(table)
    own = (found.mean, found.listener_sd**2, found.item_sd**2, found.residual_sd**2)
    assert own == pytest.approx(
        fit_by_statsmodels(table), **(EXACT if min(own[1:]) > 0.1 else {"abs": 3e-4, "rel": 3e-4})
    )


def test_mixed_models_test_is_quasi_f() -> None:
    """Degrees of freedom and p from the mean squares of a two-way analysis of variance by statsmodels."""
    rng = np.random.default_rng(3)
    n, m = 15, 8
    table = 2 + rng.normal(0, 4, (n, 1)) + rng.normal(0, 4, (1, m)) + rng.normal(0, 6, (n, m))
    long = long_table(table[:, :, None])
    squares = anova_lm(ols("score ~ C(listener) + C(item)", long).fit())["mean_sq"]
    ms = squares["C(listener)"], squares["C(item)"], squares["Residual"]
    assert min(ms[:2]) > ms[2]  # no variance is zero, and the mean squares are the restricted maximum
    total = ms[0] + ms[1] - ms[2]
    df = total**2 / (ms[0] ** 2 / (n - 1) + ms[1] ** 2 / (m - 1) + ms[2] ** 2 / ((n - 1) * (m - 1)))
    quasi_f = n * m * table.mean() ** 2 / total
    found = mixed_comparison(table)
    variances = (found.listener_sd**2, found.item_sd**2, found.residual_sd**2)
    assert variances == pytest.approx(((ms[0] - ms[2]) / m, (ms[1] - ms[2]) / n, ms[2]), **EXACT)
    assert found.df == pytest.approx(df, **EXACT)
    assert found.p == pytest.approx(stats.f.sf(quasi_f, 1, df), **EXACT)


def test_icc_and_alpha(scores: FloatArray) -> None:
    table = scores.reshape(12, -1).T
    target, listener = np.indices(table.shape).reshape(2, -1)
    long = pd.DataFrame({"target": target, "listener": listener, "score": table.ravel()})
    expected = pingouin.intraclass_corr(long, targets="target", raters="listener", ratings="score")
    single = expected[expected["Type"] == "ICC(A,1)"].iloc[0]
    average = expected[expected["Type"] == "ICC(A,k)"].iloc[0]
    found = icc(table)
    assert found.single == pytest.approx(single["ICC"], **EXACT)
    assert found.average == pytest.approx(average["ICC"], **EXACT)
    assert (found.low, found.high) == pytest.approx(tuple(single["CI95"]), abs=0.006)  # rounded there
    alpha, _ = pingouin.cronbach_alpha(pd.DataFrame(table))
    assert cronbachs_alpha(table) == pytest.approx(alpha, **EXACT)


def test_icc_has_shrout_and_fleiss_values() -> None:
    # Their worked example: six targets, four judges; ICC(2,1) = .29, ICC(2,4) = .62.
    table = np.array([[9, 2, 5, 8], [6, 1, 3, 2], [8, 4, 6, 8], [7, 1, 2, 6], [10, 5, 6, 9], [6, 2, 4, 7]], dtype=float)
    found = icc(table)
    assert round(found.single, 2) == 0.29
    assert round(found.average, 2) == 0.62
    # psych::ICC and irr::icc of R.
    assert (found.low, found.high) == pytest.approx((0.019, 0.761), abs=5e-4)


def test_binomial_tests() -> None:
    # R: binom.test(15, 20, alternative = "greater") and binom.test(15, 20).
    assert abx(15, 20).p == pytest.approx(0.02069473, **EXACT)
    found = ab(15, 20)
    assert (found.p, found.low, found.high) == pytest.approx((0.04138947, 0.5089541, 0.9134285), **EXACT)


def test_shape_of_residuals(scores: FloatArray) -> None:
    found = residuals(scores)
    table = long_table(scores)
    table["cell"] = table["item"] * 100 + table["condition"]
    rest = table["score"] - table.groupby("listener")["score"].transform("mean")
    rest = rest - rest.groupby(table["cell"]).transform("mean")
    assert found.skewness == pytest.approx(pd.Series(rest).skew(), **EXACT)
    assert found.excess_kurtosis == pytest.approx(pd.Series(rest).kurt(), **EXACT)


def test_bimodality_of_known_shapes() -> None:
    rng = np.random.default_rng(0)
    two_modes = bimodality(np.concatenate([rng.normal(20, 5, 500), rng.normal(80, 5, 500)]))
    one_mode = bimodality(rng.normal(50, 10, 1000))
    uniform = bimodality(np.linspace(0, 100, 100_001))
    assert two_modes is not None
    assert one_mode is not None
    assert two_modes > 0.8
    assert one_mode < 0.4
    assert uniform == pytest.approx(5 / 9, abs=1e-4)

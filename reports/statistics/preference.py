"""The other kinds of test: ABX (can it be heard?), AB (which is preferred?) and ACR (a category of five)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import stats

from reports.statistics.bootstrap import CONFIDENCE, MeanInterval, mean_interval
from reports.statistics.cube import NotComputableError
from reports.statistics.nonparametric import sign_flip

ACR_CATEGORIES = (1, 2, 3, 4, 5)


@dataclass(frozen=True)
class BinomialResult:
    """A share of answers with its exact (Clopper-Pearson) interval, and the p of the share that guessing gives."""

    n_answers: int
    n_successes: int
    share: float
    low: float
    high: float
    p: float


def abx(n_correct: int, n_answers: int, confidence: float = CONFIDENCE) -> BinomialResult:
    """Is X told apart from the other signal more often than by guessing? Exact and one-sided.

    The answers must be independent: one listener's, or one a listener. For several answers by each of several
    listeners see `preference_over_listeners`.

    Raises:
        NotComputableError: no answers, or counts that cannot be.
    """
    return _binomial(n_correct, n_answers, "greater", confidence)


def ab(n_preferring: int, n_answers: int, confidence: float = CONFIDENCE) -> BinomialResult:
    """Is one signal preferred to the other, or the other to it? Exact and two-sided; answers as for `abx`.

    Raises:
        NotComputableError: as for `abx`.
    """
    return _binomial(n_preferring, n_answers, "two-sided", confidence)


def _binomial(n_successes: int, n_answers: int, alternative: str, confidence: float) -> BinomialResult:
    if not 0 <= n_successes <= n_answers or n_answers < 1:
        raise NotComputableError(f"{n_successes} of {n_answers} answers is no share")
    p = float(stats.binomtest(n_successes, n_answers, 0.5, alternative=alternative).pvalue)
    interval = stats.binomtest(n_successes, n_answers, 0.5).proportion_ci(confidence, method="exact")
    share = n_successes / n_answers
    return BinomialResult(n_answers, n_successes, share, float(interval.low), float(interval.high), p)


@dataclass(frozen=True)
class ListenerShares:
    """Share of successes over listeners who gave several answers each: mean, interval and p against one half."""

    share: MeanInterval
    p: float


def preference_over_listeners(successes: npt.ArrayLike, answers: npt.ArrayLike) -> ListenerShares:
    """ABX or AB with several answers a listener: the listener is the unit, and the test a two-sided sign flip.

    Args:
        successes, answers: counts, shape [n_listeners].

    Raises:
        NotComputableError: no listeners, or one without answers.
    """
    counts, totals = np.asarray(successes, dtype=np.float64), np.asarray(answers, dtype=np.float64)
    if not len(totals) or (totals < 1).any() or (counts < 0).any() or (counts > totals).any():
        raise NotComputableError("each listener needs answers, and no more successes than answers")
    shares = counts / totals
    return ListenerShares(mean_interval(shares), float(sign_flip((shares - 0.5)[:, None])[0]))


@dataclass(frozen=True)
class AcrSummary:
    """Absolute category ratings of one condition.

    Attributes:
        counts: of the categories 1 to 5.
        median: the middle category, which the ordinal scale allows.
        mos: mean opinion score with its interval over listeners, which takes the categories as equally far apart.
    """

    counts: tuple[int, ...]
    median: float
    mos: MeanInterval


def acr(votes_of_listeners: Sequence[Sequence[int]]) -> AcrSummary:
    """Summary of one condition; each inner sequence holds one listener's votes, 1 to 5.

    Raises:
        NotComputableError: no votes, or one that is no category.
    """
    votes = [vote for own in votes_of_listeners for vote in own]
    if not votes:
        raise NotComputableError("no votes")
    if set(votes) - set(ACR_CATEGORIES):
        raise NotComputableError("a vote is none of 1, 2, 3, 4, 5")
    counts = tuple(votes.count(category) for category in ACR_CATEGORIES)
    means = [float(np.mean(own)) for own in votes_of_listeners if len(own)]
    return AcrSummary(counts, float(np.median(votes)), mean_interval(means))

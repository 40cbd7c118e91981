"""Statistics of ABX, AB, ACR and DCR judgements. The listener is the unit: answers of one are not independent."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from flowmac.errors import SettingError, unknown_name
from listening_test.judgements import METHODS, Judgement
from reports.statistics.cube import NotComputableError
from reports.statistics.nonparametric import adjust
from reports.statistics.ordinal import OddsComparison, Vote, compare_votes
from reports.statistics.preference import (
    AcrSummary,
    BinomialResult,
    ListenerShares,
    ab,
    abx,
    acr,
    preference_over_listeners,
)

VoteMethod = Literal["acr", "dcr"]
PairMethod = Literal["abx", "ab"]

#: Words of the categories 1 to 5: ITU-T P.800, annexes B and D.
CATEGORY_WORDS: dict[VoteMethod, tuple[str, ...]] = {
    "acr": ("Bad", "Poor", "Fair", "Good", "Excellent"),
    "dcr": ("Very annoying", "Annoying", "Slightly annoying", "Audible, not annoying", "Inaudible"),
}
METHOD_NAMES = {
    "acr": "Absolute category rating (ACR)",
    "dcr": "Degradation category rating (DCR)",
    "abx": "ABX: can the two be told apart?",
    "ab": "AB: which is preferred?",
}


@dataclass(frozen=True)
class CategorySection:
    """ACR or DCR: conditions from the best mean to the worst.

    Attributes:
        odds: each condition against ``baseline`` by the ordinal model, or why there are none.
    """

    method: VoteMethod
    n_listeners: int
    n_items: int
    summaries: tuple[tuple[str, AcrSummary], ...]
    baseline: str
    odds: Sequence[OddsComparison] | str


@dataclass(frozen=True)
class PairResult:
    """ABX or AB of one pair of conditions.

    Attributes:
        answers: correct ones (ABX) or those for ``first`` (AB); exact binomial, as if all were independent.
        listeners: the same with the listener as the unit.
        p: the exact binomial's where each listener answered once, else that over listeners.
        p_adjusted: corrected for all pairs (Holm).
    """

    first: str
    second: str
    n_listeners: int
    answers: BinomialResult
    listeners: ListenerShares
    p: float
    p_adjusted: float


@dataclass(frozen=True)
class PairSection:
    """All pairs of an ABX or AB test."""

    method: PairMethod
    n_listeners: int
    n_items: int
    pairs: tuple[PairResult, ...]


@dataclass(frozen=True, eq=False)
class JudgementAnalysis:
    """A section for each method that the judgements hold."""

    judgements: Sequence[Judgement]
    sections: tuple[CategorySection | PairSection, ...]

    @property
    def is_simulated(self) -> bool:
        """At least one judgement was made by a model."""
        return any(own.is_simulated for own in self.judgements)


def analyse(judgements: Sequence[Judgement], baseline: str | None = None) -> JudgementAnalysis:
    """Statistics of each method; training does not count.

    Args:
        judgements: checked ones, as `read_judgements` gives them.
        baseline: condition that the others are compared with in ACR and DCR; the one with the best mean without.

    Raises:
        SettingError: nothing but training, or an unknown baseline.
    """
    counted = [own for own in judgements if not own.is_training]
    if not counted:
        raise SettingError("all judgements are of the training, which does not count")
    graded = {own.condition_a for own in counted} | {own.condition_b for own in counted if own.method in ("abx", "ab")}
    if baseline is not None and baseline not in graded:
        raise unknown_name("condition", baseline, sorted(graded))
    sections: list[CategorySection | PairSection] = []
    for method in METHODS:
        own = [entry for entry in counted if entry.method == method]
        if own and (method == "acr" or method == "dcr"):
            sections.append(_categories(method, own, baseline))
        elif own and (method == "abx" or method == "ab"):
            sections.append(_pairs(method, own))
    return JudgementAnalysis(counted, tuple(sections))


def _categories(method: VoteMethod, judgements: Sequence[Judgement], baseline: str | None) -> CategorySection:
    votes = [Vote(own.listener, own.item, own.condition_a, int(own.answer)) for own in judgements]
    by_condition: dict[str, dict[str, list[int]]] = defaultdict(lambda: defaultdict(list))
    for vote in votes:
        by_condition[vote.condition][vote.listener].append(vote.category)
    summaries = {condition: acr(list(own.values())) for condition, own in by_condition.items()}
    ordered = sorted(summaries.items(), key=lambda entry: -(entry[1].mos.mean or 0.0))
    reference = baseline if baseline in summaries else ordered[0][0]
    odds: Sequence[OddsComparison] | str
    try:
        odds = compare_votes(votes, reference)
    except NotComputableError as error:
        odds = str(error)
    n_listeners, n_items = (len({getattr(vote, name) for vote in votes}) for name in ("listener", "item"))
    return CategorySection(method, n_listeners, n_items, tuple(ordered), reference, odds)


def _pairs(method: PairMethod, judgements: Sequence[Judgement]) -> PairSection:
    found: dict[tuple[str, str], dict[str, list[bool]]] = defaultdict(lambda: defaultdict(list))
    for own in judgements:
        first, second = sorted((own.condition_a, own.condition_b))
        found[first, second][own.listener].append(_is_success(own, first))
    results = []
    for (first, second), by_listener in found.items():
        successes = [sum(answers) for answers in by_listener.values()]
        totals = [len(answers) for answers in by_listener.values()]
        answers = (abx if method == "abx" else ab)(sum(successes), sum(totals))
        listeners = preference_over_listeners(successes, totals)
        p = answers.p if max(totals) == 1 else listeners.p
        results.append(PairResult(first, second, len(totals), answers, listeners, p, p))
    p_adjusted = adjust([result.p for result in results])
    n_listeners, n_items = (len({getattr(own, name) for own in judgements}) for name in ("listener", "item"))
    pairs = tuple(replace(result, p_adjusted=float(p)) for result, p in zip(results, p_adjusted, strict=True))
    return PairSection(method, n_listeners, n_items, pairs)


def _is_success(own: Judgement, first: str) -> bool:
    """Correct in ABX, or for ``first`` in AB."""
    return bool(own.is_correct) if own.method == "abx" else own.answer == first

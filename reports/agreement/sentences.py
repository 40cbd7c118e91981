"""What the page says in words of scores against grades."""

from __future__ import annotations

from reports.agreement.analysis import Agreement, CategoryTrust
from reports.listening_report.sentences import count
from reports.statistics.agreement import N_RESAMPLES, Correlation
from reports.statistics.bootstrap import MIN_CLIPS
from reports.views import DASH

#: With fewer systems a correlation between systems is an anecdote.
FEW_SYSTEMS = 8


def number(value: float | None) -> str:
    """A correlation with a real minus sign."""
    return DASH if value is None else f"{value:.2f}".replace("-", "−")


def interval(low: float | None, high: float | None) -> str:
    """Both ends, or nothing."""
    return "" if low is None or high is None else f"[{number(low)}, {number(high)}]"


def correlation(found: Correlation) -> str:
    """Value and interval."""
    return f"{number(found.value)} {interval(found.low, found.high)}".strip()


def headline(agreement: Agreement) -> str:
    """What was compared."""
    matched = agreement.matched
    return (
        f"{count(len(agreement.metrics), 'metric')} against the grades of {count(len(matched.grades), 'listener')} on "
        f"{count(len(matched.items), 'item')} and {count(len(matched.conditions), 'condition')}."
    )


def trust(agreement: Agreement, own: CategoryTrust) -> str:
    """Which metric to trust on a category, in a sentence."""
    name = own.category.capitalize()
    if own.best is None:
        return f"{name}: no metric has a correlation."
    labels = [metric.label for metric in agreement.metrics]
    text = f"{name}: {labels[own.best]} follows the listeners best, {correlation(own.correlations[own.best])}"
    if own.n_items < MIN_CLIPS:
        return f"{text}, on {count(own.n_items, 'item')}: too few to tell it from the others."
    if own.tied:
        return f"{text}; not told apart from it: {', '.join(labels[place] for place in own.tied)}."
    return f"{text}; the others that can be compared follow them less." if len(labels) > 1 else f"{text}."


def cautions(agreement: Agreement) -> list[str]:
    """What a reader must know before trusting a metric."""
    matched = agreement.matched
    found = []
    n_items, n_systems = len(matched.items), int(matched.is_system.sum())
    if n_items < MIN_CLIPS:
        found.append(f"With {count(n_items, 'item')} there are no intervals; {MIN_CLIPS} are the least for one.")
    if n_systems < FEW_SYSTEMS:
        found.append(
            f"{count(n_systems, 'system')} are few: correlations between systems speak of these alone, and not of "
            "other codecs."
        )
    if "reference" in matched.roles or n_systems < len(matched.roles):
        found.append(
            "Hidden reference and anchors are easy to rank, so that they raise every correlation; the table of systems "
            "alone leaves them out."
        )
    gaps = [
        f"{metric.label} ({missing} of {scores.size})"
        for metric, scores in matched.scores.items()
        if (missing := int((scores != scores).sum()))
    ]
    if gaps:
        found.append(f"Without a score, and left out pair by pair: {'; '.join(gaps)}.")
    if matched.left_out:
        found.append(f"In the ratings alone: {'; '.join(matched.left_out)}.")
    return found


def methods(agreement: Agreement) -> str:
    """A paragraph for a paper."""
    matched = agreement.matched
    labels = ", ".join(metric.label for metric in agreement.metrics)
    text = (
        f"Scores of {labels} were compared with the mean grades of {count(len(matched.grades), 'listener')} after "
        f"post-screening, over {count(len(matched.items), 'item')} and {count(len(matched.conditions), 'condition')}: "
        "Pearson's and Spearman's correlations for each item and condition and for the means of each condition over "
        "items, and Kendall's tau-b of the conditions within each item. Metrics whose low values are good were turned "
        "round. Intervals are expanded percentile intervals over "
        f"{N_RESAMPLES:,} resamples of both items and listeners. The error is the root mean square difference between "
        "mean grades and those predicted by a monotone third-order polynomial (as ITU-T P.1401 asks for), fitted "
        "without the item, or between systems without the condition, that it predicts."
    )
    if agreement.pairs:
        text += (
            " Differences between metrics were tested on the same resamples (Student's t with the bootstrap's standard "
            f"error and one degree of freedom less than items), corrected after Holm for "
            f"{count(len(agreement.pairs), 'pair')}."
        )
    return text

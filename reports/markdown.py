"""A comparison of two sweeps as a few lines of Markdown, fit for the comment on a pull request."""

from __future__ import annotations

from collections.abc import Iterator

from reports.comparison import ALPHA, Change, Comparison
from reports.sentences import count, listed

#: More changes than this are not listed one by one.
MAX_LISTED = 20


def headline(comparison: Comparison) -> str:
    """What changed, in one sentence."""
    n_better, n_worse = comparison.count("better"), comparison.count("worse")
    n_other = comparison.count("changed")
    if comparison.n_tested == 0:
        n_identical = comparison.count("identical")
        if n_identical == len(comparison.changes) and n_identical:
            return f"All {n_identical} means are identical, clip by clip."
        return "Nothing could be tested: too few clips in common."
    parts = [f"{n} {word}" for n, word in ((n_better, "better"), (n_worse, "worse"), (n_other, "changed")) if n]
    found = listed(parts) if parts else "no change found"
    return (
        f"{found[0].upper()}{found[1:]}, of {count(comparison.n_tested, 'test')} on "
        f"{count(comparison.n_clips, 'clip')} (paired tests, Holm-corrected, {ALPHA:g})."
    )


def summary(comparison: Comparison) -> str:
    """The comparison in Markdown: the headline, significant changes, rates, and what was left out."""
    return "\n".join(_lines(comparison)) + "\n"


def _lines(comparison: Comparison) -> Iterator[str]:
    before, after = (escaped(name) for name in comparison.names)
    yield f"### Codec comparison: {after} against {before}"
    yield ""
    yield headline(comparison)
    found = [change for change in comparison.changes if change.verdict in ("worse", "changed", "better")]
    found.sort(key=lambda change: (("worse", "changed", "better").index(change.verdict), change.p_holm or 0.0))
    if found:
        yield ""
        yield f"| condition | metric | {before} | {after} | difference | p (Holm) | verdict |"
        yield "|---|---|--:|--:|--:|--:|---|"
        yield from (_row(change) for change in found[:MAX_LISTED])
        if len(found) > MAX_LISTED:
            yield ""
            yield f"… and {len(found) - MAX_LISTED} more, in the page."
    notes = list(_notes(comparison))
    if notes:
        yield ""
        yield from (f"- {note}" for note in notes)


def _row(change: Change) -> str:
    metric = change.metric
    interval = ""
    if change.low is not None and change.high is not None:
        interval = f" [{metric.text(change.low)}, {metric.text(change.high)}]"
    p = "" if change.p_holm is None else p_text(change.p_holm)
    verdict = f"**{change.verdict}**" if change.verdict == "worse" else change.verdict
    sign = "+" if change.difference > 0 else ""
    cells = (
        escaped(change.label),
        escaped(metric.label) + (f" ({metric.direction})" if metric.direction else ""),
        metric.text(change.before),
        metric.text(change.after),
        f"{sign}{metric.text(change.difference)}{interval}",
        p,
        verdict,
    )
    return f"| {' | '.join(cells)} |"


def p_text(p: float) -> str:
    """A p value with as many digits as it is worth."""
    return "< 0.001" if p < 0.001 else f"{p:.3f}"


def _notes(comparison: Comparison) -> Iterator[str]:
    for cost in comparison.costs:
        earlier, later = cost.kbps
        if abs(later - earlier) > 0.005 * earlier:
            percent = f"{100 * (later / earlier - 1):+.1f} %"
            yield f"bit rate of {escaped(cost.label)}: {earlier:.3f} to {later:.3f} kbit/s ({percent})"
    for cost in comparison.costs:
        if cost.n_failed[0] != cost.n_failed[1]:
            yield f"failed clips of {escaped(cost.label)}: {cost.n_failed[0]} before, {cost.n_failed[1]} now"
    n_few = comparison.count("too few clips", "nothing in common")
    if n_few:
        yield f"{count(n_few, 'mean')} not tested for lack of clips in common"
    n_identical = comparison.count("identical")
    if n_identical:
        yield f"{count(n_identical, 'mean')} identical, clip by clip"
    for label, reason in comparison.left_out_metrics:
        yield f"{escaped(label)} not compared: {escaped(reason)}"
    if comparison.changed_clips:
        n = len(comparison.changed_clips)
        named = escaped(", ".join(comparison.changed_clips[:5]))
        yield f"{count(n, 'clip')} left out, whose recordings differ: {named}"
    for n, which in ((comparison.clips_only_before, "earlier"), (comparison.clips_only_after, "later")):
        if n:
            yield f"{count(n, 'clip')} only in the {which} run"
    for labels, which in ((comparison.only_before, "earlier"), (comparison.only_after, "later")):
        if labels:
            yield f"only in the {which} run: {escaped(listed(labels))}"


def escaped(text: str) -> str:
    """Text that came from outside, so that it neither ends a cell nor becomes markup."""
    for letter in "\\`*_[]<>|":
        text = text.replace(letter, f"\\{letter}" if letter not in "<>" else {"<": "&lt;", ">": "&gt;"}[letter])
    return text.replace("\n", " ")

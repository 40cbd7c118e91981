"""What the page says in words: the first lines, what to read with care, and a methods paragraph for a paper."""

from __future__ import annotations

from listening_test.screening import SCORE_LIMIT
from reports.listening_report.analysis import Analysis
from reports.listening_report.study_info import StudyInfo
from reports.statistics.anova import N_PERMUTATIONS
from reports.statistics.assumptions import BIMODALITY_LIMIT, SKEWNESS_TO_NOTE
from reports.statistics.bootstrap import MIN_CLIPS, N_RESAMPLES
from reports.statistics.nonparametric import ALPHA, MAX_EXACT_LISTENERS, N_SIGN_FLIPS

SIMULATED = (
    "These ratings were made by a model and not by people. They plan or try out a test; they say nothing about how the "
    "systems sound."
)

CAPTION_MARK = "Simulated ratings. "


def p_text(p: float) -> str:
    """A p value as papers write it."""
    if p < 0.001:
        return "< 0.001"
    return f"{p:.3f}" if p < 0.1 else f"{p:.2f}"


def count(n: int, singular: str, plural: str | None = None) -> str:
    """``1 listener``, ``2 listeners``."""
    return f"{n} {singular if n == 1 else plural or singular + 's'}"


def headline(analysis: Analysis) -> str:
    """What was compared, by whom, and what came out."""
    n = len(analysis.cube.listeners)
    excluded = len(analysis.screening.excluded)
    text = (
        f"{count(len(analysis.systems), 'system')} on {count(len(analysis.cube.items), 'item')}, graded by "
        f"{count(n, 'listener')}" + (f" ({excluded} more excluded by post-screening)" if excluded else "") + ". "
    )
    means = {summary.condition: summary.mean for summary in analysis.summaries}
    if analysis.systems:
        best = analysis.systems[0]
        text += f"The best system is {best} with a mean of {means[best]:.1f} points. "
    significant = sum(contrast.pair.p_adjusted < ALPHA for contrast in analysis.contrasts)
    if analysis.contrasts and analysis.is_planned:
        text += f"{significant} of {count(len(analysis.contrasts), 'system')} differ from {analysis.baseline}."
    elif analysis.contrasts:
        text += f"{significant} of {count(len(analysis.contrasts), 'pair')} of systems differ."
    return text


def cautions(analysis: Analysis) -> list[str]:
    """What a reader must know before believing the figures."""
    found = []
    n = len(analysis.cube.listeners)
    if n < MIN_CLIPS:
        found.append(f"With {count(n, 'listener')} there are no intervals; {MIN_CLIPS} are the least for one.")
    if n < 6:
        found.append("With fewer than 6 listeners no difference, however large, can be significant at 0.05.")
    if len(analysis.cube.items) == 1:
        found.append("There is one item: nothing here can be said of other material.")
    n_incomplete = analysis.cube.n_incomplete_trials
    if n_incomplete:
        found.append(f"{count(n_incomplete, 'trial')} without all conditions graded are left out of all figures.")
    lost = [
        item for item in dict.fromkeys(rating.item for rating in analysis.ratings) if item not in analysis.cube.items
    ]
    if lost:
        found.append(f"No trial with all conditions, hence not in the figures: {', '.join(lost)}.")
    if not analysis.screening.has_reference:
        found.append("There is no hidden reference: the first rule of post-screening could not be applied.")
    if not analysis.screening.has_mid_anchor:
        found.append("There is no mid anchor: the second rule of post-screening could not be applied.")
    if not analysis.is_planned and len(analysis.contrasts) > 1:
        found.append(
            "No baseline was named, so that all pairs of systems are compared, with less power than a few planned "
            "contrasts would have."
        )
    if analysis.outlying:
        found.append(
            f"{count(len(analysis.outlying), 'grade')} lie beyond the whiskers of item and condition. All are kept: "
            "the standard lets one be removed only when an error is shown."
        )
    if not isinstance(analysis.residuals, str) and abs(analysis.residuals.skewness) > SKEWNESS_TO_NOTE:
        found.append(
            f"The residuals have a skewness of {analysis.residuals.skewness:.2f}: read the analysis of variance with "
            "reserve, and the other tests in its place."
        )
    two_modes = [name for name in analysis.systems if (analysis.bimodality[name] or 0) > BIMODALITY_LIMIT]
    if two_modes:
        found.append(f"Scores may have two modes, so that a mean misleads: {', '.join(two_modes)}.")
    if any(rating.is_simulated for rating in analysis.ratings) and not all(
        rating.is_simulated for rating in analysis.ratings
    ):
        found.append("Simulated and real ratings are mixed.")
    return found


def methods(analysis: Analysis, info: StudyInfo, name: str) -> str:
    """A paragraph for a paper."""
    n_all, n = len(analysis.screening.listeners), len(analysis.cube.listeners)
    flips = (
        "exact over all sign patterns" if n <= MAX_EXACT_LISTENERS else f"with {N_SIGN_FLIPS:,} random sign patterns"
    )
    excluded = len(analysis.screening.excluded)
    who = "model listeners (simulated ratings)" if analysis.is_simulated else "listeners"
    parts = [
        f"{name}. {n_all} {who} graded {count(len(analysis.systems), 'system')}"
        f"{', the hidden reference' if analysis.reference else ''} and "
        f"{count(sum('anchor' in role for role in analysis.roles.values()), 'anchor')} on "
        f"{count(len(analysis.cube.items), 'item')}, on the continuous quality scale from 0 to 100.",
        f"Listening was over {info.transducers}." if info.transducers else "",
        f"After post-screening as in ITU-R BS.1534-3 (hidden reference below {SCORE_LIMIT:g}, or mid anchor above "
        f"{SCORE_LIMIT:g}, on more than 15 % of the items; items whose mid anchor more than 25 % of the assessors "
        f"graded above {SCORE_LIMIT:g} not counted for the latter) {excluded} of {n_all} were excluded.",
        f"Scores were averaged over items within each listener; means have 95 % bootstrap intervals over listeners "
        f"({N_RESAMPLES:,} resamples, expanded percentiles).",
        f"Differences were tested by the two-sided sign-flip permutation test on per-listener differences ({flips}), "
        f"corrected after Holm at {ALPHA}; the effect size is the matched-pairs rank-biserial correlation.",
        "Claims on new material rest on a linear mixed model of the differences with crossed random effects of "
        "listener and item, and Satterthwaite's degrees of freedom.",
        f"The permutation test of the standard (Attachment 3, {N_PERMUTATIONS:,} permutations) is given beside it.",
    ]
    return " ".join(part for part in parts if part)

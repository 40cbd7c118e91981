"""Statistics as a plain library: tables in, results out. It knows no files, no figures and no pages.

`cube` is the table of a listening test; `bootstrap` intervals of means; `descriptive` medians, quartiles and means;
`nonparametric` Friedman, Wilcoxon and sign flips; `contrasts` planned contrasts before all pairs, with `effects`;
`equivalence` with a margin; `mixed` claims on new material; `anova` and the standard's own tests, with their
assumptions; `reliability`, `preference` (ABX, AB, ACR) and `power`.
"""

from reports.statistics.bootstrap import (
    CONFIDENCE,
    MIN_CLIPS,
    N_RESAMPLES,
    MeanInterval,
    expanded_tail,
    mean_interval,
    paired_difference,
)

__all__ = [
    "CONFIDENCE",
    "MIN_CLIPS",
    "N_RESAMPLES",
    "MeanInterval",
    "expanded_tail",
    "mean_interval",
    "paired_difference",
]

"""Made-up judgements by all four methods, for the tests and for a look at the page.

Look at it: ``python -m tests.reports.judgement_report.fake_judgements JUDGEMENTS.csv``, then
``flowmac report --ratings JUDGEMENTS.csv -o page.html``.
"""

from __future__ import annotations

import itertools
import sys
from pathlib import Path

import numpy as np

from listening_test.judgements import Judgement, write_judgements

LEVELS = {"Hidden reference": 4.6, "FlowMAC 3 kbit/s": 3.6, "EnCodec 3 kbit/s": 2.7, "Opus 6 kbit/s": 1.9}
ITEMS = ("speech_a", "speech_b", "music_a")


def fake_judgements(n_listeners: int = 12, *, is_simulated: bool = True) -> list[Judgement]:
    """Votes around `LEVELS`, and answers that prefer and tell apart what lies further apart."""
    rng = np.random.default_rng(3)
    found = []
    names = list(LEVELS)
    for number in range(n_listeners):
        listener = f"P{number + 1:02}"
        taste = rng.normal(0, 0.3)
        for item in ITEMS:
            category = item.split("_")[0]
            for name, level in LEVELS.items():
                for method in ("acr", "dcr"):
                    vote = int(np.clip(round(level + taste + rng.normal(0, 0.7)), 1, 5))
                    reference = "Hidden reference" if method == "dcr" else ""
                    graded = (listener, method, item, category, name, reference, str(vote))
                    found.append(Judgement(*graded, is_simulated=is_simulated))  # type: ignore[arg-type]
            for first, second in itertools.pairwise(names[1:]):
                x = str(rng.choice([first, second]))
                other = second if x == first else first
                heard = x if rng.random() < 0.85 else other
                preferred = first if rng.random() < 0.8 else second
                pair = (listener, "ab", item, category, second, first)
                found.append(Judgement(*pair, preferred, is_simulated=is_simulated))  # type: ignore[arg-type]
                found.append(
                    Judgement(
                        listener, "abx", item, category, first, second, heard, is_correct=heard == x,
                        condition_x=x, is_simulated=is_simulated,
                    )
                )  # fmt: skip
    return found


if __name__ == "__main__":
    write_judgements(Path(sys.argv[1]), fake_judgements())

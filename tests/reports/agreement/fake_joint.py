"""Made-up ratings of the made-up run's audio, for the tests and for a look at the page.

Look at it: ``python -m tests.reports.agreement.fake_joint FOLDER``, then
``flowmac report FOLDER/run --ratings FOLDER/ratings.csv -o joint.html``.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

from listening_test.ratings import Rating, Role, write_ratings
from tests.reports.fake_run import CLIPS, fake_conditions, write_run_with_audio

ROLES: dict[str, Role] = {"3.5 kHz anchor": "low_anchor", "7 kHz anchor": "mid_anchor", "Hidden reference": "reference"}
GRADED = (
    *("FlowMAC 0.75 kbit/s, NFE 4", "FlowMAC 1.5 kbit/s, NFE 4", "FlowMAC 3 kbit/s, NFE 4", "FlowMAC 3 kbit/s, NFE 1"),
    *("Opus 6 kbit/s", "Opus 8 kbit/s", "Opus 12 kbit/s", *ROLES),
)


def joint_ratings(n_listeners: int = 12, n_items: int = len(CLIPS), *, is_simulated: bool = False) -> list[Rating]:
    """Grades that follow the run's quality, with tastes and noise, of some conditions on the first clips."""
    rng = np.random.default_rng(7)
    quality = {own.label: own.quality for own in fake_conditions()}
    item_levels = {item: rng.normal(0, 4) for item, _ in CLIPS}
    ratings = []
    for number in range(n_listeners):
        tastes = {label: rng.normal(0, 4) for label in GRADED}
        for item, category in CLIPS[:n_items]:
            for label in GRADED:
                role = ROLES.get(label, "system")
                level = 99.0 if role == "reference" else 100 * quality[label] + item_levels[item] + tastes[label]
                score = float(np.clip(np.round(level + rng.normal(0, 7)), 0, 100))
                score = max(score, 90.0) if role == "reference" else score
                ratings.append(Rating(f"P{number + 1:02}", item, label, score, role, category, 0, is_simulated))
    return ratings


def main(folder: Path) -> None:
    """Write the run and the ratings, labelled as made up."""
    write_run_with_audio(folder / "run")
    write_ratings(folder / "ratings.csv", joint_ratings(is_simulated=True))


if __name__ == "__main__":
    main(Path(sys.argv[1]))

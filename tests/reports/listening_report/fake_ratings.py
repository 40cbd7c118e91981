"""Made-up ratings of a listening test, as imperfect as real ones, for the tests and for a look at the page.

Look at it: ``python -m tests.reports.listening_report.fake_ratings RATINGS.csv PAGE.html``.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

from listening_test.ratings import Rating, Role, write_ratings

#: Condition, role, level of its scores and spread of a rating.
CONDITIONS: tuple[tuple[str, Role, float, float], ...] = (
    ("Hidden reference", "reference", 99, 2.5),
    ("FlowMAC 3 kbit/s, NFE 4", "system", 68, 9),
    ("FlowMAC 3 kbit/s, NFE 1", "system", 61, 9),
    ("EnCodec 6 kbit/s", "system", 67, 10),
    ("EnCodec 3 kbit/s", "system", 52, 11),
    ("Opus 6 kbit/s", "system", 34, 11),
    ("7 kHz anchor", "mid_anchor", 58, 10),
    ("3.5 kHz anchor", "low_anchor", 22, 9),
)
ITEMS = (
    ("speech_de_f", "speech"),
    ("speech_en_m", "speech"),
    ("speech_fi_m", "speech"),
    ("music_guitar", "music"),
    ("music_strings", "music"),
    ("music_song", "music"),
    ("birds", "sounds"),
    ("wind", "sounds"),
)


def fake_ratings(
    n_listeners: int = 15,
    *,
    n_extra_systems: int = 0,
    n_extra_items: int = 0,
    is_simulated: bool = False,
    n_careless: int = 1,
    repeated_items: int = 2,
    seed: int = 4,
) -> list[Rating]:
    """Ratings with tastes, noise, ``n_careless`` listeners who miss references, and the first items rated twice."""
    rng = np.random.default_rng(seed)
    extra: list[tuple[str, Role, float, float]] = [
        (f"Other codec {number}", "system", 45.0 + 3 * number, 10.0) for number in range(n_extra_systems)
    ]
    conditions = [*CONDITIONS[:6], *extra, *CONDITIONS[6:]]
    items = [*ITEMS, *((f"more_{number}", "music") for number in range(n_extra_items))]
    item_levels = {item: rng.normal(0, 5) for item, _ in items}
    ratings = []
    for number in range(n_listeners):
        listener_level = rng.normal(0, 6)
        tastes = {condition: rng.normal(0, 4) for condition, *_ in conditions}
        is_careless = number < n_careless
        for repeat, chosen in enumerate((items, items[:repeated_items])):
            for item, category in chosen:
                for condition, role, level, sd in conditions:
                    moved = level + rng.normal(0, sd)
                    if role != "reference":
                        moved += listener_level + tastes[condition] + item_levels[item]
                    elif is_careless:
                        moved -= 15
                    score = float(np.clip(np.round(moved), 0, 100))
                    if role == "reference" and not is_careless:
                        score = max(score, 90.0)
                    ratings.append(
                        Rating(f"P{number + 1:02}", item, condition, score, role, category, repeat, is_simulated)
                    )
    return ratings


def main(ratings_path: Path, page_path: Path) -> None:
    """Write made-up ratings, labelled as such, and their page."""
    from reports.listening_report import Options, build_listening_page

    write_ratings(ratings_path, fake_ratings(is_simulated=True))
    page = build_listening_page(ratings_path, Options(baseline="EnCodec 6 kbit/s", margin=5.0, title="Made-up test"))
    page_path.write_text(page, encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))

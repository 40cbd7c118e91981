"""The methods paragraph says what the test's file and data say, and claims the standard only where it holds."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from listening_test.methods import Attendance, method_name, paragraph
from listening_test.ratings import Rating
from listening_test.screening import screen
from listening_test.study import Study

ROLES = {"ref": "reference", "a": "system", "b": "system", "lp7": "mid_anchor", "lp35": "low_anchor"}
NOBODY = Attendance(0, 0, 0)


def study(**changes: Any) -> Study:
    files = {name: f"stimuli/i/{name}.wav" for name in ROLES}
    plain = {
        "title": "T",
        "seed": 7,
        "sample_rate_hz": 48000,
        "conditions": [{"id": name, "label": name.upper(), "role": role} for name, role in ROLES.items()],
        "items": [{"id": "i", "category": "speech", "files": files}, {"id": "j", "category": "music", "files": files}],
        "training": [{"id": "t", "files": files}],
    }
    return Study.model_validate(plain | changes)


def test_the_standard_is_named_only_where_nothing_deviates() -> None:
    assert method_name(study()) == "MUSHRA (ITU-R BS.1534-3)"
    deviation = {"rule": "excerpt length", "found": "30 s", "reason": "slow music"}
    for own in (study(deviations=[deviation]), study(is_strict=False)):
        assert method_name(own) == "MUSHRA-like"
        assert "We ran a listening test by MUSHRA-like" in paragraph(own, NOBODY, None)
    assert "(excerpt length): 30 s (slow music)." in paragraph(study(deviations=[deviation]), NOBODY, None)


def test_counts_and_screening() -> None:
    ratings = [Rating(f"l{n}", "i", "ref", 50 if n == 0 else 100, "reference") for n in range(5)] + [
        Rating(f"l{n}", "i", "lp7", 40, "mid_anchor") for n in range(5)
    ]
    text = paragraph(study(), Attendance(6, 5, 50, 2, date(2026, 1, 1), date(2026, 1, 3)), screen(ratings))
    assert "2 systems (A and B) on 2 items (speech and music) at 48 kHz" in text
    assert "6 listeners began the test between 2026-01-01 and 2026-01-03, and 5 finished it (50 answers)" in text
    assert "1 of 5 listeners was excluded: 1 for grading the hidden reference" in text
    assert "2 simulated listeners, made by a model" in text
    assert "seed 7" in text


@pytest.mark.parametrize(
    ("method", "words"), [("ab", "3 pairs of conditions were"), ("acr", "P.800"), ("dcr", "P.800")]
)
def test_other_methods_have_their_words(method: str, words: str) -> None:
    text = paragraph(study(method=method), NOBODY, None)
    assert words in text
    assert "MUSHRA" not in text
    assert "BS.1534" not in text

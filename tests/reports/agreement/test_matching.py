"""Which name of the ratings is which of the sweep: by label, id, role or file of the study; else clear words."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from flowmac.errors import SettingError
from listening_test.ratings import Rating
from reports.agreement.matching import Matched, match
from reports.metric_info import metric_infos
from reports.statistics.cube import cube_of
from reports.tables import Tables, collect
from tests.reports.agreement.fake_joint import GRADED, joint_ratings
from tests.reports.fake_run import CLIPS, fake_rows

METRICS = metric_infos(["visqol_audio", "estoi", "log_mel"])


@pytest.fixture(scope="module")
def found() -> Tables:
    return collect(fake_rows())


def matched_with(
    found: Tables,
    ratings: list[Rating],
    items: dict[str, str | None] | None = None,
    conditions: dict[str, str | None] | None = None,
) -> Matched:
    roles = {rating.condition: rating.role for rating in ratings}
    return match(found, METRICS, cube_of(ratings), roles, items or {}, conditions or {})


def renamed(ratings: list[Rating], old: str, new: str) -> list[Rating]:
    return [
        dataclasses.replace(
            rating,
            condition=new if rating.condition == old else rating.condition,
            item=new if rating.item == old else rating.item,
        )
        for rating in ratings
    ]


RATINGS = joint_ratings(5)


def test_scores_and_grades_are_those_of_one_recording(found: Tables) -> None:
    matched = matched_with(found, RATINGS)
    assert set(matched.conditions) == set(GRADED)
    assert matched.left_out == ()
    by_key = {(row.label, row.clip.id): row for row in fake_rows()}
    metric = METRICS[0] if METRICS[0].name == "visqol_audio" else METRICS[1]
    for item, clip in enumerate(matched.items):
        for place, label in enumerate(matched.conditions):
            row = by_key[label, clip]
            value = row.scores[metric.name].value if row.status == "ok" else None
            score = matched.scores[metric][item, place]
            assert score == value or (value is None and np.isnan(score))
            own = [r.score for r in RATINGS if r.item == clip and r.condition == label]
            assert matched.grades[:, item, place].mean() == pytest.approx(np.mean(own))
    assert dict(zip(matched.items, matched.categories, strict=True)) == dict(CLIPS)


def test_an_id_serves_as_well_as_a_label(found: Tables) -> None:
    spec_id = next(own.spec_id for own in found.conditions if own.label == "Opus 6 kbit/s")
    matched = matched_with(found, renamed(RATINGS, "Opus 6 kbit/s", spec_id))
    assert matched.of_sweep[matched.conditions.index(spec_id)].label == "Opus 6 kbit/s"


def test_an_id_that_a_test_made_of_a_label_serves_too(found: Tables) -> None:
    matched = matched_with(found, renamed(RATINGS, "Opus 6 kbit/s", "opus-6-kbit-s"))
    assert matched.of_sweep[matched.conditions.index("opus-6-kbit-s")].label == "Opus 6 kbit/s"


def test_the_hidden_reference_is_known_by_its_role_and_own_anchors_may_be_absent(found: Tables) -> None:
    ratings = renamed(renamed(RATINGS, "Hidden reference", "reference"), "7 kHz anchor", "anchor70")
    matched = matched_with(found, ratings)
    assert matched.of_sweep[matched.conditions.index("reference")].role == "reference"
    assert matched.left_out == ("condition anchor70: not in the sweep",)
    named = matched_with(found, ratings, conditions={"anchor70": "7 kHz anchor"})
    assert named.left_out == ()


def test_other_names_are_told_from_both_sides_and_can_be_mapped(found: Tables) -> None:
    ratings = renamed(renamed(RATINGS, "Opus 6 kbit/s", "system A"), "speech_en_m", "english")
    with pytest.raises(SettingError, match=r"items of the ratings .*'english'.*The sweep has: 'mixed_in_rain'.*items:"):
        matched_with(found, ratings)
    items: dict[str, str | None] = {"english": "speech_en_m"}
    with pytest.raises(
        SettingError, match=r"conditions .*'system A'.*'Opus 6 kbit/s'.*'system A: <name in the sweep>'"
    ):
        matched_with(found, ratings, items)
    with pytest.raises(SettingError, match="given as Opus 7"):
        matched_with(found, ratings, items, {"system A": "Opus 7"})
    whole = matched_with(found, ratings, items, {"system A": "Opus 6 kbit/s"})
    assert len(whole.conditions) == len(GRADED)
    without = matched_with(found, ratings, items, {"system A": None})
    assert "system A" not in without.conditions
    assert without.left_out == ("condition system A: not in the sweep",)


def test_a_mapping_of_what_nobody_graded_and_two_names_for_one_are_refused(found: Tables) -> None:
    with pytest.raises(SettingError, match="names conditions that nobody graded: 'system B'"):
        matched_with(found, RATINGS, conditions={"system B": "Opus 6 kbit/s"})
    with pytest.raises(SettingError, match="are one condition of the sweep"):
        matched_with(found, RATINGS, conditions={"Opus 8 kbit/s": "Opus 6 kbit/s"})
    with pytest.raises(SettingError, match="no item of the ratings is left"):
        matched_with(found, RATINGS, items={item: None for item, _ in CLIPS})

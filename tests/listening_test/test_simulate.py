"""The model of a listener, and what is said when there is no server."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from flowmac.errors import SettingError
from listening_test.results import open_or_begin
from listening_test.simulate import Account, Behaviour, running, simulate
from listening_test.simulated_listener import SimulatedListener, made_up_qualities
from tests.listening_test.tiny_test import ROLES, write_tiny_test

QUALITIES = {"ref": 100.0, "sys_a": 80.0, "sys_b": 60.0, "lp7": 40.0, "lp35": 20.0}


def listeners(n: int, is_inattentive: bool = False) -> list[SimulatedListener]:
    return [SimulatedListener(QUALITIES, "ref", 1, number, is_inattentive) for number in range(n)]


def test_grades_follow_quality_and_one_is_100() -> None:
    items = [f"item {number}" for number in range(20)]
    grades = np.array([listener.scores(item, list(ROLES)) for listener in listeners(30) for item in items])
    assert (grades.max(axis=1) == 100).all()
    assert grades.min() >= 0
    # The ceiling and the floor push a little; items shift by 4 / sqrt(20), listeners by 7 / sqrt(30).
    assert np.abs(grades[:, 1:].mean(axis=0) - [80, 60, 40, 20]).max() < 5
    assert (np.diff(grades.mean(axis=0)) < 0).all()
    assert 0.9 < (grades[:, 0] == 100).mean() <= 1


def test_the_inattentive_grade_at_random() -> None:
    grades = np.array([listener.scores("i", list(ROLES)) for listener in listeners(200, is_inattentive=True)])
    assert np.ptp(grades.mean(axis=0)) < 12
    opinions = [listener.opinion("i", "lp35") for listener in listeners(200, is_inattentive=True)]
    assert set(opinions) == {1, 2, 3, 4, 5}


def test_pairs_are_told_apart_by_their_difference() -> None:
    near, far = SimulatedListener(QUALITIES | {"sys_a": 61.0}, None, 1, 1), listeners(1)[0]
    right = [np.mean([listener.heard_as("sys_a", "sys_b") == "sys_a" for _ in range(500)]) for listener in (near, far)]
    assert right[0] == pytest.approx(0.5 + 0.5 * (1 - np.exp(-0.1)), abs=0.07)
    assert right[1] == pytest.approx(0.5 + 0.5 * (1 - np.exp(-2)), abs=0.05)
    assert np.mean([listener.preferred("i", "sys_a", "lp35") == "sys_a" for listener in listeners(100)]) > 0.95


def test_made_up_qualities_follow_roles(tmp_path: Path) -> None:
    with open_or_begin(write_tiny_test(tmp_path)) as results:
        made = made_up_qualities(results.study.conditions, {"sys_b": 70.0})
    assert made == {"ref": 100, "sys_a": 45, "sys_b": 70, "lp7": 50, "lp35": 20}


def test_quantiles_are_nearest_ranks() -> None:
    account = Account(save_s=[float(n) for n in range(100, 0, -1)])
    assert (account.save_quantile_s(0.95), account.save_quantile_s(0.5)) == (95, 50)


def test_what_stops_a_simulation_is_said(tmp_path: Path) -> None:
    with open_or_begin(write_tiny_test(tmp_path)) as results:
        with pytest.raises(SettingError, match="flowmac listen serve"):
            simulate(results, 1, "http://127.0.0.1:9")
        with pytest.raises(SettingError, match="nonsense is no condition"):
            simulate(results, 1, "http://127.0.0.1:9", Behaviour(qualities={"nonsense": 1}))
        results.store.set_study_state(results.study_id, "paused")
        with running(results, tmp_path) as url, pytest.raises(SettingError, match="the test is paused"):
            simulate(results, 1, url)

"""What simulated listeners answered comes out of each export as it was stored: whole, marked, without the training."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import zipfile
from pathlib import Path

import pytest

from flowmac.errors import SettingError
from listening_test.export import archive, ratings_of, write_export
from listening_test.judgements import read_judgements
from listening_test.ratings import read_ratings
from listening_test.results import open_or_begin, open_results
from listening_test.simulate import Account, Behaviour, running, simulate
from tests.listening_test.tiny_test import ITEMS, ROLES, write_tiny_test


def simulated(test: Path, n_listeners: int = 3, behaviour: Behaviour | None = None) -> Account:
    with open_or_begin(test) as results, running(results, test) as url:
        return simulate(results, n_listeners, url, behaviour)


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_ratings_are_those_acknowledged_without_the_training(tmp_path: Path) -> None:
    test = write_tiny_test(tmp_path / "t", admin={"password_hash": "scrypt$secret"}, design={"n_repeats": 1})
    account = simulated(test)
    with open_results(test) as results:
        written = write_export(results, tmp_path / "out", with_parquet=True)
        stored = {row.stimulus.id: row.answer.value for row in results.store.judged(results.study_id)}
        tokens = [row.token for row in results.store.participants(results.study_id)]
    assert stored == account.acknowledged
    ratings = read_ratings(tmp_path / "out" / "ratings.csv")
    assert len(ratings) == 3 * (len(ITEMS) + 1) * len(ROLES)
    assert all(rating.is_simulated and rating.item != "warm_up" for rating in ratings)
    assert {rating.condition: rating.role for rating in ratings} == ROLES
    assert sum(rating.repeat for rating in ratings) == 3 * len(ROLES)
    assert ratings_of(test) == ratings_of(test / "results.sqlite") == ratings
    manifest = json.loads((tmp_path / "out" / "manifest.json").read_text())
    for name, facts in manifest["files"].items():
        data = (tmp_path / "out" / name).read_bytes()
        assert (hashlib.sha256(data).hexdigest(), len(data)) == (facts["sha256"], facts["n_bytes"])
        assert not any(token.encode() in data for token in tokens)
    assert set(manifest["files"]) | {"manifest.json"} == {path.name for path in written}
    assert (manifest["n_started"], manifest["n_simulated"]) == (0, 3)
    assert "secret" not in (tmp_path / "out" / "study.yaml").read_text()


def test_parquet_and_csv_hold_the_same(tmp_path: Path) -> None:
    import pandas as pd

    test = write_tiny_test(tmp_path / "t")
    simulated(test, 1)
    with open_results(test) as results:
        write_export(results, tmp_path / "out", with_parquet=True)
    table = pd.read_parquet(tmp_path / "out" / "ratings.parquet")
    ratings = read_ratings(tmp_path / "out" / "ratings.csv")
    assert table["score"].tolist() == [rating.score for rating in ratings]
    assert table["condition"].tolist() == [rating.condition for rating in ratings]


def test_webmushras_form_is_read_back(tmp_path: Path) -> None:
    test = write_tiny_test(tmp_path / "t", design={"n_repeats": 1})
    simulated(test, 2)
    with open_results(test) as results:
        write_export(results, tmp_path / "out")
    ours = read_ratings(tmp_path / "out" / "ratings.csv")
    theirs = read_ratings(tmp_path / "out" / "webmushra.csv")
    assert [rating.score for rating in ours] == [rating.score for rating in theirs]
    assert [rating.role for rating in ours] == [rating.role for rating in theirs]
    rows = rows_of(tmp_path / "out" / "webmushra.csv")
    assert all(row["session_uuid"].startswith("simulated L") and int(row["rating_time"]) >= 0 for row in rows)
    assert {row["rating_stimulus"] for row in rows} == {"reference", "anchor35", "anchor70", "sys_a", "sys_b"}


@pytest.mark.parametrize(("method", "n_trials"), [("ab", 12), ("abx", 12), ("acr", 20), ("dcr", None)])
def test_judgements_of_the_other_methods(tmp_path: Path, method: str, n_trials: int | None) -> None:
    test = write_tiny_test(tmp_path / "t", method)
    simulated(test, 2, Behaviour(share_inattentive=0))
    with open_results(test) as results:
        write_export(results, tmp_path / "out")
    judgements = read_judgements(tmp_path / "out" / "judgements.csv")
    assert {judgement.method for judgement in judgements} == {method}
    assert all(judgement.is_simulated and judgement.item in ITEMS for judgement in judgements)
    if n_trials is not None:
        assert len(judgements) == 2 * n_trials
    assert {judgement.condition_b for judgement in judgements} >= {"acr": {""}, "dcr": {"ref"}}.get(method, set())
    if method == "abx":
        assert sum(judgement.is_correct is True for judgement in judgements) > len(judgements) / 2
    with pytest.raises(SettingError, match="has judgements and no ratings"):
        ratings_of(test)


def test_orders_and_events_are_complete(tmp_path: Path) -> None:
    test = write_tiny_test(tmp_path / "t")
    account = simulated(test, 2)
    with open_results(test) as results:
        write_export(results, tmp_path / "out")
    trials, events = rows_of(tmp_path / "out" / "trials.csv"), rows_of(tmp_path / "out" / "events.csv")
    graded = [row for row in trials if row["is_graded"] == "true"]
    assert len(graded) == 2 * 5 * len(ROLES) == len(account.acknowledged)
    assert all(row["answer"] for row in graded)
    assert sum(row["kind"] == "training" for row in graded) == 2 * len(ROLES)
    assert len(events) == len(account.save_s)
    assert {row["name"] for row in events} == {"play", "switch", "answer"}


def test_unfinished_listeners_come_only_when_asked_for(tmp_path: Path) -> None:
    test = write_tiny_test(tmp_path / "t")
    simulated(test, 1)
    with open_results(test) as results:
        (only,) = results.store.participants(results.study_id)
        results.store.update_participant(only.id, finished_at=None)
        assert (results.ratings(), len(results.ratings(with_unfinished=True))) == ([], len(ITEMS) * len(ROLES))
    with pytest.raises(SettingError, match="no listener has finished"):
        ratings_of(test)


def test_nothing_is_overwritten_unasked(tmp_path: Path) -> None:
    test = write_tiny_test(tmp_path / "t")
    with open_or_begin(test) as results:
        write_export(results, tmp_path / "out")
        with pytest.raises(SettingError, match="--force"):
            write_export(results, tmp_path / "out")
        write_export(results, tmp_path / "out", force=True)
        with zipfile.ZipFile(io.BytesIO(archive(results))) as zipped:
            assert set(zipped.namelist()) == {path.name for path in (tmp_path / "out").iterdir()}


def test_which_study_is_meant_must_be_clear(tmp_path: Path) -> None:
    first, second = write_tiny_test(tmp_path / "a"), write_tiny_test(tmp_path / "b", seed=6)
    db = str(tmp_path / "both.sqlite")
    with open_or_begin(first, db), open_or_begin(second, db):
        pass
    with pytest.raises(SettingError, match="holds 2 studies"), open_results(None, db):
        pass
    with open_results(second, db) as results:
        assert results.study.seed == 6
    with pytest.raises(SettingError, match="no such database"), open_results(first):
        pass
    with (
        pytest.raises(SettingError, match="holds nothing of"),
        open_results(write_tiny_test(tmp_path / "c", seed=7), db),
    ):
        pass

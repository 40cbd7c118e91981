"""What changed between two runs: matching, tests, verdicts, and the forms that say so."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from benchmarks.results import Failure, Row, Score
from flowmac.errors import SettingError
from reports import comparison_page, markdown
from reports.comparison import Comparison, compare, paired_p
from reports.statistics.nonparametric import adjust
from reports.tables import collect
from tests.reports.fake_run import write_run

NAMES = ("old", "new")
CHANGED = "FlowMAC 3 kbit/s, NFE 4"
METRICS = ("visqol_audio", "log_mel", "estoi", "pesq_wb")


def shifted(row: Row, metric: str, shift: float, noise: float = 0.02) -> Row:
    """A row with another value of one metric, a little different for each clip."""
    score = row.scores.get(metric)
    if score is None or score.value is None:
        return row
    rng = np.random.default_rng(int(row.clip.sha256[:8], 16))
    value = score.value + shift + float(rng.normal(0, noise))
    return replace(row, scores={**row.scores, metric: replace(score, value=value)})


def changed(rows: list[Row], change: Callable[[Row], Row], label: str = CHANGED) -> list[Row]:
    return [change(row) if row.label == label else row for row in rows]


def comparison(before: list[Row], after: list[Row]) -> Comparison:
    return compare(collect(before), collect(after), NAMES)


def test_equal_runs_are_identical_and_nothing_is_tested(rows: list[Row]) -> None:
    found = comparison(rows, rows)
    assert {change.verdict for change in found.changes} == {"identical"}
    assert found.n_tested == 0
    assert found.differing == ()
    assert markdown.headline(found) == f"All {16 * 4} means are identical, clip by clip."


@pytest.mark.parametrize(
    ("metric", "shift", "verdict"),
    [
        ("visqol_audio", 0.2, "better"),
        ("visqol_audio", -0.2, "worse"),
        ("log_mel", 0.2, "worse"),
        ("log_mel", -0.2, "better"),
        ("visqol_audio", 0.0, "no change found"),
    ],
)
def test_a_change_is_found_with_its_direction(rows: list[Row], metric: str, shift: float, verdict: str) -> None:
    found = comparison(rows, changed(rows, lambda row: shifted(row, metric, shift)))
    one = next(change for change in found.changes if change.label == CHANGED and change.metric.name == metric)
    assert one.verdict == verdict
    assert one.n == 14
    assert one.difference == pytest.approx(shift, abs=0.02)
    assert one.after - one.before == pytest.approx(one.difference)
    assert found.n_tested == 1
    others = [change for change in found.changes if change is not one]
    assert all(change.verdict == "identical" for change in others)


def test_p_values_are_those_of_an_independent_implementation_corrected_by_holm(rows: list[Row]) -> None:
    after = [shifted(row, "visqol_audio", 0.01, 0.03) if row.codec == "flowmac" else row for row in rows]
    found = comparison(rows, after)
    tested = [change for change in found.changes if change.p is not None]
    assert len(tested) == 9
    values = [{(row.label, row.clip.id): row.scores.get("visqol_audio") for row in run} for run in (rows, after)]
    for change in tested:
        keys = [key for key in values[0] if key[0] == change.label and values[0][key] is not None]
        differences = np.array([values[1][key].value - values[0][key].value for key in keys])  # type: ignore[union-attr, operator]
        expected = stats.permutation_test(
            (differences,), np.mean, permutation_type="samples", n_resamples=np.inf, alternative="two-sided"
        )
        assert change.p == pytest.approx(expected.pvalue, abs=1e-9)
    assert [change.p_holm for change in tested] == pytest.approx(adjust([change.p or 0 for change in tested]).tolist())


def test_the_test_keeps_its_level_and_many_clips_tend_to_few() -> None:
    rng = np.random.default_rng(0)
    assert (paired_p(rng.standard_normal((12, 2000))) < 0.05).mean() == pytest.approx(0.05, abs=0.012)
    differences = rng.exponential(size=(200, 3)) - 0.95
    below, above = paired_p(differences), stats.ttest_1samp(differences, 0).pvalue
    assert below == pytest.approx(above, abs=0.02)
    assert paired_p(np.vstack([differences, differences])).shape == (3,)


def test_new_weights_are_compared_and_said(rows: list[Row]) -> None:
    after = [
        replace(row, spec_id=row.spec_id[::-1], row_id=row.row_id[::-1], weights_sha256="beef" * 16)
        if row.codec == "flowmac"
        else row
        for row in rows
    ]
    found = comparison(rows, after)
    assert len(found.costs) == 16
    assert found.only_before == found.only_after == ()
    assert ("weights of flowmac", "5eed5eed5eed", "beefbeefbeef") in found.differing


def test_what_cannot_be_compared_is_named(small_rows: list[Row]) -> None:
    after = [
        replace(row, scores={**row.scores, "estoi": replace(row.scores["estoi"], version="2")}) for row in small_rows
    ]
    after = [row for row in after if row.codec != "opus"]
    after = [
        replace(row, clip=replace(row.clip, sha256="0" * 64)) if row.clip.id == "speech_a" else row for row in after
    ]
    found = comparison(small_rows, after)
    assert found.left_out_metrics == (("ESTOI", "measured in two versions: 1, then 2"),)
    assert found.only_before == ("Opus 6 kbit/s",)
    assert found.changed_clips == ("speech_a",)
    assert found.n_clips == 2
    text = markdown.summary(found)
    for words in ("ESTOI not compared", "only in the earlier run: Opus 6 kbit/s", "recordings differ: speech\\_a"):
        assert words in text


def test_few_clips_are_not_tested(small_rows: list[Row]) -> None:
    found = comparison(small_rows, changed(small_rows, lambda row: shifted(row, "visqol_audio", 0.5)))
    one = next(change for change in found.changes if change.verdict == "too few clips")
    assert (one.n, one.p, one.low) == (3, None, None)
    assert markdown.headline(found).startswith("Nothing could be tested")


def test_runs_without_anything_in_common_are_refused(small_rows: list[Row]) -> None:
    opus, others = ([row for row in small_rows if (row.codec == "opus") == is_opus] for is_opus in (True, False))
    with pytest.raises(SettingError, match="no condition in common"):
        comparison(opus, others)
    moved = [replace(row, clip=replace(row.clip, id=row.clip.id + "_b")) for row in small_rows]
    with pytest.raises(SettingError, match="no clip in common"):
        comparison(small_rows, moved)


def test_failures_and_rates_are_counted(rows: list[Row]) -> None:
    failure = Failure("OSError", "no disk")

    def fail_one(row: Row) -> Row:
        if row.clip.id == "speech_de_f":
            return replace(row, status="failed", failure=failure, scores={}, payload_bits=None)
        return replace(row, payload_bits=round(1.1 * (row.payload_bits or 0)))

    found = comparison(rows, changed(rows, fail_one))
    cost = next(cost for cost in found.costs if cost.label == CHANGED)
    assert cost.n_failed == (0, 1)
    assert cost.n == 13
    assert cost.kbps[1] / cost.kbps[0] == pytest.approx(1.1, abs=1e-3)
    text = markdown.summary(found)
    assert "(+10.0 %)" in text
    assert f"failed clips of {CHANGED}: 0 before, 1 now" in text


def test_markdown_is_short_and_hostile_text_stays_text(rows: list[Row]) -> None:
    evil = "a|b <b>*x*</b> `"
    before = [replace(row, label=f"{row.label} {evil}") for row in rows]
    after = [shifted(row, metric, 1.0) for row in before for metric in ("visqol_audio",)]
    text = markdown.summary(comparison(before, after))
    assert "<b>" not in text
    table = [line for line in text.splitlines() if line.startswith("|")]
    assert len({line.replace("\\|", "").count("|") for line in table}) == 1
    assert len(text.splitlines()) < 40


def test_the_page_says_what_the_comparison_found(rows: list[Row], tmp_path: Path) -> None:
    write_run(tmp_path / "old", rows)
    write_run(tmp_path / "new", changed(rows, lambda row: shifted(row, "visqol_audio", -0.2)))
    found = comparison_page.compare_folders(tmp_path / "old", tmp_path / "new")
    page = comparison_page.render(found)
    assert "Codec comparison: new against old" in page
    assert "1 worse, of 1 test on 14 clips" in page
    assert page.count("worse, p &lt; 0.001") == 1
    assert "A <b>" not in comparison_page.render(found, "A <b>")


def test_scores_without_a_version_in_common_leave_an_empty_page(small_rows: list[Row]) -> None:
    after = [
        replace(row, scores={name: Score("9", score.value, score.failure) for name, score in row.scores.items()})
        for row in small_rows
    ]
    found = comparison(small_rows, after)
    assert found.changes == ()
    assert "No metric could be compared." in comparison_page.render(found)

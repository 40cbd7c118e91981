"""A built test: equal files, anchors in step with the reference, one gain an item, and a study that reads back."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import scipy.signal
import soundfile

from benchmarks.metrics.align import find_delay_s
from flowmac.audio import read_audio
from flowmac.errors import SettingError
from listening_test.ratings import slug
from listening_test.stimuli.build import PEAK_DB, Options, build_test
from listening_test.stimuli.check import check_test
from listening_test.stimuli.material import Material, choose_items, from_folders, from_run
from listening_test.stimuli.study_file import COMMENTS
from listening_test.study import Design, Procedure, Study, read_study
from tests.listening_test.bad_tests import RATE_HZ, signal, write_folders
from tests.reports.fake_run import fake_rows, write_run

RELAXED = Options(is_strict=False, seed=3)


@pytest.fixture
def folders(tmp_path: Path) -> Path:
    write_folders(tmp_path / "audio")
    return tmp_path / "audio"


def _material(folders: Path, **how: object) -> Material:
    return from_folders(folders / "reference", {"codec": folders / "codec"}, **how)  # type: ignore[arg-type]


def test_the_study_reads_back_and_its_files_are_equal(folders: Path, tmp_path: Path) -> None:
    study, findings = build_test(_material(folders), tmp_path / "test", Options(seed=1))
    assert findings == []
    assert study == read_study(tmp_path / "test")
    assert [condition.role for condition in study.conditions] == ["reference", "system", "low_anchor", "mid_anchor"]
    for item in (*study.items, *study.training):
        paths = [tmp_path / "test" / file for file in item.files.values()]
        assert len({path.stat().st_size for path in paths}) == 1
        assert {soundfile.info(path).subtype for path in paths} == {"PCM_24"}
    assert not check_test(study, tmp_path / "test")


def test_the_reference_is_the_recording_between_its_fades(folders: Path, tmp_path: Path) -> None:
    study, _ = build_test(_material(folders, items=["item0"]), tmp_path / "test", RELAXED)
    built = read_audio(tmp_path / "test" / study.items[0].files["reference"]).samples[0]
    recording = read_audio(folders / "reference" / "item0.wav").samples[0]
    np.testing.assert_allclose(built[400:-400], recording[400:-400], atol=2**-23)
    assert abs(built[0]) < 1e-5
    assert abs(built[-1]) < 1e-5


@pytest.mark.parametrize(("anchor", "cutoff_hz"), [("anchor35", 3500), ("anchor70", 7000)])
def test_anchors_keep_to_the_mask_without_delay(tmp_path: Path, anchor: str, cutoff_hz: int) -> None:
    write_folders(tmp_path / "audio", n_items=1)
    options = Options(is_strict=False, seed=3, sample_rate_hz=24_000)
    for name in ("reference", "codec"):
        soundfile.write(tmp_path / "audio" / name / "item0.wav", signal(1, 3, 24_000), 24_000, subtype="FLOAT")
    study, _ = build_test(_material(tmp_path / "audio"), tmp_path / "test", options)
    reference, filtered = (read_audio(tmp_path / "test" / study.items[0].files[name]) for name in ("reference", anchor))
    assert find_delay_s(reference, filtered) == 0
    frequency_hz, cross = scipy.signal.csd(reference.samples[0], filtered.samples[0], 24_000, nperseg=2048)
    _, power = scipy.signal.welch(reference.samples[0], 24_000, nperseg=2048)
    gain_db = 20 * np.log10(np.abs(cross / power))
    assert np.abs(gain_db[(frequency_hz > 100) & (frequency_hz < cutoff_hz - 50)]).max() < 0.1
    assert gain_db[frequency_hz > cutoff_hz + 520].max() < -25
    assert gain_db[frequency_hz > cutoff_hz + 1000].max() < -40  # the estimate itself leaks at about -50 dB


def test_one_gain_keeps_a_whole_item_from_clipping(tmp_path: Path) -> None:
    write_folders(tmp_path / "audio", n_items=1)
    clean = signal(0)
    soundfile.write(tmp_path / "audio" / "reference" / "item0.wav", clean, RATE_HZ, subtype="FLOAT")
    soundfile.write(tmp_path / "audio" / "codec" / "item0.wav", 10 * clean, RATE_HZ, subtype="FLOAT")
    options = Options(is_strict=False, seed=3)
    study, _ = build_test(_material(tmp_path / "audio"), tmp_path / "test", options)
    files = study.items[0].files
    reference, codec = (read_audio(tmp_path / "test" / files[name]).samples[0] for name in ("reference", "codec"))
    assert np.abs(codec).max() == pytest.approx(10 ** (PEAK_DB / 20), rel=1e-4)
    np.testing.assert_allclose(codec, 10 * reference, atol=1e-5)
    assert "softer so that none clips" in (tmp_path / "test" / "study.yaml").read_text()


def test_the_highest_rate_is_taken_and_mono_copied(tmp_path: Path) -> None:
    write_folders(tmp_path / "audio", n_items=1)
    stereo = np.stack([signal(0, rate_hz=32_000), signal(5, rate_hz=32_000)], axis=1)
    soundfile.write(tmp_path / "audio" / "reference" / "item0.wav", stereo, 32_000)
    study, findings = build_test(_material(tmp_path / "audio"), tmp_path / "test", RELAXED)
    assert study.sample_rate_hz == 32_000
    assert "channels" in {finding.rule for finding in findings}
    for file in study.items[0].files.values():
        info = soundfile.info(tmp_path / "test" / file)
        assert (info.samplerate, info.channels, info.frames) == (32_000, 2, 38_400)


def test_align_brings_conditions_in_step(tmp_path: Path) -> None:
    write_folders(tmp_path / "audio", n_items=1)
    late = np.concatenate([np.zeros(150), signal(0), np.zeros(3000)])
    soundfile.write(tmp_path / "audio" / "codec" / "item0.wav", late + 1e-3 * signal(7, len(late) / RATE_HZ), RATE_HZ)
    material = _material(tmp_path / "audio")
    with pytest.raises(SettingError, match="build with --align"):
        build_test(material, tmp_path / "test", RELAXED)
    options = Options(is_strict=False, seed=3, is_aligning=True)
    _, findings = build_test(material, tmp_path / "test", options)
    assert "lag" not in {finding.rule for finding in findings}


def test_a_sweep_becomes_a_test(tmp_path: Path) -> None:
    rows = [replace(row, decoded_audio="audio/x.flac") if row.clip.category == "music" else row for row in fake_rows()]
    write_run(tmp_path / "run", rows)
    with pytest.raises(SettingError, match="gave no audio"):
        from_run(tmp_path / "run", ["speech_de_f"], ["opus 12 kbit/s"])
    with pytest.raises(SettingError, match="unknown condition"):
        from_run(tmp_path / "run", conditions=["Opus 5 kbit/s"])
    with pytest.raises(SettingError, match=r"has no rows\.jsonl"):
        from_run(tmp_path)
    material = from_run(tmp_path / "run", ["music_organ"], ["opus 12 kbit/s"], ["music_song"])
    assert [condition.id for condition in material.conditions] == ["reference", "opus-12-kbit-s"]
    assert material.conditions[1].label == "Opus 12 kbit/s"
    assert material.conditions[1].note.startswith("opus: kbps 12")
    assert [item.id for item in (*material.items, *material.training)] == ["music_organ", "music_song"]
    assert material.items[0].category == "music"


def test_training_is_of_other_items_where_there_are_enough() -> None:
    known = {f"item{n}": f"item{n}" for n in range(7)}
    assert choose_items(known, [], None, 3) == ([f"item{n}" for n in range(5)], ["item5", "item6"])
    assert choose_items(known, ["item0"], None, 3) == (["item0"], ["item1", "item2"])
    assert choose_items(dict.fromkeys(["a"], "a"), [], None, 3) == (["a"], ["a"])
    assert choose_items(known, [], ["item0"], 3)[0] == [f"item{n}" for n in range(1, 7)]


def test_slugs_are_ids() -> None:
    assert slug("FlowMAC 1.5 kbit/s, NFE 4") == "flowmac-1.5-kbit-s-nfe-4"
    assert slug("../..") == "unnamed"


def test_every_key_of_a_study_is_explained() -> None:
    assert set(Study.model_fields) <= set(COMMENTS)
    assert {f"design.{name}" for name in Design.model_fields} <= set(COMMENTS)
    grouped = {"consent", "instructions", "must_rate_all"}  # under the comment of the key before
    assert {f"procedure.{name}" for name in set(Procedure.model_fields) - grouped} <= set(COMMENTS)


def test_a_cut_is_taken_as_asked(folders: Path, tmp_path: Path) -> None:
    options = Options(is_strict=False, seed=3, cuts={"item0": (0.25, 1.0)})
    study, _ = build_test(_material(folders, items=["item0"]), tmp_path / "test", options)
    built = read_audio(tmp_path / "test" / study.items[0].files["reference"])
    recording = read_audio(folders / "reference" / "item0.wav")
    assert built.n_samples == 12_000
    np.testing.assert_allclose(built.samples[0, 400:-400], recording.samples[0, 4400:15600], atol=2**-23)

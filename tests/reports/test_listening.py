from __future__ import annotations

import base64
import io
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
from PIL import Image

from benchmarks.results import Failure, Row
from flowmac.audio import Waveform, write_audio
from reports import listening, spectrograms
from reports.tables import collect


def tone(frequency_hz: float, duration_s: float = 1.0, sample_rate_hz: int = 24000, n_channels: int = 1) -> Waveform:
    time_s = np.arange(round(duration_s * sample_rate_hz)) / sample_rate_hz
    samples = 0.3 * np.sin(2 * np.pi * frequency_hz * time_s)
    return Waveform(np.tile(samples.astype(np.float32), (n_channels, 1)), sample_rate_hz)


def examples(folder: Path, rows: list[Row], n_per_category: int, budget_bytes: int = 10**9) -> listening.Listening:
    found = collect(rows)
    chosen = listening.choose_clips(found.clips, n_per_category)
    return listening.make_examples(folder, found.runs, [(clip, found.conditions) for clip in chosen], budget_bytes)


def decoded(uri: str | None) -> bytes:
    assert uri is not None
    return base64.b64decode(uri.split(",", 1)[1])


def test_clips_are_the_first_of_each_category_in_turn(rows: list[Row]) -> None:
    chosen = [clip.id for clip in listening.choose_clips(collect(rows).clips, 2)]
    assert chosen == [
        *("speech_de_f", "music_guitar", "mixed_in_rain", "sounds_birds"),
        *("speech_en_m", "music_organ", "mixed_over_strings", "sounds_wind"),
    ]
    assert listening.choose_clips(collect(rows).clips, 0) == []


@pytest.mark.parametrize(("sample_rate_hz", "n_channels"), [(24000, 1), (44100, 2), (22050, 1), (48000, 6)])
def test_opus_holds_the_recording(sample_rate_hz: int, n_channels: int) -> None:
    data = listening.encode_opus(tone(1000, 1.5, sample_rate_hz, n_channels))
    samples, rate_hz = soundfile.read(io.BytesIO(data), always_2d=True)
    assert len(samples) / rate_hz == pytest.approx(1.5, abs=0.02)
    assert samples.shape[1] == (2 if n_channels == 2 else 1)
    spectrum = np.abs(np.fft.rfft(samples[:, 0]))
    assert np.argmax(spectrum) * rate_hz / len(samples) == pytest.approx(1000, abs=2)
    assert len(data) * 8 / 1.5 / 1000 < 1.3 * listening.OPUS_KBPS_PER_CHANNEL * samples.shape[1]


def test_what_is_missing_is_said(small_rows: list[Row], tmp_path: Path) -> None:
    own = {row.label: row for row in small_rows if row.clip.id == "speech_a"}
    write_audio(tmp_path / "ok.flac", tone(500))
    (tmp_path / "text.flac").write_text("no audio", encoding="utf-8")
    rows = [
        replace(own["Hidden reference"], decoded_audio="ok.flac"),
        replace(own["Opus 6 kbit/s"], decoded_audio="gone.flac"),
        replace(own["7 kHz anchor"], decoded_audio="text.flac"),
        replace(own["FlowMAC 3 kbit/s, NFE 1"], status="failed", failure=Failure("OSError", "disk full")),
        own["FlowMAC 3 kbit/s, NFE 4"],
    ]
    heard = examples(tmp_path, rows, 1)
    problems = {example.condition.label: example.problem for example in heard.clips[0].examples}
    assert problems == {
        "Hidden reference": None,
        "Opus 6 kbit/s": "the file gone.flac is missing",
        "7 kHz anchor": "the file text.flac cannot be read as audio",
        "FlowMAC 3 kbit/s, NFE 1": "failed: disk full",
        "FlowMAC 3 kbit/s, NFE 4": "the sweep kept no audio",
    }


def test_a_run_without_any_audio_is_said_clip_by_clip(small_rows: list[Row], tmp_path: Path) -> None:
    heard = examples(tmp_path, small_rows, 1)
    assert all(example.problem for clip in heard.clips for example in clip.examples)


def test_examples_of_a_clip_share_length_and_axes(small_rows: list[Row], tmp_path: Path) -> None:
    write_audio(tmp_path / "reference.flac", tone(500, 11.0, 48000))
    write_audio(tmp_path / "short.flac", tone(500, 2.0, 16000))
    files = {"reference": "reference.flac", "opus": "short.flac"}
    rows = [replace(row, decoded_audio=files[row.codec]) for row in small_rows if row.codec in files]
    heard = examples(tmp_path, rows, 1)
    clip = heard.clips[0]
    assert clip.shown_s == listening.EXCERPT_S
    assert clip.top_hz == spectrograms.MAX_FREQUENCY_HZ
    for example in clip.examples:
        assert soundfile.info(io.BytesIO(decoded(example.audio_uri))).duration == pytest.approx(8.0, abs=0.02)
        with Image.open(io.BytesIO(decoded(example.spectrogram_uri))) as image:
            assert image.size == (spectrograms.WIDTH_PX, spectrograms.HEIGHT_PX)


def test_clips_over_the_budget_are_named(run_folder: Path) -> None:
    from benchmarks.results import read_rows

    found = [row for row in read_rows(run_folder) if row.codec == "reference"]
    heard = examples(run_folder, found, 2, 100_000)
    assert 0 < len(heard.clips) < 8
    assert len(heard.clips) + len(heard.left_out) == 8
    assert sum(example.n_bytes for clip in heard.clips for example in clip.examples) <= 100_000


@pytest.mark.slow
def test_forty_examples_fit_into_a_page_even_of_stereo_noise(rows: list[Row], tmp_path: Path) -> None:
    noise = np.random.default_rng(0).normal(0, 0.1, (2, 48000 * 9)).astype(np.float32)
    (tmp_path / "audio").mkdir()
    write_audio(tmp_path / "audio" / "noise.flac", Waveform(noise, 48000))
    labels = list(dict.fromkeys(row.label for row in rows))[:10]
    chosen = [replace(row, decoded_audio="audio/noise.flac") for row in rows if row.label in labels]
    heard = examples(tmp_path, [replace(row, status="ok") for row in chosen], 1, listening.BUDGET_BYTES)
    assert sum(example.audio_uri is not None for clip in heard.clips for example in clip.examples) == 40
    assert heard.left_out == ()
    assert heard.n_bytes < listening.BUDGET_BYTES < 15_000_000


def test_spectrogram_shows_the_tone_where_it_is() -> None:
    waveform = tone(3000)
    levels_db = spectrograms.power_db(waveform)
    picture = spectrograms.picture(levels_db, 24000, 12000, float(levels_db.max()))
    with Image.open(io.BytesIO(picture)) as image:
        pixels = np.asarray(image.convert("L")).astype(float)
    brightest_row = int(pixels.mean(axis=1).argmax())
    assert (1 - (brightest_row + 0.5) / spectrograms.HEIGHT_PX) * 12 == pytest.approx(3.0, abs=0.15)


def test_frequencies_that_a_recording_does_not_have_are_dark() -> None:
    noise = np.random.default_rng(0).normal(0, 0.1, (1, 8000)).astype(np.float32)
    levels_db = spectrograms.power_db(Waveform(noise, 8000))
    with Image.open(io.BytesIO(spectrograms.picture(levels_db, 8000, 12000, float(levels_db.max())))) as image:
        pixels = np.asarray(image.convert("L")).astype(float)
    assert pixels[: spectrograms.HEIGHT_PX // 2].mean() < 10
    assert pixels[-spectrograms.HEIGHT_PX // 4 :].mean() > 60


@pytest.mark.parametrize("n_samples", [1, 10, 700])
def test_spectrogram_of_very_short_and_silent_audio(n_samples: int) -> None:
    levels_db = spectrograms.power_db(Waveform(np.zeros((1, n_samples), np.float32), 24000))
    assert np.isfinite(levels_db).all()
    assert spectrograms.picture(levels_db, 24000, 12000, float(levels_db.max()))


@pytest.mark.parametrize(
    ("end", "expected"),
    [(12.0, [0, 5, 10]), (1.0, [0, 0.2, 0.4, 0.6, 0.8, 1.0]), (0.0, [0.0]), (20.0, [0, 5, 10, 15, 20])],
)
def test_axis_ticks_are_round(end: float, expected: list[float]) -> None:
    assert spectrograms.axis_ticks(end, 6 if end == 1.0 else 5) == pytest.approx(expected)

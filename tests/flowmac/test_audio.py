"""Reading and writing recordings, and what is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from flowmac.audio import AudioWriter, Waveform, read_audio, read_blocks, write_audio
from flowmac.errors import AudioError
from tests.flowmac.conftest import RATE_HZ, make_sound


@pytest.mark.parametrize("suffix", [".wav", ".flac"])
def test_write_and_read(tmp_path: Path, suffix: str) -> None:
    waveform = Waveform(make_sound(0.5, n_channels=2), RATE_HZ)
    write_audio(tmp_path / f"sound{suffix}", waveform)
    back = read_audio(tmp_path / f"sound{suffix}")
    assert (back.sample_rate_hz, back.samples.shape) == (RATE_HZ, waveform.samples.shape)
    assert np.abs(back.samples - waveform.samples).max() <= 2**-15


def test_loud_samples_are_clipped_not_wrapped(tmp_path: Path) -> None:
    write_audio(tmp_path / "loud.wav", Waveform(np.array([[2.0, -2.0]], np.float32), RATE_HZ))
    assert read_audio(tmp_path / "loud.wav").samples == pytest.approx(np.array([[1.0, -1.0]]), abs=1e-3)


@pytest.mark.parametrize(
    ("samples", "message"),
    [
        (np.zeros((1, 0)), "empty"),
        (np.zeros(5), "shape"),
        (np.array([[0.0, np.nan]]), "1 samples are not finite"),
        (np.array([[np.inf, 0.0]]), "not finite"),
    ],
)
def test_bad_waveforms_are_refused(samples: np.ndarray, message: str) -> None:
    with pytest.raises(AudioError, match=message):
        Waveform(samples, RATE_HZ)


def test_bad_files_are_refused_by_name(tmp_path: Path) -> None:
    text = tmp_path / "text.wav"
    text.write_text("no audio")
    nothing = tmp_path / "nothing.wav"
    soundfile.write(nothing, np.zeros((0, 1)), RATE_HZ)
    for path, message in ((tmp_path / "no.wav", "no such file"), (text, "cannot be read as audio"), (nothing, "empty")):
        for read in (read_audio, lambda path: list(read_blocks(path, RATE_HZ))):
            with pytest.raises(AudioError, match=f"{path.name}.*{message}"):
                read(path)
    with pytest.raises(AudioError, match="folder"):
        read_audio(tmp_path)


def test_not_a_number_in_a_file_is_told(tmp_path: Path) -> None:
    path = tmp_path / "nan.wav"
    soundfile.write(path, np.array([0.1, np.nan, 0.2]), RATE_HZ, subtype="FLOAT")
    with pytest.raises(AudioError, match=r"nan\.wav.*not finite"):
        list(read_blocks(path, RATE_HZ))


@pytest.mark.parametrize("rate_hz", [8000, 24000, 44100, 192000])
def test_blocks_equal_the_whole(tmp_path: Path, rate_hz: int) -> None:
    waveform = Waveform(make_sound(3.0, n_channels=2), RATE_HZ).resampled(rate_hz)
    path = tmp_path / "sound.flac"
    write_audio(path, waveform)
    whole = read_audio(path).resampled(RATE_HZ).samples
    blocks = np.concatenate(list(read_blocks(path, RATE_HZ, block_s=0.37)), axis=1)
    assert blocks.shape == whole.shape
    assert np.abs(blocks - whole).max() < 1e-4


def test_unknown_suffix_and_missing_folder_are_told(tmp_path: Path) -> None:
    waveform = Waveform(make_sound(0.1), RATE_HZ)
    with pytest.raises(AudioError, match=r"use \.wav or \.flac"):
        write_audio(tmp_path / "sound.xyz", waveform)
    with pytest.raises(AudioError, match="cannot be written"):
        write_audio(tmp_path / "no" / "sound.wav", waveform)


def test_half_a_recording_is_not_left_behind(tmp_path: Path) -> None:
    path = tmp_path / "half.wav"

    def fail() -> None:
        with AudioWriter(path, RATE_HZ, 1) as writer:
            writer.write(make_sound(0.1))
            raise BrokenPipeError

    with pytest.raises(BrokenPipeError):
        fail()
    assert not path.exists()


def test_too_short_to_resample_is_told() -> None:
    with pytest.raises(AudioError, match="too short"):
        Waveform(np.zeros((1, 1), np.float32), 192000).resampled(8000)

"""What is released: weights that load, old streams that stay readable, quality that does not fall."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from benchmarks.metrics.signal import LogMelDistance
from flowmac.audio import Waveform, read_audio
from flowmac.bitstream import parse_header
from flowmac.checkpoint import released_names, releases_folder
from flowmac.codec import Codec

STREAMS = Path(__file__).parent / "streams"

#: Log-mel distance of the stored streams' recording after decoding, 0.44 when the first was made; lower is better.
WORST_LOG_MEL = 0.47


@pytest.fixture(scope="module", params=["base", "lc"])
def codec(request: pytest.FixtureRequest) -> Codec:
    return Codec.from_pretrained(request.param)


@pytest.fixture(scope="module")
def recording(demo_clips: Path) -> Waveform:
    return read_audio(demo_clips / "speech_en_f.flac")


def log_mel_distance(reference: Waveform, decoded: Waveform) -> float:
    samples = reference.resampled(decoded.sample_rate_hz).samples[0]
    n_samples = min(len(samples), decoded.n_samples)
    return LogMelDistance().compare(samples[:n_samples], decoded.samples[0, :n_samples])


@pytest.mark.parametrize("name", released_names())
def test_release_is_whole(name: str) -> None:
    folder = releases_folder() / name
    assert sum(path.stat().st_size for path in folder.iterdir()) < 30e6
    assert (folder / "README.md").read_text(encoding="utf-8").startswith("# Model card")
    assert Codec.from_pretrained(name).config.name == name


@pytest.mark.parametrize(("stream", "name"), [("lc_v1_speech_en_f", "lc-v1"), ("base_speech_en_f", "base")])
def test_streams_of_earlier_releases_stay_readable(recording: Waveform, stream: str, name: str) -> None:
    """Never make the streams anew: they stand for those that people have stored."""
    data = (STREAMS / f"{stream}.fmac").read_bytes()
    codec = Codec.for_stream(data)
    assert codec.config.name == name
    decoded = codec.decode(data)
    assert decoded.n_samples == parse_header(data).n_samples
    assert log_mel_distance(recording, decoded) < WORST_LOG_MEL


def test_more_rate_is_nearer_to_the_recording(codec: Codec, recording: Waveform) -> None:
    distances = [log_mel_distance(recording, codec.decode(codec.encode(recording, kbps))) for kbps in (0.375, 1.5, 3.0)]
    assert distances == sorted(distances, reverse=True)
    assert distances[-1] < 0.75 * distances[0]


def test_level_is_kept(codec: Codec, recording: Waveform) -> None:
    decoded = codec.decode(codec.encode(recording)).samples
    level_db = 20 * np.log10(np.std(decoded) / np.std(recording.samples))
    assert abs(level_db) < 2.0  # 1.2 here, -0.3 on average over real recordings


def test_silence_stays_silent(codec: Codec) -> None:
    silence = Waveform(np.zeros((1, 48000), np.float32), 24000)
    assert np.abs(codec.decode(codec.encode(silence)).samples).max() < 1e-2

from __future__ import annotations

import numpy as np
import pytest
import scipy.signal

from benchmarks.metrics.align import align, find_delay_s
from flowmac import Codec
from flowmac.audio import FloatArray, Waveform
from flowmac.errors import AudioError

from .conftest import babble

RATE_HZ = 24000


def shifted(samples: FloatArray, n: int) -> FloatArray:
    """Later by ``n`` samples, or earlier, with zeros moving in."""
    return np.pad(samples, abs(n))[abs(n) - n : len(samples) + abs(n) - n]


def random_phase(samples: FloatArray) -> FloatArray:
    """The same spectrogram, about, with phases that tell nothing."""
    _, _, spectrum = scipy.signal.stft(samples, nperseg=1024)
    phase = np.random.default_rng(1).uniform(0, 2 * np.pi, spectrum.shape)
    _, made = scipy.signal.istft(np.abs(spectrum) * np.exp(1j * phase), nperseg=1024)
    return np.asarray(made[: len(samples)], np.float32)


@pytest.mark.parametrize("n", [0, 1, -1, 22, 223, -480, 11999, -12000])
def test_delay_is_found_to_the_sample(n: int) -> None:
    samples = babble(3.0)
    noise = 0.02 * np.random.default_rng(2).standard_normal(len(samples))
    decoded = Waveform((0.3 * shifted(samples, n) + noise)[np.newaxis], RATE_HZ)
    assert find_delay_s(Waveform(samples[np.newaxis], RATE_HZ), decoded) == pytest.approx(n / RATE_HZ)


def test_delay_is_found_across_sample_rates() -> None:
    reference = Waveform(babble(3.0, 48000)[np.newaxis], 48000)
    decoded = reference.resampled(16000)
    late = Waveform(shifted(decoded.samples[0], 160)[np.newaxis], 16000)
    assert find_delay_s(reference, late) == pytest.approx(0.01, abs=1 / 48000)


@pytest.mark.parametrize(("reference_hz", "decoded_hz"), [(44100, 48000), (44100, 16000), (16000, 48000)])
@pytest.mark.parametrize("n", [0, 1, -7, 312])
def test_delay_is_removed_to_the_sample_of_the_decoder(reference_hz: int, decoded_hz: int, n: int) -> None:
    """Half a sample left over would cost a waveform codec most of its SI-SDR."""
    reference = Waveform(babble(2.0, reference_hz)[np.newaxis], reference_hz)
    decoded = reference.resampled(decoded_hz).samples
    aligned, delay_s = align(reference, Waveform(shifted(decoded[0], n)[np.newaxis], decoded_hz))
    assert round(delay_s * decoded_hz) == n
    np.testing.assert_array_equal(aligned.samples[0, 400:-400], decoded[0, 400 : aligned.n_samples - 400])


def test_inverted_polarity_is_still_in_step(speech: Waveform) -> None:
    inverted = Waveform(-shifted(speech.samples[0], 500)[np.newaxis], speech.sample_rate_hz)
    assert find_delay_s(speech, inverted) == pytest.approx(500 / speech.sample_rate_hz)


@pytest.mark.parametrize("cutoff_hz", [1000, 3500])
@pytest.mark.parametrize("n", [0, 240, -600])
def test_delay_of_a_low_passed_recording(speech: Waveform, cutoff_hz: int, n: int) -> None:
    taps = scipy.signal.firwin(801, cutoff_hz, fs=speech.sample_rate_hz)
    low = scipy.signal.fftconvolve(speech.samples[0], taps, "same").astype(np.float32)
    delay_s = find_delay_s(speech, Waveform(shifted(low, n)[np.newaxis], speech.sample_rate_hz))
    assert delay_s == pytest.approx(n / speech.sample_rate_hz, abs=1.5 / speech.sample_rate_hz)


@pytest.mark.parametrize("n", [0, 120, 1200, -2400])
def test_delay_of_a_vocoder_at_three_kilobits(speech: Waveform, n: int) -> None:
    """Our own codec has none; one added is found by its envelope, to 15 ms, where it is long enough to be told."""
    codec = Codec.from_pretrained("base")
    excerpt = Waveform(speech.samples[:, : 3 * speech.sample_rate_hz], speech.sample_rate_hz)
    decoded = codec.decode(codec.encode(excerpt, kbps=3.0), nfe=2)
    delay_s = find_delay_s(excerpt, Waveform(shifted(decoded.samples[0], n)[np.newaxis], decoded.sample_rate_hz))
    expected_s = n / decoded.sample_rate_hz if abs(n) >= 480 else 0
    assert delay_s == pytest.approx(expected_s, abs=0 if expected_s == 0 else 0.015)


@pytest.mark.parametrize("n", [0, 1200, -2400])
def test_envelope_decides_where_the_phase_is_made_up(speech: Waveform, n: int) -> None:
    made = random_phase(speech.samples[0])
    delay_s = find_delay_s(speech, Waveform(shifted(made, n)[np.newaxis], speech.sample_rate_hz))
    assert delay_s == pytest.approx(n / speech.sample_rate_hz, abs=0.008)
    assert n != 0 or delay_s == 0


def test_unrelated_or_silent_recordings_have_no_delay() -> None:
    reference = Waveform(babble(2.0)[np.newaxis], RATE_HZ)
    noise = np.random.default_rng(5).standard_normal((1, 2 * RATE_HZ)).astype(np.float32)
    silence = Waveform(np.zeros((1, 2 * RATE_HZ), np.float32), RATE_HZ)
    for a, b in [(reference, Waveform(noise, RATE_HZ)), (reference, silence), (silence, reference), (silence, silence)]:
        assert find_delay_s(a, b) == 0


@pytest.mark.parametrize("n_samples", [1, 2, 10, 100])
def test_tiny_recordings(n_samples: int) -> None:
    reference = Waveform(babble(1.0)[np.newaxis, :n_samples], RATE_HZ)
    aligned, delay_s = align(reference, reference)
    assert delay_s == 0
    np.testing.assert_array_equal(aligned.samples, reference.samples)


@pytest.mark.parametrize("n", [0, 300, -300])
def test_aligned_recording_is_in_step_and_of_the_same_length(n: int) -> None:
    samples = babble(2.0)
    decoded = Waveform(np.concatenate([shifted(samples, n), np.ones(77, np.float32)])[np.newaxis], RATE_HZ)
    aligned, delay_s = align(Waveform(samples[np.newaxis], RATE_HZ), decoded)
    assert delay_s == pytest.approx(n / RATE_HZ)
    assert aligned.n_samples == len(samples)
    np.testing.assert_array_equal(aligned.samples[0, 300:-300], samples[300:-300])


def test_what_the_codec_left_out_is_silence() -> None:
    samples = babble(2.0)
    aligned, _ = align(Waveform(samples[np.newaxis], RATE_HZ), Waveform(samples[np.newaxis, :30000], RATE_HZ))
    assert aligned.n_samples == 48000
    assert not aligned.samples[:, 30000:].any()


def test_mono_is_heard_on_both_sides() -> None:
    left, right = babble(2.0), babble(2.0, seed=1)
    reference = Waveform(np.stack([left, right]), RATE_HZ)
    aligned, _ = align(reference, reference.mono())
    np.testing.assert_array_equal(aligned.samples[0], aligned.samples[1])
    with pytest.raises(AudioError, match="3 channels for 2"):
        align(reference, Waveform(np.stack([left, right, left]), RATE_HZ))

"""Cutting, and the measures behind the checks, against closed forms."""

from __future__ import annotations

import numpy as np
import pytest

from flowmac.audio import Waveform
from listening_test.stimuli.audio_checks import check_lags, check_loudness, check_signal, count_clipped
from listening_test.stimuli.excerpts import choose_start, cut, with_channels
from tests.listening_test.bad_tests import RATE_HZ, signal


def _waveform(*channels: object) -> Waveform:
    return Waveform(np.stack([np.asarray(channel, dtype=np.float32) for channel in channels]), RATE_HZ)


def test_a_lively_passage_is_found() -> None:
    steady = 0.1 * np.sin(2 * np.pi * 440 * np.arange(10 * RATE_HZ) / RATE_HZ)
    lively = steady.copy()
    bursts = signal(1, 3) * (np.arange(3 * RATE_HZ) // 1600 % 2)
    lively[5 * RATE_HZ : 8 * RATE_HZ] += 5 * bursts
    start = choose_start(_waveform(lively), 3.0)
    assert 4.5 < start / RATE_HZ < 5.5
    assert np.signbit(lively[start]) != np.signbit(lively[start + 1])


def test_short_recordings_are_taken_whole() -> None:
    assert choose_start(_waveform(signal(1, 1.0)), 1.0) == 0


def test_fades_are_raised_cosines() -> None:
    excerpt = cut(_waveform(np.ones(RATE_HZ)), 100, 2000).samples[0]
    n_fade = 320
    expected = np.sin(np.pi * (np.arange(n_fade) + 0.5) / (2 * n_fade)) ** 2
    np.testing.assert_allclose(excerpt[:n_fade], expected, atol=1e-6)
    np.testing.assert_allclose(excerpt, excerpt[::-1], atol=1e-6)
    assert np.all(excerpt[n_fade:-n_fade] == 1)


def test_channels_are_copied_or_mixed() -> None:
    mono, stereo = _waveform([1, 2]), _waveform([1, 2], [3, 4])
    np.testing.assert_array_equal(with_channels(mono, 2).samples, [[1, 2], [1, 2]])
    np.testing.assert_array_equal(with_channels(stereo, 1).samples, [[2, 3]])


def test_only_runs_at_full_scale_are_clipping() -> None:
    wave = np.zeros(100)
    wave[[10, 20, 21, 30, 31, 32, 50, 51, 52, 53]] = 1.0
    assert count_clipped(_waveform(wave)) == 2
    sine = np.sin(2 * np.pi * 1000 * np.arange(RATE_HZ) / RATE_HZ)
    assert count_clipped(_waveform(sine)) == 0


@pytest.mark.parametrize(("gain_db", "n_findings"), [(0.4, 0), (0.6, 1), (-0.6, 1)])
def test_loudness_is_compared_in_lu(gain_db: float, n_findings: int) -> None:
    reference = signal(1, 2)
    findings = check_loudness("here", _waveform(reference), {"x": _waveform(10 ** (gain_db / 20) * reference)})
    assert len(findings) == n_findings
    assert all("0.6 LU" in finding.found for finding in findings)


@pytest.mark.parametrize(("shift", "n_findings"), [(0, 0), (10, 0), (24, 1), (-160, 1)])
def test_lags_above_a_millisecond_are_found(shift: int, n_findings: int) -> None:
    reference = signal(1, 2)
    coded = np.roll(reference, shift) + 0.2 * signal(2, 2)
    findings = check_lags("here", _waveform(reference), {"x": _waveform(coded)})
    assert len(findings) == n_findings
    assert all(f"{abs(shift) / 16:.1f} ms" in finding.found for finding in findings)


def test_another_signal_has_no_lag() -> None:
    assert not check_lags("here", _waveform(signal(1, 2)), {"x": _waveform(signal(2, 2))})


def test_an_offset_is_a_warning() -> None:
    (finding,) = check_signal("here", _waveform(signal(1) + 0.05))
    assert (finding.severity, finding.rule) == ("warning", "dc")

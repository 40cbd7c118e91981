"""The sounds of the playback checks."""

from __future__ import annotations

import numpy as np
import pytest

from listening_test.player import playback_checks as checks

KEY = "0123456789abcdef"


def test_huggins_pitch_is_only_between_the_ears() -> None:
    sound = checks.headphone_trial(KEY, 0)
    target = checks.targets(KEY)[0]
    step = round(1.4 * checks.SAMPLE_RATE_HZ)
    for interval in range(checks.N_INTERVALS):
        left, right = sound[interval * step : interval * step + checks.SAMPLE_RATE_HZ].T
        if interval != target:
            assert np.array_equal(left, right)
            continue
        frequencies_hz = np.fft.rfftfreq(left.size, 1 / checks.SAMPLE_RATE_HZ)
        one, other = np.fft.rfft(left), np.fft.rfft(right)
        cross = one * other.conj()
        at_pitch = cross[np.abs(frequencies_hz - 600) < 4].sum()
        far = cross[(frequencies_hz > 1000) & (frequencies_hz < 2000)].sum()
        assert abs(np.angle(at_pitch)) > 0.9 * np.pi
        assert abs(np.angle(far)) < 0.05
        # Neither ear alone has more power at the pitch.
        assert np.mean(np.abs(one) ** 2) == pytest.approx(np.mean(np.abs(other) ** 2), rel=0.01)


def test_targets_follow_from_the_key() -> None:
    assert checks.targets(KEY) == checks.targets(KEY)
    assert len({tuple(checks.targets(f"{n:016x}")) for n in range(50)}) > 40


def test_level_noise_is_on_its_side_and_not_clipped() -> None:
    left, right, both = (checks.level_noise(side) for side in ("left", "right", "both"))
    assert not left[:, 1].any()
    assert not right[:, 0].any()
    assert np.array_equal(both[:, 0], both[:, 1])
    assert np.max(np.abs(both)) < 1
    assert 20 * np.log10(np.sqrt(np.mean(both[:, 0] ** 2))) == pytest.approx(-26, abs=0.01)

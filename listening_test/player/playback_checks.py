"""Sounds that tell whether a listener wears headphones, has both sides, and hears at a fitting level.

Source:
    A. E. Milne et al., "An online headphone screening test based on dichotic pitch", Behavior Research Methods 53
    (2021): three intervals of noise, one of which has a faint tone (Huggins pitch) that arises only where each ear gets
    its own channel. All six right: passed by about 80 % of listeners with headphones and 20 % with loudspeakers.
"""

from __future__ import annotations

import hashlib
import io
import wave

import numpy as np
import numpy.typing as npt

Sound = npt.NDArray[np.float64]

SAMPLE_RATE_HZ = 48_000

N_HEADPHONE_TRIALS = 6
N_INTERVALS = 3
#: Right answers that pass, of ``N_HEADPHONE_TRIALS``.
HEADPHONE_PASS = 6

LEVEL_SIDES = ("left", "right", "both")

_PITCH_HZ = 600.0
_PITCH_WIDTH = 0.06
_INTERVAL_S = 1.0
_GAP_S = 0.4
_RAMP_S = 0.03
_LEVEL_S = 4.0
#: Level of the noises, of a full-scale square wave: about that of speech at -23 LUFS.
_RMS_DB = -26.0


def targets(key: str) -> list[int]:
    """The interval (0..2) with the tone, for each trial of the check named ``key`` (16 hexadecimal digits)."""
    return [int(interval) for interval in _generator(key, "targets").integers(0, N_INTERVALS, N_HEADPHONE_TRIALS)]


def headphone_trial(key: str, trial: int) -> Sound:
    """Three intervals of noise, one with a Huggins pitch at 600 Hz, shape (n_samples, 2) at ``SAMPLE_RATE_HZ``."""
    generator = _generator(key, str(trial))
    gap = np.zeros((round(_GAP_S * SAMPLE_RATE_HZ), 2))
    parts = []
    for interval in range(N_INTERVALS):
        parts += [_interval(generator, has_pitch=interval == targets(key)[trial]), gap]
    return np.concatenate(parts[:-1])


def level_noise(side: str) -> Sound:
    """Pink noise for the level, on one of ``LEVEL_SIDES``, that repeats without a seam; shape (n_samples, 2)."""
    n_samples = round(_LEVEL_S * SAMPLE_RATE_HZ)
    spectrum = np.fft.rfft(np.random.default_rng(1).standard_normal(n_samples))
    frequencies_hz = np.fft.rfftfreq(n_samples, 1 / SAMPLE_RATE_HZ)
    is_heard = (frequencies_hz >= 100) & (frequencies_hz <= 8000)
    # Pink: equal power in each octave. Noise made from a spectrum is periodic.
    spectrum = np.where(is_heard, spectrum / np.sqrt(np.maximum(frequencies_hz, 1.0)), 0.0)
    noise = _at_level(np.fft.irfft(spectrum, n_samples))
    return np.stack([noise * (side != "right"), noise * (side != "left")], axis=1)


def to_wav(sound: Sound) -> bytes:
    """``sound`` of shape (n_samples, n_channels) as a 16-bit WAV file."""
    file = io.BytesIO()
    with wave.open(file, "wb") as writer:
        writer.setnchannels(sound.shape[1])
        writer.setsampwidth(2)
        writer.setframerate(SAMPLE_RATE_HZ)
        writer.writeframes(np.round(np.clip(sound, -1, 1) * 32767).astype("<i2").tobytes())
    return file.getvalue()


def _interval(generator: np.random.Generator, *, has_pitch: bool) -> Sound:
    """Noise, the same in both ears; with the pitch, a narrow band is turned by a full period across it in one ear."""
    n_samples = round(_INTERVAL_S * SAMPLE_RATE_HZ)
    left = generator.standard_normal(n_samples)
    right = left
    if has_pitch:
        frequencies_hz = np.fft.rfftfreq(n_samples, 1 / SAMPLE_RATE_HZ)
        # The phase goes from 0 to 2 pi over the band: 180 degrees at its centre, no jump at its edges.
        low_hz, high_hz = _PITCH_HZ * (1 - _PITCH_WIDTH), _PITCH_HZ * (1 + _PITCH_WIDTH)
        turn = 2 * np.pi * np.clip((frequencies_hz - low_hz) / (high_hz - low_hz), 0, 1)
        right = np.fft.irfft(np.fft.rfft(left) * np.exp(1j * turn), n_samples)
    ramp = np.sin(np.linspace(0, np.pi / 2, round(_RAMP_S * SAMPLE_RATE_HZ))) ** 2
    window = np.ones(n_samples)
    window[: ramp.size], window[-ramp.size :] = ramp, ramp[::-1]
    return np.stack([_at_level(left), _at_level(right)], axis=1) * window[:, None]


def _at_level(noise: Sound) -> Sound:
    return noise / np.sqrt(np.mean(noise**2)) * 10 ** (_RMS_DB / 20)


def _generator(key: str, purpose: str) -> np.random.Generator:
    digest = hashlib.sha256(f"{key} {purpose}".encode()).digest()
    return np.random.default_rng(int.from_bytes(digest[:8], "big"))

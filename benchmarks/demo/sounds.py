"""Speech from the synthesisers espeak-ng and Flite, and rain computed from noise. Mono, at `WORK_RATE_HZ`."""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import soundfile
import soxr

#: [n_samples], full scale 1.
Samples = npt.NDArray[np.float64]

WORK_RATE_HZ = 48000


def espeak(voice: str, text: str, words_per_minute: int = 160) -> Samples:
    """Formant synthesis of espeak-ng, at `WORK_RATE_HZ`."""
    return run_to_wav(lambda wav: ["espeak-ng", "-v", voice, "-s", str(words_per_minute), "-w", wav, text])


def flite(voice: str, text: str) -> Samples:
    """Statistical synthesis of Flite with a voice built from CMU ARCTIC recordings, at `WORK_RATE_HZ`."""
    return run_to_wav(lambda wav: ["flite", "-voice", voice, "-t", text, "-o", wav])


def run_to_wav(command: Callable[[str], list[str]]) -> Samples:
    """Run a command that writes the given WAV file; the file as mono."""
    with tempfile.TemporaryDirectory() as folder:
        wav = str(Path(folder) / "out.wav")
        subprocess.run(command(wav), check=True, stdout=subprocess.DEVNULL)
        samples, rate_hz = soundfile.read(wav, always_2d=True)
    return np.asarray(soxr.resample(samples.mean(axis=1), rate_hz, WORK_RATE_HZ, "VHQ"), dtype=np.float64)


def without_edge_silence(samples: Samples) -> Samples:
    """Cut off what lies 60 dB under the peak at both ends."""
    loud = np.flatnonzero(np.abs(samples) > 0.001 * np.max(np.abs(samples)))
    return samples[loud[0] : loud[-1] + 1]


def rain(seconds: float, seed: int) -> Samples:
    """Rain: a bed of pink noise, some two hundred drops a second, and thunder far off. Noise and decays only."""
    random = np.random.default_rng(seed)
    n_samples = round(seconds * WORK_RATE_HZ)
    scene = 0.02 * shaped_noise(random, n_samples, slope=-0.5, low_hz=200, high_hz=14000)
    for start in random.integers(0, n_samples, round(200 * seconds)):
        decay_s = random.uniform(0.001, 0.006)
        time_s = np.arange(min(n_samples - start, round(6 * decay_s * WORK_RATE_HZ))) / WORK_RATE_HZ
        ring = np.sin(2 * np.pi * random.uniform(900, 7000) * time_s) + random.standard_normal(len(time_s))
        scene[start : start + len(time_s)] += random.exponential(0.03) * ring * np.exp(-time_s / decay_s)
    time_s = np.arange(n_samples) / WORK_RATE_HZ
    rumble = shaped_noise(random, n_samples, slope=-1.0, low_hz=30, high_hz=250)
    return scene + 0.12 * rumble * np.exp(-0.5 * ((time_s - 0.6 * seconds) / (0.16 * seconds)) ** 2)


def shaped_noise(random: np.random.Generator, n_samples: int, slope: float, low_hz: float, high_hz: float) -> Samples:
    """Gaussian noise of root mean square 1, its magnitude proportional to frequency ** slope within the band."""
    frequency_hz = np.fft.rfftfreq(n_samples, 1 / WORK_RATE_HZ)
    inside = (frequency_hz >= low_hz) & (frequency_hz <= high_hz)
    shape = np.where(inside, np.maximum(frequency_hz, low_hz) ** slope, 0.0)
    noise = np.fft.irfft(np.fft.rfft(random.standard_normal(n_samples)) * shape, n_samples)
    return np.asarray(noise / np.sqrt(np.mean(noise**2)), dtype=np.float64)

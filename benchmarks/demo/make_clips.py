"""Make the demo clips: synthetic speech, sampled instruments and noise, as 16-bit mono FLAC, the same bytes each time.

    python -m benchmarks.demo.make_clips

writes ``clips/*.flac`` and ``clips/manifest.csv`` beside this file. README.md says what must be installed for it.
"""

from __future__ import annotations

import csv
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyloudnorm
import soundfile
import soxr

from benchmarks.demo.music import band, guitar_and_flute, marimba, ode_to_joy, prelude
from benchmarks.demo.sounds import WORK_RATE_HZ, Samples, espeak, flite, rain, shaped_noise, without_edge_silence

CLIPS = Path(__file__).parent / "clips"
LOUDNESS_LUFS = -23.0
PEAK_LIMIT_DBFS = -1.0
FADE_S = 0.05
ROOM_SNR_DB = 50.0


def mix(voice: Samples, background: Samples, snr_db: float) -> Samples:
    """The voice over the background, as long as the voice with 0.4 s of background before and after it."""
    lead = round(0.4 * WORK_RATE_HZ)
    voice = np.pad(without_edge_silence(voice), lead)
    background = background[: len(voice)]
    gain = float(np.sqrt(np.mean(voice**2) / np.mean(background**2))) * 10 ** (-snr_db / 20)
    return voice[: len(background)] + gain * background


def in_room(voice: Samples) -> Samples:
    """The voice in a quiet, faintly noisy room: synthesisers pause in digital silence, people do not."""
    noise = shaped_noise(np.random.default_rng(0), len(voice) + WORK_RATE_HZ, slope=-0.5, low_hz=50, high_hz=11000)
    return mix(voice, noise, ROOM_SNR_DB)


def finish(samples: Samples, rate_hz: int, seconds: float) -> Samples:
    """Cut, fade, resample, and set the loudness (ITU-R BS.1770-4), lower where the peak would pass the limit."""
    samples = samples[: round(seconds * WORK_RATE_HZ)].copy()
    n_fade = round(FADE_S * WORK_RATE_HZ)
    ramp = 0.5 - 0.5 * np.cos(np.pi * np.arange(n_fade) / n_fade)
    samples[:n_fade] *= ramp
    samples[-n_fade:] *= ramp[::-1]
    samples = np.asarray(soxr.resample(samples, WORK_RATE_HZ, rate_hz, "VHQ"), dtype=np.float64)
    loudness_lufs = pyloudnorm.Meter(rate_hz).integrated_loudness(samples)
    samples = samples * 10 ** ((LOUDNESS_LUFS - loudness_lufs) / 20)
    return samples * min(1.0, 10 ** (PEAK_LIMIT_DBFS / 20) / float(np.max(np.abs(samples))))


@dataclass(frozen=True)
class Demo:
    """One clip: how its sound is made, its rate, its greatest length, and its line of the manifest."""

    name: str
    make: Callable[[], Samples]
    rate_hz: int
    language: str
    notes: str
    seconds: float = 7.0

    @property
    def category(self) -> str:
        """The first word of the name."""
        return self.name.split("_")[0]


EN_F = "The old harbour was quiet that morning. Three small boats went out, and only the gulls followed them."
EN_M = "Good evening, and welcome back. Tonight we listen to the piano, and to the people who still build it by hand."
DE = "Am Mittwoch schneit es zum ersten Mal. Die Kinder laufen hinaus und zählen zwölf weiße Dächer."
FR = "Chaque jeudi, le marché ouvre avant l'aube. On y vend du pain chaud, des pêches et un peu de musique."
ES = "El tren de las siete llega tarde otra vez, pero nadie tiene prisa en esta pequeña estación."
FI = "Sade ropisee ikkunaan koko illan. Keitän teetä, luen kirjettä ja odotan aamua."

DEMOS = [
    Demo("speech_en_f", lambda: in_room(flite("slt", EN_F)), 24000, "en", "flite, voice slt; band to 8 kHz"),
    Demo(
        "speech_de_m", lambda: in_room(espeak("de+m3", DE, 150)), 24000, "de", "espeak-ng, voice de+m3; band to 11 kHz"
    ),
    Demo(
        "speech_fr_f", lambda: in_room(espeak("fr+f2", FR, 155)), 44100, "fr", "espeak-ng, voice fr+f2; band to 11 kHz"
    ),
    Demo("music_strings", ode_to_joy, 48000, "", "Beethoven, Ode to Joy; string quartet with double bass"),
    Demo("music_band", band, 48000, "", "original; drums, bass, electric piano, muted trumpet"),
    Demo("music_guitar_flute", guitar_and_flute, 44100, "", "Greensleeves; flute, nylon guitar, glockenspiel"),
    Demo(
        "mixed_en_m_over_piano",
        lambda: mix(flite("rms", EN_M), prelude(), 10),
        24000,
        "en",
        "flite, voice rms, 10 dB over a piano after Bach BWV 846",
    ),
    Demo(
        "mixed_es_f_over_marimba",
        lambda: mix(espeak("es+f3", ES, 160), marimba(), 8),
        48000,
        "es",
        "espeak-ng, voice es+f3, 8 dB over marimba and pizzicato strings (original)",
    ),
    Demo(
        "mixed_fi_m_in_rain",
        lambda: mix(espeak("fi+m1", FI, 150), rain(8.0, seed=2), 12),
        24000,
        "fi",
        "espeak-ng, voice fi+m1, 12 dB over computed rain",
    ),
    Demo("environment_rain", lambda: rain(6.0, seed=1), 48000, "", "computed rain and far thunder"),
]


def main() -> None:
    """Make all clips and their manifest."""
    CLIPS.mkdir(exist_ok=True)
    with (CLIPS / "manifest.csv").open("w", newline="", encoding="utf-8") as file:
        manifest = csv.writer(file, lineterminator="\n")
        manifest.writerow(["path", "category", "language", "licence", "notes"])
        for demo in DEMOS:
            samples = finish(demo.make(), demo.rate_hz, demo.seconds)
            soundfile.write(CLIPS / f"{demo.name}.flac", samples, demo.rate_hz, subtype="PCM_16", compression_level=1.0)
            manifest.writerow([f"{demo.name}.flac", demo.category, demo.language, "MIT", f"synthetic: {demo.notes}"])


if __name__ == "__main__":
    main()

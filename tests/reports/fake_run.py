"""A made-up run of a sweep, as large and as imperfect as a real one, for the tests of reports and for a look at a page.

Look at the page: ``python -m tests.reports.fake_run FOLDER`` and then ``flowmac report FOLDER -o report.html``.
"""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.results import AUDIO_FOLDER, Clip, Failure, Row, RowWriter, Score
from flowmac.audio import FloatArray, Waveform, write_audio

CLIPS = (
    *((f"speech_{name}", "speech") for name in ("de_f", "en_m", "fi_m", "hu_f", "ru_m")),
    *((f"music_{name}", "music") for name in ("guitar", "strings", "tabla", "organ", "song")),
    *((f"mixed_{name}", "mixed") for name in ("over_strings", "in_rain")),
    *((f"sounds_{name}", "sounds") for name in ("birds", "wind")),
)
ENVIRONMENT = {
    "cpu": "Made-up processor",
    "platform": "Linux",
    "commit": "0123456789abcdef",
    "python": "3.11.7",
    "flowmac": "0.1.0",
    "numpy": "2.4.6",
}
SPEECH_METRICS = ("estoi", "pesq_wb")


@dataclass(frozen=True)
class FakeCondition:
    """What a condition does to a clip: a low-pass at ``bandwidth_hz`` and noise, and a ``quality`` of 0 to 1."""

    codec: str
    label: str
    settings: dict[str, Any]
    quality: float
    bandwidth_hz: float
    kbps: float | None = None
    n_evaluations: int | None = None
    real_time_factor: float = 0.01

    @property
    def spec_id(self) -> str:
        """Hash of codec and settings, as in a sweep."""
        return hashlib.sha256(f"{self.codec}{sorted(self.settings.items())}".encode()).hexdigest()[:16]


def fake_conditions() -> list[FakeCondition]:
    """FlowMAC at three rates and three NFE, Opus at four rates, two anchors and the hidden reference: 16 conditions."""
    flowmac = [
        FakeCondition(
            "flowmac",
            f"FlowMAC {kbps:g} kbit/s, NFE {nfe}",
            {"kbps": kbps, "nfe": nfe, "cfg": 1.0, "solver": "euler", "seed": 0},
            quality=0.5 + 0.12 * np.log2(kbps) + 0.04 * np.log2(nfe),
            bandwidth_hz=11500,
            kbps=kbps,
            n_evaluations=nfe,
            real_time_factor=0.08 + 0.05 * nfe,
        )
        for kbps in (0.75, 1.5, 3.0)
        for nfe in (1, 4, 16)
    ]
    opus = [
        FakeCondition(
            "opus",
            f"Opus {kbps:g} kbit/s",
            {"kbps": kbps, "vbr": True, "sample_rate_hz": 24000},
            quality=0.1 + 0.18 * np.log2(kbps / 4),
            bandwidth_hz=600 * kbps,
            kbps=kbps,
            real_time_factor=0.012 + 0.0003 * kbps,
        )
        for kbps in (6.0, 8.0, 12.0, 16.0)
    ]
    anchors = [
        FakeCondition("lowpass", f"{hz / 1000:g} kHz anchor", {"cutoff_hz": hz}, quality, hz)
        for hz, quality in ((3500, 0.25), (7000, 0.45))
    ]
    return [*flowmac, *opus, *anchors, FakeCondition("reference", "Hidden reference", {}, 1.0, 24000)]


def fake_clip(clip_id: str, category: str, duration_s: float = 3.0, sample_rate_hz: int = 24000) -> Clip:
    """A clip that never was a file."""
    content = hashlib.sha256(clip_id.encode()).hexdigest()
    return Clip(clip_id, content, f"clips/{clip_id}.flac", duration_s, sample_rate_hz, 1, category)


def fake_rows(conditions: Sequence[FakeCondition] = (), clips: Sequence[Clip] = ()) -> list[Row]:
    """All conditions on all clips, without audio; two failures and an absent package among them."""
    conditions = conditions or fake_conditions()
    clips = clips or [fake_clip(*entry) for entry in CLIPS]
    rows = [_row(condition, clip) for condition in conditions for clip in clips]
    codec_rows = [index for index, row in enumerate(rows) if row.codec == "flowmac"]
    if len(codec_rows) > 20:
        crashed, unscored = codec_rows[7], codec_rows[16]
        failure = Failure("MemoryError", "out of memory while decoding 3.0 s")
        rows[crashed] = replace(rows[crashed], status="failed", failure=failure, scores={}, payload_bits=None)
        broken = Score("1", None, Failure("NoUtterancesError", "PESQ found no utterance in the degraded recording"))
        rows[unscored] = replace(rows[unscored], scores={**rows[unscored].scores, "pesq_wb": broken})
    return rows


def _row(condition: FakeCondition, clip: Clip) -> Row:
    rng = np.random.default_rng(int(hashlib.sha256((condition.spec_id + clip.id).encode()).hexdigest()[:8], 16))
    taste = np.random.default_rng(int(clip.sha256[:8], 16)).normal(0, 0.06)
    quality = (
        1.0
        if condition.codec == "reference"
        else float(np.clip(condition.quality + taste + rng.normal(0, 0.02), 0.02, 0.98))
    )
    values = {
        "visqol_audio": 1 + 3.73 * quality,
        "log_mel": 2.6 * (1 - quality) ** 1.5,
        "estoi": quality**0.4,
        "pesq_wb": 1.02 + 3.62 * quality**1.5,
    }
    scores = {name: Score("1", value) for name, value in values.items()}
    if clip.category != "speech":
        reason = Failure("not_applicable", "is defined for speech")
        scores |= {name: Score("1", None, reason) for name in SPEECH_METRICS}
    scores["distillmos"] = Score("1", None, Failure("not_installed", "distillmos is not installed"))
    payload_bits = total_bits = encode_s = decode_s = None
    if condition.kbps is not None:
        payload_bits = round(condition.kbps * 1000 * clip.duration_s * (1 + rng.normal(0, 0.01)))
        total_bits = payload_bits + 8 * 24
        encode_s = 0.3 * condition.real_time_factor * clip.duration_s * float(rng.uniform(0.9, 1.2))
        decode_s = 0.7 * condition.real_time_factor * clip.duration_s * float(rng.uniform(0.9, 1.2))
    return Row(
        row_id=f"{condition.spec_id}-{clip.id}",
        spec_id=condition.spec_id,
        codec=condition.codec,
        label=condition.label,
        settings=condition.settings,
        clip=clip,
        status="ok",
        nominal_kbps=condition.kbps,
        payload_bits=payload_bits,
        total_bits=total_bits,
        encode_s=encode_s,
        decode_s=decode_s,
        n_evaluations=condition.n_evaluations,
        delay_s=0.0,
        scores=scores,
        weights_sha256="5eed" * 16 if condition.codec == "flowmac" else None,
        environment=ENVIRONMENT,
    )


def write_run(folder: Path, rows: Sequence[Row]) -> None:
    """Write ``rows`` as a sweep would."""
    with RowWriter(folder) as writer:
        for row in rows:
            writer.write(row)


def write_run_with_audio(folder: Path, n_clips_with_audio: int = 8) -> list[Row]:
    """The whole made-up run with decoded audio for the first clips of each category."""
    by_label = {condition.label: condition for condition in fake_conditions()}
    with_audio = (
        {name for name, category in CLIPS if category in ("mixed", "sounds")}
        | {name for name, _ in sorted(CLIPS)[:n_clips_with_audio]}
        | {"speech_de_f", "speech_en_m"}
    )
    (folder / AUDIO_FOLDER).mkdir(parents=True, exist_ok=True)
    rows = []
    for row in fake_rows():
        if row.status == "ok" and row.clip.id in with_audio:
            name = f"{AUDIO_FOLDER}/{row.row_id}.flac"
            write_audio(folder / name, degraded(row.clip, by_label[row.label]))
            row = replace(row, decoded_audio=name)
        rows.append(row)
    write_run(folder, rows)
    return rows


def degraded(clip: Clip, condition: FakeCondition) -> Waveform:
    """The clip's synthetic audio, limited in bandwidth and with noise as a codec might leave it."""
    samples = _synthesise(clip)
    spectrum = np.fft.rfft(samples)
    frequency_hz = np.fft.rfftfreq(len(samples), 1 / clip.sample_rate_hz)
    spectrum[frequency_hz > condition.bandwidth_hz] = 0
    limited = np.fft.irfft(spectrum, len(samples))
    noise = np.random.default_rng(0).standard_normal(len(samples)) * np.abs(limited) * (1 - condition.quality)
    return Waveform((limited + 0.5 * noise)[np.newaxis].astype(np.float32), clip.sample_rate_hz)


def _synthesise(clip: Clip) -> FloatArray:
    """Gliding harmonics with syllables for speech, chords for music, filtered noise for sounds."""
    rng = np.random.default_rng(int(clip.sha256[:8], 16))
    time_s = np.arange(round(clip.duration_s * clip.sample_rate_hz)) / clip.sample_rate_hz
    samples = 0.003 * rng.standard_normal(len(time_s))
    if clip.category in ("speech", "mixed"):
        pitch_hz = rng.uniform(100, 220) * (1 + 0.15 * np.sin(2 * np.pi * 0.6 * time_s))
        phase = 2 * np.pi * np.cumsum(pitch_hz) / clip.sample_rate_hz
        syllables = np.clip(np.sin(2 * np.pi * 2.3 * time_s), 0, 1)
        samples += 0.1 * syllables * sum(np.sin(k * phase) / k for k in range(1, 30))
        samples += 0.05 * np.clip(-np.sin(2 * np.pi * 2.3 * time_s), 0, 1) ** 8 * rng.standard_normal(len(time_s))
    if clip.category in ("music", "mixed"):
        for start_s in np.arange(0, clip.duration_s, 0.5):
            since_s = np.clip(time_s - start_s, 0, None)
            root_hz = 110 * 2 ** (rng.integers(0, 24) / 12)
            tone = sum(np.sin(2 * np.pi * k * root_hz * since_s) / k**1.2 for k in range(1, 16))
            samples += 0.06 * tone * np.exp(-3 * since_s) * (since_s > 0)
    if clip.category == "sounds":
        noise = rng.standard_normal(len(time_s)) * (1 + np.sin(2 * np.pi * 0.7 * time_s)) / 2
        samples += np.convolve(noise, np.ones(8) / 8, "same") * 0.1
    return (0.6 * samples / np.abs(samples).max()).astype(np.float32)


if __name__ == "__main__":
    write_run_with_audio(Path(sys.argv[1]))

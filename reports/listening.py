"""Audio examples for the page: which clips, how they are stored, and their spectrograms.

Every version of a clip, the reference included, is stored the same way (Ogg Opus at a high rate), so that none has an
advantage. What is missing or does not fit is said, never skipped in silence.
"""

from __future__ import annotations

import base64
import io
from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import soundfile

from benchmarks.results import Clip
from flowmac.audio import FULL_SCALE, Waveform, read_audio
from flowmac.errors import AudioError
from reports import spectrograms
from reports.conditions import Condition, ordered_categories

#: One line of the run table.
Run = dict[Hashable, Any]

#: Rates that Opus codes; other rates are raised to the highest of them.
OPUS_RATES_HZ = (8000, 12000, 16000, 24000, 48000)
OPUS_KBPS_PER_CHANNEL = 64.0

#: libsndfile maps its compression level linearly from 256 (level 0) to 6 kbit/s a channel (level 1).
OPUS_COMPRESSION_LEVEL = (256.0 - OPUS_KBPS_PER_CHANNEL) / (256.0 - 6.0)

#: Longer clips are cut, to keep the page small.
EXCERPT_S = 8.0

#: What all examples of a page may take, as they stand in it.
BUDGET_BYTES = 13_000_000


@dataclass(frozen=True)
class Example:
    """One version of a clip. ``problem`` says why there is no audio; then the other fields are None."""

    condition: Condition
    audio_uri: str | None = None
    spectrogram_uri: str | None = None
    problem: str | None = None

    @property
    def n_bytes(self) -> int:
        """What the example takes in the page."""
        return len(self.audio_uri or "") + len(self.spectrogram_uri or "")


@dataclass(frozen=True)
class ClipExamples:
    """All versions of one clip, the reference first. ``shown_s`` is what can be heard, from the clip's beginning."""

    clip: Clip
    shown_s: float
    top_hz: float
    examples: tuple[Example, ...]

    @property
    def n_bytes(self) -> int:
        """What all versions take in the page."""
        return sum(example.n_bytes for example in self.examples)


@dataclass(frozen=True)
class Listening:
    """The listening section. ``left_out`` names the clips that were chosen but did not fit into the page."""

    clips: tuple[ClipExamples, ...]
    left_out: tuple[str, ...]

    @property
    def n_bytes(self) -> int:
        """What all clips take in the page."""
        return sum(clip.n_bytes for clip in self.clips)


def choose_clips(clips: Sequence[Clip], n_per_category: int) -> list[Clip]:
    """The first clips of each category by name, one of each category in turn: a choice that no score has a part in."""
    ordered = sorted(clips, key=lambda clip: clip.id)
    by_category = [
        [clip for clip in ordered if clip.category == category][:n_per_category]
        for category in ordered_categories(clip.category for clip in clips)
    ]
    return [clip for turn in zip_longest(*by_category) for clip in turn if clip is not None]


def make_examples(
    folder: Path,
    runs: pd.DataFrame,
    chosen: Sequence[tuple[Clip, Sequence[Condition]]],
    budget_bytes: int = BUDGET_BYTES,
    progress: Callable[[str], None] = lambda clip_id: None,
) -> Listening:
    """Encode clips of a run in ``folder``, each in the conditions given with it, as many as fit into a budget.

    ``runs`` is the run table of `reports.tables.Tables`; conditions come reference first.
    """
    ids = {clip.id for clip, _ in chosen}
    by_key = {(run["spec_id"], run["clip_id"]): run for run in runs[runs["clip_id"].isin(ids)].to_dict("records")}
    done: list[ClipExamples] = []
    n_bytes = 0
    for place, (clip, conditions) in enumerate(chosen):
        progress(clip.id)
        own = {condition.spec_id: by_key.get((condition.spec_id, clip.id)) for condition in conditions}
        examples = _clip_examples(folder, clip, conditions, own)
        n_bytes += examples.n_bytes
        if n_bytes > budget_bytes:
            return Listening(tuple(done), tuple(left.id for left, _ in chosen[place:]))
        done.append(examples)
    return Listening(tuple(done), ())


def _clip_examples(
    folder: Path, clip: Clip, conditions: Sequence[Condition], runs: dict[str, Run | None]
) -> ClipExamples:
    audio = {condition.spec_id: _read(folder, runs[condition.spec_id]) for condition in conditions}
    found = [waveform for waveform in audio.values() if isinstance(waveform, Waveform)]
    if not found:
        return ClipExamples(clip, 0.0, 0.0, tuple(_examples(conditions, audio, 0.0, 0.0, 0.0)))
    # Conditions come reference first, so this is the reference wherever there is one.
    reference = found[0]
    shown_s = max(waveform.duration_s for waveform in found)
    top_hz = spectrograms.top_frequency_hz(reference)
    peak_db = float(spectrograms.power_db(reference).max())
    return ClipExamples(clip, shown_s, top_hz, tuple(_examples(conditions, audio, top_hz, peak_db, shown_s)))


def _examples(
    conditions: Sequence[Condition], audio: dict[str, Waveform | str], top_hz: float, peak_db: float, shown_s: float
) -> Iterator[Example]:
    for condition in conditions:
        waveform = audio[condition.spec_id]
        if isinstance(waveform, str):
            yield Example(condition, problem=waveform)
            continue
        waveform = _lasting(waveform, shown_s)
        levels_db = spectrograms.power_db(waveform)
        picture = spectrograms.picture(levels_db, waveform.sample_rate_hz, top_hz, peak_db)
        yield Example(
            condition,
            audio_uri=data_uri("audio/ogg", encode_opus(waveform)),
            spectrogram_uri=data_uri("image/webp", picture),
        )


def _read(folder: Path, run: Run | None) -> Waveform | str:
    """The first `EXCERPT_S` of a run's audio, or why there is none."""
    if run is None:
        return "not run yet"
    if not run["is_ok"]:
        return f"failed: {run['failure_message']}"
    name = run["decoded_audio"]
    if not name:
        return "the sweep kept no audio"
    if not (folder / name).exists():
        return f"the file {name} is missing"
    try:
        waveform = read_audio(folder / name)
    except AudioError:
        return f"the file {name} cannot be read as audio"
    n_shown = round(min(waveform.duration_s, EXCERPT_S) * waveform.sample_rate_hz)
    return Waveform(waveform.samples[:, :n_shown], waveform.sample_rate_hz)


def _lasting(waveform: Waveform, duration_s: float) -> Waveform:
    """Silence appended up to ``duration_s``, so that all versions of a clip share a time axis."""
    n_missing = round(duration_s * waveform.sample_rate_hz) - waveform.n_samples
    if n_missing <= 0:
        return waveform
    return Waveform(np.pad(waveform.samples, ((0, 0), (0, n_missing))), waveform.sample_rate_hz)


def encode_opus(waveform: Waveform) -> bytes:
    """Ogg Opus of about `OPUS_KBPS_PER_CHANNEL`, mono or stereo (of more channels, the mix)."""
    if waveform.n_channels > 2:
        waveform = waveform.mono()
    if waveform.sample_rate_hz not in OPUS_RATES_HZ:
        waveform = waveform.resampled(OPUS_RATES_HZ[-1])
    buffer = io.BytesIO()
    soundfile.write(
        buffer,
        np.clip(waveform.samples.T, -FULL_SCALE, FULL_SCALE),
        waveform.sample_rate_hz,
        format="OGG",
        subtype="OPUS",
        compression_level=OPUS_COMPRESSION_LEVEL,
    )
    return buffer.getvalue()


def data_uri(media_type: str, data: bytes) -> str:
    """``data`` as a link that holds it."""
    return f"data:{media_type};base64,{base64.b64encode(data).decode('ascii')}"

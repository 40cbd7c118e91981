"""How long a sweep will take, guessed from a short piece of one clip: each condition and each metric once."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from benchmarks.codecs import CODECS
from benchmarks.metrics import METRICS
from benchmarks.metrics.base import SPEECH, measure
from benchmarks.plan import Plan, RunSpec
from benchmarks.results import Clip
from benchmarks.timing import CLOCKS, use_one_thread
from benchmarks.worker import Task, make_adapter
from flowmac.audio import Waveform, read_audio

PIECE_S = 2.0
#: The piece, against a copy with noise this far below full scale, is what metrics are tried on.
_NOISE = 0.003


@dataclass(frozen=True)
class Estimate:
    """Guesses from one call each on one thread of this machine, scaled by duration and channels.

    Attributes:
        codec_s: by ``spec_id``, seconds of coding one second of one channel; None where the codec failed on the piece.
        metric_s: by name, seconds for one second of one channel.
        start_s: seconds that each worker needs once, to load and warm up.
        work_s: seconds of all rows on one worker, without ``start_s``.
    """

    codec_s: dict[str, float | None]
    metric_s: dict[str, float]
    start_s: float
    work_s: float

    def wall_s(self, n_workers: int) -> float:
        """Seconds until the sweep ends."""
        return self.start_s + self.work_s / n_workers


def estimate(plan: Plan, to_do: Sequence[Task], tell: Callable[[str], None]) -> Estimate:
    """Try each condition and metric that ``to_do`` has.

    Args:
        plan: the sweep.
        to_do: rows to make.
        tell: takes what is being tried, for progress.
    """
    use_one_thread()
    specs = {task.spec.spec_id: task.spec for task in to_do}
    clips = {task.clip.sha256: task.clip for task in to_do}
    if not specs:
        return Estimate({}, {}, 0.0, 0.0)
    longest = max(clips.values(), key=lambda clip: clip.duration_s)
    piece = _piece(longest)
    start_s = 0.0
    codec_s: dict[str, float | None] = {}
    for spec_id, spec in specs.items():
        tell(spec.label)
        seconds, first_s = _try_codec(spec, piece, longest.id)
        codec_s[spec_id] = None if seconds is None else seconds / piece.duration_s
        start_s += first_s
    metric_s: dict[str, float] = {}
    for name in plan.metrics:
        tell(name)
        seconds, first_s = _try_metric(name, piece)
        metric_s[name] = seconds / piece.duration_s
        start_s += first_s
    work_s = sum(_row_s(task, codec_s, metric_s, plan.metrics) for task in to_do)
    return Estimate(codec_s, metric_s, start_s, work_s)


def n_passes(spec: RunSpec) -> int:
    """How often a row codes its clip: see `benchmarks.worker.code`."""
    codec = CODECS.get(spec.codec)
    if codec.timing == "none":
        return 1
    return spec.repeats + (codec.timing == "process")


def _piece(clip: Clip) -> Waveform:
    """One channel from the middle of a clip."""
    waveform = read_audio(clip.path)
    start = max(0, round((waveform.duration_s - PIECE_S) / 2 * waveform.sample_rate_hz))
    end = start + round(PIECE_S * waveform.sample_rate_hz)
    return Waveform(waveform.samples[:1, start:end], waveform.sample_rate_hz)


def _try_codec(spec: RunSpec, piece: Waveform, clip_id: str) -> tuple[float | None, float]:
    """Seconds of one pass over the piece, and of loading."""
    codec = CODECS.get(spec.codec)
    now = CLOCKS["wall" if codec.timing == "wall" else "process"]  # what else runs here now must not count
    start_s = now()
    try:
        adapter = make_adapter(codec, json.dumps(spec.settings))
        loaded_s = now()
        adapter.decode(adapter.encode_clip(piece, clip_id))
    except Exception:  # the sweep itself will write down why
        return None, 0.0
    return now() - loaded_s, loaded_s - start_s


def _try_metric(name: str, piece: Waveform) -> tuple[float, float]:
    """Seconds of scoring the piece, and of warming up."""
    now = CLOCKS["process"]
    start_s = now()
    metric = METRICS.get(name)()
    if metric.missing():
        return 0.0, 0.0
    noise = np.random.default_rng(0).standard_normal(piece.samples.shape).astype(np.float32)
    degraded = Waveform(np.clip(piece.samples + _NOISE * noise, -1, 1), piece.sample_rate_hz)
    try:
        metric.warm_up()
        measure(metric, piece, degraded, SPEECH)  # some load their networks only now
    except Exception:  # as above
        return 0.0, 0.0
    warm_s = now()
    measure(metric, piece, degraded, SPEECH)
    return now() - warm_s, warm_s - start_s


def _row_s(task: Task, codec_s: dict[str, float | None], metric_s: dict[str, float], metrics: Sequence[str]) -> float:
    per_second = (codec_s[task.spec.spec_id] or 0.0) * n_passes(task.spec)
    for name in metrics:
        if task.clip.category == SPEECH or not METRICS.get(name).speech_only:
            per_second += metric_s[name]
    return per_second * task.clip.duration_s * task.clip.n_channels

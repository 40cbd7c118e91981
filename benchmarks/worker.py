"""What a worker does: one codec setting on one clip, to a row and its files.

Runs in any process on any machine that has the clips under the same path; gives files back as bytes, so that only the
process that started the sweep writes.
"""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import io
import json
import logging
from dataclasses import dataclass, field

import numpy as np
import soundfile

from benchmarks.codecs.base import CodecAdapter
from benchmarks.environment import describe
from benchmarks.metrics.align import align
from benchmarks.metrics.base import Metric, measure
from benchmarks.plan import RunSpec
from benchmarks.registry import load
from benchmarks.results import AUDIO_FOLDER, Clip, Failure, Row
from benchmarks.timing import timed, use_one_thread
from flowmac.audio import FULL_SCALE, Waveform, read_audio
from flowmac.errors import CheckpointError

logger = logging.getLogger(__name__)

WARM_UP_S = 1.0


@dataclass(frozen=True)
class Task:
    """One row to make. ``metrics`` are targets ``module:Class``, so that a worker finds them without a registry."""

    spec: RunSpec
    clip: Clip
    metrics: tuple[str, ...]

    @property
    def row_id(self) -> str:
        """Hash of the spec and of the clip's content."""
        return hashlib.sha256(f"{self.spec.spec_id} {self.clip.sha256}".encode()).hexdigest()[:24]


@dataclass(frozen=True)
class Outcome:
    """A finished row, and the files that belong to it by their path relative to the run's folder."""

    row: Row
    files: dict[str, bytes] = field(default_factory=dict)


def make_row(task: Task) -> Outcome:
    """Encode, decode, align and score; whatever goes wrong with the codec becomes a failed row."""
    use_one_thread()
    try:
        return _measured(task)
    except Exception as error:  # a codec may raise anything, and one row must not end the sweep
        logger.debug("%s failed on %s", task.spec.label, task.clip.id, exc_info=True)
        return failed_row(task, error)


def failed_row(task: Task, error: BaseException) -> Outcome:
    """The row of a task that came to nothing."""
    failure = Failure(type(error).__name__, str(error) or "no message")
    return Outcome(dataclasses.replace(_unmeasured(task), status="failed", failure=failure))


def _unmeasured(task: Task) -> Row:
    spec = task.spec
    return Row(
        row_id=task.row_id,
        spec_id=spec.spec_id,
        codec=spec.codec,
        label=spec.label,
        settings=spec.settings,
        clip=task.clip,
        status="ok",
        nominal_kbps=spec.nominal_kbps,
        n_evaluations=spec.n_evaluations,
        weights_sha256=spec.weights_sha256,
        environment=describe(),
    )


def _measured(task: Task) -> Outcome:
    reference = read_audio(task.clip.path)
    encoder, decoder = _ready_pair(task.spec.target, json.dumps(task.spec.settings), task.spec.weights_sha256)
    data, encode_s = timed(lambda: encoder.encode(reference))
    decoded, decode_s = timed(lambda: decoder.decode(data))
    aligned, delay_s = align(reference, decoded)
    metrics = [_ready_metric(target) for target in task.metrics]
    scores = {metric.name: measure(metric, reference, aligned, task.clip.category) for metric in metrics}
    stored = flac_bytes(aligned)
    audio_path = f"{AUDIO_FOLDER}/{hashlib.sha256(stored).hexdigest()}.flac"
    row = dataclasses.replace(
        _unmeasured(task),
        delay_s=delay_s,
        scores=scores,
        decoded_audio=audio_path,
        decoded_sha256=samples_sha256(decoded),
    )
    files = {audio_path: stored}
    if encoder.has_stream:
        row = dataclasses.replace(
            row,
            payload_bits=encoder.payload_bits(data),
            total_bits=8 * len(data),
            encode_s=encode_s,
            decode_s=decode_s,
        )
        files[row.stream] = data
    return Outcome(row, files)


@functools.lru_cache(maxsize=64)
def _ready_pair(target: str, settings: str, weights_sha256: str | None) -> tuple[CodecAdapter, CodecAdapter]:
    """One adapter to encode and another to decode, both past their first, slow call.

    Two, so that nothing passes between them but bytes.
    """
    adapter_class = load(target)
    encoder, decoder = (make_adapter(adapter_class, settings) for _ in range(2))
    if encoder.weights_sha256 != weights_sha256:
        raise CheckpointError(f"'{encoder.label}' has other weights on this machine than where the sweep was started")
    noise = np.random.default_rng(0).uniform(-0.1, 0.1, (1, round(WARM_UP_S * 24000)))
    decoder.decode(encoder.encode(Waveform(noise.astype(np.float32), 24000)))
    return encoder, decoder


def make_adapter(adapter_class: type[CodecAdapter], settings: str) -> CodecAdapter:
    """An adapter from settings in JSON, as a row holds them."""
    return adapter_class(adapter_class.settings_model.model_validate_json(settings))


@functools.lru_cache(maxsize=64)
def _ready_metric(target: str) -> Metric:
    metric: Metric = load(target)()
    if metric.missing() is None:
        try:
            metric.warm_up()
        except Exception:  # the score of each clip will say what is wrong
            logger.debug("%s could not be warmed up", metric.name, exc_info=True)
    return metric


def samples_sha256(waveform: Waveform) -> str:
    """Hash of the samples as float32, channel after channel."""
    return hashlib.sha256(np.ascontiguousarray(waveform.samples, dtype="<f4").tobytes()).hexdigest()


def flac_bytes(waveform: Waveform) -> bytes:
    """A FLAC file of 16 bit, clipped at full scale."""
    buffer = io.BytesIO()
    samples = np.clip(waveform.samples.T, -FULL_SCALE, FULL_SCALE)
    soundfile.write(buffer, samples, waveform.sample_rate_hz, format="FLAC", subtype="PCM_16")
    return buffer.getvalue()

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
import statistics
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import numpy as np
import soundfile

from benchmarks.codecs.base import CodecAdapter
from benchmarks.cost import Cost, counted
from benchmarks.environment import describe
from benchmarks.metrics.align import align
from benchmarks.metrics.base import Metric, measure_all
from benchmarks.plan import RunSpec
from benchmarks.registry import load
from benchmarks.results import AUDIO_FOLDER, Clip, Failure, Row, Timing
from benchmarks.timing import N_THREADS, timed, use_one_thread
from flowmac.audio import FULL_SCALE, Waveform, read_audio
from flowmac.errors import CheckpointError

logger = logging.getLogger(__name__)

WARM_UP_S = 1.0

#: Conditions whose adapters a worker keeps ready. Rows go clip by clip, so that fewer than a sweep has would mean a
#: warm-up in every row; adapters share their models.
MAX_READY = 1024


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
    """A finished row.

    Attributes:
        row: what was measured.
        files: what belongs to it, by the path relative to the run's folder or store.
        work_s: seconds on the clock that went into codec, alignment and metrics; the rest is the engine's.
    """

    row: Row
    files: dict[str, bytes] = field(default_factory=dict)
    work_s: float = 0.0


class _Work:
    """Seconds on the clock that count as work."""

    def __init__(self) -> None:
        self.seconds = 0.0

    @contextmanager
    def counts(self) -> Iterator[None]:
        start_s = time.perf_counter()
        try:
            yield
        finally:
            self.seconds += time.perf_counter() - start_s


def make_row(task: Task) -> Outcome:
    """Encode, decode, align and score; whatever goes wrong with the codec becomes a failed row."""
    use_one_thread()
    work = _Work()
    try:
        outcome = _measured(task, work)
    except Exception as error:  # a codec may raise anything, and one row must not end the sweep
        logger.debug("%s failed on %s", task.spec.label, task.clip.id, exc_info=True)
        outcome = failed_row(task, error)
    return dataclasses.replace(outcome, work_s=work.seconds)


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


def _measured(task: Task, work: _Work) -> Outcome:
    reference = read_audio(task.clip.path)
    with work.counts():
        encoder, decoder = _ready_pair(task.spec.target, json.dumps(task.spec.settings), task.spec.weights_sha256)
        coded = code(encoder, decoder, reference, task.clip.id, task.spec.repeats)
        aligned, delay_s = align(reference, coded.decoded)
        metrics = [_ready_metric(target) for target in task.metrics]
        scores = measure_all(metrics, reference, aligned, task.clip.category)
    stored = flac_bytes(aligned)
    audio_path = f"{AUDIO_FOLDER}/{hashlib.sha256(stored).hexdigest()}.flac"
    row = dataclasses.replace(
        _unmeasured(task),
        delay_s=delay_s,
        scores=scores,
        decoded_audio=audio_path,
        decoded_sha256=samples_sha256(coded.decoded),
    )
    files = {audio_path: stored}
    if coded.timing is not None:
        encode_s, decode_s = (statistics.median(times) for times in (coded.timing.encode_s, coded.timing.decode_s))
        row = dataclasses.replace(row, encode_s=encode_s, decode_s=decode_s, timing=coded.timing)
    if encoder.has_stream:
        row = dataclasses.replace(row, payload_bits=encoder.payload_bits(coded.data), total_bits=8 * len(coded.data))
        files[row.stream] = coded.data
    return Outcome(row, files)


@dataclass(frozen=True)
class Coded:
    """A stream, what it decodes to, and what that cost; ``timing`` is None where nothing is coded."""

    data: bytes
    decoded: Waveform
    timing: Timing | None


def code(encoder: CodecAdapter, decoder: CodecAdapter, reference: Waveform, clip_id: str, repeats: int) -> Coded:
    """Encode and decode a recording ``repeats`` times, timing each.

    A codec that runs within this process goes over the recording once more before: that counts operations and memory,
    and pays for whatever a library prepares for a length that it has not met.
    """

    def encode() -> bytes:
        return encoder.encode_clip(reference, clip_id)

    clock = encoder.timing
    if clock == "none":
        data = encode()
        return Coded(data, decoder.decode(data), None)
    encode_cost = decode_cost = Cost(None, None)
    if clock == "process":
        data, encode_cost = counted(encode)
        _, decode_cost = counted(functools.partial(decoder.decode, data))
    encode_s, decode_s = [], []
    for _ in range(repeats):
        data, seconds = timed(encode, clock)
        encode_s.append(seconds)
        decoded, seconds = timed(functools.partial(decoder.decode, data), clock)
        decode_s.append(seconds)
    timing = Timing(
        clock=clock,
        n_threads=N_THREADS,
        encode_s=tuple(encode_s),
        decode_s=tuple(decode_s),
        encode_flops=encode_cost.flops,
        decode_flops=decode_cost.flops,
        encode_memory_bytes=encode_cost.memory_bytes,
        decode_memory_bytes=decode_cost.memory_bytes,
    )
    return Coded(data, decoded, timing)


@functools.lru_cache(maxsize=MAX_READY)
def _ready_pair(target: str, settings: str, weights_sha256: str | None) -> tuple[CodecAdapter, CodecAdapter]:
    encoder, decoder = ready_pair(load(target), settings)
    if encoder.weights_sha256 != weights_sha256:
        raise CheckpointError(f"'{encoder.label}' has other weights on this machine than where the sweep was started")
    return encoder, decoder


def ready_pair(adapter_class: type[CodecAdapter], settings: str) -> tuple[CodecAdapter, CodecAdapter]:
    """One adapter to encode and another to decode, both past their first, slow call; ``settings`` are JSON.

    Two, so that nothing passes between them but bytes.
    """
    encoder, decoder = (make_adapter(adapter_class, settings) for _ in range(2))
    if encoder.timing == "none":
        return encoder, decoder
    noise = np.random.default_rng(0).uniform(-0.1, 0.1, (1, round(WARM_UP_S * 24000)))
    decoder.decode(encoder.encode(Waveform(noise.astype(np.float32), 24000)))
    return encoder, decoder


def make_adapter(adapter_class: type[CodecAdapter], settings: str) -> CodecAdapter:
    """An adapter from settings in JSON, as a row holds them."""
    return adapter_class(adapter_class.settings_model.model_validate_json(settings))


@functools.cache
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

"""Results of a sweep: one JSON line a row, appended by one writer, read by reports and listening tests.

A row is one RunSpec (a codec with all its settings) on one clip. It is written once, when everything about it is
known, and never changed: a failed row stays in the file, and a later row with the same id replaces it on reading.

Loads neither torch nor any codec.
"""

from __future__ import annotations

import dataclasses
import json
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Literal

from flowmac.errors import SettingError

#: Number of the row's layout; rows of another number are refused on reading.
SCHEMA = 1

ROWS_FILE = "rows.jsonl"
AUDIO_FOLDER = "audio"
STREAMS_FOLDER = "streams"


@dataclass(frozen=True)
class Failure:
    """Why there is no value. ``kind`` is a short stable word (an exception's name or ``not_applicable``)."""

    kind: str
    message: str


@dataclass(frozen=True)
class Score:
    """One metric of one row: a value, or the reason why there is none. Never a stand-in number.

    ``failure.kind`` is ``not_applicable`` where the metric does not judge such material (speech metrics on music) and
    ``not_installed`` where its package is absent; any other kind (``silent``, ``too_short``, ``not_finite``, an
    exception's name) is a failure that a report must count.
    """

    version: str
    value: float | None = None
    failure: Failure | None = None


@dataclass(frozen=True)
class Clip:
    """A reference recording. ``sha256`` is of the file's bytes; ``path`` is where it was read."""

    id: str
    sha256: str
    path: str
    duration_s: float
    sample_rate_hz: int
    n_channels: int
    category: str = "unknown"
    language: str | None = None

    @property
    def reference_audio(self) -> str:
        """Path of the run's own copy of the recording, relative to the run's folder."""
        return f"{AUDIO_FOLDER}/{self.sha256}.flac"


@dataclass(frozen=True)
class Timing:
    """What coding one clip cost. Every repeat is kept; nothing here was measured on the first call.

    Attributes:
        clock: ``process``: processor seconds of the worker's process; ``wall``: seconds on the clock, for codecs that
            compute in another process or on a GPU.
        n_threads: threads that the codec was held to.
        encode_s, decode_s: one time for each repeat.
        encode_flops, decode_flops: floating-point operations of torch's matrix products and convolutions, two for a
            multiplication with its addition; recurrent layers, FFTs and element-wise work are not counted. None for
            codecs that do not use torch.
        encode_memory_bytes, decode_memory_bytes: by how much the call raised the resident memory of the process at
            its peak (Linux); weights that were loaded before are not in it. None where that cannot be known.
    """

    clock: Literal["process", "wall"]
    n_threads: int
    encode_s: tuple[float, ...]
    decode_s: tuple[float, ...]
    encode_flops: int | None = None
    decode_flops: int | None = None
    encode_memory_bytes: int | None = None
    decode_memory_bytes: int | None = None


@dataclass(frozen=True)
class Row:
    """One codec setting on one clip.

    Attributes:
        row_id: hash of spec and clip content; the key for resuming.
        spec_id: hash of the codec's name and all resolved settings, weights included.
        codec: registered name, such as ``flowmac``, ``opus``, ``lowpass``, ``reference``.
        label: what a table shows, such as ``FlowMAC 3 kbit/s, NFE 4``.
        settings: all resolved settings.
        nominal_kbps: the rate asked for; None for anchors and the reference. Only a label.
        payload_bits, total_bits: counted on the bytes that the encoder gave, without and with headers and
            checksums; None for anchors and the reference, which have no stream.
        encode_s, decode_s: median seconds by the clock of ``timing``, on one thread, after a warm-up; None for anchors
            and the reference.
        timing: the times of all repeats, operations and memory; None for anchors, the reference, and rows of release
            0.1, which were timed once in processor seconds.
        n_evaluations: network evaluations of the decoder's solver, guidance counted; None where there is no solver.
        delay_s: delay of the decoded audio against the reference, found and removed before scoring.
        scores: by metric name.
        decoded_audio: path of the decoded, aligned audio, relative to the run's folder, or to ``store``.
        store: where audio and streams were written, such as ``s3://bucket/run``; None for the run's own folder.
        decoded_sha256: of the decoded samples as float32.
        weights_sha256: of the codec's weights; None for codecs without.
        environment: versions of the packages, machine, commit.
    """

    row_id: str
    spec_id: str
    codec: str
    label: str
    settings: dict[str, Any]
    clip: Clip
    status: Literal["ok", "failed"]
    failure: Failure | None = None
    nominal_kbps: float | None = None
    payload_bits: int | None = None
    total_bits: int | None = None
    encode_s: float | None = None
    decode_s: float | None = None
    timing: Timing | None = None
    n_evaluations: int | None = None
    delay_s: float | None = None
    scores: dict[str, Score] = field(default_factory=dict)
    decoded_audio: str | None = None
    decoded_sha256: str | None = None
    store: str | None = None
    weights_sha256: str | None = None
    environment: dict[str, str] = field(default_factory=dict)

    @property
    def stream(self) -> str:
        """Path of the coded bytes, relative to the run's folder, for a row whose ``total_bits`` is not None."""
        return f"{STREAMS_FOLDER}/{self.row_id}.bin"

    @property
    def payload_kbps(self) -> float | None:
        """Measured payload rate in kbit/s."""
        return None if self.payload_bits is None else self.payload_bits / self.clip.duration_s / 1000

    @property
    def total_kbps(self) -> float | None:
        """Measured rate in kbit/s with headers and checksums."""
        return None if self.total_bits is None else self.total_bits / self.clip.duration_s / 1000

    @property
    def real_time_factor(self) -> float | None:
        """Seconds of encoding and decoding for a second of audio; below 1 is faster than real time."""
        if self.encode_s is None or self.decode_s is None:
            return None
        return (self.encode_s + self.decode_s) / self.clip.duration_s

    @property
    def n_repeats(self) -> int:
        """How often the codec was timed."""
        if self.timing is not None:
            return len(self.timing.encode_s)
        return 0 if self.encode_s is None else 1

    def to_json(self) -> str:
        """One line of JSON without a line break."""
        return json.dumps({"schema": SCHEMA, **dataclasses.asdict(self)}, ensure_ascii=False, allow_nan=False)

    @staticmethod
    def from_json(line: str) -> Row:
        """Inverse of `to_json`.

        Raises:
            ValueError, KeyError, TypeError: the line is no row of this schema.
        """
        data = json.loads(line)
        if data.pop("schema") != SCHEMA:
            raise ValueError(f"the row has another schema than {SCHEMA}")
        data["clip"] = Clip(**data["clip"])
        data["failure"] = _failure(data["failure"])
        data["scores"] = {
            name: Score(score["version"], score["value"], _failure(score["failure"]))
            for name, score in data["scores"].items()
        }
        if data.get("timing") is not None:
            timing = data["timing"]
            times = {key: tuple(timing[key]) for key in ("encode_s", "decode_s")}
            data["timing"] = Timing(**(timing | times))
        return Row(**data)


def _failure(data: dict[str, str] | None) -> Failure | None:
    return None if data is None else Failure(**data)


class RowWriter:
    """Appends rows to ``folder/rows.jsonl``, each flushed to disk before the next: a kill loses no finished row.

    Raises:
        SettingError: the folder cannot be written, or another sweep is writing to it.
    """

    def __init__(self, folder: str | Path) -> None:
        path = Path(folder) / ROWS_FILE
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = path.open("ab")
        except OSError as error:
            raise SettingError(f"{path}: cannot be written ({error.strerror})") from None
        _lock(self._file, path)
        _drop_torn_line(path)

    def write(self, row: Row) -> None:
        """Append one row."""
        line = row.to_json().encode() + b"\n"
        try:
            self._file.write(line)
            self._file.flush()
            os.fsync(self._file.fileno())
        except OSError as error:
            raise SettingError(f"{self._file.name}: cannot be written ({error.strerror})") from None

    def __enter__(self) -> RowWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._file.close()


def _lock(file: BinaryIO, path: Path) -> None:
    """Keep other sweeps out until the file is closed or the process ends. Not known on Windows."""
    if sys.platform != "win32":
        import fcntl

        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            file.close()
            raise SettingError(
                f"{path}: another sweep is writing to it; wait for it or choose another folder"
            ) from None


def _drop_torn_line(path: Path) -> None:
    """Cut off a last line without its line break, left by a process that was killed while writing."""
    data = path.read_bytes()
    if data and not data.endswith(b"\n"):
        os.truncate(path, data.rfind(b"\n") + 1)


def read_rows(folder: str | Path) -> list[Row]:
    """All rows of a run, in the order of first appearance; of rows with one id the last counts.

    A last line that a killed writer left incomplete is passed over.

    Raises:
        SettingError: there are no results in the folder, or a line other than the last is damaged.
    """
    rows: dict[str, Row] = {}
    for_each_row(folder, lambda row: rows.update({row.row_id: row}))
    return list(rows.values())


def for_each_row(folder: str | Path, take: Callable[[Row], None]) -> None:
    """Give every row of a run to ``take``, line by line; a torn last line is passed over.

    Raises:
        SettingError: there are no results in the folder, or a line is damaged: ``take`` too may find that it is, by a
            ValueError, KeyError, TypeError, AttributeError or ArithmeticError.
    """
    path = Path(folder) / ROWS_FILE
    if not path.is_file():
        raise SettingError(f"{folder}: has no {ROWS_FILE}; is it the output folder of 'flowmac sweep'?")
    with path.open("rb") as file:  # bytes: only a line feed ends a line, and a torn line may end within a character
        for number, line in enumerate(file, start=1):
            if not line.endswith(b"\n"):
                return
            try:
                take(Row.from_json(line.decode()))
            except (ValueError, KeyError, TypeError, AttributeError, ArithmeticError) as error:
                raise SettingError(
                    f"{path}, line {number}: is no result row of this version ({error}); "
                    "remove the line and run the sweep again to make it anew"
                ) from None

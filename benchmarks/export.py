"""Rows of a sweep as a tidy table: one line for each row and metric."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.results import Row, Score, read_rows
from flowmac.errors import SettingError

if TYPE_CHECKING:
    import pandas as pd

FORMATS = (".parquet", ".csv")


def export(run: Path, output: Path) -> int:
    """Write a sweep's rows to a Parquet or CSV file, by the ending of its name; returns the number of lines.

    Raises:
        SettingError: the ending is another, there are no results, or the file cannot be written.
    """
    if output.suffix not in FORMATS:
        raise SettingError(f"{output}: the name of a table must end in {' or '.join(FORMATS)}")
    frame = tidy(read_rows(run))
    try:
        output.parent.mkdir(parents=True, exist_ok=True)
        if output.suffix == ".parquet":
            frame.to_parquet(output, index=False)
        else:
            frame.to_csv(output, index=False)
    except ImportError as error:
        raise SettingError(f"{output}: Parquet needs pyarrow: pip install 'flowmac[bench]' ({error})") from None
    except OSError as error:
        raise SettingError(f"{output}: cannot be written ({error.strerror or error})") from None
    return len(frame)


def tidy(rows: list[Row]) -> pd.DataFrame:
    """One line for each row and metric; a row without scores, such as a failed one, has one line without a metric.

    A setting ``x`` of any codec is the column ``setting_x``, empty for codecs that do not have it. A value that is
    missing is empty, and ``failure_kind`` says why.
    """
    import pandas as pd

    lines = [
        _facts(row) | _score(name, score) for row in rows for name, score in (row.scores or {"": Score("")}).items()
    ]
    frame = pd.DataFrame(lines).convert_dtypes()
    for column in frame.select_dtypes("object"):  # settings of several types, which a Parquet column cannot be
        frame[column] = frame[column].map(str, na_action="ignore").astype("string")
    return frame


def _facts(row: Row) -> dict[str, Any]:
    timing, clip = row.timing, row.clip
    return {
        "row_id": row.row_id,
        "spec_id": row.spec_id,
        "status": row.status,
        "codec": row.codec,
        "label": row.label,
        **{f"setting_{key}": _cell(value) for key, value in row.settings.items()},
        "clip": clip.id,
        "clip_sha256": clip.sha256,
        "category": clip.category,
        "language": clip.language,
        "duration_s": clip.duration_s,
        "sample_rate_hz": clip.sample_rate_hz,
        "n_channels": clip.n_channels,
        "nominal_kbps": row.nominal_kbps,
        "payload_kbps": row.payload_kbps,
        "total_kbps": row.total_kbps,
        "encode_s": row.encode_s,
        "decode_s": row.decode_s,
        "clock": timing and timing.clock,
        "n_threads": timing and timing.n_threads,
        "n_repeats": row.n_repeats or None,
        "encode_flops": timing and timing.encode_flops,
        "decode_flops": timing and timing.decode_flops,
        "encode_memory_bytes": timing and timing.encode_memory_bytes,
        "decode_memory_bytes": timing and timing.decode_memory_bytes,
        "n_evaluations": row.n_evaluations,
        "delay_s": row.delay_s,
        "weights_sha256": row.weights_sha256,
        "commit": row.environment.get("commit"),
        "cpu": row.environment.get("cpu"),
        "row_failure": row.failure and f"{row.failure.kind}: {row.failure.message}",
    }


def _score(name: str, score: Score) -> dict[str, Any]:
    return {
        "metric": name or None,
        "version": score.version or None,
        "value": score.value,
        "failure_kind": score.failure and score.failure.kind,
        "failure_message": score.failure and score.failure.message,
    }


def _cell(value: Any) -> Any:
    return json.dumps(value) if isinstance(value, list | dict) else value

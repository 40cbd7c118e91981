"""What a call costs beside time: floating-point operations and memory.

Counting slows a call, so that a call is either counted or timed.
"""

from __future__ import annotations

import contextlib
import ctypes
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")

_STATUS = Path("/proc/self/status")
_CLEAR_REFS = Path("/proc/self/clear_refs")
#: Written to ``clear_refs``, it brings the peak of resident memory down to the present level (Linux, proc(5)).
_RESET_PEAK = "5"


@dataclass(frozen=True)
class Cost:
    """``flops`` and ``memory_bytes`` as in `benchmarks.results.Timing`."""

    flops: int | None
    memory_bytes: int | None


def counted(call: Callable[[], T]) -> tuple[T, Cost]:
    """What ``call`` returns, and what it cost."""
    before_bytes = _start_of_peak()
    result, flops = _with_flops(call)
    peak_bytes = None if before_bytes is None else _resident_bytes("VmHWM")
    grown = None if peak_bytes is None or before_bytes is None else max(0, peak_bytes - before_bytes)
    return result, Cost(flops, grown)


def _with_flops(call: Callable[[], T]) -> tuple[T, int | None]:
    if "torch" not in sys.modules:
        return call(), None
    from torch.utils.flop_counter import FlopCounterMode

    with FlopCounterMode(display=False) as counter:
        result = call()
    # A codec without torch counts nothing although another codec has loaded torch into this process.
    return result, counter.get_total_flops() or None


def _start_of_peak() -> int | None:
    """Resident memory now, the peak brought down to it; None where the system has no such thing."""
    if sys.platform != "linux":
        return None
    with contextlib.suppress(OSError, AttributeError):  # memory that earlier calls freed would hide growth; glibc only
        ctypes.CDLL(None).malloc_trim(0)
    try:
        _CLEAR_REFS.write_text(_RESET_PEAK)
    except OSError:
        return None
    return _resident_bytes("VmRSS")


def _resident_bytes(field: str) -> int | None:
    try:
        lines = _STATUS.read_text(encoding="ascii").splitlines()
    except OSError:
        return None
    return next((1024 * int(line.split()[1]) for line in lines if line.startswith(f"{field}:")), None)

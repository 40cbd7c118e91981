"""Times that can be compared: one thread, the first call not counted, every repeat kept."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from typing import Literal, TypeVar

T = TypeVar("T")
Clock = Literal["process", "wall"]

#: Read by OpenMP, OpenBLAS, MKL and numba when they are loaded.
THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")
N_THREADS = 1

#: Processor seconds of this process. On an idle core they are the seconds on the clock; unlike those, they do not grow
#: when other work shares the core. They miss what a child process or a GPU does: that is what ``wall`` is for.
CLOCKS: dict[Clock, Callable[[], float]] = {"process": time.process_time, "wall": time.perf_counter}


def thread_environment() -> dict[str, str]:
    """Environment of a process that is to compute on one thread."""
    return dict.fromkeys(THREAD_VARIABLES, str(N_THREADS))


def use_one_thread() -> None:
    """Hold this process to one thread; libraries loaded before need the variables set when the process starts."""
    os.environ.update(thread_environment())
    if "torch" in sys.modules:
        import torch

        torch.set_num_threads(N_THREADS)


def timed(call: Callable[[], T], clock: Clock = "process") -> tuple[T, float]:
    """What ``call`` returns, and the seconds it took by ``clock``."""
    now = CLOCKS[clock]
    start_s = now()
    result = call()
    return result, now() - start_s

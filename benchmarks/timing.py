"""Times that can be compared: one thread, and the first call not counted."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

#: Read by OpenMP, OpenBLAS, MKL and numba when they are loaded.
THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")
N_THREADS = 1


def thread_environment() -> dict[str, str]:
    """Environment of a process that is to compute on one thread."""
    return dict.fromkeys(THREAD_VARIABLES, str(N_THREADS))


def use_one_thread() -> None:
    """Hold this process to one thread; libraries loaded before need the variables set when the process starts."""
    os.environ.update(thread_environment())
    if "torch" in sys.modules:
        import torch

        torch.set_num_threads(N_THREADS)


def timed(call: Callable[[], T]) -> tuple[T, float]:
    """What ``call`` returns, and the processor seconds it took in this process.

    On an idle core they are the seconds on the clock; unlike those, they do not grow when other work shares the core.
    """
    start_s = time.process_time()
    result = call()
    return result, time.process_time() - start_s

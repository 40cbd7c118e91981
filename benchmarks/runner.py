"""Runs what is missing of a sweep on a Dask cluster, and writes each row as it comes.

One process writes. A row is written after its files, so a row that can be read has its audio; a sweep that was killed
loses the rows in flight and nothing else.
"""

from __future__ import annotations

import contextlib
import dataclasses
import logging
import os
import signal
import time
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.metrics import METRICS
from benchmarks.metrics.base import SETTLED_KINDS
from benchmarks.plan import Plan
from benchmarks.results import ROWS_FILE, Clip, Row, RowWriter, read_rows
from benchmarks.storage import Store
from benchmarks.timing import thread_environment
from benchmarks.worker import Outcome, Task, failed_row, flac_bytes, make_row
from flowmac.audio import read_audio
from flowmac.errors import SettingError

if TYPE_CHECKING:
    from distributed import Client, Future

CONNECT_TIMEOUT_S = 10

#: A row that takes a second process down with it is given up. A worker holds no row but the one it works on, so that
#: no other row is blamed.
CLUSTER_SETTINGS = {
    "distributed.scheduler.allowed-failures": 1,
    "distributed.scheduler.worker-saturation": 1.0,
    # Replaces Dask's own choice, whose MALLOC_TRIM_THRESHOLD_ makes each large array a new mapping of memory: codecs
    # took three times as long as they do anywhere else.
    "distributed.nanny.pre-spawn-environ": thread_environment(),
    # Dask looks at the stack of every worker a hundred times a second. Nobody reads what it finds, and its processor
    # seconds, 2 % of a core, would be the codec's.
    "distributed.worker.profile.enabled": False,
}


@dataclass
class Account:
    """Where the time of a sweep went.

    Attributes:
        n_workers: processes that worked.
        wall_s: seconds from the start of the workers to the last row on disk.
        work_s: seconds that workers spent with codecs, alignment and metrics.
    """

    n_workers: int = 0
    wall_s: float = 0.0
    work_s: float = 0.0

    @property
    def engine_share(self) -> float:
        """Part of the workers' time that went into anything else: start, waiting, transport, reading, packing."""
        available_s = self.n_workers * self.wall_s
        return max(0.0, 1 - self.work_s / available_s) if available_s else 0.0


def n_usable_cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def all_tasks(plan: Plan, clips: Sequence[Clip]) -> list[Task]:
    """Every row of a sweep, clip by clip, so that a sweep cut short has whole comparisons."""
    metrics = tuple(METRICS.target(name) for name in plan.metrics)
    return [Task(spec, clip, metrics) for clip in clips for spec in plan.specs]


def missing_tasks(tasks: Sequence[Task], folder: Path) -> list[Task]:
    """The tasks that ``folder`` holds no finished row of.

    A row is finished if its codec did not fail and was timed often enough, and every metric asked for is there in its
    present version with a value or a reason that another attempt would not change.
    """
    if not (folder / ROWS_FILE).exists():
        return list(tasks)
    rows = {row.row_id: row for row in read_rows(folder)}
    versions = {
        target: (METRICS.get(name).name, METRICS.get(name).version()) for name, target in _metric_targets(tasks)
    }
    return [task for task in tasks if not _is_finished(rows.get(task.row_id), task, versions)]


def _metric_targets(tasks: Sequence[Task]) -> list[tuple[str, str]]:
    wanted = {target for task in tasks for target in task.metrics}
    return [(name, METRICS.target(name)) for name in METRICS.names() if METRICS.target(name) in wanted]


def _is_finished(row: Row | None, task: Task, versions: dict[str, tuple[str, str]]) -> bool:
    if row is None or row.status != "ok" or dataclasses.replace(row.clip, path=task.clip.path) != task.clip:
        return False
    if row.total_bits is not None and row.n_repeats < task.spec.repeats:
        return False
    for target in task.metrics:
        name, version = versions[target]
        score = row.scores.get(name)
        if score is None or score.version != version:
            return False
        if score.failure is not None and score.failure.kind not in SETTLED_KINDS:
            return False
    return True


def run(
    tasks: Sequence[Task],
    folder: Path,
    *,
    n_workers: int,
    scheduler: str | None = None,
    store: str | None = None,
    account: Account | None = None,
) -> Generator[Row, None, None]:
    """Make rows and write them to ``folder``; yields each row once it is on disk.

    Args:
        tasks: what to run, usually from `missing_tasks`.
        folder: gets ``rows.jsonl``, and without ``store`` also ``audio`` and ``streams``.
        n_workers: processes on this machine, one thread each; without meaning where ``scheduler`` is given.
        scheduler: address of a running Dask scheduler, such as ``tcp://host:8786``.
        store: another place for ``audio`` and ``streams``, as `benchmarks.storage.Store` takes it.
        account: is kept up to date.

    Raises:
        SettingError: a place cannot be written or is being written to, there is no scheduler at the address, or its
            workers have several threads.
    """
    account = account or Account()
    start_s = time.perf_counter()
    with RowWriter(folder) as writer:
        if not tasks:
            return
        files = Store(store or folder)
        with _client(min(n_workers, len(tasks)), scheduler) as client:
            for task, outcome in _outcomes(client, tasks):
                row = dataclasses.replace(outcome.row, store=store)
                _store(files, task, row, outcome.files)
                writer.write(row)
                account.work_s += outcome.work_s
                account.wall_s = time.perf_counter() - start_s
                account.n_workers = max(account.n_workers, len(_n_threads(client)))
                yield row


def _outcomes(client: Client, tasks: Sequence[Task]) -> Iterator[tuple[Task, Outcome]]:
    from distributed import as_completed

    task_of: dict[Future[Outcome], Task] = {
        client.submit(make_row, task, key=f"row-{task.row_id}", priority=-number, pure=False): task
        for number, task in enumerate(tasks)
    }
    for future in as_completed(list(task_of)):  # type: ignore[no-untyped-call]
        task = task_of.pop(future)
        error = future.exception()  # none from the codec: those are rows; a worker that died, a cluster that broke
        yield task, failed_row(task, error) if error is not None else future.result()
        future.release()


@contextlib.contextmanager
def _client(n_workers: int, scheduler: str | None) -> Iterator[Client]:
    import dask
    from distributed import Client, LocalCluster

    with contextlib.ExitStack() as stack:
        if scheduler is None:
            stack.enter_context(dask.config.set(CLUSTER_SETTINGS))
            # Any free port for the scheduler's status page: its usual one belongs to the first sweep on a machine.
            cluster = LocalCluster(  # type: ignore[no-untyped-call]
                n_workers=n_workers,
                threads_per_worker=1,
                dashboard_address="127.0.0.1:0",
                silence_logs=logging.CRITICAL,
                env=thread_environment(),
            )
            stack.enter_context(cluster)
            cluster.wait_for_workers(n_workers)
            address = cluster.scheduler_address
        else:
            address = scheduler
        try:
            client = Client(address, timeout=CONNECT_TIMEOUT_S)  # type: ignore[no-untyped-call]
        except (OSError, ValueError) as error:
            raise SettingError(f"no Dask scheduler answers at '{address}': {error}") from None
        stack.enter_context(client)
        if scheduler is None:
            client.run(_leave_talking_to_the_parent)
        else:
            _refuse_threads(client, scheduler)
        yield client


def _n_threads(client: Client) -> dict[str, int]:
    """Threads of each worker by its address."""
    n_threads: dict[str, int] = client.nthreads()  # type: ignore[no-untyped-call]
    return n_threads


def _refuse_threads(client: Client, scheduler: str) -> None:
    """Two rows in one process would share its processor seconds and its memory."""
    for address, n_threads in _n_threads(client).items():
        if n_threads != 1:
            raise SettingError(
                f"the worker {address} of '{scheduler}' has {n_threads} threads, and times need one each: "
                "start workers with 'dask worker --nthreads 1 --nworkers ...'"
            )


def _leave_talking_to_the_parent() -> None:
    """In a worker of our own: Ctrl-C is the parent's to handle, and the end of the cluster is no news."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    logging.getLogger("distributed").setLevel(logging.CRITICAL)


def _store(files: Store, task: Task, row: Row, made: dict[str, bytes]) -> None:
    """Write what belongs to a row, and once for each clip a copy of the recording."""
    reference = task.clip.reference_audio
    if row.status == "ok" and not files.has(reference):
        files.write(reference, flac_bytes(read_audio(task.clip.path)))
    for name, data in made.items():
        files.write(name, data)

"""What a running sweep tells on stderr: a bar on a terminal, else a line every half minute; failures as they come."""

from __future__ import annotations

import contextlib
import datetime
import sys
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import typer

from benchmarks.results import Row

#: Seconds between two lines where stderr is no terminal.
LINE_EVERY_S = 30.0


@contextlib.contextmanager
def shown_progress(n_rows: int) -> Iterator[Callable[[Row], None]]:
    """Gives a function that takes each finished row."""
    with _bar(n_rows) if sys.stderr.isatty() else _lines(n_rows) as take:
        yield take


def duration(seconds: float) -> str:
    """``1:02:03``."""
    return str(datetime.timedelta(seconds=round(seconds)))


def failure_line(row: Row) -> str:
    """Why a row failed."""
    reason = f"{row.failure.kind}: {row.failure.message}" if row.failure else "no reason known"
    return f"{row.label} on {row.clip.id}: {reason}"


@contextlib.contextmanager
def _lines(n_rows: int) -> Iterator[Callable[[Row], None]]:
    """Also told while nothing finishes, so that a log shows whether a sweep lives."""
    start_s = time.monotonic()
    counts = {"done": 0, "failed": 0}
    ended = threading.Event()

    def tell() -> None:
        done, elapsed_s = counts["done"], time.monotonic() - start_s
        rate, left = "- rows/min", "unknown time"
        if done:
            rate = f"{60 * done / elapsed_s:.1f} rows/min"
            left = duration((n_rows - done) * elapsed_s / done)
        typer.echo(f"{done}/{n_rows} rows, {rate}, {counts['failed']} failed, {left} left", err=True)

    def tell_until_the_end() -> None:
        while not ended.wait(LINE_EVERY_S):
            tell()

    def take(row: Row) -> None:
        counts["done"] += 1
        if row.failure is not None:
            counts["failed"] += 1
            typer.echo(failure_line(row), err=True)

    teller = threading.Thread(target=tell_until_the_end, daemon=True)
    teller.start()
    try:
        yield take
    finally:
        ended.set()
        teller.join()


@contextlib.contextmanager
def _bar(n_rows: int) -> Iterator[Callable[[Row], None]]:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, TextColumn, TimeRemainingColumn
    from rich.text import Text

    class RateColumn(ProgressColumn):
        """Rows in a minute."""

        def render(self, task: Any) -> Text:
            return Text(f"{60 * task.speed:.1f} rows/min" if task.speed else "- rows/min")

    columns = (
        BarColumn(),
        MofNCompleteColumn(),
        RateColumn(),
        TextColumn("{task.fields[n_failed]} failed,"),
        TimeRemainingColumn(),
        TextColumn("left"),
    )
    with Progress(*columns, console=Console(stderr=True), speed_estimate_period=300) as progress:
        bar = progress.add_task("rows", total=n_rows, n_failed=0)
        n_failed = 0

        def take(row: Row) -> None:
            nonlocal n_failed
            if row.failure is not None:
                n_failed += 1
                progress.print(failure_line(row), markup=False)
            progress.update(bar, advance=1, n_failed=n_failed)

        yield take

"""The commands ``flowmac sweep``, ``flowmac codecs`` and ``flowmac metrics``."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from rich.progress import Progress

    from benchmarks.plan import Plan
    from benchmarks.worker import Task

#: What shells report for a program that ended on Ctrl-C.
EXIT_INTERRUPTED = 130


def register(app: typer.Typer) -> None:
    """Add the commands of this package to ``app``."""
    app.command("sweep")(sweep)
    app.command("codecs")(codecs)
    app.command("metrics")(metrics)


def sweep(
    spec: Annotated[str, typer.Argument(help="Sweep file (YAML), or the name of one that comes with the package.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="Folder of the results.", metavar="DIR")],
    clips: Annotated[
        Path | None, typer.Option(help="Folder of recordings or CSV manifest, in place of the sweep file's own.")
    ] = None,
    workers: Annotated[
        int | None, typer.Option(min=1, help="Processes on this machine, one thread each; by default one a core.")
    ] = None,
    scheduler: Annotated[
        str | None, typer.Option(help="Address of a Dask scheduler to use, such as tcp://host:8786.")
    ] = None,
    only: Annotated[str | None, typer.Option(help="Run the conditions of this codec alone.", metavar="CODEC")] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="Take the first N clips.", metavar="N")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would be run, and end.")] = False,
) -> None:
    """Run codecs on clips and score what comes out; run it again, and only what is missing is done.

    Each row goes to DIR/rows.jsonl as it is finished, decoded audio and streams beside it.
    """
    from benchmarks.corpus import read_clips
    from benchmarks.plan import find_sweep, read_plan
    from benchmarks.runner import all_tasks, missing_tasks, n_usable_cores
    from flowmac.errors import SettingError

    plan = read_plan(find_sweep(spec), only)
    source = clips or plan.clips
    if source is None:
        raise SettingError(f"the sweep '{plan.name}' names no clips: give a folder or a manifest with --clips")
    tasks = all_tasks(plan, read_clips(source)[:limit])
    to_do = missing_tasks(tasks, output)
    if dry_run:
        _show_plan(plan, tasks, to_do)
        return
    n_failed = _run(to_do, output, min(workers or n_usable_cores(), max(1, len(to_do))), scheduler)
    typer.echo(f"{output}: {len(tasks)} rows, {len(to_do)} made now, {n_failed} failed")
    if n_failed:
        typer.echo("rows that failed are tried again when the command is repeated", err=True)
        raise typer.Exit(1)


def _run(to_do: list[Task], output: Path, n_workers: int, scheduler: str | None) -> int:
    """Run with a progress bar on stderr; returns the number of failed rows."""
    from rich.console import Console

    from benchmarks.runner import run

    console = Console(stderr=True)
    n_failed = 0
    rows = run(to_do, output, n_workers=n_workers, scheduler=scheduler)
    try:
        with contextlib.closing(rows), _progress(console) as progress:
            bar = progress.add_task("rows", total=len(to_do), n_failed=0)
            for row in rows:
                if row.failure is not None:
                    n_failed += 1
                    progress.print(
                        f"{row.label} on {row.clip.id}: {row.failure.kind}: {row.failure.message}", markup=False
                    )
                progress.update(bar, advance=1, n_failed=n_failed)
    except KeyboardInterrupt:
        console.print("interrupted; the rows so far are kept, repeat the command to go on")
        raise typer.Exit(EXIT_INTERRUPTED) from None
    return n_failed


def _progress(console: Any) -> Progress:
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, TextColumn, TimeRemainingColumn
    from rich.text import Text

    class RateColumn(ProgressColumn):
        """Rows in a minute."""

        def render(self, task: Any) -> Text:
            return Text(f"{60 * task.speed:.1f} rows/min" if task.speed else "- rows/min")

    return Progress(
        BarColumn(),
        MofNCompleteColumn(),
        RateColumn(),
        TextColumn("{task.fields[n_failed]} failed,"),
        TimeRemainingColumn(),
        TextColumn("left"),
        console=console,
        speed_estimate_period=300,
    )


def _show_plan(plan: Plan, tasks: list[Task], to_do: list[Task]) -> None:
    missing: dict[str, int] = {}
    for task in to_do:
        missing[task.spec.spec_id] = missing.get(task.spec.spec_id, 0) + 1
    n_clips = len(tasks) // len(plan.specs)
    rows = [
        (spec.label, spec.spec_id, _number(spec.n_evaluations), str(missing.get(spec.spec_id, 0)))
        for spec in plan.specs
    ]
    _print_table(["condition", "id", "evaluations", "rows to make"], rows)
    typer.echo(f"{len(plan.specs)} conditions x {n_clips} clips = {len(tasks)} rows, {len(to_do)} to make")
    typer.echo(f"metrics: {', '.join(plan.metrics)}")


def codecs() -> None:
    """List the codecs of sweeps with their settings."""
    from benchmarks.codecs import CODECS

    rows = []
    for name in CODECS.names():
        codec = CODECS.get(name)
        settings = ", ".join(
            key if field.is_required() else f"{key}={field.default}"
            for key, field in codec.settings_model.model_fields.items()
        )
        rows.append((name, codec.summary, settings, codec.licence, codec.missing() or "yes"))
    _print_table(["codec", "what it is", "settings", "licence", "runs here"], rows)


def metrics() -> None:
    """List the metrics of sweeps with unit, range, direction, rate and version."""
    from benchmarks.metrics import METRICS

    rows = []
    for name in METRICS.names():
        metric = METRICS.get(name)
        low, high = sorted((metric.worst, metric.best))
        direction = "higher" if metric.higher_is_better() else "lower"
        rows.append(
            (
                name,
                metric.unit or "-",
                f"{low:g} to {high:g}",
                direction,
                f"{metric.sample_rate_hz} Hz",
                "speech" if metric.speech_only else "all",
                metric.licence,
                metric.missing() or metric.version(),
            )
        )
    _print_table(["metric", "unit", "range", "better", "rate", "judges", "licence", "version"], rows)


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:g}"


def _print_table(columns: list[str], rows: Sequence[tuple[str, ...]]) -> None:
    """A table on stdout, as wide as it needs to be where stdout is no terminal."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(*columns, box=None, pad_edge=False)
    for row in rows:
        table.add_row(*map(Text, row))
    Console(width=None if sys.stdout.isatty() else 240).print(table)

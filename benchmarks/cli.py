"""The commands ``flowmac sweep``, ``export``, ``speed``, ``codecs`` and ``metrics``."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from benchmarks.runner import Account
    from benchmarks.worker import Task

#: What shells report for a program that ended on Ctrl-C.
EXIT_INTERRUPTED = 130


def register(app: typer.Typer) -> None:
    """Add the commands of this package to ``app``."""
    from benchmarks.listing import codecs, metrics

    app.command("sweep")(sweep)
    app.command("export")(export)
    app.command("speed")(speed)
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
    store: Annotated[
        str | None,
        typer.Option(help="Place for audio and streams other than DIR: a folder or s3://bucket/run.", metavar="URL"),
    ] = None,
    only: Annotated[str | None, typer.Option(help="Run the conditions of this codec alone.", metavar="CODEC")] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="Take the first N clips.", metavar="N")] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show what would be run, try each condition on two seconds, and end.")
    ] = False,
) -> None:
    """Run codecs on clips and score what comes out; run it again, and only what is missing is done.

    Each row goes to DIR/rows.jsonl as it is finished, decoded audio and streams beside it.
    """
    from benchmarks.corpus import read_clips
    from benchmarks.listing import show_plan
    from benchmarks.plan import find_sweep, read_plan
    from benchmarks.progress import duration
    from benchmarks.runner import Account, all_tasks, missing_tasks, n_usable_cores
    from flowmac.errors import SettingError

    plan = read_plan(find_sweep(spec), only)
    for reason in plan.left_out:
        typer.echo(f"left out: {reason}", err=True)
    source = clips or plan.clips
    if source is None:
        raise SettingError(f"the sweep '{plan.name}' names no clips: give a folder or a manifest with --clips")
    tasks = all_tasks(plan, read_clips(source)[:limit])
    to_do = missing_tasks(tasks, output)
    n_workers = min(workers or n_usable_cores(), max(1, len(to_do)))
    if dry_run:
        show_plan(plan, tasks, to_do, n_workers)
        return
    account = Account()
    n_failed = _run(to_do, output, n_workers, scheduler, store, account)
    typer.echo(f"{output}: {len(tasks)} rows, {len(to_do)} made now, {n_failed} failed")
    if account.n_workers:
        typer.echo(
            f"{duration(account.wall_s)} with {account.n_workers} workers, "
            f"{60 * len(to_do) / account.wall_s:.1f} rows/min, engine {100 * account.engine_share:.1f} % of their time"
        )
    if n_failed:
        typer.echo("rows that failed are tried again when the command is repeated", err=True)
        raise typer.Exit(1)


def _run(
    to_do: list[Task], output: Path, n_workers: int, scheduler: str | None, store: str | None, account: Account
) -> int:
    """Run with progress on stderr; returns the number of failed rows."""
    from benchmarks.progress import shown_progress
    from benchmarks.runner import run

    n_failed = 0
    rows = run(to_do, output, n_workers=n_workers, scheduler=scheduler, store=store, account=account)
    try:
        with contextlib.closing(rows), shown_progress(len(to_do)) as finished:
            for row in rows:
                n_failed += row.failure is not None
                finished(row)
    except KeyboardInterrupt:
        typer.echo("interrupted; the rows so far are kept, repeat the command to go on", err=True)
        raise typer.Exit(EXIT_INTERRUPTED) from None
    return n_failed


def export(
    run: Annotated[Path, typer.Argument(help="Output folder of a sweep.", metavar="RUN")],
    output: Annotated[Path, typer.Option("-o", "--output", help="Table to write: .parquet or .csv.", metavar="FILE")],
    force: Annotated[bool, typer.Option("--force", help="Overwrite an existing file.")] = False,
) -> None:
    """Write a sweep's rows as a tidy table, one line for each row and metric."""
    from benchmarks.export import export as write_table
    from flowmac.errors import SettingError

    if output.exists() and not force:
        raise SettingError(f"{output} exists; choose another name, or overwrite it with --force")
    n_lines = write_table(run, output)
    typer.echo(f"{output}: {n_lines} lines")


def speed(
    codecs: Annotated[
        list[str],
        typer.Argument(
            help="Codecs with settings, such as flowmac:nfe=4 opus:kbps=12.", metavar="CODEC[:key=value,...]"
        ),
    ],
    clip: Annotated[Path, typer.Option(help="Recording to code.", metavar="FILE")],
    repeats: Annotated[int, typer.Option(min=3, help="Rounds; each times every codec once.", metavar="N")] = 10,
) -> None:
    """Time codecs in turn (A B A B ...) on one thread, after a round that is not counted.

    Real-time factors are seconds for a second of audio: medians over the rounds, with bootstrap intervals (95 %).
    """
    from benchmarks.timing import use_one_thread

    use_one_thread()  # before libraries are loaded, some of which look at the environment only then
    from benchmarks.listing import show_speeds
    from benchmarks.speed import measure_speed
    from flowmac.audio import read_audio

    def tell(number: int) -> None:
        typer.echo("warming up" if number < 0 else f"round {number + 1} of {repeats}", err=True)

    show_speeds(measure_speed(codecs, read_audio(clip), repeats, tell))

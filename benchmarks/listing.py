"""Tables on stdout: the codecs and metrics that there are, what a sweep would run, how fast codecs are."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from benchmarks.codecs.base import CodecAdapter
    from benchmarks.plan import Plan
    from benchmarks.speed import Speed
    from benchmarks.worker import Task


def codecs() -> None:
    """List the codecs of sweeps with their rates, settings and licences."""
    from benchmarks.codecs import CODECS

    rows = []
    classes, problems = CODECS.load_all()
    for name, codec in classes.items():
        settings = ", ".join(
            key if field.is_required() else f"{key}={field.default}"
            for key, field in codec.settings_model.model_fields.items()
        )
        rate = "-" if codec.sample_rate_hz is None else f"{codec.sample_rate_hz} Hz"
        rows.append(
            (
                name,
                codec.summary,
                codec.rates or "-",
                rate,
                settings,
                codec.licence,
                _runs_here(codec),
            )
        )
    _tell(problems)
    print_table(["codec", "what it is", "kbit/s", "sample rate", "settings", "licence", "runs here"], rows)


def _runs_here(codec: type[CodecAdapter]) -> str:
    missing = codec.missing()
    if missing or not codec.needs:
        return missing or "yes"
    found = codec.finds_needs()
    if found is None:
        return f"yes, given {codec.needs}"
    return "yes" if found else f"not yet: {codec.needs} not found (see its settings)"


def metrics() -> None:
    """List the metrics of sweeps with unit, range, direction, rate, version and source."""
    from benchmarks.metrics import METRICS

    rows = []
    classes, problems = METRICS.load_all()
    for name, metric in classes.items():
        low, high = sorted((metric.worst, metric.best))
        rows.append(
            (
                name,
                metric.unit or "-",
                f"{low:g} to {high:g}",
                "higher" if metric.higher_is_better() else "lower",
                f"{metric.sample_rate_hz} Hz",
                "speech" if metric.speech_only else "all",
                metric.licence,
                metric.missing() or metric.version(),
                metric.citation,
            )
        )
    _tell(problems)
    print_table(["metric", "unit", "range", "better", "rate", "judges", "licence", "version", "source"], rows)


def show_plan(plan: Plan, tasks: Sequence[Task], to_do: Sequence[Task], n_workers: int) -> None:
    """What a sweep would run, and a guess of how long it will take, from a probe that runs now."""
    from benchmarks.probe import estimate, n_passes
    from benchmarks.progress import duration

    guess = estimate(plan, to_do, lambda what: typer.echo(f"trying {what}", err=True))
    missing = Counter(task.spec.spec_id for task in to_do)
    rows = []
    for spec in plan.specs:
        n_evaluations = "-" if spec.n_evaluations is None else str(spec.n_evaluations)
        factor = guess.codec_s.get(spec.spec_id)
        known = "-" if spec.spec_id not in guess.codec_s else "fails" if factor is None else f"{factor:.2g}"
        rows.append((spec.label, spec.spec_id, n_evaluations, str(spec.repeats), known, str(missing[spec.spec_id])))
    print_table(["condition", "id", "evaluations", "repeats", "real-time factor", "rows to make"], rows)
    n_clips = len(tasks) // len(plan.specs)
    typer.echo(f"{len(plan.specs)} conditions x {n_clips} clips = {len(tasks)} rows, {len(to_do)} to make")
    costs = (f"{name} {guess.metric_s[name]:.2g}" if name in guess.metric_s else name for name in plan.metrics)
    typer.echo(f"metrics, with seconds for one of audio: {', '.join(costs)}")
    n_total = sum((task.spec.n_evaluations or 0) * n_passes(task.spec) for task in to_do)
    typer.echo(f"network evaluations: {n_total} for one segment of each clip, every pass counted")
    typer.echo(
        f"time: about {duration(guess.wall_s(n_workers))} on {n_workers} workers like this process "
        "(an estimate: every condition and metric once on two seconds, scaled)"
    )


def show_speeds(speeds: Sequence[Speed]) -> None:
    """Medians and their intervals, and ratios to the first codec."""
    from benchmarks.speed import median_interval, ratio_interval

    first = speeds[0]
    rows = [
        (
            speed.label,
            speed.clock,
            str(median_interval(speed.encode)),
            str(median_interval(speed.decode)),
            "1" if speed is first else str(ratio_interval(speed.encode, first.encode)),
            "1" if speed is first else str(ratio_interval(speed.decode, first.decode)),
            "1" if speed is first else str(ratio_interval(speed.both, first.both)),
        )
        for speed in speeds
    ]
    columns = ["codec", "clock", "encode", "decode", "encode / first", "decode / first", "both / first"]
    print_table(columns, rows)


def _tell(problems: Sequence[str]) -> None:
    for problem in problems:
        typer.echo(problem, err=True)


def print_table(columns: list[str], rows: Sequence[tuple[str, ...]]) -> None:
    """A table on stdout, as wide as it needs to be where stdout is no terminal."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(*columns, box=None, pad_edge=False)
    for row in rows:
        table.add_row(*map(Text, row))
    Console(width=None if sys.stdout.isatty() else 300).print(table)

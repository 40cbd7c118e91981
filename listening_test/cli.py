"""The commands ``flowmac listen ...``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from flowmac.errors import SettingError

if TYPE_CHECKING:
    from listening_test.simulate import Account

listen_app = typer.Typer(
    help="Run a listening test: MUSHRA, ABX, AB preference, ACR or DCR in the browser.", no_args_is_help=True
)

Test = Annotated[Path, typer.Argument(metavar="TEST", help="Folder of the test, or its study.yaml.")]
OptionalTest = Annotated[
    Path | None, typer.Argument(metavar="TEST", help="Folder of the test; without it, the one in --db.")
]
Database = Annotated[
    str | None,
    typer.Option(metavar="URL", help="PostgreSQL (postgresql://user@host/name) or a SQLite file; else in TEST."),
]


def register(app: typer.Typer) -> None:
    """Add the group ``listen`` to ``app``."""
    from listening_test.build_cli import register as register_build

    register_build(listen_app)
    for command in (serve, invite, simulate, export, methods, password):
        listen_app.command(command.__name__)(command)
    app.add_typer(listen_app, name="listen")


def serve(
    test: Test,
    db: Database = None,
    public: Annotated[
        bool, typer.Option("--public", help="Let anyone with the test's address take part, not only the invited.")
    ] = False,
    host: Annotated[str, typer.Option(help="Address to listen at; 0.0.0.0 for all of this machine's.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port to listen at; 0 for any free one.")] = 8501,
    base_path: Annotated[str, typer.Option(metavar="PATH", help="Path below which a reverse proxy serves it.")] = "",
) -> None:
    """Run the test in the browser, and print its links."""
    from listening_test.server import serve as run

    run(test, db, is_public=public, host=host, port=port, base_path=base_path, show=typer.echo)


def invite(
    test: Test,
    n: Annotated[int, typer.Option("--listeners", "-n", min=1, max=10_000, help="How many personal links.")] = 1,
    url: Annotated[str, typer.Option(metavar="URL", help="Address of the running test.")] = "http://127.0.0.1:8501",
    label: Annotated[str, typer.Option(help="For the admin page alone; better no name of a person.")] = "",
    db: Database = None,
) -> None:
    """Print personal links: each lets one listener take part, and resume on any device. Serve the test first."""
    from listening_test.admin.links import personal_link
    from listening_test.results import open_results

    with open_results(test, db) as results:
        for invitation in results.store.add_invitations(results.study_id, [label] * n):
            typer.echo(personal_link(url, invitation.token))


def simulate(
    test: Test,
    n: Annotated[int, typer.Option("--listeners", "-n", min=1, max=10_000, help="How many simulated listeners.")] = 20,
    url: Annotated[
        str | None, typer.Option(metavar="URL", help="Address of the running test; without it, a server of its own.")
    ] = None,
    db: Database = None,
    inattentive: Annotated[float, typer.Option(min=0, max=1, help="Share that answers without listening.")] = 0.1,
    quality: Annotated[
        list[str] | None, typer.Option(metavar="CONDITION=POINTS", help="0 to 100; repeat for each. Else made up.")
    ] = None,
    at_once: Annotated[int, typer.Option("--at-once", min=1, help="Listeners at the same time.")] = 8,
    pause: Annotated[float, typer.Option(min=0, help="Mean seconds between two changes of a listener.")] = 0.0,
) -> None:
    """Let simulated listeners do the test through the server's own routes. They are marked as such for good."""
    from rich.console import Console

    from listening_test import simulate as simulation
    from listening_test.results import open_or_begin

    behaviour = simulation.Behaviour(inattentive, _qualities(quality or []), pause, n_at_once=at_once)
    console = Console(stderr=True)
    with open_or_begin(test, db) as results, console.status("simulating") as status:
        n_done = 0

        def progress(listener: str) -> None:
            nonlocal n_done
            n_done += 1
            status.update(f"simulating: {n_done} of {n} listeners")

        if url is None:
            with simulation.running(results, test if test.is_dir() else test.parent) as own:
                account = simulation.simulate(results, n, own, behaviour, progress)
        else:
            account = simulation.simulate(results, n, url, behaviour, progress)
    typer.echo(_simulated(account))


def export(
    output: Annotated[Path, typer.Option("--output", "-o", metavar="FOLDER", help="Where the files go.")],
    test: OptionalTest = None,
    db: Database = None,
    unfinished: Annotated[
        bool, typer.Option("--unfinished", help="Also complete trials of listeners who have not finished.")
    ] = False,
    questionnaire: Annotated[
        bool, typer.Option("--questionnaire", help="Also answers to the questionnaire; may be personal data.")
    ] = False,
    parquet: Annotated[bool, typer.Option("--parquet", help="Tables also as Parquet.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Overwrite the files of an earlier export.")] = False,
) -> None:
    """Write the results: tidy CSV, webMUSHRA's CSV, orders, events, and a manifest with hashes."""
    from listening_test.export import write_export
    from listening_test.results import open_results

    with open_results(test, db) as results:
        written = write_export(
            results,
            output,
            with_unfinished=unfinished,
            with_questionnaire=questionnaire,
            with_parquet=parquet,
            force=force,
        )
        attendance = results.attendance()
    typer.echo("\n".join(str(path) for path in written))
    typer.echo(
        f"{attendance.n_finished} listeners finished, {attendance.n_started - attendance.n_finished} did not; "
        f"{attendance.n_simulated} are simulated",
        err=True,
    )


def methods(test: OptionalTest = None, db: Database = None) -> None:
    """Print the methods paragraph for a paper."""
    from listening_test.results import open_results

    with open_results(test, db) as results:
        typer.echo(results.methods_paragraph())


def password(
    text: Annotated[
        str, typer.Option("--password", prompt="Password", hide_input=True, confirmation_prompt=True, hidden=True)
    ],
) -> None:
    """Ask for a password and print its hash, for `admin.password_hash` in study.yaml."""
    from listening_test.password import hash_password

    typer.echo(hash_password(text))


def _qualities(given: list[str]) -> dict[str, float]:
    found = {}
    for text in given:
        name, _, points = text.partition("=")
        try:
            found[name] = float(points)
        except ValueError:
            found[name] = -1.0
        if not 0 <= found[name] <= 100:
            raise SettingError(f"--quality is '{text}', expected CONDITION=POINTS with 0 to 100 points")
    return found


def _simulated(account: Account) -> str:
    return (
        f"{len(account.listeners)} simulated listeners ({account.n_inattentive} inattentive), "
        f"{len(account.acknowledged)} answers; {len(account.save_s)} saves, median "
        f"{1000 * account.save_quantile_s(0.5):.0f} ms, 95 % within {1000 * account.save_quantile_s(0.95):.0f} ms"
    )

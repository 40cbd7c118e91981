"""The command ``flowmac report``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def register(app: typer.Typer) -> None:
    """Add the command to ``app``."""
    app.command("report")(report)


def report(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Output folder of a sweep.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="The HTML file to write.")] = Path("report.html"),
    title: Annotated[str | None, typer.Option(help="Title of the page.")] = None,
    clips: Annotated[int, typer.Option(min=0, help="Clips of each category to listen to in the page.")] = 2,
    baseline: Annotated[str | None, typer.Option(help="Label of the condition that differences refer to.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Overwrite the output.")] = False,
) -> None:
    """Make one self-contained HTML page from the results of a sweep: tables, figures, audio to listen to."""
    from rich.console import Console

    from flowmac.errors import SettingError
    from reports.page import Options, build

    if output.exists() and not force:
        raise SettingError(f"{output}: exists already; choose another name or add --force")
    if not output.absolute().parent.is_dir():
        raise SettingError(f"{output}: its folder does not exist; make it first")
    console = Console(stderr=True)
    with console.status("report") as status:
        html = build(folder, Options(title, clips, baseline), lambda step: status.update(f"report: {step}"))
    output.write_text(html, encoding="utf-8")
    typer.echo(output)
    console.print(f"one page of {output.stat().st_size / 1e6:.1f} MB, to be opened in any browser")

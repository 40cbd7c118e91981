"""The command ``flowmac report``."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from reports.page import Options

FORMATS = ("html", "pdf", "latex")


def register(app: typer.Typer) -> None:
    """Add the command to ``app``."""
    app.command("report")(report)


def report(
    runs: Annotated[
        list[Path] | None,
        typer.Argument(metavar="RUN...", help="Output folder of a sweep; two, to compare the second with the first."),
    ] = None,
    output: Annotated[
        Path, typer.Option("--output", "-o", help="The HTML file to write; other forms are named after it.")
    ] = Path("report.html"),
    title: Annotated[str | None, typer.Option(help="Title of the page.")] = None,
    clips: Annotated[int, typer.Option(min=0, help="Clips of each category to listen to in the page.")] = 2,
    baseline: Annotated[str | None, typer.Option(help="Label of the condition that differences refer to.")] = None,
    baseline_run: Annotated[
        Path | None, typer.Option(metavar="RUN", help="Compare with this earlier run, in place of a report of one.")
    ] = None,
    ratings: Annotated[
        Path | None,
        typer.Option(metavar="CSV", help="Ratings of a listening test (ours or webMUSHRA's), in place of runs."),
    ] = None,
    study: Annotated[
        Path | None,
        typer.Option(metavar="YAML", help="What ratings do not say: rooms, headphones, training, deviations."),
    ] = None,
    margin: Annotated[
        float | None, typer.Option(min=0, help="Points within which systems of a listening test count as equivalent.")
    ] = None,
    formats: Annotated[
        str,
        typer.Option(
            "--format",
            metavar="LIST",
            help="html; pdf: the page printed by Chromium; latex: a folder of figures (SVG, PDF), tables (CSV, LaTeX), "
            "tidy data and a methods paragraph.",
        ),
    ] = "html",
    force: Annotated[bool, typer.Option("--force", help="Overwrite the output.")] = False,
) -> None:
    """Make one self-contained page of a sweep, of what changed between two, or of a listening test's ratings."""
    from rich.console import Console

    from flowmac.errors import SettingError
    from reports.page import Options

    chosen = _formats(formats)
    given = [*([baseline_run] if baseline_run is not None else []), *(runs or [])]
    if (ratings is None) != (0 < len(given) < 3):
        raise SettingError(
            f"got {len(given)} runs{'' if ratings is None else ' and ratings'}; give one run for a report, two for a "
            "comparison, or --ratings alone for a listening test"
        )
    if "latex" in chosen and len(given) != 1:
        raise SettingError("figures and tables for LaTeX are made of one run; choose html or pdf")
    outputs = _outputs(output, chosen, force=force)
    console = Console(stderr=True)
    with console.status("report") as status:

        def progress(step: str) -> None:
            status.update(f"report: {step}")

        if ratings is not None:
            summary = _listening(ratings, study, baseline, margin, title, outputs, progress)
        elif len(given) == 2:
            summary = _compare(given[0], given[1], title, outputs, progress)
        else:
            summary = _report(given[0], Options(title, clips, baseline), outputs, progress)
    typer.echo(summary)
    for path in outputs.values():
        size = f", {path.stat().st_size / 1e6:.1f} MB" if path.is_file() else ""
        console.print(f"wrote {path}{size}", highlight=False, soft_wrap=True)


def _report(run: Path, options: Options, outputs: dict[str, Path], progress: Callable[[str], None]) -> str:
    """Write the report of one run in all forms; what to say of it is where they are."""
    from reports import export, page

    report, heard = page.prepare(run, options, progress, with_audio="html" in outputs or "pdf" in outputs)
    if "latex" in outputs:
        progress("figures and tables for a paper")
        export.write_paper(report, run, outputs["latex"])
    if "html" in outputs or "pdf" in outputs:
        progress("writing the page")
        _write_page(page.render(report, heard), outputs, progress)
    return "\n".join(str(path) for path in outputs.values())


def _listening(
    ratings: Path,
    study: Path | None,
    baseline: str | None,
    margin: float | None,
    title: str | None,
    outputs: dict[str, Path],
    progress: Callable[[str], None],
) -> str:
    """Write the report of a listening test; what to say of it is where it is."""
    from reports.listening_report import build_listening_page

    page = build_listening_page(
        ratings, info_path=study, baseline=baseline, margin=margin, title=title, progress=progress
    )
    _write_page(page, outputs, progress)
    return "\n".join(str(path) for path in outputs.values())


def _compare(
    before: Path, after: Path, title: str | None, outputs: dict[str, Path], progress: Callable[[str], None]
) -> str:
    """Write the comparison of two runs in all forms; what to say of it is its summary in Markdown."""
    from reports import comparison_page, markdown

    progress("reading and comparing rows")
    found = comparison_page.compare_folders(before, after)
    progress("writing the page")
    _write_page(comparison_page.render(found, title), outputs, progress)
    return markdown.summary(found).rstrip("\n")


def _write_page(html: str, outputs: dict[str, Path], progress: Callable[[str], None]) -> None:
    import tempfile

    from reports.pdf import print_page

    if "html" in outputs:
        outputs["html"].write_text(html, encoding="utf-8")
    if "pdf" in outputs:
        progress("printing the page")
        with tempfile.TemporaryDirectory() as folder:
            page = Path(folder) / "report.html"
            page.write_text(html, encoding="utf-8")
            print_page(page, outputs["pdf"])


def _formats(text: str) -> list[str]:
    from flowmac.errors import unknown_name

    chosen = [name.strip() for name in text.split(",") if name.strip()]
    for name in chosen or [text]:
        if name not in FORMATS:
            raise unknown_name("format", name, FORMATS)
    return list(dict.fromkeys(chosen))


def _outputs(output: Path, formats: list[str], *, force: bool) -> dict[str, Path]:
    """Where each form goes. Everything that can be refused is, before any work is done."""
    from flowmac.errors import SettingError

    if not output.absolute().parent.is_dir():
        raise SettingError(f"{output}: its folder does not exist; make it first")
    names = {"html": output, "pdf": output.with_suffix(".pdf"), "latex": output.with_name(f"{output.stem}_paper")}
    outputs = {name: names[name] for name in formats}
    for path in outputs.values():
        if path.exists() and not force:
            raise SettingError(f"{path}: exists already; choose another name or add --force")
    if "pdf" in outputs:
        from reports.pdf import find_chromium

        find_chromium()
    return outputs

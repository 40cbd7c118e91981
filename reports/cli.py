"""The command ``flowmac report``."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from reports.listening_report.page import Options as ListeningOptions
    from reports.page import Options
    from reports.paper import Paper

Progress = Callable[[str], None]

FORMATS = ("html", "pdf", "latex", "markdown")


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
        str | None,
        typer.Option(
            metavar="DB|CSV",
            help="Answers of a listening test, alone or with the run whose audio was graded: its database (a SQLite "
            "file, a URL, or the test's folder), or a CSV of ratings (ours or webMUSHRA's) or judgements.",
        ),
    ] = None,
    study: Annotated[
        Path | None,
        typer.Option(metavar="YAML", help="What ratings do not say: rooms, headphones, names in the sweep."),
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
            "tidy data and a methods paragraph; markdown: the means of a sweep by category, or what changed.",
        ),
    ] = "html",
    force: Annotated[bool, typer.Option("--force", help="Overwrite the output.")] = False,
) -> None:
    """Make one self-contained page of a sweep, of a listening test, of both together, or of what changed in a sweep."""
    from rich.console import Console

    from flowmac.errors import SettingError
    from reports.listening_report import Options as ListeningOptions
    from reports.page import Options

    chosen = _formats(formats)
    given = [*([baseline_run] if baseline_run is not None else []), *(runs or [])]
    if len(given) not in ((1, 2) if ratings is None else (0, 1)):
        raise SettingError(
            f"got {len(given)} runs{'' if ratings is None else ' and ratings'}; give one run for a report, two for a "
            "comparison, --ratings alone for a listening test, or --ratings and the one run whose audio was graded"
        )
    if "latex" in chosen and len(given) == 2:
        raise SettingError("figures and tables for LaTeX are not made of a comparison; choose html, pdf or markdown")
    if "markdown" in chosen and ratings is not None:
        raise SettingError("tables in Markdown are not made of ratings; choose html, pdf or latex")
    outputs = _outputs(output, chosen, force=force)
    console = Console(stderr=True)
    with console.status("report") as status:

        def progress(step: str) -> None:
            status.update(f"report: {step}")

        listening = ListeningOptions(study, baseline, margin, title)
        if ratings is not None and given:
            _joint(given[0], ratings, listening, clips, outputs, progress)
        elif ratings is not None:
            _listening(ratings, listening, outputs, progress)
        elif len(given) == 2:
            typer.echo(_compare(given[0], given[1], title, outputs, progress))
        else:
            _report(given[0], Options(title, clips, baseline), outputs, progress)
    if len(given) < 2:
        typer.echo("\n".join(str(path) for path in outputs.values()))
    for path in outputs.values():
        size = f", {path.stat().st_size / 1e6:.1f} MB" if path.is_file() else ""
        console.print(f"wrote {path}{size}", highlight=False, soft_wrap=True)


def _report(run: Path, options: Options, outputs: dict[str, Path], progress: Progress) -> None:
    """Write the report of one run in all forms."""
    from reports import category_tables, export, page

    if "markdown" in outputs:
        progress("tables in Markdown")
        text = category_tables.of_run(run, options.title or page.default_title(run))
        outputs["markdown"].write_text(text, encoding="utf-8")
        if len(outputs) == 1:
            return
    report, heard = page.prepare(run, options, progress, with_audio=_has_page(outputs))
    _write(lambda: page.render(report, heard), lambda: export.paper_of(report, run), outputs, progress)


def _listening(ratings: str, options: ListeningOptions, outputs: dict[str, Path], progress: Progress) -> None:
    """Write the report of a listening test in all forms."""
    from reports import judgement_report
    from reports.listening_report import page, paper
    from reports.sources import read_answers

    progress("reading answers")
    answers = read_answers(ratings)
    if answers.judgements:
        judged = judgement_report.prepare(answers, options, progress)
        _write(lambda: judgement_report.render(judged), lambda: judgement_report.paper_of(judged), outputs, progress)
    else:
        report = page.prepare(answers, options, progress)
        _write(lambda: page.render(report), lambda: paper.paper_of(report), outputs, progress)


def _joint(
    run: Path, ratings: str, options: ListeningOptions, n_clips: int, outputs: dict[str, Path], progress: Progress
) -> None:
    """Write the report of a run and of the listening test of its audio in all forms."""
    from reports.agreement import page, paper
    from reports.sources import read_answers

    progress("reading answers")
    answers = read_answers(ratings)
    report = page.prepare(run, answers, options, n_clips, progress, with_audio=_has_page(outputs))
    _write(lambda: page.render(report), lambda: paper.paper_of(report, run), outputs, progress)


def _has_page(outputs: dict[str, Path]) -> bool:
    return "html" in outputs or "pdf" in outputs


def _write(page: Callable[[], str], paper: Callable[[], Paper], outputs: dict[str, Path], progress: Progress) -> None:
    """Write the forms that were asked for; the others are not even made."""
    from reports.paper import write

    if "latex" in outputs:
        progress("figures and tables for a paper")
        write(paper(), outputs["latex"])
    if _has_page(outputs):
        progress("writing the page")
        _write_page(page(), outputs, progress)


def _compare(before: Path, after: Path, title: str | None, outputs: dict[str, Path], progress: Progress) -> str:
    """Write the comparison of two runs in all forms; what to say of it is its summary in Markdown."""
    from reports import comparison_page, markdown

    progress("reading and comparing rows")
    found = comparison_page.compare_folders(before, after)
    if _has_page(outputs):
        progress("writing the page")
        _write_page(comparison_page.render(found, title), outputs, progress)
    summary = markdown.summary(found)
    if "markdown" in outputs:
        outputs["markdown"].write_text(summary, encoding="utf-8")
    return summary.rstrip("\n")


def _write_page(html: str, outputs: dict[str, Path], progress: Progress) -> None:
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
    names = {
        "html": output,
        "pdf": output.with_suffix(".pdf"),
        "latex": output.with_name(f"{output.stem}_paper"),
        "markdown": output.with_suffix(".md"),
    }
    outputs = {name: names[name] for name in formats}
    for path in outputs.values():
        if path.exists() and not force:
            raise SettingError(f"{path}: exists already; choose another name or add --force")
    if "pdf" in outputs:
        from reports.pdf import find_chromium

        find_chromium()
    return outputs

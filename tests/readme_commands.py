"""The README's list of commands, made from the command line itself.

Run ``python -m tests.readme_commands`` from the repository's root to write it anew.
"""

from __future__ import annotations

import re
from pathlib import Path

import click
import typer.main
from typer.cli import get_docs_for_click

from flowmac import cli

START = "<!-- commands: written by tests/readme_commands.py, do not edit -->\n"
END = "<!-- end of commands -->"


def commands_markdown() -> str:
    """A section for each command that exists here."""
    command = typer.main.get_command(cli.full_app())
    page = get_docs_for_click(obj=command, ctx=click.Context(command), name="flowmac")
    sections = re.split(r"^(?=## )", page, flags=re.MULTILINE)[1:]
    return "\n" + "".join(f"#{section}" for section in sections)


def with_commands(readme: str) -> str:
    """The README with its list of commands as it should be."""
    before, rest = readme.split(START)
    _, after = rest.split(END)
    return f"{before}{START}{commands_markdown()}{END}{after}"


if __name__ == "__main__":
    path = Path("README.md")
    path.write_text(with_commands(path.read_text(encoding="utf-8")), encoding="utf-8")

"""One picture of a report with the data that it shows, and figures made of several."""

from __future__ import annotations

from dataclasses import dataclass

from matplotlib.figure import Figure

from reports import style


@dataclass(frozen=True)
class Panel:
    """One picture. ``data`` is all that it shows, ``name`` is unique in a report and fit for a file."""

    name: str
    data: object
    figure: Figure
    description: str

    @property
    def svg(self) -> str:
        """The picture for a page, inline."""
        return style.to_svg(self.figure, self.name, self.description)


@dataclass(frozen=True)
class FigureGroup:
    """One figure of the page: panels side by side, and their key; None where the panels need none."""

    id: str
    title: str
    panels: tuple[Panel, ...]
    legend: Panel | None


def identifier(name: str) -> str:
    """``name`` with hyphens for all but letters and digits, fit for a file and for an id in a page."""
    return "".join(letter if letter.isascii() and letter.isalnum() else "-" for letter in name)

"""One small chart style: colours that colour-blind people can tell apart, markers and lines that need no colour.

The first six colours are those of Okabe and Ito, "Color Universal Design" (2008), without yellow and black, the others
of Tol's muted scheme (SRON/EPS/TN/09-002). A codec keeps its colour on every page. Figures are drawn with
the light theme's colours; in the page each becomes a CSS variable with that colour as fallback, so one SVG serves the
light and the dark theme and still stands alone.
"""

from __future__ import annotations

import io
import re
import warnings
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import matplotlib
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

FOREGROUND = "#1c2126"
MUTED = "#5c6670"
GRID = "#dfe3e7"

#: The inside of hollow marks: the page's own background, in both themes.
PAPER = "#fefefe"
SERIES_COLOURS = (
    *("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9"),
    *("#6a4fb3", "#882255", "#8a8a2a", "#4d4d4d"),
)

#: Places in `SERIES_COLOURS`. Codecs that are not here get one of the last four by their name.
CODEC_COLOURS = {"flowmac": 0, "opus": 1, "encodec": 2, "dac": 3, "lyra": 4, "codec2": 5}

MARKERS = ("o", "s", "^", "D", "v", "P", "X", "<", ">", "p")
LINE_STYLES: tuple[Any, ...] = ("-", (0, (5, 2)), (0, (1, 1.5)), (0, (6, 2, 1, 2)))

#: Lines of anchors and the hidden reference, which have no bit rate.
ANCHOR_LINE_STYLES: tuple[Any, ...] = ((0, (4, 3)), (0, (1, 3)), (0, (8, 2, 2, 2)), (0, (2, 1)))

_RC_PARAMS = {
    "svg.fonttype": "none",
    "svg.hashsalt": "flowmac",
    "font.family": "sans-serif",
    "font.size": 8.0,
    "axes.labelsize": 7.5,
    "axes.titlesize": 8.5,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": MUTED,
    "axes.labelcolor": FOREGROUND,
    "axes.titlecolor": FOREGROUND,
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.linewidth": 0.7,
    "grid.color": GRID,
    "grid.linewidth": 0.6,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "xtick.labelcolor": FOREGROUND,
    "ytick.labelcolor": FOREGROUND,
    "text.color": FOREGROUND,
    "text.parse_math": False,  # labels come from rows: a dollar sign is a dollar sign
    "lines.linewidth": 1.3,
    "lines.markersize": 4.5,
    "legend.frameon": False,
    "legend.fontsize": 8.0,
    "figure.facecolor": "none",
    "axes.facecolor": "none",
    "savefig.facecolor": "none",
}

_CSS_VARIABLES = {FOREGROUND: "--text", MUTED: "--muted", GRID: "--rule", PAPER: "--card"} | {
    colour: f"--series-{number}" for number, colour in enumerate(SERIES_COLOURS, start=1)
}
_NO_METADATA = dict.fromkeys(("Creator", "Date", "Format", "Type"))


def codec_colour(codec: str) -> str:
    """The colour of a codec, the same on every page whatever else is on it."""
    others = SERIES_COLOURS[len(CODEC_COLOURS) :]
    if codec in CODEC_COLOURS:
        return SERIES_COLOURS[CODEC_COLOURS[codec]]
    return others[zlib.crc32(codec.encode()) % len(others)]


def codec_of_name(name: str) -> str | None:
    """The codec of `CODEC_COLOURS` that the name of a condition begins with, such as ``opus`` of "Opus 6 kbit/s"."""
    first = re.match(r"[a-z0-9]*", name.lower())
    return first.group() if first is not None and first.group() in CODEC_COLOURS else None


@contextmanager
def chart_style() -> Iterator[None]:
    """Matplotlib's settings for a figure of ours, put back afterwards."""
    with matplotlib.rc_context(_RC_PARAMS), warnings.catch_warnings():  # type: ignore[arg-type]
        # The reader's fonts draw the text; that ours, used to measure it, lacks a letter is no loss.
        warnings.filterwarnings("ignore", message="Glyph .* missing from font", category=UserWarning)
        yield


def new_figure(width_in: float, height_in: float) -> Figure:
    """An empty figure outside pyplot, so that no figure outlives its use."""
    figure = Figure(figsize=(width_in, height_in), layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def settle(figure: Figure) -> Figure:
    """Lay the figure out once for all, so that it is the same in every form and however often it is written."""
    engine = figure.get_layout_engine()
    if engine is not None and figure.axes:
        engine.execute(figure)
    figure.set_layout_engine("none")
    return figure


def to_svg(figure: Figure, name: str, description: str) -> str:
    """The figure as an inline ``<svg>`` for a page, with text as text and theme variables for colours.

    Args:
        figure: drawn within `chart_style`, which is needed again for writing.
        name: letters, digits and hyphens; makes the ids inside unique in the page.
        description: what a screen reader says in place of the picture; empty for a picture that only decorates.
    """
    buffer = io.StringIO()
    with chart_style():
        figure.savefig(buffer, format="svg", metadata=_NO_METADATA)
    svg = buffer.getvalue()
    svg = svg[svg.index("<svg") :].strip()
    svg = re.sub(r'(\bid="|url\(#|href="#)', rf"\g<1>{name}-", svg)
    for colour, variable in _CSS_VARIABLES.items():
        svg = svg.replace(colour, f"var({variable}, {colour})")
    svg = re.sub(r'font: ([\d.]+px|bold [\d.]+px) [^;"]*', r"font: \1 var(--font, sans-serif)", svg)
    width, height = re.search(r'width="([\d.]+)pt" height="([\d.]+)pt"', svg).groups()  # type: ignore[union-attr]
    svg = svg.replace(f' width="{width}pt" height="{height}pt"', "")
    role = f'role="img" aria-label="{_attribute(description)}"' if description else 'aria-hidden="true"'
    return svg.replace("<svg ", f"<svg {role} ", 1)


def to_files(figure: Figure, stem: Path) -> list[Path]:
    """The figure as ``stem``.svg and ``stem``.pdf for a paper: black on white, letters as in the picture."""
    written = []
    # Creation dates are left out, so that the same results make the same files.
    for suffix, settings, metadata in (
        (".svg", {"svg.fonttype": "path"}, _NO_METADATA),
        (".pdf", {"pdf.fonttype": 42}, {"CreationDate": None}),
    ):
        path = stem.with_suffix(suffix)
        with chart_style(), matplotlib.rc_context(settings):  # type: ignore[arg-type]
            figure.savefig(path, metadata=metadata)
        written.append(path)
    return written


def _attribute(text: str) -> str:
    return text.replace("&", "&amp;").replace('"', "&quot;").replace("<", "&lt;")

"""The figures of a listening test: what each shows, from the analysis, with its text alternative."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from listening_test.screening import WHISKER_IQR, Screening, quartiles
from reports import style
from reports.listening_report import charts
from reports.listening_report.analysis import Analysis
from reports.listening_report.charts import (
    Box,
    BoxData,
    Difference,
    DifferenceData,
    Look,
    PointData,
    RankData,
    ScreeningData,
    ScreeningMark,
)
from reports.listening_report.sentences import CAPTION_MARK
from reports.panel import Panel
from reports.statistics.assumptions import Residuals
from reports.statistics.contrasts import PairComparison
from reports.statistics.cube import FloatArray
from reports.statistics.descriptive import Summary
from reports.statistics.nonparametric import ALPHA, cliques, critical_difference


@dataclass(frozen=True)
class ListeningFigures:
    """All figures of a listening test; None where there is nothing to draw. Reference and anchors are in all."""

    overall: Panel
    items: tuple[Panel, ...]
    screening: Panel
    to_reference: Panel | None
    to_baseline: Panel | None
    ranks: Panel | None
    repeats: Panel | None
    quantiles: Panel | None

    @property
    def panels(self) -> list[Panel]:
        """All of them, in the order of the page."""
        found = [self.overall, self.to_reference, self.to_baseline, self.ranks, *self.items]
        return [panel for panel in (*found, self.screening, self.repeats, self.quantiles) if panel is not None]


def figures(analysis: Analysis) -> ListeningFigures:
    """Draw all figures."""
    look = Look({name: colour_of(analysis, name) for name in analysis.conditions}, analysis.is_simulated)
    mark = CAPTION_MARK if analysis.is_simulated else ""
    cube = analysis.cube

    def panel(name: str, data: charts.ListeningData, description: str) -> Panel:
        return Panel(f"listening-{name}", data, charts.draw(data, look), mark + description)

    means = "; ".join(f"{summary.condition} {summary.mean:.1f}" for summary in analysis.summaries)
    return ListeningFigures(
        overall=panel(
            "overall",
            boxes("", cube.scores, analysis.summaries, has_all_dots=True),
            f"Box plot of all ratings by condition. Means: {means}.",
        ),
        items=tuple(
            panel(
                f"item-{place}",
                boxes(item, cube.scores[:, [place]], analysis.by_item[item], has_all_dots=False),
                f"Box plot of the ratings of {item} by condition; the medians are in the table above.",
            )
            for place, item in enumerate(cube.items)
        ),
        screening=panel(
            "screening",
            screening_data(analysis.screening),
            "Each listener's share of missed hidden references and of mid anchors above 90; the table has the numbers.",
        ),
        to_reference=_differences(analysis, analysis.to_reference, analysis.reference, "to-reference", panel),
        to_baseline=_differences(
            analysis,
            [contrast.pair for contrast in analysis.contrasts] if analysis.is_planned else [],
            analysis.baseline,
            "to-baseline",
            panel,
        ),
        ranks=_ranks(analysis, panel),
        repeats=panel(
            "repeats",
            PointData(
                "Spread of a repeated rating, points (reliable ←)",
                "Spread between signals, points",
                tuple(entry.measurement_sd for entry in analysis.repeats),
                tuple(entry.discrimination_sd for entry in analysis.repeats),
            ),
            "Spread between signals against the spread of repeated ratings.",
        )
        if analysis.repeats
        else None,
        quantiles=None
        if isinstance(analysis.residuals, str)
        else panel(
            "quantiles", quantile_data(analysis.residuals), "Q-Q plot of the residuals against a normal distribution."
        ),
    )


_MakePanel = Callable[[str, charts.ListeningData, str], Panel]


def colour_of(analysis: Analysis, condition: str) -> str:
    """A codec's own colour on every page, anchors grey, the reference black; other systems in the order of the page."""
    role = analysis.roles[condition]
    if role != "system":
        return style.FOREGROUND if role == "reference" else style.MUTED
    known = style.codec_of_name(condition)
    if known is not None:
        return style.codec_colour(known)
    others = [name for name in analysis.systems if style.codec_of_name(name) is None]
    colours = style.SERIES_COLOURS[len(style.CODEC_COLOURS) :] + style.SERIES_COLOURS[: len(style.CODEC_COLOURS)]
    return colours[others.index(condition) % len(colours)]


def boxes(title: str, scores: FloatArray, summaries: Sequence[Summary], *, has_all_dots: bool) -> BoxData:
    """Boxes of ``scores``, shape [n_listeners, n_items, n_conditions], NaN where not rated."""
    found = []
    for place, summary in enumerate(summaries):
        own = scores[..., place].ravel()
        own = own[~np.isnan(own)]
        first, median, third = quartiles(own.tolist())
        reach = WHISKER_IQR * (third - first)
        inside = own[(own >= first - reach) & (own <= third + reach)]
        low, high = float(inside.min()), float(inside.max())
        dots = own if has_all_dots else own[(own < low) | (own > high)]
        found.append(
            Box(
                summary.condition,
                (first, median, third),
                (low, high),
                summary.mean,
                summary.low,
                summary.high,
                tuple(dots.tolist()),
            )
        )
    return BoxData(title, tuple(found), has_all_dots)


def screening_data(result: Screening) -> ScreeningData:
    """Listeners by their place."""
    places: dict[tuple[float, float, bool], int] = {}
    for entry in result.listeners:
        x = 100 * entry.n_reference_below / entry.n_reference if entry.n_reference else 0.0
        y = 100 * entry.n_mid_anchor_above / entry.n_mid_anchor if entry.n_mid_anchor else 0.0
        places[x, y, entry.is_excluded] = places.get((x, y, entry.is_excluded), 0) + 1
    return ScreeningData(tuple(ScreeningMark(*place, n) for place, n in places.items()))


def quantile_data(shape: Residuals) -> PointData:
    """Of many residuals every one near the ends, and of the others a few hundred."""
    chosen = np.unique(np.r_[: min(40, shape.n), np.linspace(0, shape.n - 1, 300).astype(int), shape.n - 40 : shape.n])
    chosen = chosen[(chosen >= 0) & (chosen < shape.n)]
    x, y = (tuple(own[chosen].tolist()) for own in (shape.theoretical, shape.ordered))
    return PointData("Normal quantile", "Residual, standard deviations", x, y, has_diagonal=True)


def _differences(
    analysis: Analysis, pairs: Sequence[PairComparison], baseline: str | None, name: str, panel: _MakePanel
) -> Panel | None:
    if baseline is None or not pairs:
        return None
    own = tuple(Difference(pair.first, pair.mean, pair.low, pair.high, pair.p_adjusted < ALPHA) for pair in pairs)
    margin = analysis.margin if baseline == analysis.baseline else None
    return panel(name, DifferenceData(baseline, own, margin), f"Differences to {baseline}, as in the table.")


def _ranks(analysis: Analysis, panel: _MakePanel) -> Panel | None:
    if isinstance(analysis.friedman, str):
        return None
    ranks = analysis.friedman.mean_ranks
    difference = critical_difference(analysis.friedman.n_listeners, len(ranks))
    described = "; ".join(f"{name} {rank:.2f}" for name, rank in zip(analysis.conditions, ranks, strict=True))
    data = RankData(analysis.conditions, ranks, difference, tuple(cliques(ranks, difference)))
    return panel("ranks", data, f"Mean ranks: {described}. Critical difference {difference:.2f}.")

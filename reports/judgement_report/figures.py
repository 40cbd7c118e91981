"""Figures of ACR and DCR (how the votes are spread, and their mean) and of ABX and AB (shares with intervals)."""

from __future__ import annotations

from dataclasses import dataclass

from matplotlib.figure import Figure

from reports import style
from reports.judgement_report.analysis import CATEGORY_WORDS, METHOD_NAMES, CategorySection, PairSection
from reports.listening_report.charts import ROW_IN, WIDTH_IN, short, watermark
from reports.listening_report.sentences import CAPTION_MARK
from reports.panel import Panel


@dataclass(frozen=True)
class VoteData:
    """For each condition the share of votes of the categories 1 to 5, and the mean with its interval."""

    words: tuple[str, ...]
    names: tuple[str, ...]
    shares: tuple[tuple[float, ...], ...]
    means: tuple[tuple[float | None, float | None, float | None], ...]


@dataclass(frozen=True)
class ShareData:
    """For each pair the share of successes with its exact interval."""

    x_label: str
    pairs: tuple[tuple[str, str], ...]
    shares: tuple[tuple[float, float, float], ...]


def figure_of(section: CategorySection | PairSection, *, is_simulated: bool) -> Panel:
    """The picture of one method."""
    mark = CAPTION_MARK if is_simulated else ""
    if isinstance(section, CategorySection):
        data = VoteData(
            CATEGORY_WORDS[section.method],
            tuple(name for name, _ in section.summaries),
            tuple(tuple(n / sum(own.counts) for n in own.counts) for _, own in section.summaries),
            tuple((own.mos.mean, own.mos.low, own.mos.high) for _, own in section.summaries),
        )
        described = "; ".join(f"{name} {own.mos.mean:.2f}" for name, own in section.summaries)
        figure = _votes(data, is_simulated=is_simulated)
        return Panel(f"judgements-{section.method}", data, figure, f"{mark}Mean votes, 1 to 5: {described}.")
    is_abx = section.method == "abx"
    shares = ShareData(
        "Correct answers (guessing: one half)" if is_abx else "Answers for the first of the two",
        tuple((pair.first, pair.second) for pair in section.pairs),
        tuple((pair.answers.share, pair.answers.low, pair.answers.high) for pair in section.pairs),
    )
    described = "; ".join(
        f"{first} and {second} {share[0]:.2f}"
        for (first, second), share in zip(shares.pairs, shares.shares, strict=True)
    )
    words = f"{mark}{METHOD_NAMES[section.method]} Shares: {described}."
    return Panel(f"judgements-{section.method}", shares, _shares(shares, is_simulated=is_simulated), words)


def _votes(data: VoteData, *, is_simulated: bool) -> Figure:
    """Circles whose area is the share of a category, and the mean as a diamond with its interval."""
    with style.chart_style():
        figure = style.new_figure(WIDTH_IN, 0.8 + 1.15 * ROW_IN * len(data.names))
        axes = figure.add_subplot()
        for place, (shares, (mean, low, high)) in enumerate(zip(data.shares, data.means, strict=True)):
            sizes = [260 * share for share in shares]
            axes.scatter(range(1, 6), [place] * 5, s=sizes, color=style.SERIES_COLOURS[0], alpha=0.35, linewidths=0)
            if low is not None and high is not None:
                axes.plot([low, high], [place, place], color=style.FOREGROUND, linewidth=2.2, zorder=5)
            if mean is not None:
                axes.plot(
                    mean, place, "D", color=style.PAPER, markeredgecolor=style.FOREGROUND, markersize=4.5, zorder=6
                )
        axes.set_xlim(0.6, 5.4)
        axes.set_xticks(range(1, 6), [f"{n}\n{word}" for n, word in enumerate(data.words, start=1)])
        axes.tick_params(axis="x", labelsize=6.5)
        axes.set_yticks(range(len(data.names)), [short(name) for name in data.names])
        axes.set_ylim(max(len(data.names), 2) - 0.5, -0.5)
        axes.grid(visible=False, axis="y")
        if is_simulated:
            watermark(figure)
        return style.settle(figure)


def _shares(data: ShareData, *, is_simulated: bool) -> Figure:
    with style.chart_style():
        figure = style.new_figure(WIDTH_IN, 0.65 + 1.4 * ROW_IN * max(2, len(data.pairs)))
        axes = figure.add_subplot()
        axes.axvline(0.5, color=style.MUTED, linewidth=0.9)
        for place, (share, low, high) in enumerate(data.shares):
            axes.plot([low, high], [place, place], color=style.SERIES_COLOURS[0], linewidth=1.6)
            axes.plot(share, place, "o", color=style.SERIES_COLOURS[0])
        axes.set_xlim(-0.02, 1.02)
        axes.set_xlabel(data.x_label)
        axes.set_yticks(range(len(data.pairs)), [f"{short(first)}\n{short(second)}" for first, second in data.pairs])
        axes.set_ylim(max(len(data.pairs), 2) - 0.5, -0.5)
        axes.grid(visible=False, axis="y")
        if is_simulated:
            watermark(figure)
        return style.settle(figure)

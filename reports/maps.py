"""Maps of quality over two settings of a codec's decoder, such as network evaluations by guidance.

A map holds the conditions of one codec that differ in these two settings alone.
"""

from __future__ import annotations

import json
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass

import matplotlib
import numpy as np
import numpy.typing as npt
import pandas as pd
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from reports import series, style
from reports.aggregate import ALL
from reports.conditions import Condition
from reports.metric_info import MetricInfo

#: The pairs of settings that are mapped wherever both vary: vertical, horizontal.
PAIRS = (("cfg", "nfe"), ("temperature", "nfe"))
SETTING_WORDS = {"cfg": "guidance (CFG)", "nfe": "evaluations without guidance (NFE)", "temperature": "temperature"}

#: Longer titles go on in a further line.
TITLE_LETTERS = 38

COLOUR_MAP = "cividis"
_DARK_TEXT, _LIGHT_TEXT = "#000000", "#ffffff"


@dataclass(frozen=True)
class MapData:
    """One map. ``means`` has the shape [R, C], R settings of ``row_setting`` by C of ``column_setting``; NaN is a gap.

    ``n_evaluations``, of the same shape, counts guidance too; 0 where nothing was run.
    """

    title: str
    metric: MetricInfo
    row_setting: str
    column_setting: str
    rows: tuple[float, ...]
    columns: tuple[float, ...]
    means: npt.NDArray[np.float64]
    n_evaluations: npt.NDArray[np.int64]

    @property
    def best(self) -> tuple[int, int] | None:
        """Row and column of the best mean; None where neither end is better."""
        if self.metric.higher_is_better is None:
            return None
        best = np.nanargmax(self.means) if self.metric.higher_is_better else np.nanargmin(self.means)
        row, column = np.unravel_index(best, self.means.shape)
        return int(row), int(column)


def maps(
    conditions: Sequence[Condition], summary: pd.DataFrame, metric: MetricInfo, row_setting: str, column_setting: str
) -> list[MapData]:
    """A map for each group of conditions that differ in the two settings alone and take two values of each."""
    chosen = summary[(summary["metric"] == metric.name) & (summary["category"] == ALL) & (summary["n"] > 0)]
    means = dict(zip(chosen["spec_id"], chosen["mean"], strict=True))
    groups: dict[str, list[Condition]] = {}
    for condition in conditions:
        if all(isinstance(condition.settings.get(name), int | float) for name in (row_setting, column_setting)):
            others = {k: v for k, v in condition.settings.items() if k not in (row_setting, column_setting)}
            groups.setdefault(json.dumps([condition.codec, others], sort_keys=True), []).append(condition)
    names = series.codec_names(conditions)
    found = []
    for own in groups.values():
        rows = tuple(sorted({float(condition.settings[row_setting]) for condition in own}))
        columns = tuple(sorted({float(condition.settings[column_setting]) for condition in own}))
        if len(rows) < 2 or len(columns) < 2 or not any(condition.spec_id in means for condition in own):
            continue
        grid = np.full((len(rows), len(columns)), np.nan)
        n_evaluations = np.zeros(grid.shape, dtype=np.int64)
        for condition in own:
            place = rows.index(condition.settings[row_setting]), columns.index(condition.settings[column_setting])
            grid[place] = means.get(condition.spec_id, np.nan)
            n_evaluations[place] = condition.n_evaluations or 0
        title = f"{names[own[0].codec]}{_detail(own[0], list(groups.values()))}"
        found.append(MapData(title, metric, row_setting, column_setting, rows, columns, grid, n_evaluations))
    return found


def _detail(condition: Condition, groups: Sequence[Sequence[Condition]]) -> str:
    """What tells a group from the others of its codec, its rate first."""
    rate = "" if condition.nominal_kbps is None else f" {condition.nominal_kbps:g} kbit/s"
    others = [own[0].settings for own in groups if own[0].codec == condition.codec]
    varying = [
        series.setting_words(name, json.dumps(value).strip('"'))
        for name, value in condition.settings.items()
        if name not in ("cfg", "nfe", "kbps") and len({json.dumps(other.get(name)) for other in others}) > 1
    ]
    return rate + "".join(f", {words}" for words in varying)


def draw(data: MapData) -> Figure:
    """Cells with their means, brighter for better; a frame around the best."""
    metric = data.metric
    low, high = np.nanmin(data.means), np.nanmax(data.means)
    level = (data.means - low) / (high - low) if high > low else np.where(np.isnan(data.means), np.nan, 0.5)
    if metric.higher_is_better is False:
        level = 1 - level
    n_rows, n_columns = data.means.shape
    with style.chart_style():
        figure = style.new_figure(max(3.4, 0.62 * n_columns + 0.9), 0.34 * n_rows + 1.2)
        axes = figure.add_subplot()
        axes.set_title(f"{metric.label}\n{textwrap.fill(data.title, TITLE_LETTERS)}")
        for (row, column), mean in np.ndenumerate(data.means):
            if np.isnan(mean):
                axes.text(column, row, "–", ha="center", va="center", color=style.MUTED)
                continue
            colour = matplotlib.colormaps[COLOUR_MAP](float(level[row, column]))
            axes.add_patch(
                Rectangle((column - 0.48, row - 0.48), 0.96, 0.96, facecolor=to_hex(colour), edgecolor="none")
            )
            text = _DARK_TEXT if level[row, column] > 0.5 else _LIGHT_TEXT
            axes.text(column, row, metric.text(mean), ha="center", va="center", color=text, fontsize=7.0)
        if data.best is not None:
            row, column = data.best
            frame = Rectangle((column - 0.5, row - 0.5), 1, 1, fill=False, edgecolor=style.FOREGROUND, linewidth=1.8)
            axes.add_patch(frame)
        axes.set_xticks(range(n_columns), [f"{value:g}" for value in data.columns])
        axes.set_yticks(range(n_rows), [f"{value:g}" for value in data.rows])
        axes.set_xlim(-0.55, n_columns - 0.45)
        axes.set_ylim(-0.55, n_rows - 0.45)
        axes.set_xlabel(SETTING_WORDS.get(data.column_setting, data.column_setting))
        axes.set_ylabel(SETTING_WORDS.get(data.row_setting, data.row_setting))
        axes.grid(visible=False)
        axes.spines[:].set_visible(False)
        axes.tick_params(length=0)
        return style.settle(figure)


def description(data: MapData) -> str:
    """The map in words: every mean that it shows."""
    cells = (
        f"{data.row_setting} {data.rows[row]:g}, {data.column_setting} {data.columns[column]:g}: {mean:.3g}"
        for (row, column), mean in np.ndenumerate(data.means)
        if not np.isnan(mean)
    )
    return f"{data.metric.axis_label}, {data.title}. {'; '.join(cells)}."

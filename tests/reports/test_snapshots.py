"""The data of all figures of made-up runs and ratings, as they were when last looked at: no pixels.

After a wanted change: ``python -m tests.reports.test_snapshots`` writes them anew; look at the difference.
"""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from reports.agreement.analysis import analyse as analyse_agreement
from reports.agreement.figures import scatters
from reports.agreement.matching import match
from reports.analysis import analyse
from reports.charts import PanelData
from reports.listening_report.analysis import analyse as analyse_ratings
from reports.listening_report.figures import figures
from reports.maps import MapData
from reports.metric_info import metric_infos
from reports.panel import Panel
from reports.tables import collect
from tests.reports.agreement.fake_joint import joint_ratings
from tests.reports.fake_run import fake_rows
from tests.reports.grid_run import grid_rows
from tests.reports.listening_report.fake_ratings import fake_ratings

FOLDER = Path(__file__).parent / "snapshots"
RUNS = {"fake_run": fake_rows, "grid_run": grid_rows}


def snapshot(name: str) -> dict[str, Any]:
    """All that the figures of a run, of ratings, or of both show, by the name of the panel."""
    if name in RUNS:
        report = analyse(collect(RUNS[name]()), name)
        panels = [panel for group in report.figures for panel in group.panels]
    elif name == "listening":
        panels = figures(analyse_ratings(fake_ratings(7), "EnCodec 6 kbit/s", margin=5.0)).panels
    else:
        found, ratings = collect(fake_rows()), joint_ratings(6, 6)
        own = analyse_ratings(ratings)
        metrics = metric_infos(["visqol_audio", "log_mel", "estoi"])
        agreement = analyse_agreement(match(found, metrics, own.cube, own.roles, {}, {}))
        panels = list(scatters(agreement, is_simulated=False).panels)
    return {panel.name: _data(panel) for panel in panels}


def _data(panel: Panel) -> dict[str, Any]:
    if isinstance(panel.data, PanelData):
        found = dataclasses.asdict(panel.data)
        for kind in ("series", "context"):
            found[kind] = {
                entry["name"]: [
                    (point["x"], point["mean"], point["low"], point["high"], point["n"]) for point in points
                ]
                for entry, points in found[kind]
            }
        found["front"] = [(point["x"], point["mean"]) for point in found["front"]]
        found["levels"] = {level["name"]: level["mean"] for level in found["levels"]}
    elif isinstance(panel.data, MapData):
        found = {
            "title": panel.data.title,
            "rows": panel.data.rows,
            "columns": panel.data.columns,
            "means": panel.data.means.tolist(),
            "n_evaluations": panel.data.n_evaluations.tolist(),
            "best": panel.data.best,
        }
    else:
        found = dataclasses.asdict(panel.data)  # type: ignore[call-overload]
    return json.loads(json.dumps(_rounded(found)))  # type: ignore[no-any-return]


def _rounded(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(key): _rounded(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [_rounded(entry) for entry in value]
    return float(f"{value:.5g}") if isinstance(value, float) else value


def _differences(expected: Any, found: Any, place: str = "") -> list[str]:
    """Where the two differ by more than a hundred-thousandth."""
    if isinstance(expected, dict) and isinstance(found, dict):
        keys = sorted(expected.keys() | found.keys())
        return [line for key in keys for line in _differences(expected.get(key), found.get(key), f"{place}/{key}")]
    if isinstance(expected, list) and isinstance(found, list) and len(expected) == len(found):
        pairs = enumerate(zip(expected, found, strict=True))
        return [line for at, pair in pairs for line in _differences(*pair, f"{place}[{at}]")]
    if isinstance(expected, float) and isinstance(found, float) and np.isclose(expected, found, rtol=2e-5):
        return []
    return [] if expected == found else [f"{place}: {expected} is now {found}"]


@pytest.mark.parametrize("name", [*RUNS, "listening", "joint"])
def test_figures_show_what_they_showed(name: str) -> None:
    expected = json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))
    assert _differences(expected, snapshot(name)) == []


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    for own in (*RUNS, "listening", "joint"):
        (FOLDER / f"{own}.json").write_text(json.dumps(snapshot(own), ensure_ascii=False) + "\n", encoding="utf-8")

"""What a reader may take from the page: the tidy ratings, a manifest with hashes, and a table for LaTeX."""

from __future__ import annotations

import base64
import hashlib
import importlib.metadata
import json
from dataclasses import dataclass
from pathlib import Path

from listening_test.ratings import ratings_csv
from reports.listening_report.analysis import Analysis
from reports.listening_report.paper import scores_latex
from reports.listening_report.study_info import StudyInfo
from reports.paper import PACKAGES


@dataclass(frozen=True)
class Download:
    """A file inside the page."""

    name: str
    label: str
    uri: str


def downloads(analysis: Analysis, info: StudyInfo, source: Path | None) -> list[Download]:
    """The files of the page made from the ratings in the file ``source``, or in a database."""
    mark = "simulated-" if analysis.is_simulated else ""
    tidy = ratings_csv(analysis.ratings)
    found = [
        _download(f"{mark}ratings.csv", "all ratings, tidy (CSV)", "text/csv", tidy),
        _download(f"{mark}table.tex", "means and intervals (LaTeX)", "application/x-tex", scores_latex(analysis)),
    ]
    manifest = {
        "is_simulated": analysis.is_simulated,
        "source": "database" if source is None else source.name,
        "source_sha256": None if source is None else hashlib.sha256(source.read_bytes()).hexdigest(),
        "ratings_sha256": hashlib.sha256(tidy.encode()).hexdigest(),
        "n_ratings": len(analysis.ratings),
        "excluded_listeners": {entry.listener: entry.reasons for entry in analysis.screening.excluded},
        "baseline": analysis.baseline,
        "margin_points": analysis.margin,
        "seed": 0,
        "study": info.model_dump(mode="json", exclude_none=True),
        "packages": {name: importlib.metadata.version(name) for name in PACKAGES},
    }
    text = json.dumps(manifest, indent=1, ensure_ascii=False)
    found.append(_download(f"{mark}manifest.json", "manifest with hashes (JSON)", "application/json", text))
    return found


def _download(name: str, label: str, media_type: str, text: str) -> Download:
    return Download(name, label, f"data:{media_type};base64,{base64.b64encode(text.encode()).decode()}")

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
from reports.listening_report.sentences import SIMULATED, p_text
from reports.listening_report.study_info import StudyInfo

_PACKAGES = ("flowmac", "numpy", "scipy", "matplotlib")
_LATEX_SIGNS = {"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}"} | {
    sign: f"\\{sign}" for sign in "&%$#_{}"
}


@dataclass(frozen=True)
class Download:
    """A file inside the page."""

    name: str
    label: str
    uri: str


def downloads(analysis: Analysis, info: StudyInfo, source: Path) -> list[Download]:
    """The files of the page made from the ratings in ``source``."""
    mark = "simulated-" if analysis.is_simulated else ""
    tidy = ratings_csv(analysis.ratings)
    found = [
        _download(f"{mark}ratings.csv", "all ratings, tidy (CSV)", "text/csv", tidy),
        _download(f"{mark}table.tex", "means and intervals (LaTeX)", "application/x-tex", latex_table(analysis)),
    ]
    manifest = {
        "is_simulated": analysis.is_simulated,
        "source": source.name,
        "source_sha256": hashlib.sha256(source.read_bytes()).hexdigest(),
        "ratings_sha256": hashlib.sha256(tidy.encode()).hexdigest(),
        "n_ratings": len(analysis.ratings),
        "excluded_listeners": {entry.listener: entry.reasons for entry in analysis.screening.excluded},
        "baseline": analysis.baseline,
        "margin_points": analysis.margin,
        "seed": 0,
        "study": info.model_dump(mode="json", exclude_none=True),
        "packages": {name: importlib.metadata.version(name) for name in _PACKAGES},
    }
    text = json.dumps(manifest, indent=1, ensure_ascii=False)
    found.append(_download(f"{mark}manifest.json", "manifest with hashes (JSON)", "application/json", text))
    return found


def latex_table(analysis: Analysis) -> str:
    """Conditions with median, IQR, mean and interval, in the booktabs style."""
    to_reference = {pair.first: pair for pair in analysis.to_reference}
    lines = [f"% {SIMULATED}"] if analysis.is_simulated else []
    lines += [
        r"\begin{tabular}{lrrrrr}",
        r"\toprule",
        r"Condition & Median & IQR & Mean & 95\,\% interval & $p$ to reference \\",
        r"\midrule",
    ]
    for summary in analysis.summaries:
        interval = "--" if summary.low is None else f"[{summary.low:.1f}, {summary.high:.1f}]"
        pair = to_reference.get(summary.condition)
        p = "--" if pair is None else f"${p_text(pair.p_adjusted)}$"
        name = "".join(_LATEX_SIGNS.get(sign, sign) for sign in summary.condition)
        lines.append(f"{name} & {summary.median:.1f} & {summary.iqr:.1f} & {summary.mean:.1f} & {interval} & {p} \\\\")
    lines += [r"\bottomrule", r"\end{tabular}"]
    return "\n".join(lines) + "\n"


def _download(name: str, label: str, media_type: str, text: str) -> Download:
    return Download(name, label, f"data:{media_type};base64,{base64.b64encode(text.encode()).decode()}")

"""The methods paragraph of a paper, from what the rows recorded."""

from __future__ import annotations

from collections.abc import Iterator

from reports import bd_rate, intervals, sentences, series, tables
from reports.analysis import Report
from reports.statistics import CONFIDENCE, MIN_CLIPS, N_RESAMPLES


def paragraph(report: Report) -> str:
    """What was done, in plain text that holds for the run as it is; a paper adds why."""
    return " ".join(_sentences(report))


def _sentences(report: Report) -> Iterator[str]:
    found = report.tables
    codecs = [condition for condition in found.conditions if condition.role == "codec"]
    names = series.codec_names(codecs)
    counted = [
        f"{names[codec]} ({sentences.count(sum(own.codec == codec for own in codecs), 'setting')})"
        for codec in series.codec_order(codecs)
    ]
    duration_s = sum(clip.duration_s for clip in found.clips)
    yield (
        f"We compared {sentences.listed(counted) or 'anchors'} on {sentences.count(len(found.clips), 'clip')} "
        f"({', '.join(found.categories)}; {duration_s:,.0f} s in all)."
    )
    yield (
        "Bit rates were counted on the coded bytes over the duration of each clip, without headers and checksums; "
        "real-time factors are processor seconds of encoding and decoding on one thread for a second of audio."
    )
    yield "Decoded audio was aligned with its reference before scoring."
    for metric in report.shown:
        versions = found.scores.loc[
            (found.scores["metric"] == metric.name) & (found.scores["outcome"] == tables.SCORED), "version"
        ].unique()
        details = "; ".join([*(str(version) for version in versions), *([metric.citation] if metric.citation else [])])
        yield f"{metric.label} was computed with {details}." if details else f"{metric.label} was computed."
    yield (
        f"We report means over clips with {100 * CONFIDENCE:g} % expanded percentile bootstrap intervals (Hesterberg, "
        f"The American Statistician 69, 2015; {N_RESAMPLES:,} resamples of the clips, above {intervals.MAX_RESAMPLED} "
        f"clips by the Cornish-Fisher expansion), and none below {MIN_CLIPS} clips."
    )
    n_failed = int((~found.runs["is_ok"]).sum())
    n_scores_failed = int((found.scores["outcome"] == tables.FAILED).sum())
    yield (
        f"Of {sentences.count(len(found.runs), 'run')}, {n_failed} failed; {n_scores_failed} scores could not be "
        "computed; neither was replaced by a number."
    )
    if report.bd_table is not None:
        yield (
            f"BD-rates are against {report.bd_table.anchor.name}, by monotone piecewise cubic interpolation of the log "
            f"rate over the qualities that both curves reach, from at least {bd_rate.MIN_POINTS} rates each."
        )
    weights = {own.codec: own.weights_sha256 for own in codecs if own.weights_sha256}
    for codec, sha256 in weights.items():
        yield f"The weights of {names[codec]} have the SHA-256 {sha256}."

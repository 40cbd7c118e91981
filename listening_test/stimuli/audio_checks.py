"""Checks of signals, alone and beside those of the same item. Each fault is said in plain words, with its remedy."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np

from benchmarks.metrics.align import find_delay_s
from flowmac.audio import FULL_SCALE, Waveform

#: ``error``: the test cannot be run. ``deviation``: from the standard; a strict test must list it with a reason.
#: ``warning``: worth a look.
Severity = Literal["error", "deviation", "warning"]

#: Louder by more than this than the reference, and listeners may grade loudness. BS.1534 gives no number.
MAX_LOUDNESS_DIFFERENCE_LU = 0.5

#: A lag that switching could make audible. Looked for in a piece from the middle, and then in the whole excerpt.
MAX_LAG_S = 0.001
LAG_PIECE_S = 1.4

#: Samples in a row at full scale that count as clipping, and a level below which a recording is silent.
CLIPPED_RUN = 3
CLIPPED_LEVEL = 0.9999 * FULL_SCALE
SILENT_DB = -60.0

MAX_DC = 0.01


@dataclass(frozen=True)
class Finding:
    """What is wrong, where, and what to do. ``rule`` is a short stable word."""

    severity: Severity
    rule: str
    where: str
    found: str
    fix: str

    def __str__(self) -> str:
        return f"{self.where}: {self.found}; {self.fix}"


def check_signal(where: str, waveform: Waveform) -> list[Finding]:
    """Silence, offset and clipping of one signal."""
    samples = waveform.samples
    frames = samples.T  # as read from a file: contiguous, which makes half of the time of a quick check
    rms = math.sqrt(float(np.vdot(frames, frames)) / samples.size)
    if rms < 10 ** (SILENT_DB / 20):
        found = "is silent" if rms == 0 else f"is almost silent ({20 * np.log10(rms):.0f} dB below full scale)"
        return [Finding("error", "silent", where, found, "use another recording or excerpt")]
    findings = []
    dc = float(np.abs(frames.mean(axis=0)).max())
    if dc > MAX_DC:
        fix = "remove the offset with a high-pass filter in all conditions"
        findings.append(
            Finding("warning", "dc", where, f"has a constant offset of {100 * dc:.1f} % of full scale", fix)
        )
    n_clipped = count_clipped(waveform)
    if n_clipped:
        fix = "use a softer version, or say why: the clipping belongs to the system"
        findings.append(Finding("deviation", "clipping", where, f"is clipped in {n_clipped} places", fix))
    return findings


def count_clipped(waveform: Waveform) -> int:
    """Places where several samples in a row are at full scale."""
    samples = waveform.samples
    if max(samples.max(), -samples.min()) < CLIPPED_LEVEL:
        return 0
    full = np.abs(samples) >= CLIPPED_LEVEL
    run = np.ones_like(full[:, CLIPPED_RUN - 1 :])
    for shift in range(CLIPPED_RUN):
        run &= full[:, shift : full.shape[1] - CLIPPED_RUN + 1 + shift]
    return int((np.diff(run.astype(np.int8), axis=1, prepend=0) == 1).sum())


def check_lags(where: str, reference: Waveform, conditions: Mapping[str, Waveform]) -> list[Finding]:
    """Conditions that are late or early against the reference."""
    findings = []
    piece = _middle(reference)
    for name, waveform in conditions.items():
        if abs(find_delay_s(piece, _middle(waveform))) <= MAX_LAG_S:
            continue
        lag_s = find_delay_s(reference, waveform)  # a short piece of a codec's own phase correlates by chance
        if abs(lag_s) > MAX_LAG_S:
            word = "late" if lag_s > 0 else "early"
            found = f"'{name}' comes {1000 * abs(lag_s):.1f} ms too {word} against the reference"
            fix = "align the files, or build the test with --align"
            findings.append(Finding("deviation", "lag", where, found, fix))
    return findings


def _middle(waveform: Waveform) -> Waveform:
    n_piece = round(LAG_PIECE_S * waveform.sample_rate_hz)
    start = max(0, (waveform.n_samples - n_piece) // 2)
    return Waveform(waveform.samples[:, start : start + n_piece], waveform.sample_rate_hz)


def check_loudness(where: str, reference: Waveform, systems: Mapping[str, Waveform]) -> list[Finding]:
    """Systems whose loudness (ITU-R BS.1770) is not that of the reference; anchors lose some by their nature."""
    from pyloudnorm import Meter

    meter = Meter(reference.sample_rate_hz)
    with np.errstate(divide="ignore", invalid="ignore"):  # blocks of digital silence have no level
        loudness_lufs = {name: meter.integrated_loudness(waveform.samples.T) for name, waveform in systems.items()}
        expected_lufs = meter.integrated_loudness(reference.samples.T)
    differences_lu = {name: value_lufs - expected_lufs for name, value_lufs in loudness_lufs.items()}
    told = [
        f"'{name}' is {abs(difference_lu):.1f} LU {'louder' if difference_lu > 0 else 'softer'}"
        for name, difference_lu in differences_lu.items()
        if not abs(difference_lu) <= MAX_LOUDNESS_DIFFERENCE_LU  # also where a level is below the gate
    ]
    if not told:
        return []
    fix = "make sure that listeners are to hear this, or match the loudness of the recordings before"
    return [Finding("warning", "loudness", where, f"{', '.join(told)} than the reference", fix)]

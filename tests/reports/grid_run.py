"""A made-up run over everything that the sections on the decoder need: guidance, temperature, solvers, four rates."""

from __future__ import annotations

import numpy as np

from benchmarks.results import Clip, Row
from tests.reports.fake_run import CLIPS, FakeCondition, fake_clip, fake_rows


def grid_conditions() -> list[FakeCondition]:
    """FlowMAC over rates, over CFG x NFE x solver, and over temperature x NFE; EnCodec at four rates; the reference."""
    found = [_flowmac(kbps, 4) for kbps in (0.375, 0.75, 1.5)]
    found += [
        _flowmac(3.0, nfe, cfg, solver) for cfg in (1.0, 1.5, 2.0) for nfe in (2, 4, 8) for solver in ("euler", "heun")
    ]
    found += [_flowmac(3.0, nfe, temperature=0.5) for nfe in (2, 4, 8)]
    found += [
        FakeCondition(
            "encodec", f"EnCodec {kbps:g} kbit/s", {"kbps": kbps}, 0.2 + 0.13 * np.log2(kbps), 9000, kbps, None, 0.3
        )
        for kbps in (1.5, 3.0, 6.0, 12.0)
    ]
    return [*found, FakeCondition("reference", "Hidden reference", {}, 1.0, 24000)]


def _flowmac(kbps: float, nfe: int, cfg: float = 1.0, solver: str = "euler", temperature: float = 1.0) -> FakeCondition:
    settings = {"kbps": kbps, "nfe": nfe, "cfg": cfg, "solver": solver, "temperature": temperature}
    words = [f"FlowMAC {kbps:g} kbit/s, NFE {nfe}"]
    words += [f"CFG {cfg:g}"] if cfg != 1 else []
    words += [f"temperature {temperature:g}"] if temperature != 1 else []
    words += [f"solver {solver}"] if solver != "euler" else []
    quality = 0.5 + 0.13 * np.log2(kbps) + 0.03 * np.log2(nfe) + 0.2 * (cfg - 1) * (2 - cfg) - 0.05 * (1 - temperature)
    n_evaluations = nfe * (1 if cfg == 1 else 2)
    return FakeCondition(
        "flowmac",
        ", ".join(words),
        settings,
        quality - (0.02 if solver == "heun" else 0),
        11500,
        kbps,
        n_evaluations,
        0.05 + 0.05 * n_evaluations,
    )


def grid_clips() -> list[Clip]:
    """The usual clips, with languages."""
    return [
        Clip(**{**vars(fake_clip(*entry)), "language": entry[0].split("_")[1] if entry[1] == "speech" else None})
        for entry in CLIPS
    ]


def grid_rows() -> list[Row]:
    """All conditions on all clips."""
    return fake_rows(grid_conditions(), grid_clips())

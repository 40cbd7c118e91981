"""What a page of very many rows costs: 40 conditions, without audio.

The full measurement: ``python -m tests.reports.speed FOLDER 2500`` writes 100,000 rows into FOLDER, and without the
number the command makes their page.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

import numpy as np

from tests.reports.fake_run import FakeCondition, fake_clip, fake_rows, write_run

CATEGORIES = ("speech", "music", "mixed", "sounds")


def forty_conditions() -> list[FakeCondition]:
    """FlowMAC at four rates and five NFE, three codecs at five or six rates, two anchors and the reference."""
    found = [
        FakeCondition(
            "flowmac",
            f"FlowMAC {kbps:g} kbit/s, NFE {nfe}",
            {"kbps": kbps, "nfe": nfe},
            0.5 + 0.12 * np.log2(kbps) + 0.04 * np.log2(nfe),
            11500,
            kbps,
            nfe,
            0.08 + 0.05 * nfe,
        )
        for kbps in (0.375, 0.75, 1.5, 3.0)
        for nfe in (1, 2, 4, 8, 16)
    ]
    found += [
        FakeCondition(codec, f"{codec} {kbps:g} kbit/s", {"kbps": kbps}, 0.1 + 0.12 * np.log2(kbps), 8000, kbps)
        for codec, rates in (
            ("opus", (3.0, 6.0, 8.0, 12.0, 16.0, 24.0)),
            ("encodec", (1.5, 3.0, 6.0, 12.0, 18.0, 24.0)),
            ("lyra", (3.2, 6.0, 9.2, 12.0, 16.0)),
        )
        for kbps in rates
    ]
    found += [FakeCondition("lowpass", f"{hz} Hz anchor", {"cutoff_hz": hz}, 0.3, hz) for hz in (3500, 7000)]
    return [*found, FakeCondition("reference", "Hidden reference", {}, 1.0, 24000)]


def write_many_rows(folder: Path, n_clips: int) -> None:
    """40 rows for each clip. Not flushed row by row, as a sweep's are, which would take minutes."""
    clips = [fake_clip(f"clip_{number:05d}", CATEGORIES[number % 4]) for number in range(n_clips)]
    write_run(folder, [])
    with (folder / "rows.jsonl").open("w", encoding="utf-8") as file:
        file.writelines(row.to_json() + "\n" for row in fake_rows(forty_conditions(), clips))


def measure(folder: Path) -> tuple[float, float, int]:
    """Make the page of a run: processor seconds and peak memory in MB of this process, and length of the page.

    Linux only: elsewhere, and with getrusage, the peak may be that of the process that started this one.
    """
    from reports.page import Options, build

    page = build(folder, Options())
    status = Path("/proc/self/status").read_text(encoding="ascii")
    peak_mb = int(status.split("VmHWM:")[1].split()[0]) * 1024 / 1e6
    return time.process_time(), peak_mb, len(page)


if __name__ == "__main__":
    run = Path(sys.argv[1])
    if len(sys.argv) > 2:
        write_many_rows(run, int(sys.argv[2]))
    else:
        print(*measure(run))  # noqa: T201

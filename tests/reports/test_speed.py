from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.reports.speed import write_many_rows


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="the peak of memory is read from /proc")
def test_twenty_thousand_rows_take_seconds_and_little_memory(tmp_path: Path) -> None:
    write_many_rows(tmp_path, 500)
    result = subprocess.run(
        [sys.executable, "-m", "tests.reports.speed", str(tmp_path)], capture_output=True, text=True, check=True
    )
    processor_s, peak_mb, n_letters = (float(part) for part in result.stdout.split())
    assert processor_s < 20  # 5 on a quiet machine; all 100,000 rows take 8
    assert peak_mb < 400
    assert n_letters < 3_000_000

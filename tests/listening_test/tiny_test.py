"""A listening test of a few milliseconds of noise, to be served in tests of everything but sound."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import soundfile
import yaml

RATE_HZ = 8000
ROLES = {"ref": "reference", "sys_a": "system", "sys_b": "system", "lp7": "mid_anchor", "lp35": "low_anchor"}
ITEMS = ("one", "two", "three", "four")


def write_tiny_test(folder: Path, method: str = "mushra", n_samples: int = 80, **changes: Any) -> Path:
    """A study of 4 items and 1 for training, with 5 conditions, in ``folder``."""
    random = np.random.default_rng(1)

    def item(name: str) -> dict[str, Any]:
        files = {condition: f"stimuli/{name}/{condition}.wav" for condition in ROLES}
        for file in files.values():
            (folder / file).parent.mkdir(parents=True, exist_ok=True)
            soundfile.write(folder / file, random.uniform(-0.1, 0.1, n_samples), RATE_HZ, subtype="PCM_16")
        return {"id": name, "category": "noise", "files": files}

    study: dict[str, Any] = {
        "title": "A tiny test",
        "method": method,
        "seed": 5,
        "sample_rate_hz": RATE_HZ,
        "conditions": [{"id": name, "label": name, "role": role} for name, role in ROLES.items()],
        "items": [item(name) for name in ITEMS],
        "training": [item("warm_up")],
    }
    (folder / "study.yaml").write_text(yaml.safe_dump(study | changes, sort_keys=False), encoding="utf-8")
    return folder

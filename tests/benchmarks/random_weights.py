"""Networks of other people's codecs with random weights, saved as the authors' are: enough to time them by.

::

    python -m tests.benchmarks.random_weights runs/random
    flowmac speed encodec:weights=runs/random/encodec,kbps=3 flowmac flowmac:weights=lc --clip talk.wav
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any


def save_random(name: str, sizes: dict[str, Any], folder: Path) -> None:
    """A model of ``transformers`` by the name of its codec here; sizes left out are the authors' own."""
    import torch

    from benchmarks.codecs.transformers_hub import transformers_class

    torch.manual_seed(0)
    prefix = name.capitalize()
    model = transformers_class(f"{prefix}Model")(transformers_class(f"{prefix}Config")(**sizes))
    if name == "encodec":  # its codebooks are zeros before training
        for layer in model.quantizer.layers:
            layer.codebook.embed.normal_()
    model.save_pretrained(folder / name)


if __name__ == "__main__":
    save_random("encodec", {}, Path(sys.argv[1]))

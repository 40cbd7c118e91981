"""What the flow does to the mel, before any vocoder: how far its texture is from that of recordings.

::

    python -m tests.benchmarks.flow_mels base --clips my_recordings

Metrics of sweeps hear the flow through a vocoder, which adds a texture of its own. Here the decoded mels themselves are
compared with the recordings' mels: distance of their details as sets (the Frechet distance of `benchmarks.metrics`,
on patches of the mel in dB), mean absolute difference in the compressed domain, and how much the decoded mel moves from
frame to frame and from band to band, against the true one (1 is as much).
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from benchmarks.corpus import read_clips
from benchmarks.metrics.frechet import PATCH, frechet_squared, moments
from benchmarks.metrics.mel import FLOOR_DB, DoubleArray
from flowmac import Codec, read_audio

KBPS = 3.0

#: Operating points of the decoder: evaluations x temperature, and guidance at 4 evaluations.
DIAL = [
    {"nfe": 0},
    *({"nfe": nfe, "temperature": temperature} for temperature in (0.6, 0.8, 1.0, 1.2) for nfe in (1, 2, 4, 16)),
    *({"nfe": 4, "temperature": 1.0, "cfg": cfg} for cfg in (0.0, 0.5, 1.5, 2.0, 3.0)),
]


def main() -> None:
    """Measure and print a table, one line for each operating point."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("model", help="released name or model folder")
    parser.add_argument("--clips", type=Path, required=True, help="folder of recordings or CSV manifest")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    codec = Codec.from_pretrained(arguments.model)
    settings = [codec.decode_settings(**point) for point in DIAL]
    scores: list[list[tuple[float, ...]]] = [[] for _ in DIAL]
    for clip in read_clips(arguments.clips):
        waveform = read_audio(clip.path).mono().resampled(codec.sample_rate_hz)
        true = codec.vocoder.mel(torch.from_numpy(waveform.samples).float())
        data = codec.encode(waveform, kbps=KBPS)
        for point_scores, setting in zip(scores, settings, strict=True):
            point_scores.append(_compare(codec, true[0], codec.decode_mels(data, setting)[0]))
    lines = [
        "| NFE | temperature | guidance | Frechet distance in dB | mean difference | movement in time | over bands |",
        "|---|---|---|---|---|---|---|",
    ]
    for setting, point_scores in zip(settings, scores, strict=True):
        distance, difference, in_time, over_bands = np.mean(point_scores, axis=0)
        cells = f"{distance:.3f} | {difference:.3f} | {in_time:.2f} | {over_bands:.2f}"
        lines.append(f"| {setting.nfe} | {setting.temperature:g} | {setting.cfg:g} | {cells} |")
    sys.stdout.write("\n".join(lines) + "\n")


def _compare(codec: Codec, true: Tensor, given: Tensor) -> tuple[float, ...]:
    """The four figures of a decoded mel [T, M] for that of the recording."""
    squared = frechet_squared(*moments(_in_db(codec, true)), *moments(_in_db(codec, given)))
    a, b = (codec.vocoder.mel.compress(mel) for mel in (true, given))
    movements = [float(b.diff(dim=dim).abs().mean() / a.diff(dim=dim).abs().mean()) for dim in (0, 1)]
    return float(np.sqrt(squared) / PATCH), float((a - b).abs().mean()), *movements


def _in_db(codec: Codec, mel: Tensor) -> DoubleArray:
    """Mel magnitudes [T, M] as a picture [M, T] in dB of a sine at full scale."""
    full_scale = codec.config.mel.n_fft / 4  # of a Hann window
    floor = 10 ** (FLOOR_DB / 20)
    picture: DoubleArray = 20 * np.log10(mel.double().numpy().T / full_scale + floor)
    return picture


if __name__ == "__main__":
    main()

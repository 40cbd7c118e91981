"""Mutated streams: flipped, cut, spliced, lengthened, with forged numbers; each gives a `BitstreamError` or audio.

The suite tries some; ``python -m tests.flowmac.mutations`` tries 100,000 and says what they gave, how long the slowest
took and how much memory all did.
"""

from __future__ import annotations

import argparse
import dataclasses
import random
import resource
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import torch

from flowmac import packets
from flowmac.audio import Waveform
from flowmac.bitstream import HEADER_BYTES, Header, parse_header
from flowmac.codec import Codec
from flowmac.errors import BitstreamError

KINDS = ("flipped", "cut", "spliced", "lengthened", "forged", "forged and sealed")


def mutate(stream: bytes, other: bytes, kind: str, draw: random.Random) -> bytes:
    """``stream`` with a mutation; ``other`` is spliced into it."""
    data = bytearray(stream)
    if kind == "flipped":
        for _ in range(draw.randint(1, 20)):
            data[draw.randrange(len(data))] ^= 1 << draw.randrange(8)
    elif kind == "cut":
        del data[draw.randrange(len(data)) :]
    elif kind == "spliced":
        data[draw.randrange(len(data)) :] = other[draw.randrange(len(other)) :]
    elif kind == "lengthened":
        place = draw.randrange(len(data))
        data[place:place] = draw.randbytes(draw.randint(1, 50))
    else:
        return _forge(stream, draw, is_sealed=kind == "forged and sealed")
    return bytes(data)


def _forge(stream: bytes, draw: random.Random, is_sealed: bool) -> bytes:
    """Other numbers in a header with a valid checksum; if sealed, any bytes in packets with valid ones too."""
    forged = {
        "n_samples": draw.choice([draw.randrange(2**32), draw.randrange(2**17)]),
        "n_channels": draw.randrange(16),
        "n_levels": draw.randrange(256),
        "group_frames": draw.randrange(256),
        "packet_groups": draw.randrange(256),
        "is_by_need": draw.random() < 0.5,
        "is_range_coded": draw.random() < 0.5,
    }
    chosen = {name: value for name, value in forged.items() if draw.random() < (0.15 if is_sealed else 0.5)}
    header = dataclasses.replace(parse_header(stream), **chosen)
    if not is_sealed or not _is_small(header):
        return header.to_bytes() + stream[HEADER_BYTES:]
    plain = [packets.plain_bytes(header, packet) for packet in range(header.n_packets)]
    sizes = plain if header.version == 1 else [draw.randrange(2 * size + 2) for size in plain]
    return packets.pack(header, [[draw.randbytes(size) for size in sizes] for _ in range(header.n_channels)])


def _is_small(header: Header) -> bool:
    numbers = (header.n_channels, header.n_levels, header.group_frames, header.packet_groups, header.n_samples)
    return min(numbers) > 0 and header.n_frames * header.n_channels * header.n_levels < 20_000


def outcomes(codec: Codec, streams: Sequence[bytes], n: int, seed: int) -> Iterator[tuple[str, str, float]]:
    """Kind of mutation, what came of it, and the seconds it took, of ``n`` mutations, half of them concealed.

    Raises:
        AssertionError: a decoded waveform is not what the header announces.
    """
    draw = random.Random(seed)
    for i in range(n):
        kind = KINDS[i % len(KINDS)]
        mutated = mutate(draw.choice(streams), draw.choice(streams), kind, draw)
        conceal = draw.random() < 0.5
        start = time.process_time()
        try:
            decoded = codec.decode(mutated, nfe=0, conceal=conceal)
        except BitstreamError:
            result = "refused"
        else:
            result = "concealed" if conceal else "decoded"
            header = parse_header(mutated)
            assert decoded.samples.shape == (header.n_channels, header.n_samples)
            assert np.isfinite(decoded.samples).all()
            assert conceal or kind == "forged and sealed" or mutated in streams, "a mutation passed for a whole stream"
        yield kind, result, time.process_time() - start


def make_streams(codec: Codec, sound: Waveform) -> list[bytes]:
    """One of each format, with and without options, of one and two channels."""
    stereo = Waveform(np.concatenate([sound.samples, -0.5 * sound.samples]), sound.sample_rate_hz)
    return [
        codec.encode(sound),
        codec.encode(stereo, 0.75),
        codec.encode(sound, 1.5, entropy=True),
        codec.encode(stereo, 0.75, adaptive=True),
        codec.encode(sound, 3.75),
        codec.encode(sound, 3.0, adaptive=True, entropy=True),
    ]


def main() -> None:
    """Build a tiny codec, mutate its streams, and print a table."""
    from tests.flowmac.conftest import RATE_HZ, make_model, make_sound

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("-n", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        make_model(Path(folder))
        codec = Codec.from_pretrained(folder)
    streams = make_streams(codec, Waveform(make_sound(1.5), RATE_HZ))
    counts: Counter[tuple[str, str]] = Counter()
    slowest_s = 0.0
    first_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000
    for kind, result, seconds in outcomes(codec, streams, given.n, given.seed):
        counts[kind, result] += 1
        slowest_s = max(slowest_s, seconds)
    last_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000
    for (kind, result), count in sorted(counts.items()):
        sys.stdout.write(f"{count:7d}  {kind:18s} {result}\n")
    sys.stdout.write(f"{counts.total()} streams, slowest {slowest_s:.2f} s, peak {first_mb:.0f} to {last_mb:.0f} MB\n")


if __name__ == "__main__":
    main()

"""No mutation of a stream does worse than an error, nor takes long."""

from __future__ import annotations

from collections import Counter

import pytest

from flowmac.audio import Waveform
from flowmac.codec import Codec
from tests.flowmac.conftest import RATE_HZ, make_sound
from tests.flowmac.mutations import KINDS, make_streams, outcomes

#: Of the 100,000 that ``python -m tests.flowmac.mutations`` tries.
N_MUTATIONS = 5_000


@pytest.mark.slow
def test_mutated_streams_give_errors_or_audio(codec: Codec) -> None:
    streams = make_streams(codec, Waveform(make_sound(1.5), RATE_HZ))
    counts: Counter[str] = Counter()
    for kind, result, seconds in outcomes(codec, streams, N_MUTATIONS, seed=5):
        counts[result] += 1
        counts[kind] += 1
        assert seconds < 10
    assert all(counts[kind] > 100 for kind in KINDS)
    assert counts["refused"] > 0.5 * N_MUTATIONS
    assert counts["concealed"] > 0.1 * N_MUTATIONS
    assert counts["decoded"] > 0  # sealed by their maker

"""Damaged streams: what is lost is confined, bridged and reported."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from typer.testing import CliRunner

from flowmac import bitstream
from flowmac.audio import Waveform
from flowmac.bitstream import HEADER_BYTES
from flowmac.codec import Codec
from flowmac.concealment import FADE_FRAMES, bridge
from flowmac.errors import BitstreamError
from flowmac.packets import Damage, plain_bytes, salvage
from tests.flowmac.conftest import RATE_HZ, make_sound


@pytest.fixture(scope="module")
def stream(codec: Codec) -> bytes:
    return codec.encode(Waveform(make_sound(4.5), RATE_HZ))


def damaged(stream: bytes, packet: int) -> bytes:
    """``stream`` with a changed byte in a packet."""
    header = bitstream.parse_header(stream)
    place = HEADER_BYTES + packet * (plain_bytes(header, 0) + 4) + 5
    return stream[:place] + bytes([stream[place] ^ 0x55]) + stream[place + 1 :]


def test_a_lost_packet_is_confined(codec: Codec, stream: bytes) -> None:
    with pytest.raises(BitstreamError, match="packet 2"):
        codec.decode(damaged(stream, 1))
    header, _, damages = salvage(damaged(stream, 1))
    packet_samples = header.packet_groups * header.group_frames * header.hop_samples
    packet_s = packet_samples / RATE_HZ
    assert damages == [Damage(1, 0, packet_s, 2 * packet_s)]
    whole, concealed = codec.decode(stream), codec.decode(damaged(stream, 1), conceal=True)
    assert concealed.samples.shape == whole.samples.shape
    assert np.isfinite(concealed.samples).all()
    # What is far from the gap, of which networks and windows see nothing, stays as it was in its spectrum.
    far = slice(0, packet_samples // 3)
    mels = [codec.vocoder.mel(torch.from_numpy(decoded.samples[:, far])) for decoded in (whole, concealed)]
    assert (mels[0] - mels[1]).abs().mean() < 0.1 * mels[0].abs().mean()
    middle = concealed.samples[:, int(1.4 * packet_samples) : int(1.6 * packet_samples)]
    assert np.sqrt(np.mean(middle**2)) < 0.05 * np.sqrt(np.mean(whole.samples**2))


def test_a_whole_stream_has_nothing_to_conceal(codec: Codec, stream: bytes) -> None:
    assert salvage(stream)[2] == []
    assert np.array_equal(codec.decode(stream, conceal=True).samples, codec.decode(stream).samples)


def test_a_cut_stream_gives_what_there_is(codec: Codec, stream: bytes) -> None:
    half = stream[: int(0.7 * len(stream))]
    damages = salvage(half)[2]
    assert damages
    assert damages[-1].end_s == pytest.approx(4.5)
    assert codec.decode(half, conceal=True).n_samples == codec.decode(stream).n_samples
    with pytest.raises(BitstreamError, match="too little"):
        codec.decode(stream[: int(0.4 * len(stream))], conceal=True)


def test_bridge_fades_from_both_sides() -> None:
    mel = torch.full((1, 80, 3), 2.0)
    mel[:, 70:] = 1.0
    lost = torch.zeros(80, dtype=torch.bool)
    lost[10:70] = True
    mel[:, lost] = 7.0
    bridge(mel, lost)
    steps = 1 - torch.arange(1, FADE_FRAMES + 1) / FADE_FRAMES
    torch.testing.assert_close(mel[0, 10 : 10 + FADE_FRAMES, 0], 2 * steps)
    torch.testing.assert_close(mel[0, 70 - FADE_FRAMES : 70, 0], steps.flip(0))
    assert mel[0, :10].eq(2).all()
    assert mel[0, 70:].eq(1).all()
    assert mel[0, 10 + FADE_FRAMES : 70 - FADE_FRAMES].eq(0).all()


def test_bridge_at_the_ends_and_of_everything() -> None:
    for lost in (torch.ones(20, dtype=torch.bool), torch.arange(20) < 5, torch.arange(20) >= 15):
        mel = torch.ones(1, 20, 2)
        bridge(mel, lost)
        assert torch.isfinite(mel).all()
        assert mel.max() <= 1


def test_command_says_what_it_conceals(tmp_path: Path) -> None:
    from flowmac.cli import full_app

    source = tmp_path / "in.fmac"
    source.write_bytes(damaged(Codec.from_pretrained("base").encode(Waveform(make_sound(3.0), RATE_HZ)), 1))
    runner = CliRunner()
    refused = runner.invoke(full_app(), ["decode", str(source), str(tmp_path / "a.wav")])
    assert refused.exit_code != 0
    done = runner.invoke(full_app(), ["decode", str(source), str(tmp_path / "b.wav"), "--conceal"])
    assert done.exit_code == 0
    assert "packet 2 of channel 1 is damaged: concealed from 1.02 to 2.05 s" in done.stderr

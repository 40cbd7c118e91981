"""The codec with the paper's structure: frame by frame, the flow's prior at the mean, the BigVGAN variant."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from flowmac import bitstream, packets, streaming
from flowmac.audio import Waveform
from flowmac.codec import Codec
from flowmac.config import CONTEXT_FRAMES, CodecConfig, LatentConfig, MelConfig, read_config, shipped_or_path
from flowmac.errors import SettingError
from flowmac.frame_autoencoder import FrameAutoencoder
from flowmac.mel_codec import MelCodec
from flowmac.training.codec_trainer import fit
from flowmac.training.dataset import PackedAudio
from flowmac.vocoder import build_vocoder
from tests.flowmac.conftest import RATE_HZ, make_sound


@pytest.fixture(scope="module")
def frame_codec(small_paper_config: CodecConfig, packed_sound: PackedAudio) -> Codec:
    torch.manual_seed(0)
    mel_codec = MelCodec(small_paper_config).eval()
    fit(mel_codec, packed_sound, n_segments=64, segment_frames=32)
    torch.nn.init.normal_(mel_codec.flow.velocity.leave.weight, std=0.02)
    vocoder = build_vocoder(small_paper_config.mel, small_paper_config.vocoder)
    return Codec(small_paper_config, mel_codec, vocoder, weights_sha256="")


@pytest.fixture
def autoencoder(small_paper_config: CodecConfig) -> FrameAutoencoder:
    torch.manual_seed(0)
    latent = small_paper_config.latent
    assert latent.attention is not None
    return FrameAutoencoder(MelConfig(), latent, latent.attention).eval().requires_grad_(requires_grad=False)


def test_buffers_normalise_the_mel(autoencoder: FrameAutoencoder) -> None:
    mel = 3 + torch.randn(8, 50, 128) * torch.linspace(0.5, 4, 128)
    mel[..., 7] = 1.0  # a silent band
    autoencoder.fit(mel)
    normalised = (mel - autoencoder.mean) / autoencoder.deviation
    assert torch.allclose(normalised.mean(dim=(0, 1)), torch.zeros(128), atol=1e-4)
    deviations = normalised.std(dim=(0, 1))
    assert deviations[7] < 1e-3
    assert torch.allclose(deviations[8:], torch.ones(120), atol=1e-4)


def test_latents_have_a_fixed_scale(autoencoder: FrameAutoencoder) -> None:
    latents = autoencoder.encode(torch.rand(2, 30, 128) * 5)
    assert latents.shape == (2, 30, 1, 8)
    assert torch.allclose(latents.mean(dim=-1), torch.zeros(2, 30, 1), atol=1e-5)
    assert torch.allclose(latents.square().mean(dim=-1), torch.ones(2, 30, 1), atol=1e-3)


def test_recordings_of_a_batch_do_not_see_each_other(autoencoder: FrameAutoencoder) -> None:
    mel = torch.rand(3, 45, 128)
    together = autoencoder.decode(autoencoder.encode(mel))
    alone = torch.cat([autoencoder.decode(autoencoder.encode(one[None])) for one in mel])
    assert torch.allclose(together, alone, atol=1e-5)


def test_context_is_enough_for_encoder_and_decoder_of_the_preset() -> None:
    """With as many blocks and as far a reach as the preset has, frames beyond the context change nothing."""
    torch.manual_seed(0)
    latent = read_config(CodecConfig, shipped_or_path("model", "paper")).latent
    latent = latent.model_copy(update={"width": 16})
    assert latent.attention is not None
    autoencoder = FrameAutoencoder(MelConfig(n_bands=6), latent, latent.attention).eval()
    mel = torch.randn(1, 3 * CONTEXT_FRAMES, 6)
    whole = autoencoder.encode(mel)
    part = autoencoder.encode(mel[:, 50:])
    assert torch.allclose(part[:, CONTEXT_FRAMES:], whole[:, 50 + CONTEXT_FRAMES :], atol=1e-5)
    assert not torch.allclose(part[:, :8], whole[:, 50:58], atol=1e-3)  # near the cut the missing frames do matter
    coarse, coarse_part = autoencoder.decode(whole), autoencoder.decode(whole[:, 50:])
    assert torch.allclose(coarse_part[:, CONTEXT_FRAMES:], coarse[:, 50 + CONTEXT_FRAMES :], atol=1e-5)


@pytest.mark.parametrize("n_samples", [1, 511, 513, 30000])
def test_any_length_is_coded_and_kept(frame_codec: Codec, n_samples: int) -> None:
    decoded = frame_codec.decode(frame_codec.encode(Waveform(make_sound(2.0)[:, :n_samples], RATE_HZ)))
    assert decoded.samples.shape == (1, n_samples)
    assert np.isfinite(decoded.samples).all()


def test_stream_has_a_packet_a_second_and_the_exact_rate(frame_codec: Codec) -> None:
    data = frame_codec.encode(Waveform(make_sound(512 * 470 / RATE_HZ), RATE_HZ))
    header = bitstream.parse_header(data)
    assert (header.group_frames, header.packet_groups) == (1, 48)
    assert packets.payload_bits(data) == 64 * 470


def test_frames_can_share_levels_out(frame_codec: Codec) -> None:
    data = frame_codec.encode(Waveform(make_sound(3.0), RATE_HZ), 1.5, adaptive=True)
    assert packets.payload_bits(data) <= 32 * 141
    assert np.isfinite(frame_codec.decode(data).samples).all()


def test_refinement_needs_a_transform(frame_codec: Codec) -> None:
    with pytest.raises(SettingError, match="group transform"):
        frame_codec.encode(Waveform(make_sound(1.0), RATE_HZ), refine=1)


def test_segments_join_without_a_seam(frame_codec: Codec, monkeypatch: pytest.MonkeyPatch) -> None:
    sound = Waveform(make_sound(100.0), RATE_HZ)  # more than two segments
    n_segments = sound.n_samples / 512 / streaming.SEGMENT_FRAMES
    assert n_segments > 2
    data = frame_codec.encode(sound)
    in_segments = [frame_codec.decode(data, nfe=nfe, seed=1).samples for nfe in (0, 1)]
    monkeypatch.setattr(streaming, "SEGMENT_FRAMES", 10_000)
    codes, whole_codes = (np.frombuffer(stream, np.uint8) for stream in (data, frame_codec.encode(sound)))
    assert (codes != whole_codes).mean() < 1e-3  # rounding may decide between two entries that are equally near
    for nfe, samples in enumerate(in_segments):
        whole = frame_codec.decode(data, nfe=nfe, seed=1).samples
        assert np.abs(whole - samples).max() < 1e-4
        assert np.abs(whole).max() > 1e-3


def test_a_lost_packet_changes_nothing_far_from_it(frame_codec: Codec) -> None:
    data = frame_codec.encode(Waveform(make_sound(10.0), RATE_HZ))
    header = bitstream.parse_header(data)
    place = bitstream.HEADER_BYTES + 5 * (packets.plain_bytes(header, 0) + 4)
    damaged = data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :]
    whole, concealed = frame_codec.decode(data), frame_codec.decode(damaged, conceal=True)
    differs = np.abs(whole.samples - concealed.samples)[0] > 1e-4
    reach = (CONTEXT_FRAMES + frame_codec.vocoder.context_frames) * 512
    first, end = 5 * 48 * 512, 6 * 48 * 512
    assert differs[first:end].mean() > 0.2
    assert not differs[: first - reach].any()
    assert not differs[end + reach :].any()


def test_paper_preset_is_the_paper_where_it_is_known() -> None:
    config = read_config(CodecConfig, shipped_or_path("model", "paper"))
    latent = config.latent
    assert (config.mel.n_fft, config.mel.hop_samples, config.mel.n_bands) == (2048, 512, 128)
    assert (latent.group_frames, latent.n_levels, latent.encoder_blocks, latent.decoder_blocks) == (1, 8, 6, 6)
    assert (config.flow.prior, config.decode.nfe, config.vocoder.kind) == ("mean", 32, "bigvgan")
    n_parameters = sum(p.numel() for p in build_vocoder(config.mel, config.vocoder).parameters())
    assert 2 * n_parameters < 10e6  # bytes in half precision


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{group_frames: 4, attention: {}}", "must be 1, got 4"),
        ("{group_frames: 1, width: 20, attention: {}}", "multiple of twice n_heads"),
        ("{group_frames: 1, encoder_blocks: 6, attention: {reach_frames: 22}}", "not be over 128.*got 132"),
        ("{group_frames: 1, attention: {reach: 22}}", "attention.reach: Extra inputs"),
    ],
)
def test_impossible_shapes_are_told(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "latent.yaml"
    path.write_text(text)
    with pytest.raises(SettingError, match=message):
        read_config(LatentConfig, path)

"""A small codec with weights fitted to noise and tones in a second, for tests that need a whole one."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import torch

from flowmac.audio import Waveform
from flowmac.checkpoint import (
    CODEC_FILE,
    ENTROPY_FILE,
    FURTHER_FILE,
    VOCODER_FILE,
    save_config,
    save_tensors,
    save_weights,
)
from flowmac.codec import Codec
from flowmac.config import AttentionConfig, BigVGANConfig, CodecConfig, FlowConfig, LatentConfig, SpectralConfig
from flowmac.mel import MelSpectrogram
from flowmac.mel_codec import MelCodec
from flowmac.training.codec_trainer import compressed_mels, fit
from flowmac.training.dataset import PackedAudio
from flowmac.training.entropy_trainer import fit_entropy_model, random_codes
from flowmac.training.levels_trainer import fit_levels, left_over
from flowmac.vocoder.spectral import SpectralVocoder

RATE_HZ = 24000


def make_sound(duration_s: float, seed: int = 0, n_channels: int = 1) -> npt.NDArray[np.float32]:
    """Tones that come and go over faint noise, shape [n_channels, n]."""
    random = np.random.default_rng(seed)
    t = np.arange(round(duration_s * RATE_HZ)) / RATE_HZ
    channels = []
    for _ in range(n_channels):
        sound = 0.003 * random.standard_normal(len(t))
        for _ in range(5):
            envelope = 0.5 + 0.5 * np.sin(2 * np.pi * random.uniform(0.5, 4) * t + random.uniform(0, 6))
            sound += 0.1 * envelope * np.sin(2 * np.pi * random.uniform(80, 6000) * t)
        channels.append(sound)
    return np.stack(channels).astype(np.float32)


SMALL_CONFIG = CodecConfig(
    name="small",
    latent=LatentConfig(group_frames=8, vector_size=8, beam_width=2),
    flow=FlowConfig(width=32, n_blocks=1),
    vocoder=SpectralConfig(width=16, n_blocks=1, n_iterations=4),
)

#: Further levels of the small codec, beside its eight.
N_FURTHER = 4


def pack_sound() -> PackedAudio:
    sound, silence = make_sound(20.0)[0], np.zeros(4 * RATE_HZ, np.float32)
    samples = np.round(32767 * np.concatenate([sound, silence])).astype(np.int16)
    return PackedAudio(samples, np.array([0, len(sound), len(samples)]))


def make_model(folder: Path, config: CodecConfig = SMALL_CONFIG) -> None:
    """A small codec of all parts in ``folder``."""
    torch.manual_seed(0)
    audio = pack_sound()
    mel_codec = MelCodec(config).eval()
    fit(mel_codec, audio, n_segments=256, segment_frames=64)
    torch.nn.init.normal_(mel_codec.flow.velocity.leave.weight, std=0.02)  # a flow that does something
    save_config(config, folder)
    save_weights(mel_codec, folder / CODEC_FILE)
    save_weights(SpectralVocoder(config.mel, config.vocoder), folder / VOCODER_FILE)
    mels = compressed_mels(MelSpectrogram(config.mel), audio, n_segments=64, segment_frames=64, seed=0)
    with torch.inference_mode():
        codebook, scales = fit_levels(torch.cat([left_over(mel_codec, mel) for mel in mels]), N_FURTHER)
    save_tensors({"codebook": codebook, "scales": scales}, folder / FURTHER_FILE)
    fit_entropy_model(*random_codes(mel_codec, audio, n_segments=256), config.latent.n_levels).save(
        folder / ENTROPY_FILE
    )


@pytest.fixture(scope="session")
def small_config() -> CodecConfig:
    return SMALL_CONFIG


@pytest.fixture(scope="session")
def small_paper_config() -> CodecConfig:
    """The paper's structure in small."""
    return CodecConfig(
        name="small-paper",
        latent=LatentConfig(
            group_frames=1,
            token_frames=1,
            vector_size=8,
            beam_width=1,
            encoder_blocks=2,
            decoder_blocks=2,
            width=16,
            attention=AttentionConfig(n_heads=2, reach_frames=4),
        ),
        flow=FlowConfig(prior="mean", sigma_min=1e-4, token_frames=1, width=16, n_blocks=1),
        vocoder=BigVGANConfig(width=32, upsampling=(8, 8, 8), kernel_sizes=(3,), dilations=(1,)),
    )


@pytest.fixture(scope="session")
def packed_sound() -> PackedAudio:
    return pack_sound()


@pytest.fixture(scope="session")
def model_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("model")
    make_model(folder)
    return folder


@pytest.fixture(scope="session")
def codec(model_folder: Path) -> Codec:
    return Codec.from_pretrained(model_folder)


@pytest.fixture(scope="session")
def sound() -> Waveform:
    """Of the kind that the small codec was fitted to."""
    return Waveform(make_sound(20.0)[:, : round(6.5 * RATE_HZ)], RATE_HZ)

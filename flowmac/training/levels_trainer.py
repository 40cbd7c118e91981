"""Fitting of the further levels: one codebook for what the last level leaves, and a scale for each."""

from __future__ import annotations

import logging
from pathlib import Path

import torch
from torch import Tensor

from flowmac.checkpoint import FURTHER_FILE, save_tensors
from flowmac.mel import MelSpectrogram
from flowmac.mel_codec import MelCodec
from flowmac.quantizer import k_means, look_up, nearest
from flowmac.training.codec_trainer import compressed_mels
from flowmac.training.dataset import CACHE, pack

logger = logging.getLogger(__name__)

#: Paths of the search that leaves what is learned from, and rounds of k-means.
BEAM_WIDTH = 4
N_ITERATIONS = 20

FIT_SEED = 3
SEGMENT_GROUPS = 8


def train_levels(folder: Path, data: Path, n_further: int, n_segments: int, cache: Path = CACHE) -> None:
    """Fit ``n_further`` further levels to a model folder's codec, and write them beside the codec.

    Args:
        folder: of the model.
        data: manifest or folder of recordings; its training split is used.
        n_further: further levels.
        n_segments: random segments of 8 groups.
        cache: folder for decoded audio.

    Raises:
        CheckpointError: the codec's weights are missing or damaged.
        SettingError: there are no recordings.
    """
    codec = MelCodec.from_folder(folder)
    mel, group_frames = codec.config.mel, codec.config.latent.group_frames
    audio = pack(data, "train", mel.sample_rate_hz, cache)
    with torch.inference_mode():
        mels = compressed_mels(MelSpectrogram(mel), audio, n_segments, SEGMENT_GROUPS * group_frames, FIT_SEED)
        residuals = torch.cat([left_over(codec, batch) for batch in mels])
        codebook, scales = fit_levels(residuals, n_further)
    save_tensors({"codebook": codebook.half(), "scales": scales}, folder / FURTHER_FILE)


def left_over(codec: MelCodec, mel: Tensor) -> Tensor:
    """What all levels leave of the latents of compressed mels [B, G * P, M]: [N, D], N = B * G * P."""
    latents = codec.autoencoder.encode(mel).flatten(0, 1)
    quantizer = codec.quantizer
    codes = quantizer.encode(latents, quantizer.n_levels, BEAM_WIDTH)
    left = latents - quantizer.decode(codes)
    return quantizer.of_transform(left, quantizer.transforms_of(codes)).flatten(0, 1)


def fit_levels(residuals: Tensor, n_further: int) -> tuple[Tensor, Tensor]:
    """A codebook [K, D] for residuals [N, D], and its scale at each of ``n_further`` levels [n_further]."""
    left = residuals[:, None]  # one position
    start = float(left.square().mean().sqrt())
    entries = k_means(left, torch.Generator(left.device).manual_seed(FIT_SEED), N_ITERATIONS)
    scales = []
    for level in range(n_further):
        scales.append(float(left.square().mean().sqrt()) / start)
        scaled = scales[-1] * entries
        left = left - look_up(scaled, nearest(left, scaled)[..., None])[:, :, 0]
        logger.info("further level %d: scale %.3f, mean square left %.4f", level + 1, scales[-1], left.square().mean())
    return entries[0], torch.tensor(scales)

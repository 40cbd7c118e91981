"""Fitting of the entropy model: classes of groups and the statistics of codes in each, see `flowmac.entropy`."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from flowmac.checkpoint import ENTROPY_FILE
from flowmac.entropy import N_ENTRIES, TOTAL_FREQUENCY, Codes, EntropyModel
from flowmac.mel import MelSpectrogram
from flowmac.mel_codec import MelCodec
from flowmac.training.codec_trainer import compressed_mels
from flowmac.training.dataset import CACHE, PackedAudio, pack

logger = logging.getLogger(__name__)

#: On recordings that they were not fitted to, 16 or 32 classes save hardly more.
N_CLASSES = 8
N_ROUNDS = 8

#: Times that each value is taken to have been seen beside the true ones, spread over the classes.
PRIOR_COUNT = 20.0

FIT_SEED = 2
SEGMENT_GROUPS = 16


def train_entropy(folder: Path, data: Path, n_segments: int, cache: Path = CACHE) -> None:
    """Fit an entropy model to the codes of a model folder's codec, and write it beside the codec.

    Args:
        folder: of the model.
        data: manifest or folder of recordings; its training split is used.
        n_segments: random segments of 16 groups.
        cache: folder for decoded audio.

    Raises:
        CheckpointError: the codec's weights are missing or damaged.
        SettingError: there are no recordings.
    """
    codec = MelCodec.from_folder(folder)
    mel = codec.config.mel
    codes, activity = random_codes(codec, pack(data, "train", mel.sample_rate_hz, cache), n_segments)
    model = fit_entropy_model(codes, activity, codec.config.latent.n_levels)
    model.save(folder / ENTROPY_FILE)


@torch.inference_mode()
def random_codes(codec: MelCodec, audio: PackedAudio, n_segments: int) -> tuple[Codes, npt.NDArray[np.float32]]:
    """Codes of random segments' groups [N, I] and how much goes on in each, [N]."""
    mel = MelSpectrogram(codec.config.mel)
    latent = codec.config.latent
    codes, activity = [], []
    for compressed in compressed_mels(mel, audio, n_segments, SEGMENT_GROUPS * latent.group_frames, FIT_SEED):
        codes.append(codec.encode(compressed, latent.n_levels).transpose(2, 3).flatten(2).flatten(0, 1))
        activity.append(codec.autoencoder.encode(compressed).abs().log1p().mean(dim=(2, 3)).flatten())
    return torch.cat(codes).numpy(), torch.cat(activity).numpy()


def fit_entropy_model(
    codes: Codes, activity: npt.NDArray[np.float32], n_levels: int, n_classes: int = N_CLASSES
) -> EntropyModel:
    """Alternate between the classes of groups and the statistics in each class, as k-means does.

    Args:
        codes: of groups in the stream's order, [N, I].
        activity: of each group, [N]; classes start as equal parts of its range, and it ranks the values of codes.
        n_levels: levels of the codes.
        n_classes: number of classes.
    """
    quantiles = np.quantile(activity, np.linspace(0, 1, n_classes + 1)[1:-1])
    classes = np.digitize(activity, quantiles)
    n_codes = np.array(codes.shape[1])
    for _ in range(N_ROUNDS):
        model = _statistics(codes, classes, activity, n_levels, n_classes)
        bits = model.bits(codes, n_codes)
        classes = bits.argmin(axis=1)
        logger.info("%.3f bits a code", bits.min(axis=1).mean() / n_codes)
    return _statistics(codes, classes, activity, n_levels, n_classes)


def _statistics(
    codes: Codes, classes: npt.NDArray[np.int64], activity: npt.NDArray[np.float32], n_levels: int, n_classes: int
) -> EntropyModel:
    members = [classes == k for k in range(n_classes)]
    counts = np.stack([_counts(codes[member]) for member in members])  # [K, I, 256]
    sizes = np.bincount(classes, minlength=n_classes) + 1.0
    # The mean activity of the classes in which a value was chosen ranks it; a few times in all classes are assumed.
    levels_of = np.array([activity[member].mean() if member.any() else activity.mean() for member in members])
    weights = counts + PRIOR_COUNT * (sizes / sizes.sum())[:, None, None]
    order = np.einsum("kic,k->ic", weights / weights.sum(axis=0), levels_of).argsort(axis=-1)
    ranked = np.take_along_axis(counts, np.broadcast_to(order, counts.shape), axis=-1)
    frequencies = ranked.reshape(n_classes, n_levels, -1, N_ENTRIES).sum(axis=2) + 1.0
    ranks = order.argsort(axis=-1).reshape(n_levels, -1, N_ENTRIES).astype(np.uint8)
    return EntropyModel(_frequencies(sizes), _frequencies(frequencies), ranks)


def _counts(codes: Codes) -> npt.NDArray[np.int64]:
    """How often each code [N, I] has each value: [I, 256]."""
    cells = codes + N_ENTRIES * np.arange(codes.shape[1])
    return np.bincount(cells.ravel(), minlength=N_ENTRIES * codes.shape[1]).reshape(-1, N_ENTRIES)


def _frequencies(counts: npt.NDArray[np.floating]) -> npt.NDArray[np.uint16]:
    shares = counts / counts.sum(axis=-1, keepdims=True)
    return np.maximum(1, np.round(TOTAL_FREQUENCY * shares)).astype(np.uint16)

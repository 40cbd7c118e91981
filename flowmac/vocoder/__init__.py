"""Mel to audio: several ways behind one interface."""

from __future__ import annotations

from pathlib import Path

from flowmac.checkpoint import VOCODER_FILE, find_weights, load_weights, read_model_config
from flowmac.config import BigVGANConfig, MelConfig, SpectralConfig, VocoderConfig
from flowmac.vocoder.base import Vocoder
from flowmac.vocoder.bigvgan import BigVGANVocoder
from flowmac.vocoder.refiner import RefinedVocoder
from flowmac.vocoder.spectral import SpectralVocoder

__all__ = ["RefinedVocoder", "SpectralVocoder", "Vocoder", "build_vocoder", "load_vocoder"]


def build_vocoder(mel: MelConfig, config: VocoderConfig) -> Vocoder:
    """The vocoder of a configuration, with weights that are not trained yet."""
    if isinstance(config, SpectralConfig):
        return SpectralVocoder(mel, config)
    if isinstance(config, BigVGANConfig):
        return BigVGANVocoder(mel, config)
    return RefinedVocoder(mel, config)


def load_vocoder(folder: Path) -> Vocoder:
    """The vocoder of a model folder, with weights that do not change any more.

    Raises:
        CheckpointError: the weights are missing or damaged.
        SettingError: the configuration is not valid.
    """
    config = read_model_config(folder)
    vocoder = build_vocoder(config.mel, config.vocoder)
    load_weights(vocoder, find_weights(folder, VOCODER_FILE))
    return vocoder.eval().requires_grad_(requires_grad=False)

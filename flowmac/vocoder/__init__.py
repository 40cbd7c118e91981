"""Mel to audio: several ways behind one interface."""

from __future__ import annotations

from flowmac.config import BigVGANConfig, MelConfig, SpectralConfig, VocoderConfig
from flowmac.vocoder.base import Vocoder
from flowmac.vocoder.bigvgan import BigVGANVocoder
from flowmac.vocoder.refiner import RefinedVocoder
from flowmac.vocoder.spectral import SpectralVocoder

__all__ = ["RefinedVocoder", "SpectralVocoder", "Vocoder", "build_vocoder"]


def build_vocoder(mel: MelConfig, config: VocoderConfig) -> Vocoder:
    """The vocoder of a configuration, with weights that are not trained yet."""
    if isinstance(config, SpectralConfig):
        return SpectralVocoder(mel, config)
    if isinstance(config, BigVGANConfig):
        return BigVGANVocoder(mel, config)
    return RefinedVocoder(mel, config)

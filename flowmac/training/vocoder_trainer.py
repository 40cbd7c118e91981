"""Training of the magnitude network: from a mel, true or decoded, to the magnitudes of the recording itself."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor

from flowmac.checkpoint import CODEC_FILE, VOCODER_FILE, load_weights, read_model_config, save_config, save_weights
from flowmac.config import CodecConfig
from flowmac.mel import sharpen
from flowmac.mel_codec import MelCodec
from flowmac.solver import get_solver
from flowmac.training.loop import Losses, Task
from flowmac.vocoder.spectral import SpectralVocoder

#: Exponent of the loss on loud bins; the logarithm alone would spend all on faint ones.
LOUD_EXPONENT = 0.35


class VocoderTask(Task):
    """Losses of the magnitude network: L1 of the log magnitude and of the magnitude to the power of 0.35.

    Args:
        config: of the codec.
        start: model folder to go on from; None for a network that starts at zero.
        codec: model folder whose codec decodes the mels of half of each batch, so that the network learns to read
            what coding leaves; None for true mels only.
    """

    def __init__(self, config: CodecConfig, start: Path | None, codec: Path | None) -> None:
        super().__init__(config, is_fresh=start is None)
        self.vocoder = SpectralVocoder(config.mel, config.vocoder)
        if start is not None:
            load_weights(self.vocoder, start / VOCODER_FILE)
        self.codec = None if codec is None else _frozen_codec(codec)

    def forward(self, waveform: Tensor, generator: torch.Generator) -> Losses:
        """See `Task.forward`."""
        with torch.no_grad():
            magnitudes = self.vocoder.mel.spectrum(waveform).abs()
            mel = self.vocoder.mel.from_magnitudes(magnitudes)
            if self.codec is not None:
                half = len(mel) // 2
                mel = torch.cat([self._decoded(self.codec, mel[:half], generator), mel[half:]])
            wanted = torch.log(magnitudes + self.config.mel.floor).transpose(1, 2)
        given = self.vocoder.log_magnitudes(mel)
        log_error = (given - wanted).abs().mean()
        loud_error = ((LOUD_EXPONENT * given).exp() - (LOUD_EXPONENT * wanted).exp()).abs().mean()
        return {"loss": log_error + loud_error, "log_magnitude": log_error, "loud_magnitude": loud_error}

    def _decoded(self, codec: MelCodec, mel: Tensor, generator: torch.Generator) -> Tensor:
        """Mel magnitudes [B, T, M] after coding with all levels and decoding at the model's defaults."""
        compress, expand, defaults = self.vocoder.mel.compress, self.vocoder.mel.expand, codec.config.decode
        n_levels = codec.config.latent.n_levels
        decoded = codec.decode(codec.encode(compress(mel), n_levels))
        if defaults.nfe:
            noise = torch.randn(decoded.shape, generator=generator, device=decoded.device) * defaults.temperature
            decoded = codec.flow.sample(decoded, n_levels, noise, get_solver("euler"), defaults.nfe, defaults.cfg)
        return expand(sharpen(decoded, codec.config.contrast_at(defaults.temperature)))

    def save(self, folder: Path) -> None:
        """See `Task.save`."""
        save_config(self.config, folder)
        save_weights(self.vocoder, folder / VOCODER_FILE)

    def pictures(self, waveform: Tensor, generator: torch.Generator) -> dict[str, Tensor]:
        """See `Task.pictures`."""
        magnitudes = self.vocoder.mel.spectrum(waveform).abs()
        mel = self.vocoder.mel.from_magnitudes(magnitudes)
        given = self.vocoder.log_magnitudes(mel)[0]
        wanted = torch.log(magnitudes[0].T + self.config.mel.floor)
        return {"magnitudes/true": wanted, "magnitudes/network": given}

    def audio(self, waveform: Tensor, generator: torch.Generator) -> dict[str, Tensor]:
        """See `Task.audio`."""
        mel = self.vocoder.mel(waveform)
        n_bins = self.config.mel.n_fft // 2 + 1
        phase = 2 * torch.pi * torch.rand(*mel.shape[:2], n_bins, generator=generator, device=mel.device)
        return {"audio/true": waveform[0], "audio/vocoder": self.vocoder(mel, phase)[0]}


def _frozen_codec(folder: Path) -> MelCodec:
    codec = MelCodec(read_model_config(folder))
    load_weights(codec, folder / CODEC_FILE)
    return codec.requires_grad_(requires_grad=False)

"""A mel-to-audio module alone: what a vocoder makes of the recording's own mel, or of one that was coded and decoded.

No codec: what passes from `encode` to `decode` is the mel itself, so that the time of `decode` is the module's.
"""

from __future__ import annotations

import functools
import io
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pydantic

from benchmarks.codecs.base import CodecAdapter, CodecSettings
from benchmarks.codecs.flowmac import load_codec
from benchmarks.codecs.weights import hash_files
from flowmac.audio import Waveform
from flowmac.errors import SettingError

if TYPE_CHECKING:
    from torch import Tensor

    from flowmac.vocoder.base import Vocoder

#: Of the start phase, a vocoder's only source of chance.
SEED = 0


class MelVocoderSettings(CodecSettings):
    """``weights``: whose vocoder it is: a released name, or a folder such as `flowmac train vocoder` makes.

    With ``kbps`` the mel was coded and decoded by the codec of ``coder`` at its defaults; without, it is the
    recording's own.
    """

    weights: str = "base"
    kbps: float | None = pydantic.Field(default=None, gt=0)
    coder: str = "base"


class MelVocoder(CodecAdapter):
    """The vocoder of a model, on true or on decoded mels."""

    name = "mel_vocoder"
    summary = "FlowMAC's mel-to-audio modules alone, on the recording's own mel or on a decoded one"
    has_stream = False
    settings_model = MelVocoderSettings
    settings: MelVocoderSettings

    def __init__(self, settings: MelVocoderSettings) -> None:
        super().__init__(settings)
        self._vocoder = _load_vocoder(settings.weights)
        self._coder = None if settings.kbps is None else load_codec(settings.coder)
        if settings.kbps is not None and self._coder is not None:
            self._coder.n_levels(settings.kbps)  # raises for a rate that it does not have
            if self._coder.config.mel != self._vocoder.mel.config:
                raise SettingError(f"the mels of '{settings.coder}' are not the kind that '{settings.weights}' is for")

    @property
    def label(self) -> str:
        """What the mel went through, and what makes audio of it."""
        settings = self.settings
        if settings.kbps is None:
            return f"Vocoder {settings.weights}, true mel"
        label = f"Vocoder {settings.weights}, mel at {settings.kbps:g} kbit/s"
        is_usual = settings.coder == MelVocoderSettings.model_fields["coder"].default
        return label if is_usual else f"{label}, coder {settings.coder}"

    @property
    def weights_sha256(self) -> str:
        """Hash of what makes the result: the vocoder and, where one is used, the codec."""
        from flowmac.checkpoint import CODEC_FILE, VOCODER_FILE

        files = _files(self.settings.weights, VOCODER_FILE)
        return hash_files(files if self._coder is None else [*files, *_files(self.settings.coder, CODEC_FILE)])

    def encode(self, waveform: Waveform) -> bytes:
        """The mel magnitudes [C, T, M], and how many samples they stand for."""
        import torch

        waveform = waveform.resampled(self._vocoder.mel.config.sample_rate_hz)
        if self._coder is None or self.settings.kbps is None:
            mel = self._vocoder.mel(torch.from_numpy(waveform.samples))
        else:
            data = self._coder.encode(waveform, self.settings.kbps)
            mel = self._coder.decode_mels(data, self._coder.decode_settings())
        buffer = io.BytesIO()
        np.savez(buffer, mel=mel.numpy(), n_samples=waveform.n_samples)
        return buffer.getvalue()

    def decode(self, data: bytes) -> Waveform:
        """What the vocoder makes of the mel."""
        import torch

        with np.load(io.BytesIO(data)) as stored:
            mel, n_samples = torch.from_numpy(stored["mel"]), int(stored["n_samples"])
        config = self._vocoder.mel.config
        generator = torch.Generator().manual_seed(SEED)
        phase = 2 * torch.pi * torch.rand(*mel.shape[:2], config.n_fft // 2 + 1, generator=generator)
        with torch.inference_mode():
            samples: Tensor = self._vocoder(mel, phase)[:, :n_samples]
        return Waveform(samples.numpy(), config.sample_rate_hz)

    def payload_bits(self, data: bytes) -> None:
        """None: there is no stream."""


@functools.lru_cache(maxsize=2)
def _load_vocoder(weights: str) -> Vocoder:
    from flowmac.checkpoint import find_model
    from flowmac.vocoder import load_vocoder

    return load_vocoder(find_model(weights))


def _files(weights: str, name: str) -> list[Path]:
    """Configuration and one file of the weights of a model."""
    from flowmac.checkpoint import CONFIG_FILE, find_model, find_weights

    folder = find_model(weights)
    return [folder / CONFIG_FILE, find_weights(folder, name)]

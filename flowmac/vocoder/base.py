"""What every way from mel to audio has in common."""

from __future__ import annotations

from torch import Tensor, nn

from flowmac.config import MelConfig
from flowmac.mel import MelSpectrogram


class Vocoder(nn.Module):
    """Mel magnitudes to a waveform.

    Letters: B batch, T frames, M bands, F frequency bins of the mel's spectrum.
    """

    def __init__(self, mel: MelConfig) -> None:
        super().__init__()
        self.mel = MelSpectrogram(mel)

    def forward(self, mel: Tensor, phase: Tensor) -> Tensor:
        """Mel magnitudes [B, T, M] and a random start phase [B, T, F] in radians to a waveform [B, T * hop].

        The phase is the only source of chance; a vocoder may do without it.
        """
        return self.proceed(mel, phase, None)[0]

    def proceed(self, mel: Tensor, phase: Tensor, past: Tensor | None) -> tuple[Tensor, Tensor]:
        """As `forward`, for a part of a longer signal.

        Args:
            mel, phase: see `forward`.
            past: the start phases of the first frames [B, n, F], as the call for the part before gave them; None if
                nothing came before.

        Returns:
            The waveform [B, T * hop], and the start phases [B, T, F] that it was made from.
        """
        raise NotImplementedError

    def use_double_precision(self) -> None:
        """From now on take mels in double precision, and compute in it what the phase depends on, if anything."""

    @property
    def context_frames(self) -> int:
        """Frames on either side that can change a frame of the output."""
        raise NotImplementedError

"""The encoder's side of the codec: a waveform that comes in blocks to codes."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import torch
from torch import Tensor

from flowmac.audio import FloatArray
from flowmac.errors import AudioError
from flowmac.mel import MelSpectrogram
from flowmac.mel_codec import MelCodec
from flowmac.streaming import context_groups, segment_groups, windows

#: More channels are refused: the codec codes each by itself, at the full rate.
MAX_CHANNELS = 2


class Analysis:
    """Waveform to codes, segment by segment.

    Letters: C channels, G groups, P frames a group, L levels.
    """

    def __init__(self, mel: MelSpectrogram, mel_codec: MelCodec) -> None:
        self.mel = mel
        self.mel_codec = mel_codec

    @torch.inference_mode()
    def codes(self, blocks: Iterable[FloatArray], n_levels: int) -> tuple[Tensor, int]:
        """Codes [C, G, P, n_levels], uint8, of a waveform in blocks [C, n], and its number of samples.

        Raises:
            AudioError: too many channels, or no samples.
        """
        group_frames = self.mel_codec.config.latent.group_frames
        group_samples = group_frames * self.mel.config.hop_samples
        segment_samples = segment_groups(group_frames) * group_samples
        context_samples = context_groups(group_frames) * group_samples
        n_samples = 0
        parts: list[Tensor] = []
        signal = (self._checked(block) for block in blocks)
        for window in windows(signal, segment_samples, context_samples):
            mel = self.mel(window.data)
            n_missing = -mel.shape[1] % group_frames
            mel = torch.cat([mel, mel[:, -1:].expand(-1, n_missing, -1)], dim=1)
            codes = self.mel_codec.encode(self.mel.compress(mel), n_levels)
            first = window.n_before // group_samples
            n_groups = -(-window.n_kept // group_samples)
            parts.append(codes[:, first : first + n_groups].cpu())
            n_samples += window.n_kept
        if not parts:
            raise AudioError("the recording is empty: it has no samples")
        return torch.cat(parts, dim=1), n_samples

    def _checked(self, block: FloatArray) -> Tensor:
        if len(block) > MAX_CHANNELS:
            raise AudioError(
                f"the recording has {len(block)} channels, the codec codes one or two: mix it down first "
                "(on the command line: --mono)"
            )
        return torch.from_numpy(np.asarray(block, dtype=np.float32)).to(self.mel.filterbank.device)

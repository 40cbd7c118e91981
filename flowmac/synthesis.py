"""The decoder's side of the codec: codes to a waveform that comes in blocks."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from flowmac.audio import FloatArray
from flowmac.bitstream import Header
from flowmac.concealment import bridge
from flowmac.config import CodecConfig
from flowmac.mel_codec import MelCodec
from flowmac.payload import ChannelCodes
from flowmac.solver import Solver, TimeGrid
from flowmac.streaming import context_groups, segment_groups, windows
from flowmac.vocoder.base import Vocoder

#: What random values are for; keeps those of one seed apart.
NOISE, PHASE = 0, 1

Draw = Callable[..., Tensor]


@dataclass(frozen=True)
class DecodeSettings:
    """Resolved operating point of the decoder.

    Attributes:
        nfe: evaluations of the velocity along the path; 0 leaves the flow out.
        cfg: guidance scale; 1 is none, others double the cost.
        solver: method of integration.
        time_grid: of its steps.
        seed: of the noise and the start phase.
        temperature: strength of the noise, see `flowmac.noise`.
    """

    nfe: int
    cfg: float
    solver: Solver
    time_grid: TimeGrid
    seed: int
    temperature: float


class Synthesis:
    """Codes to waveform, segment by segment.

    Letters: C channels, G groups, P frames a group, L levels, T frames, M bands.
    """

    def __init__(self, config: CodecConfig, mel_codec: MelCodec, vocoder: Vocoder) -> None:
        self.config = config
        # Phases are summed up over a whole recording, from peaks that even rounding can move: double precision makes
        # what leads to them the same in segments of any length.
        self.mel_codec = copy.deepcopy(mel_codec).double()
        self.vocoder = copy.deepcopy(vocoder)
        self.vocoder.use_double_precision()

    @property
    def _device(self) -> torch.device:
        return self.mel_codec.quantizer.codebooks.device

    def blocks(self, header: Header, channels: list[ChannelCodes], settings: DecodeSettings) -> Iterator[FloatArray]:
        """Waveform blocks [C, n] of a stream's codes; groups whose codes are lost are concealed."""
        streams = [self._channel_blocks(header, codes, i, settings) for i, codes in enumerate(channels)]
        n_left = header.n_samples
        for blocks in zip(*streams, strict=True):
            block = np.stack(blocks)[:, :n_left]
            n_left -= block.shape[1]
            yield block

    @torch.inference_mode()
    def _channel_blocks(
        self, header: Header, codes: ChannelCodes, channel: int, settings: DecodeSettings
    ) -> Iterator[FloatArray]:
        """Waveform of one channel, shape [n] a block; the last block has the last hop whole."""
        hop_samples, group_frames = header.hop_samples, header.group_frames
        mels = self.mels(header, codes, channel, settings)
        context = -(-self.vocoder.context_frames // group_frames) * group_frames
        segment_frames = segment_groups(group_frames) * group_frames
        past: Tensor | None = None
        for i, window in enumerate(windows(mels, segment_frames, context)):
            first_group = (i * segment_frames - window.n_before) // group_frames
            mel = window.data.T[None].to(self._device)
            n_bins = self.config.mel.n_fft // 2 + 1
            phase = self.random(torch.rand, (PHASE, settings.seed, channel), first_group, mel.shape[1], n_bins)
            waveforms, start_phase = self.vocoder.proceed(mel, 2 * torch.pi * phase, past)
            end = window.n_before + window.n_kept
            past = start_phase[:, max(0, end - context) : end]  # of the next window's context
            yield waveforms[0, window.n_before * hop_samples : end * hop_samples].cpu().numpy()

    def mels(
        self, header: Header, channel_codes: ChannelCodes, channel: int, settings: DecodeSettings
    ) -> Iterator[Tensor]:
        """Mel magnitudes [M, T], double, of one channel in blocks, as many frames as the stream has."""
        group_frames = header.group_frames
        counts = np.stack([channel_codes.n_codes, channel_codes.n_levels])
        signal = torch.from_numpy(np.concatenate([channel_codes.codes.T.astype(np.int16), counts.astype(np.int16)]))
        n_left = header.n_frames
        n_segment = segment_groups(group_frames)
        for i, window in enumerate(windows([signal], n_segment, context_groups(group_frames))):
            ordered, n_codes, n_levels = window.data[:-2].T, window.data[-2], window.data[-1]
            # In the stream level after level: [G, L, P]
            codes = ordered.unflatten(1, (-1, group_frames)).transpose(1, 2)
            n_valid = (torch.arange(ordered.shape[1]) < n_codes[:, None]).unflatten(1, (-1, group_frames)).sum(dim=1)
            coarse = self.mel_codec.decode(
                codes[None].to(self._device, torch.uint8),
                n_valid[None].to(self._device),
                n_levels[None].to(self._device, torch.long),
            )
            bridge(coarse, (n_codes == 0).repeat_interleave(group_frames))
            first_group = i * n_segment - window.n_before
            mel = self._refine(coarse, header.n_levels, channel, first_group, settings)
            start = window.n_before * group_frames
            kept = mel[0, start : start + min(window.n_kept * group_frames, n_left)]
            n_left -= len(kept)
            yield self.vocoder.mel.expand(kept).T

    def _refine(
        self, coarse: Tensor, n_levels: int, channel: int, first_group: int, settings: DecodeSettings
    ) -> Tensor:
        noise = torch.zeros_like(coarse)  # nothing is drawn for a flow that is left out
        if settings.nfe:
            noise = self.random(torch.randn, (NOISE, settings.seed, channel), first_group, *coarse.shape[1:]).to(coarse)
        return self.mel_codec.refine(
            coarse,
            n_levels,
            noise,
            settings.temperature,
            settings.solver,
            settings.nfe,
            settings.cfg,
            settings.time_grid,
        )

    def random(self, draw: Draw, place: tuple[int, ...], first_group: int, n_frames: int, n_values: int) -> Tensor:
        """Random values [1, n_frames, n_values] that depend on the group in the recording, not on the window."""
        group_frames = self.config.latent.group_frames
        groups = []
        for group in range(first_group, first_group - (-n_frames // group_frames)):
            seed = int(np.random.SeedSequence((*place, group)).generate_state(1, np.uint64)[0] >> 1)
            generator = torch.Generator().manual_seed(seed)  # on the CPU, so that all devices draw the same
            groups.append(draw(group_frames, n_values, generator=generator))
        return torch.cat(groups)[None, :n_frames].to(self._device)

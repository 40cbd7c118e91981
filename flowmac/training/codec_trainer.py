"""Training of the mel codec: a start from the data in minutes, then autoencoder, codebooks and flow by gradient."""

from __future__ import annotations

import copy
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import torch
from torch import Tensor

from flowmac.checkpoint import CODEC_FILE, find_weights, load_weights, save_config, save_weights
from flowmac.config import CodecConfig
from flowmac.encoder import GroupAutoencoder
from flowmac.errors import SettingError
from flowmac.mel import MelSpectrogram
from flowmac.mel_codec import MelCodec
from flowmac.quantizer import count_codes, perplexity
from flowmac.refinement import level_weights
from flowmac.solver import get_solver
from flowmac.training.dataset import PackedAudio, RandomSegments
from flowmac.training.loop import Task, shared_generator
from flowmac.training.losses import Losses

logger = logging.getLogger(__name__)

Stage = Literal["autoencoder", "flow", "joint", "reflow"]

#: Weights of the losses by stage; joint as in the paper. An autoencoder alone has no flow to learn from: its mel is
#: all.
LOSS_WEIGHTS: dict[Stage, dict[str, float]] = {
    "flow": {"flow": 1.0},
    "reflow": {"flow": 1.0},
    "joint": {"flow": 1.0, "prior": 0.01, "commitment": 0.25},
    "autoencoder": {"prior": 1.0, "commitment": 0.05},
}

#: A number of levels is drawn from 1 to this many times all levels, and what is beyond them means all: with 4, three
#: quarters of the steps (quantiser dropout).
FULL_LEVELS_ODDS = 4

#: Most paths of the quantiser's search in training: nearly what the decoder will see, at a quarter of the time.
BEAM_WIDTH = 3

#: Evaluations for the pictures in the log.
PICTURE_NFE = 16

#: Groups from which the decoding gains are learned: few numbers need few.
GAIN_GROUPS = 4096

FIT_SEED, SCALE_SEED = 1, 2
FIT_BATCH = 64

#: Segments from which the scales of the flow are learned.
SCALE_SEGMENTS = 64


@torch.no_grad()
def fit(codec: MelCodec, audio: PackedAudio, n_segments: int, segment_frames: int) -> None:
    """The start from the data: transform from the covariance, codebooks by k-means, scales of the flow.

    A network that starts at random weights keeps them; its codebooks then have the spread of its latents, and follow.

    Args:
        codec: gets the results.
        audio: training audio.
        n_segments: random segments to learn from; codebooks gain from more.
        segment_frames: frames of a segment, a multiple of the group's.
    """
    autoencoder, quantizer = codec.autoencoder, codec.quantizer
    device = quantizer.codebooks.device
    mel = MelSpectrogram(codec.config.mel).to(device)
    mels = list(compressed_mels(mel, audio, n_segments, segment_frames, FIT_SEED))
    transforms = autoencoder.fit(torch.cat(mels))
    latents = torch.cat([autoencoder.encode(batch).flatten(0, 1) for batch in mels])
    quantizer.fit(latents, torch.Generator(device).manual_seed(FIT_SEED), transforms=transforms)
    if codec.config.latent.decoder_blocks == 0:  # a network learns by itself what strength details should have
        quantizer.fit_gain(latents[:GAIN_GROUPS], codec.config.latent.beam_width)
    # Of other segments: where there are few, codebooks know those that they were found from by heart.
    fit_flow_scale(codec, next(compressed_mels(mel, audio, SCALE_SEGMENTS, segment_frames, SCALE_SEED)))


def compressed_mels(
    mel: MelSpectrogram, audio: PackedAudio, n_segments: int, segment_frames: int, seed: int
) -> Iterator[Tensor]:
    """Compressed mels of random segments in batches [B, T, M], on the device of ``mel``."""
    segments = RandomSegments(audio, segment_frames * mel.config.hop_samples, n_segments, seed)
    batches = [range(i, min(i + FIT_BATCH, n_segments)) for i in range(0, n_segments, FIT_BATCH)]
    device = mel.filterbank.device
    for batch in batches:
        yield mel.compress(mel(torch.stack([segments[i] for i in batch]).to(device)))


@torch.no_grad()
def fit_flow_scale(codec: MelCodec, mel: Tensor) -> None:
    """Set the scales of the flow from compressed mels [B, T, M]: its data then have unit variance."""
    coarse = [codec.decode(codec.encode(mel, n_levels)) for n_levels in range(1, codec.quantizer.n_levels + 1)]
    codec.flow.fit(mel, coarse)
    for n_levels, given in enumerate(coarse, start=1):
        logger.info("%d levels: the residual's standard deviation is %.3f", n_levels, (mel - given).std())


class CodecTask(Task):
    """Losses of the mel codec: flow, and, where its networks are trained, coarse mel and commitment.

    The perplexity of each level's codebook is given besides.

    Args:
        config: of the codec.
        start: model folder to go on from; None for the start from the data.
        audio: training audio for that start.
        fit_segments, segment_frames: see `fit`.
        stage: what is trained: "flow" on a finished autoencoder, "autoencoder" alone (its networks and codebooks),
            both jointly ("joint"), or "reflow": a trained flow on its own paths, so that few evaluations do.
        device: where the start from the data is computed.

    Raises:
        SettingError: a reflow has no trained flow to start from.
    """

    def __init__(
        self,
        config: CodecConfig,
        start: Path | None,
        audio: PackedAudio,
        fit_segments: int,
        segment_frames: int,
        stage: Stage,
        device: torch.device,
    ) -> None:
        super().__init__(config, is_fresh=start is None)
        self.mel = MelSpectrogram(config.mel).to(device)
        self.codec = MelCodec(config).to(device).eval()  # no dropout in the start from the data
        self.stage = stage
        self.beam_width = min(BEAM_WIDTH, config.latent.beam_width)
        self.has_autoencoder = stage in ("autoencoder", "joint")  # of what is trained
        self.has_flow = stage != "autoencoder"
        self.codec.autoencoder.requires_grad_(self.has_autoencoder)
        self.codec.flow.requires_grad_(self.has_flow)
        if start is None:
            fit(self.codec, audio, fit_segments, segment_frames)
        else:
            load_weights(self.codec, find_weights(start, CODEC_FILE))
            self.is_fresh = stage == "flow" and not self.codec.flow.is_trained
            if self.is_fresh:
                mels = compressed_mels(self.mel, audio, SCALE_SEGMENTS, segment_frames, SCALE_SEED)
                fit_flow_scale(self.codec, next(mels))
        if stage == "reflow":
            if not self.codec.flow.is_trained:
                raise SettingError("stage reflow needs a trained flow: give the folder of one as 'start'")
            self.teacher = copy.deepcopy(self.codec.flow).requires_grad_(requires_grad=False)
        self.train()

    def train(self, mode: bool = True) -> CodecTask:
        """See `torch.nn.Module.train`; an autoencoder that is not trained has no dropout either."""
        super().train(mode)
        self.codec.autoencoder.train(mode and self.has_autoencoder)
        return self

    def get_extra_state(self) -> dict[str, Tensor]:
        """What was chosen of the codebooks of late: a training that goes on needs it, a model does not."""
        return {"usage": self.codec.quantizer.usage, "shares": self.codec.quantizer.shares}

    def set_extra_state(self, state: dict[str, Tensor]) -> None:
        """See `get_extra_state`."""
        self.codec.quantizer.usage.copy_(state["usage"])
        self.codec.quantizer.shares.copy_(state["shares"])

    def forward(self, waveform: Tensor, generator: torch.Generator) -> Losses:
        """See `Task.forward`."""
        torch.manual_seed(generator.initial_seed())  # dropout and revived codes know no other generator
        n_levels = self._draw_levels(generator)
        # Only the flow gains from lower precision: elsewhere it would change codes.
        with torch.autocast(waveform.device.type, enabled=False):
            with torch.no_grad():
                mel = self.mel.compress(self.mel(waveform))
            if self.has_autoencoder:
                coarse, losses = self._autoencode(mel, n_levels)
            else:
                with torch.no_grad():
                    coarse = self._coarse(mel, n_levels)
                losses = {}
        levels = torch.full((len(mel),), n_levels, device=mel.device)
        if self.stage == "reflow":
            losses["flow"] = self.codec.flow.reflow_loss(self.teacher, coarse, levels, generator)
        elif self.has_flow:
            losses["flow"] = self.codec.flow.loss(mel, coarse, levels, generator)
        weights = LOSS_WEIGHTS[self.stage]
        losses["loss"] = sum((weight * losses[name] for name, weight in weights.items()), mel.new_zeros(()))
        losses["coarse_l1"] = (coarse - mel).detach().abs().mean()
        if self.has_autoencoder or not self.training:  # what never changes need not be counted all the time
            for level, variety in enumerate(self._perplexities(mel), start=1):
                losses[f"perplexity_{level}"] = variety
        return losses

    def _autoencode(self, mel: Tensor, n_levels: int) -> tuple[Tensor, Losses]:
        """Coarse mel with gradients, and the losses of what makes it."""
        autoencoder = self.codec.autoencoder
        latents = autoencoder.encode(mel)
        flat = latents.flatten(0, 1)
        quantised = self.codec.quantizer(flat, n_levels, self.beam_width)
        restored = self.codec.quantizer.restore(quantised, n_levels)
        coarse = autoencoder.decode(restored.view_as(latents))
        if self.training and self.stage == "joint":  # a stage of its own begins with the scales that are right
            self.codec.flow.follow(mel, coarse, n_levels)
        error = (coarse - mel) * self._error_weights(mel)
        return coarse, {
            "prior": error.square().mean() + error.abs().mean(),
            "commitment": (flat - quantised.detach()).square().mean(),
        }

    def _error_weights(self, mel: Tensor) -> Tensor:
        """Weights of errors in a compressed mel [B, T, M]: loud places count more, in loud and in faint groups alike.

        Half of the weight does not depend on the level, so that nothing is left to chance. The paper's autoencoder goes
        without weights.
        """
        if not isinstance(self.codec.autoencoder, GroupAutoencoder):
            return torch.ones_like(mel)
        relative = level_weights(mel, self.config.latent.group_frames).reshape(mel.shape)
        return (0.5 + 0.5 * relative).sqrt() * self.codec.autoencoder.transform.weights

    @torch.no_grad()
    def _perplexities(self, mel: Tensor) -> Tensor:
        """Perplexity of each level's codebook, mean over positions [L]: in training of late, else on this mel alone.

        A mel of few groups cannot show more than their number.
        """
        quantizer = self.codec.quantizer
        if self.training:
            return perplexity(quantizer.shares).mean(dim=-1)
        latents = self.codec.autoencoder.encode(mel).flatten(0, 1)
        codes = quantizer.encode(latents, quantizer.n_levels, self.beam_width)
        return torch.stack([perplexity(count_codes(level)).mean() for level in codes.unbind(-1)])

    def _draw_levels(self, generator: torch.Generator) -> int:
        n_levels = self.config.latent.n_levels
        drawn = torch.randint(n_levels * FULL_LEVELS_ODDS, (), generator=shared_generator(generator))
        return min(int(drawn) + 1, n_levels)

    def _coarse(self, mel: Tensor, n_levels: int) -> Tensor:
        latents = self.codec.autoencoder.encode(mel)
        flat = self.codec.quantizer.encode(latents.flatten(0, 1), n_levels, self.beam_width)
        return self.codec.decode(flat.unflatten(0, latents.shape[:2]))

    def save(self, folder: Path) -> None:
        """See `Task.save`."""
        save_config(self.config, folder)
        save_weights(self.codec, folder / CODEC_FILE)

    def pictures(self, waveform: Tensor, generator: torch.Generator) -> dict[str, Tensor]:
        """See `Task.pictures`."""
        mel = self.mel.compress(self.mel(waveform))
        n_levels = self.config.latent.n_levels
        coarse = self._coarse(mel, n_levels)
        noise = torch.randn(coarse.shape, generator=generator, device=coarse.device)
        refined = self.codec.flow.sample(coarse, n_levels, noise, get_solver("euler"), PICTURE_NFE, cfg=1.0)
        return {"mel/true": mel[0], "mel/coarse": coarse[0], "mel/flow": refined[0]}

    def audio(self, waveform: Tensor, generator: torch.Generator) -> dict[str, Tensor]:
        """See `Task.audio`; the codec's part ends at the mel."""
        return {}

"""Training of vocoders: from mels, true and decoded, to the recording.

Two tasks: the magnitude network of the spectral vocoder learns by regression; whatever makes the waveform itself learns
against discriminators.
"""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn
from torch.func import functional_call

from flowmac.checkpoint import (
    VOCODER_FILE,
    find_weights,
    load_weights,
    save_config,
    save_weights,
)
from flowmac.config import CodecConfig, RefinerConfig
from flowmac.training.loop import Task, shared_generator
from flowmac.training.losses import Losses, MultiResolutionMelLoss, discriminator_loss, feature_loss, fooling_loss
from flowmac.training.mel_source import MelSource
from flowmac.vocoder import build_vocoder
from flowmac.vocoder.discriminators import Discriminators
from flowmac.vocoder.refiner import RefinedVocoder
from flowmac.vocoder.spectral import SpectralVocoder

DISCRIMINATORS_FILE = "discriminators.safetensors"

#: Exponent of the magnitude loss on loud bins; the logarithm alone would spend all on faint ones.
LOUD_EXPONENT = 0.35

#: Frames on either side of a segment that vocoders see and losses do not: there the mel knows more than the vocoder.
MARGIN_FRAMES = 2

#: Weights of the losses of adversarial training, those of the released weights. More of the game (12, 15, 15) was worse
#: on the validation recordings, after 7,700 steps from the same start: PESQ 2.52 in place of 2.62, Distill-MOS 2.76 in
#: place of 2.78, ViSQOL 4.391 in place of 4.415.
LOSS_WEIGHTS = {"mel": 15.0, "features": 20.0, "fooling": 8.0, "magnitude": 1.0}

#: Numbers of iterations of fast Griffin-Lim before a refiner in training, as shares of the vocoder's own. A few fixed
#: ones, because CUDA graphs must be captured for each.
ITERATION_SHARES = (0.25, 0.5, 1.0)

#: What random numbers of the program are for; keeps them independent.
PLACE, ITERATIONS = 2, 3

#: Peak of what discriminators hear: they should not judge loudness.
JUDGED_PEAK = 0.8


class VocoderTask(Task):
    """What both tasks have in common: a vocoder, and the mels that it learns from.

    Args:
        config: of the codec.
        start: model folder to go on from; None for untrained weights.
        source: of the mels.
    """

    def __init__(self, config: CodecConfig, start: Path | None, source: MelSource) -> None:
        super().__init__(config, is_fresh=start is None)
        self.vocoder = build_vocoder(config.mel, config.vocoder)
        if start is not None:
            load_weights(self.vocoder, find_weights(start, VOCODER_FILE))
        self.source = source

    def _mels(self, waveform: Tensor, generator: torch.Generator) -> Tensor:
        """Mel magnitudes [B, T, M] to learn from, of waveforms [B, N]."""
        return self.source(self.vocoder.mel, waveform, generator)

    def _phase(self, mel: Tensor, generator: torch.Generator) -> Tensor:
        n_bins = self.config.mel.n_fft // 2 + 1
        return 2 * torch.pi * torch.rand(*mel.shape[:2], n_bins, generator=generator, device=mel.device)

    def save(self, folder: Path) -> None:
        """See `Task.save`."""
        save_config(self.config, folder)
        save_weights(self.vocoder, folder / VOCODER_FILE)

    def pictures(self, waveform: Tensor, generator: torch.Generator) -> dict[str, Tensor]:
        """See `Task.pictures`."""
        given = self.audio(waveform, generator)["audio/vocoder"]
        compress = self.vocoder.mel.compress
        return {
            "mel/true": compress(self.vocoder.mel(waveform))[0],
            "mel/vocoder": compress(self.vocoder.mel(given[None]))[0],
        }

    def audio(self, waveform: Tensor, generator: torch.Generator) -> dict[str, Tensor]:
        """See `Task.audio`."""
        mel = self._mels(waveform, generator)
        return {"audio/true": waveform[0], "audio/vocoder": self.vocoder(mel, self._phase(mel, generator))[0]}


class MagnitudeTask(VocoderTask):
    """Losses of the magnitude network: L1 of the log magnitude and of the magnitude to the power of 0.35."""

    vocoder: SpectralVocoder

    def forward(self, waveform: Tensor, generator: torch.Generator) -> Losses:
        """See `Task.forward`."""
        return magnitude_losses(self.vocoder, self._mels(waveform, generator), waveform)


class AdversarialTask(VocoderTask):
    """A vocoder against discriminators: both learn in the same step.

    Args:
        As `VocoderTask`, and:
        crop_frames: frames that the vocoder makes of each segment, at a random place; the codec sees the whole segment.
    """

    def __init__(self, config: CodecConfig, start: Path | None, source: MelSource, crop_frames: int) -> None:
        super().__init__(config, start, source)
        self.crop_frames = crop_frames
        self.discriminators = Discriminators()
        if start is not None and (start / DISCRIMINATORS_FILE).exists():
            load_weights(self.discriminators, start / DISCRIMINATORS_FILE)
        self.mel_loss = MultiResolutionMelLoss(config.mel.sample_rate_hz)

    def parameter_groups(self) -> list[list[nn.Parameter]]:
        """See `Task.parameter_groups`."""
        return [list(self.vocoder.parameters()), list(self.discriminators.parameters())]

    def forward(self, waveform: Tensor, generator: torch.Generator) -> Losses:
        """See `Task.forward`."""
        return self.losses(*self.prepare(waveform, generator), self.draw_iterations(generator))

    def prepare(self, waveform: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
        """What the vocoder gets of waveforms [B, N]: mels, start phases and the waveforms themselves, cropped."""
        with torch.autocast(waveform.device.type, enabled=False):
            mel, waveform = self._crop(self._mels(waveform, generator), waveform, generator)
            return mel, self._phase(mel, generator), waveform

    def draw_iterations(self, generator: torch.Generator) -> int:
        """Iterations of fast Griffin-Lim before a refiner: few or many, so that it copes with both."""
        vocoder = self.config.vocoder
        if not isinstance(vocoder, RefinerConfig):
            return 0
        chosen = torch.randint(len(ITERATION_SHARES), (), generator=shared_generator(generator, ITERATIONS))
        return max(1, round(ITERATION_SHARES[int(chosen)] * vocoder.start.n_iterations))

    def losses(self, mel: Tensor, phase: Tensor, waveform: Tensor, n_iterations: int) -> Losses:
        """Losses of both players, from what `prepare` and `draw_iterations` give."""
        losses: Losses = {}
        if isinstance(self.vocoder, RefinedVocoder):
            start = self.vocoder.start
            with torch.autocast(waveform.device.type, enabled=False):
                losses["magnitude"] = magnitude_losses(start, mel, waveform)["loss"]
                with torch.no_grad():  # the start's network learns by itself
                    signal, _ = start.start_from(mel, phase, None, n_iterations)
            given = self.vocoder.refine(signal, mel)
        else:
            given = self.vocoder(mel, phase)
        margin = MARGIN_FRAMES * self.config.mel.hop_samples
        given, wanted = given.float()[:, margin:-margin], waveform[:, margin:-margin]
        with torch.autocast(waveform.device.type, enabled=False):
            losses["mel"] = self.mel_loss(given, wanted)
        scale = JUDGED_PEAK / wanted.abs().amax(dim=1, keepdim=True).clamp(min=0.01)
        real, fake = scale * wanted, scale * given
        both = self.discriminators(torch.cat([real, fake.detach()]))
        real_judgements = [(score[: len(real)], [f[: len(real)] for f in features]) for score, features in both]
        fake_judgements = [(score[len(real) :], features) for score, features in both]
        # For the vocoder's part the discriminators are given, so that one backward pass serves both players.
        frozen = {name: parameter.detach() for name, parameter in self.discriminators.named_parameters()}
        judgements = functional_call(self.discriminators, frozen, (fake,))
        losses["features"] = feature_loss(real_judgements, judgements)
        losses["fooling"] = fooling_loss(judgements)
        adversary = discriminator_loss(real_judgements, fake_judgements)
        losses["loss"] = adversary + sum(LOSS_WEIGHTS[name] * value for name, value in losses.items())
        losses["adversary"] = adversary
        return losses

    def save(self, folder: Path) -> None:
        """See `Task.save`; the discriminators are kept beside, for training that goes on from weights alone."""
        super().save(folder)
        save_weights(self.discriminators, folder / DISCRIMINATORS_FILE)

    def _crop(self, mel: Tensor, waveform: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """A part of crop_frames of mel [B, T, M] and of waveform [B, T * hop]."""
        n_places = mel.shape[1] - self.crop_frames + 1
        first = int(torch.randint(n_places, (), generator=shared_generator(generator, PLACE)))
        hop = self.config.mel.hop_samples
        end = first + self.crop_frames
        return mel[:, first:end], waveform[:, first * hop : end * hop]


def magnitude_losses(vocoder: SpectralVocoder, mel: Tensor, waveform: Tensor) -> Losses:
    """Losses of the magnitudes that ``vocoder`` guesses from mels [B, T, M], against waveforms [B, T * hop]."""
    floor = vocoder.mel.config.floor
    wanted = torch.log(vocoder.mel.spectrum(waveform).abs() + floor).transpose(1, 2)
    given = vocoder.log_magnitudes(mel)
    log_error = (given - wanted).abs().mean()
    loud_error = ((LOUD_EXPONENT * given).exp() - (LOUD_EXPONENT * wanted).exp()).abs().mean()
    return {"loss": log_error + loud_error, "log_magnitude": log_error, "loud_magnitude": loud_error}

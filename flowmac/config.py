"""Configuration of a codec: what its weights were made for, stored beside them as JSON.

Every value is checked on reading; unknown keys are refused.
"""

from __future__ import annotations

import json
from importlib import resources
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

import pydantic
import yaml

from flowmac.errors import SettingError, unknown_name


class Config(pydantic.BaseModel):
    """Base of all configurations: values are fixed, unknown keys are errors."""

    model_config = pydantic.ConfigDict(frozen=True, extra="forbid")


C = TypeVar("C", bound=Config)

#: Frames on either side of a segment of a long recording that the networks see besides. No autoencoder may look
#: further, or the cuts between segments would change its result.
CONTEXT_FRAMES = 128


class MelConfig(Config):
    """Mel spectrogram: triangular bands with peak 1 on Slaney's scale from 0 Hz to half the sample rate.

    ``floor`` is added to magnitudes before compression: 0.01 is 94 dB under a full-scale sine, and what lies below
    is not worth bits. ``exponent`` is that of the power law in whose domain the mel is coded.
    """

    sample_rate_hz: pydantic.PositiveInt = 24000
    n_fft: pydantic.PositiveInt = 2048
    hop_samples: pydantic.PositiveInt = 512
    n_bands: pydantic.PositiveInt = 128
    floor: pydantic.PositiveFloat = 0.01
    exponent: float = pydantic.Field(default=0.2, gt=0, lt=1)

    @property
    def frame_rate_hz(self) -> float:
        """Mel frames in a second."""
        return self.sample_rate_hz / self.hop_samples


class AttentionConfig(Config):
    """Self-attention of ``n_heads`` heads, in which a frame sees ``reach_frames`` frames on either side of itself."""

    n_heads: pydantic.PositiveInt = 4
    reach_frames: pydantic.PositiveInt = 16
    dropout: float = pydantic.Field(default=0.1, ge=0, lt=1)


class LatentConfig(Config):
    """Encoder, quantiser and mel decoder.

    ``group_frames`` mel frames are transformed together into as many latent vectors of ``vector_size`` coefficients;
    each vector is coded by ``n_levels`` residual codebooks of 256 entries, one byte each. The networks before and after
    the transform have so many blocks of ``width`` on tokens of ``token_frames`` mel frames; with 0 blocks the transform
    stands alone. ``tilt`` takes bits from high bands: the transform sees band f times (1 + (f / 3 kHz)^2)^(-tilt / 2).

    Of ``n_transforms``, each with codebooks of its own, the encoder chooses one for each group. They share the entries
    of a group's first codebook: the first code names the transform, and is as much coarser.

    With ``attention`` there is no transform: each frame is a group, and the blocks are of self-attention.
    """

    group_frames: pydantic.PositiveInt = 16
    vector_size: pydantic.PositiveInt = 32
    n_levels: int = pydantic.Field(default=8, ge=1, le=32)
    n_transforms: Literal[1, 2, 4, 8, 16] = 1
    beam_width: pydantic.PositiveInt = 8
    encoder_blocks: pydantic.NonNegativeInt = 0
    decoder_blocks: pydantic.NonNegativeInt = 0
    token_frames: pydantic.PositiveInt = 4
    width: pydantic.PositiveInt = 320
    tilt: pydantic.NonNegativeFloat = 0.0
    attention: AttentionConfig | None = None

    @pydantic.model_validator(mode="after")
    def _attention_fits(self) -> LatentConfig:
        if self.attention is None:
            return self
        if self.group_frames != 1:
            raise ValueError(f"attention codes frame by frame, so group_frames must be 1, got {self.group_frames}")
        if self.n_transforms != 1:
            raise ValueError(f"attention goes without transform, so n_transforms must be 1, got {self.n_transforms}")
        if self.width % (2 * self.attention.n_heads):
            raise ValueError(f"width ({self.width}) must be a multiple of twice n_heads ({self.attention.n_heads})")
        reach = max(self.encoder_blocks, self.decoder_blocks) * self.attention.reach_frames
        if reach > CONTEXT_FRAMES:
            raise ValueError(
                f"blocks times reach_frames must not be over {CONTEXT_FRAMES}, the context of a segment, got {reach}"
            )
        return self


class FlowConfig(Config):
    """Flow and its velocity network: ``n_blocks`` blocks of ``width`` on tokens of ``token_frames`` mel frames.

    ``prior`` is what the noise is added to: ``coarse``, the coarse mel, so that the flow models the residual; or
    ``mean``, the mean of all mels, so that the coarse mel is a condition and no more. ``sigma_min`` is the standard
    deviation of the noise that is left at the end of the path.
    """

    prior: Literal["coarse", "mean"] = "coarse"
    sigma_min: float = pydantic.Field(default=0.0, ge=0, lt=1)
    token_frames: pydantic.PositiveInt = 4
    width: pydantic.PositiveInt = 320
    n_blocks: pydantic.PositiveInt = 8


class SpectralConfig(Config):
    """Mel to audio by signal processing: magnitude network, mel corrections and iterations of fast Griffin-Lim.

    ``start_phase`` is where the iterations begin: at a random phase, or at one integrated from the magnitudes.
    """

    kind: Literal["spectral"] = "spectral"
    start_phase: Literal["random", "integrated"] = "random"
    width: pydantic.PositiveInt = 320
    n_blocks: pydantic.PositiveInt = 6
    n_corrections: pydantic.NonNegativeInt = 3
    n_iterations: pydantic.PositiveInt = 32


class RefinerConfig(Config):
    """Mel to audio by ``start`` and a network that makes its signal sound real.

    The network has ``n_blocks`` blocks of ``width`` on the frames of a short-time Fourier transform of its own, finer
    in time than the mel.
    """

    kind: Literal["refiner"] = "refiner"
    start: SpectralConfig = SpectralConfig()
    width: pydantic.PositiveInt = 320
    n_blocks: pydantic.PositiveInt = 5
    n_fft: pydantic.PositiveInt = 1024
    hop_samples: pydantic.PositiveInt = 256


class BigVGANConfig(Config):
    """Mel to audio by the BigVGAN variant: a convolution to ``width`` channels, then stages of upsampling.

    Stage i upsamples by ``upsampling[i]``, which must multiply to the mel's hop, and halves the channels. Its blocks,
    one for each of ``kernel_sizes``, have a pair of convolutions for each of ``dilations``.
    """

    kind: Literal["bigvgan"] = "bigvgan"
    width: pydantic.PositiveInt = 256
    upsampling: tuple[pydantic.PositiveInt, ...] = (8, 8, 4, 2)
    kernel_sizes: tuple[pydantic.PositiveInt, ...] = (3, 7, 11)
    dilations: tuple[pydantic.PositiveInt, ...] = (1, 3, 5)

    @pydantic.model_validator(mode="after")
    def _shapes_fit(self) -> BigVGANConfig:
        if self.width % 2 ** len(self.upsampling):
            raise ValueError(f"width ({self.width}) must be a multiple of 2^{len(self.upsampling)}: stages halve it")
        if any(factor % 2 for factor in self.upsampling):
            raise ValueError(f"factors of upsampling must be even, got {self.upsampling}")
        if any(size % 2 == 0 for size in self.kernel_sizes):
            raise ValueError(f"kernel_sizes must be odd, got {self.kernel_sizes}")
        return self


VocoderConfig = Annotated[SpectralConfig | RefinerConfig | BigVGANConfig, pydantic.Field(discriminator="kind")]


class DecodeDefaults(Config):
    """Operating point of the decoder where the caller does not choose one."""

    nfe: pydantic.NonNegativeInt = 1
    cfg: pydantic.NonNegativeFloat = 1.0
    temperature: pydantic.NonNegativeFloat = 0.0


class CodecConfig(Config):
    """All that is needed to build a codec for given weights.

    ``contrast`` is the strength of the decoder's post-filter, see `flowmac.mel.sharpen`. ``weights_of`` is the release
    that has those files of weights that this model lacks.
    """

    name: str
    weights_of: str | None = None
    mel: MelConfig = MelConfig()
    latent: LatentConfig = LatentConfig()
    flow: FlowConfig = FlowConfig()
    vocoder: VocoderConfig = SpectralConfig()
    contrast: pydantic.NonNegativeFloat = 0.2
    decode: DecodeDefaults = DecodeDefaults()

    @pydantic.model_validator(mode="after")
    def _tokens_fill_groups(self) -> CodecConfig:
        for part in (self.latent, self.flow):
            if self.latent.group_frames % part.token_frames:
                raise ValueError(
                    f"group_frames ({self.latent.group_frames}) must be a multiple of "
                    f"token_frames ({part.token_frames})"
                )
        return self


def read_config(model: type[C], path: Path) -> C:
    """Read a JSON or YAML file as ``model``.

    Raises:
        SettingError: the file is missing, is no JSON or YAML, or holds wrong or unknown keys.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise SettingError(f"{path}: cannot be read ({error.strerror})") from None
    try:
        data: Any = json.loads(text) if path.suffix == ".json" else yaml.safe_load(text)
    except (ValueError, yaml.YAMLError) as error:
        raise SettingError(f"{path}: is no valid {path.suffix.lstrip('.').upper()}: {error}") from None
    try:
        return model.model_validate(data)
    except pydantic.ValidationError as error:
        raise SettingError(f"{path}: {describe(error)}") from None


def shipped_or_path(kind: str, name: str) -> Path:
    """Path of a ``kind`` of configuration given by a preset's name or by a path.

    Raises:
        SettingError: it is neither.
    """
    folder = Path(str(resources.files("flowmac") / "presets"))
    shipped = {path.stem: path for path in folder.glob("*.yaml")}
    path = shipped.get(name, Path(name))
    if not path.exists():
        raise unknown_name(f"{kind} (a path or a preset)", name, shipped)
    return path


def describe(error: pydantic.ValidationError) -> str:
    """One line for each fault: where it is, what is wrong, what was given."""
    faults = []
    for fault in error.errors():
        where = ".".join(str(part) for part in fault["loc"]) or "the whole file"
        faults.append(f"{where}: {fault['msg']} (got {fault['input']!r})")
    return "; ".join(faults)

"""The part of the codec between mel and mel: autoencoder, quantiser and flow, which are trained together."""

from __future__ import annotations

import hashlib
from pathlib import Path

import torch
from torch import Tensor, nn

from flowmac.bitstream import IDENTITY_BYTES
from flowmac.checkpoint import CODEC_FILE, FURTHER_FILE, find_weights, load_tensors, load_weights, read_model_config
from flowmac.config import CodecConfig, LatentConfig, MelConfig
from flowmac.encoder import GroupAutoencoder, MelAutoencoder
from flowmac.errors import CheckpointError
from flowmac.flow import make_flow
from flowmac.frame_autoencoder import FrameAutoencoder
from flowmac.mel import sharpen
from flowmac.noise import band_shares
from flowmac.quantizer import ResidualVectorQuantizer
from flowmac.solver import Solver, TimeGrid, uniform

#: Decay of the codebooks' averages in training. Latents of an encoder that starts at random weights move faster than
#: those of a transform with networks around it.
DECAY, FRAME_DECAY = 0.995, 0.98


class MelCodec(nn.Module):
    """Compressed mel to codes, codes to a coarse mel, and the flow that refines it.

    Letters: B batch, G groups, P frames a group, T = G * P frames, M bands, L levels.
    """

    noise_shares: Tensor

    def __init__(self, config: CodecConfig) -> None:
        super().__init__()
        latent = config.latent
        self.config = config
        self.autoencoder = make_autoencoder(config.mel, latent)
        decay = DECAY if latent.attention is None else FRAME_DECAY
        self.quantizer = ResidualVectorQuantizer(
            latent.n_levels, latent.group_frames, latent.vector_size, decay, latent.n_transforms
        )
        self.flow = make_flow(config.mel.n_bands, latent.n_levels, config.flow)
        self.is_residual = config.flow.prior == "coarse"
        shares = band_shares(config.mel) if self.is_residual else torch.ones(config.mel.n_bands)
        self.register_buffer("noise_shares", shares, persistent=False)

    @classmethod
    def from_folder(cls, folder: Path) -> MelCodec:
        """The mel codec of a model folder, with weights that do not change any more.

        Raises:
            CheckpointError: the weights are missing or damaged.
            SettingError: the configuration is not valid.
        """
        codec = cls(read_model_config(folder))
        load_weights(codec, find_weights(folder, CODEC_FILE))
        further = find_weights(folder, FURTHER_FILE)
        if further.exists():
            codec._add_levels(further)
        return codec.eval().requires_grad_(requires_grad=False)

    def _add_levels(self, path: Path) -> None:
        tensors = load_tensors(path)
        n_entries, size = self.quantizer.codebooks.shape[-2:]
        shapes = {name: tuple(tensor.shape) for name, tensor in tensors.items()}
        if shapes.get("codebook") != (n_entries, size) or len(shapes.get("scales", ())) != 1:
            raise CheckpointError(f"{path}: holds no codebook of {size} coefficients with scales of levels")
        self.quantizer.add_levels(tensors["codebook"], tensors["scales"])

    def encode(self, mel: Tensor, n_levels: int) -> Tensor:
        """Compressed mel [B, G * P, M] to codes [B, G, P, n_levels], uint8."""
        latents = self.autoencoder.encode(mel)
        codes = self.quantizer.encode(latents.flatten(0, 1), n_levels, self.config.latent.beam_width)
        return codes.unflatten(0, latents.shape[:2])

    def decode(self, codes: Tensor, n_valid: Tensor | None = None, n_levels: Tensor | None = None) -> Tensor:
        """Codes [B, G, P, L] to the coarse mel [B, G * P, M].

        Args:
            codes: uint8.
            n_valid: how many levels of each vector count, [B, G, P]; None if all do.
            n_levels: how many each group was coded with, [B, G]; None if with L.
        """
        flat_valid = None if n_valid is None else n_valid.flatten(0, 1)
        latents = self.quantizer.decode(codes.flatten(0, 1), flat_valid).unflatten(0, codes.shape[:2])
        latents = self.quantizer.restore(latents, codes.shape[-1] if n_levels is None else n_levels)
        return self.autoencoder.decode(latents)

    def refine(
        self,
        coarse: Tensor,
        n_levels: int,
        noise: Tensor,
        temperature: float,
        solver: Solver,
        nfe: int,
        cfg: float,
        time_grid: TimeGrid = uniform,
    ) -> Tensor:
        """The mel [B, T, M] that is made audible of a ``coarse`` one: by the flow, and by the post-filter.

        The flow's texture takes the place of the post-filter, as far as there is any.

        Args:
            coarse: compressed, [B, T, M].
            n_levels: levels that it was decoded from.
            noise: white, [B, T, M]; a residual flow gets of it what `flowmac.noise` says, a flow of whole mels all.
            temperature: strength of the noise.
            solver, nfe, cfg, time_grid: see `Flow.sample`; with an ``nfe`` of 0 the flow is left out.
        """
        if nfe == 0:
            return sharpen(coarse, self.config.contrast)
        shares = temperature * self.noise_shares
        if self.is_residual:
            noise = self.autoencoder.beyond(noise)
        known_levels = min(n_levels, self.config.latent.n_levels)  # the flow was not trained on further ones
        mel = self.flow.sample(coarse, known_levels, shares * noise, solver, nfe, cfg, time_grid)
        return sharpen(mel, self.config.contrast * (1 - shares).clamp(min=0))

    def codebooks_id(self) -> bytes:
        """Identity of all that gives codes their meaning: mel, what the autoencoder has of the data, and codebooks.

        Better networks may come with the same codebooks; streams then stay readable. Half precision is hashed, so
        that storing weights in it changes nothing.
        """
        digest = hashlib.sha256(self.config.mel.model_dump_json().encode())
        for tensor in (*self.autoencoder.identity(), self.quantizer.codebooks):
            digest.update(tensor.detach().cpu().half().numpy().tobytes())
        return digest.digest()[:IDENTITY_BYTES]

    def further_digest(self) -> bytes:
        """Hash of the codebooks of all further levels; empty if there are none."""
        if len(self.quantizer.further) == 0:
            return b""
        return hashlib.sha256(self.quantizer.further.detach().cpu().half().numpy().tobytes()).digest()


def make_autoencoder(mel: MelConfig, config: LatentConfig) -> MelAutoencoder:
    """The autoencoder of the configuration: with attention frame by frame, else on groups of frames."""
    if config.attention is None:
        return GroupAutoencoder(mel, config)
    return FrameAutoencoder(mel, config, config.attention)

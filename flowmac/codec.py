"""The codec: waveform to bytes to waveform, in memory or as a stream of blocks."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from flowmac import checkpoint, packets
from flowmac.analysis import Analysis, EncodeSettings
from flowmac.audio import FloatArray, Waveform
from flowmac.bitstream import IDENTITY_BYTES, MAX_SAMPLES, Header, parse_header
from flowmac.config import CodecConfig
from flowmac.entropy import EntropyModel
from flowmac.errors import AudioError, BitstreamError, CheckpointError, SettingError
from flowmac.mel_codec import MelCodec
from flowmac.payload import ChannelCodes, n_codes, pack_groups, packet_groups, unpack_groups
from flowmac.solver import get_solver, get_time_grid, n_steps
from flowmac.synthesis import DecodeSettings, Synthesis
from flowmac.vocoder import load_vocoder
from flowmac.vocoder.base import Vocoder

#: Released model where none is named.
DEFAULT_MODEL = "base"


class Codec:
    """A codec with its weights.

    Use `Codec.from_pretrained`. Nothing about the object changes in use; it may be shared.
    """

    def __init__(
        self,
        config: CodecConfig,
        mel_codec: MelCodec,
        vocoder: Vocoder,
        weights_sha256: str,
        entropy_model: EntropyModel | None = None,
    ) -> None:
        self.config = config
        self.weights_sha256 = weights_sha256
        self.mel_codec = mel_codec.eval().requires_grad_(requires_grad=False)
        self.vocoder = vocoder.eval().requires_grad_(requires_grad=False)
        self.entropy_model = entropy_model
        self.codebooks_id = mel_codec.codebooks_id()
        self._analysis = Analysis(vocoder.mel, mel_codec, entropy_model)
        self._synthesis = Synthesis(config, mel_codec, vocoder)

    @classmethod
    def for_stream(cls, data: bytes, device: str = "cpu") -> Codec:
        """The released codec whose codebooks a .fmac stream was made with, the default one first.

        Raises:
            BitstreamError: the stream is damaged, or no release fits.
        """
        header = parse_header(data)
        others = [name for name in checkpoint.released_names() if name != DEFAULT_MODEL]
        for name in (DEFAULT_MODEL, *others):
            codec = cls.from_pretrained(name, device)
            if header.codebooks_id in codec.stream_ids(header.is_range_coded):
                return codec
        raise BitstreamError(
            f"the stream was made with codebooks {header.codebooks_id.hex()}, which no released model has: name the "
            "model that made it (on the command line: --model)"
        )

    @classmethod
    def from_pretrained(cls, name: str | Path = DEFAULT_MODEL, device: str = "cpu") -> Codec:
        """Load a codec by released name, model folder, or hub id ``owner/name``.

        Raises:
            CheckpointError: there are no such weights, or they are damaged.
            SettingError: the name is unknown, or the configuration is not valid.
        """
        folder = checkpoint.find_model(name)
        config = checkpoint.read_model_config(folder)
        mel_codec = MelCodec.from_folder(folder)
        vocoder = load_vocoder(folder)
        entropy_file = checkpoint.find_weights(folder, checkpoint.ENTROPY_FILE)
        entropy_model = EntropyModel.load(entropy_file) if entropy_file.exists() else None
        return cls(config, mel_codec.to(device), vocoder.to(device), checkpoint.weights_sha256(folder), entropy_model)

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return self.mel_codec.quantizer.codebooks.device

    @property
    def sample_rate_hz(self) -> int:
        """Rate of the decoded audio."""
        return self.config.mel.sample_rate_hz

    @property
    def level_kbps(self) -> float:
        """Payload of one codebook level of one channel in kbit/s."""
        return 8 * self.config.mel.frame_rate_hz / 1000

    @property
    def rates_kbps(self) -> tuple[float, ...]:
        """Payload rates of one channel that can be chosen, in kbit/s."""
        return tuple(level * self.level_kbps for level in range(1, self.mel_codec.quantizer.max_levels + 1))

    def n_levels(self, kbps: float) -> int:
        """Codebook levels of a payload rate.

        Raises:
            SettingError: the rate is none of `rates_kbps`.
        """
        for level, rate in enumerate(self.rates_kbps, start=1):
            if abs(kbps - rate) < 1e-6:
                return level
        rates = ", ".join(f"{rate:g}" for rate in self.rates_kbps)
        raise SettingError(f"the rate must be one of {rates} kbit/s (a whole number of codebook levels), got {kbps:g}")

    def n_evaluations(self, nfe: int | None = None, cfg: float | None = None) -> int:
        """Network evaluations of the flow for each segment, guidance counted."""
        settings = self.decode_settings(nfe=nfe, cfg=cfg)
        return settings.nfe * (1 if settings.cfg == 1.0 else 2)

    def decode_settings(
        self,
        *,
        nfe: int | None = None,
        cfg: float | None = None,
        solver: str = "euler",
        time_grid: str = "uniform",
        seed: int = 0,
        temperature: float | None = None,
    ) -> DecodeSettings:
        """Check an operating point and fill in the release's defaults.

        Raises:
            SettingError: a value is out of range or does not fit the solver.
        """
        defaults = self.config.decode
        settings = DecodeSettings(
            nfe=defaults.nfe if nfe is None else nfe,
            cfg=defaults.cfg if cfg is None else cfg,
            solver=get_solver(solver),
            time_grid=get_time_grid(time_grid),
            seed=seed,
            temperature=defaults.temperature if temperature is None else temperature,
        )
        if settings.nfe != 0:
            n_steps(settings.solver, settings.nfe)
        for name, value in (("cfg", settings.cfg), ("temperature", settings.temperature), ("seed", settings.seed)):
            if not 0 <= value < float("inf"):
                raise SettingError(f"{name} must be a number of at least 0, got {value}")
        return settings

    def encode_settings(
        self,
        kbps: float = 3.0,
        *,
        beam: int | None = None,
        refine: int = 0,
        adaptive: bool = False,
        entropy: bool = False,
    ) -> EncodeSettings:
        """Check an operating point of the encoder; see `encode`.

        Raises:
            SettingError: a value is out of range.
            CheckpointError: the model has no statistics for entropy coding.
        """
        settings = EncodeSettings(
            n_levels=self.n_levels(kbps),
            beam_width=self.config.latent.beam_width if beam is None else beam,
            n_refinements=refine,
            by_need=adaptive,
            range_coding=entropy,
        )
        if settings.beam_width < 1 or settings.n_refinements < 0:
            raise SettingError(f"beam must be at least 1 and refine at least 0, got {beam} and {refine}")
        if adaptive and settings.n_levels == 1:
            raise SettingError(f"adaptive levels need a rate of at least {2 * self.level_kbps:g} kbit/s, got {kbps:g}")
        if entropy and self.entropy_model is None:
            raise CheckpointError(
                f"the model '{self.config.name}' has no {checkpoint.ENTROPY_FILE}, which entropy coding needs: "
                "'flowmac train entropy' makes one"
            )
        return settings

    def encode(
        self,
        waveform: Waveform,
        kbps: float = 3.0,
        *,
        beam: int | None = None,
        refine: int = 0,
        adaptive: bool = False,
        entropy: bool = False,
    ) -> bytes:
        """Code a recording of one or two channels at any sample rate.

        Args:
            waveform: the recording; each channel is coded by itself.
            kbps: payload rate of each channel, one of `rates_kbps`.
            beam: paths of the quantiser's search; None means the release's. Time grows with it.
            refine: rounds in which codes are chosen anew against the decoded mel, each about as long as the search.
            adaptive: share the rate out between groups by need; it is then a mean.
            entropy: range-code the codes, which takes fewer bits than ``kbps``; with ``adaptive`` the saving goes into
                further levels.

        Returns:
            A .fmac stream, see `flowmac.bitstream`.

        Raises:
            SettingError: a setting is out of range, or refinement is wanted of a codec without a transform.
            CheckpointError: the model has no statistics for entropy coding.
            AudioError: more than two channels.
        """
        settings = self.encode_settings(kbps, beam=beam, refine=refine, adaptive=adaptive, entropy=entropy)
        return self.encode_blocks([waveform.resampled(self.sample_rate_hz).samples], settings)

    def encode_blocks(self, blocks: Iterable[FloatArray], settings: EncodeSettings) -> bytes:
        """Code a recording that comes in blocks [C, n] at the codec's own rate; memory does not grow with its length.

        Raises:
            AudioError: no samples, too many for a stream, or more than two channels.
        """
        codes, n_levels, n_samples = self._analysis.codes(blocks, settings)
        if n_samples > MAX_SAMPLES:
            raise AudioError(f"the recording has {n_samples} samples, a stream holds {MAX_SAMPLES}")
        plain_id, further_id = self.stream_ids(settings.range_coding)
        header = Header(
            n_channels=len(codes),
            n_levels=settings.n_levels,
            group_frames=self.config.latent.group_frames,
            packet_groups=packet_groups(self.config.latent.group_frames),
            hop_samples=self.config.mel.hop_samples,
            sample_rate_hz=self.sample_rate_hz,
            n_samples=n_samples,
            codebooks_id=plain_id if n_levels.max() <= self.config.latent.n_levels else further_id,
            is_by_need=settings.by_need,
            is_range_coded=settings.range_coding,
        )
        channels = [ChannelCodes(*channel) for channel in zip(codes, n_codes(header, n_levels), n_levels, strict=True)]
        return packets.pack(header, [pack_groups(header, channel, self.entropy_model) for channel in channels])

    def decode(
        self,
        data: bytes,
        *,
        nfe: int | None = None,
        cfg: float | None = None,
        solver: str = "euler",
        time_grid: str = "uniform",
        seed: int = 0,
        temperature: float | None = None,
        conceal: bool = False,
    ) -> Waveform:
        """Decode a .fmac stream; None means the release's default.

        Args:
            data: the stream, all of it.
            nfe: evaluations of the velocity along the path; 0 leaves the flow out.
            cfg: guidance scale of at least 0; 1 is none, others double the cost.
            solver: euler, midpoint, heun or rk4.
            time_grid: uniform, or early for short steps first.
            seed: of noise and start phase; the same bytes, seed and machine give the same samples.
            temperature: strength of the noise: 0 gives the expected mel, 1 texture, see `flowmac.noise`.
            conceal: bridge damaged packets instead of refusing them; `flowmac.packets.salvage` lists them.

        Raises:
            BitstreamError: the stream is damaged or was made with other codebooks.
            SettingError: a setting is out of range.
        """
        settings = self.decode_settings(
            nfe=nfe, cfg=cfg, solver=solver, time_grid=time_grid, seed=seed, temperature=temperature
        )
        blocks = list(self.decode_blocks(data, settings, conceal=conceal))
        return Waveform(np.concatenate(blocks, axis=1), self.sample_rate_hz)

    def decode_blocks(self, data: bytes, settings: DecodeSettings, *, conceal: bool = False) -> Iterator[FloatArray]:
        """Decode a .fmac stream block by block [C, n], so that memory does not grow with its length.

        Args:
            data: the stream, all of it.
            settings: from `decode_settings`.
            conceal: see `decode`.

        Raises:
            BitstreamError: as for `decode`, before the first block.
        """
        header, channels = self._unpack(data, conceal)
        return self._synthesis.blocks(header, channels, settings)

    @torch.inference_mode()
    def decode_mels(self, data: bytes, settings: DecodeSettings) -> Tensor:
        """Mel magnitudes [C, T, M] of a .fmac stream: what the vocoder would be given.

        Raises:
            BitstreamError: as for `decode`.
        """
        header, channels = self._unpack(data, conceal=False)
        mels = [self._synthesis.mels(header, codes, i, settings) for i, codes in enumerate(channels)]
        return torch.stack([torch.cat(list(blocks), dim=1).T for blocks in mels]).float()

    def _unpack(self, data: bytes, conceal: bool) -> tuple[Header, list[ChannelCodes]]:
        header, bodies = packets.salvage(data)[:2] if conceal else packets.unpack(data)
        n_most = self._check_fits(header)
        channels = [unpack_groups(header, channel, self.entropy_model) for channel in bodies]
        if max(channel.n_levels.max() for channel in channels) > n_most:
            raise BitstreamError(f"the stream has more levels than the {n_most} of its codebooks")
        return header, channels

    def stream_ids(self, range_coding: bool) -> tuple[bytes, bytes]:
        """Identities of all that gives a stream's bytes their meaning: without and with further levels.

        Streams that make no use of further levels do not depend on them; where there are none both are the same.
        """
        statistics = self.entropy_model.digest() if range_coding and self.entropy_model else b""
        return _identity(self.codebooks_id, statistics), _identity(
            self.codebooks_id, self.mel_codec.further_digest() + statistics
        )

    def _check_fits(self, header: Header) -> int:
        """Refuse what was not made with these codebooks; give how many levels a group of the stream may have."""
        if header.is_range_coded and self.entropy_model is None:
            raise BitstreamError(f"the stream is range coded, and the model '{self.config.name}' has no entropy model")
        expected_ids = self.stream_ids(header.is_range_coded)
        if header.codebooks_id not in expected_ids:
            raise BitstreamError(
                f"the stream was made with codebooks {header.codebooks_id.hex()}, the model '{self.config.name}' has "
                f"{' and '.join(sorted({i.hex() for i in expected_ids}))}: decode it with the model that made it"
            )
        expected = (self.config.latent.group_frames, self.config.mel.hop_samples, self.sample_rate_hz)
        given = (header.group_frames, header.hop_samples, header.sample_rate_hz)
        is_plain = header.codebooks_id == expected_ids[0]
        n_most = self.config.latent.n_levels if is_plain else self.mel_codec.quantizer.max_levels
        if given != expected or header.n_levels > n_most:
            raise BitstreamError("the header is damaged: its numbers do not fit its codebooks")
        return n_most


def _identity(codebooks_id: bytes, others: bytes) -> bytes:
    """Identity of codebooks together with ``others``; of codebooks alone it is their own."""
    return hashlib.sha256(codebooks_id + others).digest()[:IDENTITY_BYTES] if others else codebooks_id

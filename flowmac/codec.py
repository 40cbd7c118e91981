"""The codec: waveform to bytes to waveform, in memory or as a stream of blocks."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from flowmac import bitstream, checkpoint
from flowmac.audio import FloatArray, Waveform
from flowmac.concealment import bridge
from flowmac.config import CONTEXT_FRAMES, CodecConfig
from flowmac.errors import AudioError, BitstreamError, SettingError
from flowmac.mel import sharpen
from flowmac.mel_codec import MelCodec
from flowmac.solver import Solver, get_solver, n_steps
from flowmac.streaming import windows
from flowmac.vocoder import Vocoder, build_vocoder

#: Frames that are coded at a time, with `CONTEXT_FRAMES` on either side that the networks see besides. They are fixed,
#: so that the result does not depend on how much memory there is. Both are cut in whole groups.
SEGMENT_FRAMES = 2048

#: Frames that share a checksum: about a second.
PACKET_FRAMES = 48

#: What random values are for; keeps those of one seed apart.
NOISE, PHASE = 0, 1

Draw = Callable[..., Tensor]

#: More channels are refused: the codec codes each by itself, at the full rate.
MAX_CHANNELS = 2


@dataclass(frozen=True)
class DecodeSettings:
    """Resolved operating point of the decoder.

    Attributes:
        nfe: evaluations of the velocity along the path; 0 leaves the flow out.
        cfg: guidance scale; 1 is none, others double the cost.
        solver: method of integration.
        seed: of the noise and the start phase.
        temperature: standard deviation of the noise.
    """

    nfe: int
    cfg: float
    solver: Solver
    seed: int
    temperature: float


class Codec:
    """A codec with its weights.

    Use `Codec.from_pretrained`. Nothing about the object changes in use; it may be shared.
    """

    def __init__(self, config: CodecConfig, mel_codec: MelCodec, vocoder: Vocoder, weights_sha256: str) -> None:
        self.config = config
        self.weights_sha256 = weights_sha256
        self.mel_codec = mel_codec.eval().requires_grad_(requires_grad=False)
        self.vocoder = vocoder.eval().requires_grad_(requires_grad=False)
        self.codebooks_id = mel_codec.codebooks_id()

    @classmethod
    def from_pretrained(cls, name: str | Path = "lc", device: str = "cpu") -> Codec:
        """Load a codec by released name, model folder, or hub id ``owner/name``.

        Raises:
            CheckpointError: there are no such weights, or they are damaged.
            SettingError: the name is unknown, or the configuration is not valid.
        """
        folder = checkpoint.find_model(name)
        config = checkpoint.read_model_config(folder)
        mel_codec = MelCodec(config)
        vocoder = build_vocoder(config.mel, config.vocoder)
        checkpoint.load_weights(mel_codec, folder / checkpoint.CODEC_FILE)
        checkpoint.load_weights(vocoder, folder / checkpoint.VOCODER_FILE)
        return cls(config, mel_codec.to(device), vocoder.to(device), checkpoint.weights_sha256(folder))

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return self.mel_codec.quantizer.codebooks.device

    @property
    def _segment_groups(self) -> int:
        return max(1, SEGMENT_FRAMES // self.config.latent.group_frames)

    @property
    def _context_groups(self) -> int:
        return -(-CONTEXT_FRAMES // self.config.latent.group_frames)

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
        return tuple(level * self.level_kbps for level in range(1, self.config.latent.n_levels + 1))

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
            seed=seed,
            temperature=defaults.temperature if temperature is None else temperature,
        )
        if settings.nfe != 0:
            n_steps(settings.solver, settings.nfe)
        for name, value in (("cfg", settings.cfg), ("temperature", settings.temperature), ("seed", settings.seed)):
            if not 0 <= value < float("inf"):
                raise SettingError(f"{name} must be a number of at least 0, got {value}")
        return settings

    def encode(self, waveform: Waveform, kbps: float = 3.0) -> bytes:
        """Code a recording of one or two channels at any sample rate.

        Args:
            waveform: the recording; each channel is coded by itself.
            kbps: payload rate of each channel, one of `rates_kbps`.

        Returns:
            A .fmac stream, see `flowmac.bitstream`.

        Raises:
            SettingError: the rate is not one of `rates_kbps`.
            AudioError: more than two channels.
        """
        samples = waveform.resampled(self.sample_rate_hz).samples
        return self.encode_blocks([samples], kbps)

    @torch.inference_mode()
    def encode_blocks(self, blocks: Iterable[FloatArray], kbps: float = 3.0) -> bytes:
        """Code a recording that comes in blocks [C, n] at the codec's own rate; memory does not grow with its length.

        Raises:
            As `encode`; AudioError also for a recording without samples.
        """
        n_levels = self.n_levels(kbps)
        latent, hop_samples = self.config.latent, self.config.mel.hop_samples
        group_samples = latent.group_frames * hop_samples
        segment_samples, context_samples = self._segment_groups * group_samples, self._context_groups * group_samples
        n_samples = 0
        parts: list[Tensor] = []
        signal = (self._checked(block) for block in blocks)
        for window in windows(signal, segment_samples, context_samples):
            mel = self.vocoder.mel(window.data)
            n_missing = -mel.shape[1] % latent.group_frames
            mel = torch.cat([mel, mel[:, -1:].expand(-1, n_missing, -1)], dim=1)
            codes = self.mel_codec.encode(self.vocoder.mel.compress(mel), n_levels)
            first = window.n_before // group_samples
            n_groups = -(-window.n_kept // group_samples)
            parts.append(codes[:, first : first + n_groups].cpu())
            n_samples += window.n_kept
        if not parts:
            raise AudioError("the recording is empty: it has no samples")
        if n_samples > bitstream.MAX_SAMPLES:
            raise AudioError(f"the recording has {n_samples} samples, a stream holds {bitstream.MAX_SAMPLES}")
        codes = torch.cat(parts, dim=1)
        header = bitstream.Header(
            n_channels=len(codes),
            n_levels=n_levels,
            group_frames=latent.group_frames,
            packet_groups=max(1, PACKET_FRAMES // latent.group_frames),
            hop_samples=hop_samples,
            sample_rate_hz=self.sample_rate_hz,
            n_samples=n_samples,
            codebooks_id=self.codebooks_id,
        )
        # In a group level after level, so that an incomplete last group keeps the coarse levels of all positions.
        ordered = codes.transpose(2, 3).flatten(1).numpy()
        return bitstream.pack(header, [channel.tobytes()[: header.channel_bytes] for channel in ordered])

    def _checked(self, block: FloatArray) -> Tensor:
        if len(block) > MAX_CHANNELS:
            raise AudioError(
                f"the recording has {len(block)} channels, the codec codes one or two: mix it down first "
                "(on the command line: --mono)"
            )
        return torch.from_numpy(np.asarray(block, dtype=np.float32)).to(self.device)

    def decode(
        self,
        data: bytes,
        *,
        nfe: int | None = None,
        cfg: float | None = None,
        solver: str = "euler",
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
            seed: of noise and start phase; the same bytes, seed and machine give the same samples.
            temperature: standard deviation of the noise, from 0 (the expected mel) to 1 (the full texture).
            conceal: bridge damaged packets instead of refusing them; `flowmac.bitstream.salvage` lists them.

        Raises:
            BitstreamError: the stream is damaged or was made with other codebooks.
            SettingError: a setting is out of range.
        """
        settings = self.decode_settings(nfe=nfe, cfg=cfg, solver=solver, seed=seed, temperature=temperature)
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
        header, channels, damages = bitstream.salvage(data) if conceal else (*bitstream.unpack(data), [])
        self._check_fits(header)
        return self._blocks(header, channels, damages, settings)

    def _check_fits(self, header: bitstream.Header) -> None:
        if header.codebooks_id != self.codebooks_id:
            raise BitstreamError(
                f"the stream was made with codebooks {header.codebooks_id.hex()}, the model '{self.config.name}' has "
                f"{self.codebooks_id.hex()}: decode it with the model that made it"
            )
        expected = (self.config.latent.group_frames, self.config.mel.hop_samples, self.sample_rate_hz)
        given = (header.group_frames, header.hop_samples, header.sample_rate_hz)
        if given != expected or header.n_levels > self.config.latent.n_levels:
            raise BitstreamError("the header is damaged: its numbers do not fit its codebooks")

    def _blocks(
        self,
        header: bitstream.Header,
        channels: list[bytes],
        damages: list[bitstream.Damage],
        settings: DecodeSettings,
    ) -> Iterator[FloatArray]:
        streams = []
        for channel, codes in enumerate(channels):
            lost = torch.zeros(-(-header.n_frames // header.group_frames), dtype=torch.bool)
            for damage in damages:
                if damage.channel == channel:
                    lost[damage.packet * header.packet_groups : (damage.packet + 1) * header.packet_groups] = True
            streams.append(self._channel_blocks(header, codes, lost, channel, settings))
        n_left = header.n_samples
        for blocks in zip(*streams, strict=True):
            block = np.stack(blocks)[:, :n_left]
            n_left -= block.shape[1]
            yield block

    @torch.inference_mode()
    def _channel_blocks(
        self, header: bitstream.Header, codes: bytes, lost: Tensor, channel: int, settings: DecodeSettings
    ) -> Iterator[FloatArray]:
        """Waveform of one channel, shape [n] a block; the last block has the last hop whole."""
        hop_samples, group_frames = header.hop_samples, header.group_frames
        mels = self._mels(header, codes, lost, channel, settings)
        context = -(-self.vocoder.context_frames // group_frames) * group_frames
        for i, window in enumerate(windows(mels, self._segment_groups * group_frames, context)):
            first_group = i * self._segment_groups - window.n_before // group_frames
            mel = window.data.T[None].to(self.device)
            n_bins = self.config.mel.n_fft // 2 + 1
            phase = self._random(torch.rand, (PHASE, settings.seed, channel), first_group, mel.shape[1], n_bins)
            waveform = self.vocoder(mel, 2 * torch.pi * phase)[0]
            start = window.n_before * hop_samples
            yield waveform[start : start + window.n_kept * hop_samples].cpu().numpy()

    def _mels(
        self, header: bitstream.Header, codes: bytes, lost: Tensor, channel: int, settings: DecodeSettings
    ) -> Iterator[Tensor]:
        """Mel magnitudes [M, T] of one channel in blocks, as many frames as the stream has.

        ``lost`` [G] marks the groups that are concealed.
        """
        group_frames, n_levels = header.group_frames, header.n_levels
        group_bytes = group_frames * n_levels
        n_groups = -(-len(codes) // group_bytes)
        padded = np.frombuffer(codes.ljust(n_groups * group_bytes, b"\0"), np.uint8)
        # [G, L, P] in the stream, [P, L, G] for windows over groups
        all_codes = torch.from_numpy(padded.copy()).view(n_groups, n_levels, group_frames).permute(2, 1, 0)
        order = torch.arange(n_groups * group_bytes).view(n_groups, n_levels, group_frames)
        # What is lost tells networks nothing: its latents are zeros. [P, G]
        all_valid = (order < len(codes)).sum(dim=1).T * ~lost
        signal = torch.cat([all_codes.flatten(0, 1), all_valid, lost[None]]).to(torch.int16)
        n_left = header.n_frames
        for i, window in enumerate(windows([signal], self._segment_groups, self._context_groups)):
            parts = window.data.split([group_frames * n_levels, group_frames, 1])
            window_codes = parts[0].view(group_frames, n_levels, -1).permute(2, 0, 1)
            window_valid = parts[1].T
            coarse = self.mel_codec.decode(
                window_codes[None].to(self.device, torch.uint8), window_valid[None].to(self.device)
            )
            bridge(coarse, parts[2][0].bool().repeat_interleave(group_frames))
            first_group = i * self._segment_groups - window.n_before
            mel = self._refine(coarse, n_levels, channel, first_group, settings)
            start = window.n_before * group_frames
            kept = mel[0, start : start + min(window.n_kept * group_frames, n_left)]
            n_left -= len(kept)
            yield self.vocoder.mel.expand(kept).T

    def _refine(
        self, coarse: Tensor, n_levels: int, channel: int, first_group: int, settings: DecodeSettings
    ) -> Tensor:
        if settings.nfe == 0:
            return sharpen(coarse, self.config.contrast)
        n_frames, n_bands = coarse.shape[1:]
        noise = self._random(torch.randn, (NOISE, settings.seed, channel), first_group, n_frames, n_bands)
        mel = self.mel_codec.flow.sample(
            coarse, n_levels, settings.temperature * noise, settings.solver, settings.nfe, settings.cfg
        )
        return sharpen(mel, self.config.contrast_at(settings.temperature))

    def _random(self, draw: Draw, place: tuple[int, ...], first_group: int, n_frames: int, n_values: int) -> Tensor:
        """Random values [1, n_frames, n_values] that depend on the group in the recording, not on the window."""
        group_frames = self.config.latent.group_frames
        groups = []
        for group in range(first_group, first_group - (-n_frames // group_frames)):
            seed = int(np.random.SeedSequence((*place, group)).generate_state(1, np.uint64)[0] >> 1)
            generator = torch.Generator().manual_seed(seed)  # on the CPU, so that all devices draw the same
            groups.append(draw(group_frames, n_values, generator=generator))
        return torch.cat(groups)[None, :n_frames].to(self.device)

"""FlowMAC itself: any weights, any operating point."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

import pydantic

from benchmarks.codecs.base import CodecAdapter, CodecSettings
from flowmac.audio import Waveform

if TYPE_CHECKING:
    from flowmac import Codec


class FlowMACSettings(CodecSettings):
    """``weights``: a released name, a folder or a hub id. Without ``nfe``, ``cfg`` or ``temperature``: the release's.

    ``nfe`` counts network evaluations of the solver (0 leaves the flow out), ``cfg`` is the strength of guidance (1 is
    none), ``time_grid`` is uniform or early (short steps first), ``temperature`` scales the noise, ``seed`` draws it.

    Of the encoder: ``beam`` paths of its search and ``refine`` rounds of choosing codes anew (both cost time); with
    ``adaptive`` groups share the rate, which is then a mean; with ``entropy`` the codes take fewer bits than the rate.
    """

    weights: str = "base"
    kbps: float = pydantic.Field(default=3.0, gt=0)
    nfe: int | None = pydantic.Field(default=None, ge=0, le=10_000)
    cfg: float | None = pydantic.Field(default=None, ge=0)
    solver: str = "euler"
    time_grid: str = "uniform"
    seed: int = pydantic.Field(default=0, ge=0, lt=2**63)
    temperature: float | None = pydantic.Field(default=None, ge=0)
    beam: int | None = pydantic.Field(default=None, ge=1, le=1024)
    refine: int = pydantic.Field(default=0, ge=0, le=100)
    adaptive: bool = False
    entropy: bool = False


class FlowMAC(CodecAdapter):
    """FlowMAC at one bit rate and one operating point of its decoder."""

    name = "flowmac"
    summary = "FlowMAC: mel codec with residual vector quantiser and a decoder by conditional flow matching"
    sample_rate_hz = 24000
    rates = "0.375 to 6 in steps of 0.375"
    settings_model = FlowMACSettings
    settings: FlowMACSettings

    def __init__(self, settings: FlowMACSettings) -> None:
        super().__init__(settings)
        self._codec = load_codec(settings.weights)
        self._defaults = self._codec.config.decode
        defaults = self._defaults.model_dump() | {"beam": self._codec.config.latent.beam_width}
        self.settings = FlowMACSettings.model_validate(defaults | settings.model_dump(exclude_none=True))
        self._codec.encode_settings(**self._encode_settings())  # raises for what the encoder will not do
        self._codec.decode_settings(**self._decode_settings())  # raises for what the decoder will not take

    @property
    def label(self) -> str:
        """Rate and evaluations, then whatever is not the release's own default."""
        settings = self.settings
        parts = [f"FlowMAC {settings.kbps:g} kbit/s, NFE {settings.nfe}"]
        if settings.cfg != self._defaults.cfg:
            parts.append(f"CFG {settings.cfg:g}")
        if settings.temperature != self._defaults.temperature:
            parts.append(f"temperature {settings.temperature:g}")
        if settings.beam != self._codec.config.latent.beam_width:
            parts.append(f"beam {settings.beam}")
        for key in ("refine", "solver", "time_grid", "seed", "weights"):
            value = getattr(settings, key)
            if value != FlowMACSettings.model_fields[key].default:
                parts.append(f"{key.replace('_', ' ')} {value}")
        parts += [key for key in ("adaptive", "entropy") if getattr(settings, key)]
        return ", ".join(parts)

    @property
    def nominal_kbps(self) -> float:
        """Rate of the codes, before any entropy coding."""
        return self.settings.kbps

    @property
    def weights_sha256(self) -> str:
        """Hash of the model folder."""
        return self._codec.weights_sha256

    @property
    def n_evaluations(self) -> int:
        """Network evaluations, guidance counted."""
        return self._codec.n_evaluations(self.settings.nfe, self.settings.cfg)

    def encode(self, waveform: Waveform) -> bytes:
        """A .fmac stream."""
        return self._codec.encode(waveform, **self._encode_settings())

    def decode(self, data: bytes) -> Waveform:
        """The recording at the codec's own rate."""
        return self._codec.decode(data, **self._decode_settings())

    def _encode_settings(self) -> dict[str, Any]:
        return self.settings.model_dump(include={"kbps", "beam", "refine", "adaptive", "entropy"})

    def _decode_settings(self) -> dict[str, Any]:
        return self.settings.model_dump(include={"nfe", "cfg", "solver", "time_grid", "seed", "temperature"})

    def payload_bits(self, data: bytes) -> int:
        """Bits of the codes."""
        from flowmac.packets import payload_bits

        return payload_bits(data)


@functools.lru_cache(maxsize=2)
def load_codec(weights: str) -> Codec:
    """All operating points share one model in memory."""
    from flowmac import Codec

    return Codec.from_pretrained(weights)

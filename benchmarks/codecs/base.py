"""What every codec of a sweep is: settings, two timed calls with only bytes between them, and a count of bits."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable
from typing import Any, ClassVar, Literal

import pydantic

from benchmarks.registry import Backed
from flowmac.audio import Waveform
from flowmac.errors import SettingError

#: More rates than these are shortened in messages.
MAX_NAMED_RATES = 16


class UnavailableError(SettingError):
    """What a codec needs is not here: a package, a program, a folder of weights. Its settings may well be right."""


class CodecSettings(pydantic.BaseModel):
    """Base of a codec's settings: fixed, typed strictly, unknown keys refused."""

    model_config = pydantic.ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)


class CodecAdapter(Backed, ABC):
    """A codec at one operating point.

    To add one: subclass, set ``name`` and ``summary``, declare ``settings_model``, write the abstract methods, and
    register ``module:Class`` in `benchmarks.codecs.CODECS`, or by an entry point from another package (CODECS.md). An
    adapter is made anew for encoding and for decoding, so ``decode`` can know the bytes and the settings and nothing
    else. What keeps it from working at all belongs in `missing`; where the settings name something that is not here (a
    folder of weights), the constructor raises `UnavailableError`, and SettingError for settings that no machine has.

    Attributes:
        summary: one line for lists.
        settings_model: the settings that a sweep file may give.
        has_stream: False for what is no codec (anchors, hidden reference, a vocoder alone): it has no bit rate.
        sample_rate_hz: the rate at which it codes; None where it takes any, or a setting chooses.
        rates: the bit rates it has in kbit/s, in words; empty where there is no stream.
        timing: the clock that does it justice: ``process`` (processor seconds of this process), ``wall`` (child
            processes and GPUs, which that clock does not see), ``none`` (nothing worth timing happens here).
        needs: what the settings must name besides installed packages, such as weights; empty for most.
    """

    summary: ClassVar[str]
    settings_model: ClassVar[type[CodecSettings]] = CodecSettings
    has_stream: ClassVar[bool] = True
    sample_rate_hz: ClassVar[int | None] = None
    rates: ClassVar[str] = ""
    timing: ClassVar[Literal["process", "wall", "none"]] = "process"
    needs: ClassVar[str] = ""

    def __init__(self, settings: CodecSettings) -> None:
        missing = self.missing()
        if missing:
            raise UnavailableError(f"codec {missing}")
        self.settings = settings

    @classmethod
    def finds_needs(cls) -> bool | None:
        """Whether what it `needs` lies where the defaults of its settings look; None where they look nowhere."""
        return None

    @property
    @abstractmethod
    def label(self) -> str:
        """What tables and figures show; equal labels mean equal settings."""

    @property
    def nominal_kbps(self) -> float | None:
        """The rate asked for in kbit/s; only a label, the rate is counted on the bytes."""
        return None

    @property
    def weights_sha256(self) -> str | None:
        """Hash of the trained weights, None for codecs without."""
        return None

    @property
    def n_evaluations(self) -> int | None:
        """Network evaluations of the decoder's solver, None where there is no solver."""
        return None

    def resolved_settings(self) -> dict[str, Any]:
        """All settings with every default in its place."""
        return self.settings.model_dump(mode="json")

    def encode_clip(self, waveform: Waveform, clip_id: str) -> bytes:
        """What a sweep calls. Only an adapter that looks results up by the clip's id has a use for the id."""
        return self.encode(waveform)

    @abstractmethod
    def encode(self, waveform: Waveform) -> bytes:
        """Code a recording as a stream that holds everything the decoder needs."""

    @abstractmethod
    def decode(self, data: bytes) -> Waveform:
        """Decode a stream that `encode` made, perhaps in another process."""

    @abstractmethod
    def payload_bits(self, data: bytes) -> int | None:
        """Bits of the coded audio in ``data`` without headers and checksums; None where there is no stream."""


def refuse_rate(codec: str, kbps: float, possible_kbps: Iterable[float]) -> SettingError:
    """An error for a rate that ``codec`` does not have."""
    names = [f"{rate:g}" for rate in possible_kbps]
    if len(names) > MAX_NAMED_RATES:
        names = [*names[:3], "...", names[-1]]
    return SettingError(f"{codec} has no rate of {kbps:g} kbit/s; possible are: {', '.join(names)}")

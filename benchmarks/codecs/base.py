"""What every codec of a sweep is: settings, two timed calls with only bytes between them, and a count of bits."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, ClassVar

import pydantic

from benchmarks.registry import Backed
from flowmac.audio import Waveform
from flowmac.errors import SettingError


class CodecSettings(pydantic.BaseModel):
    """Base of a codec's settings: fixed, typed strictly, unknown keys refused."""

    model_config = pydantic.ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)


class CodecAdapter(Backed, ABC):
    """A codec at one operating point.

    To add one: subclass, set ``name`` and ``summary``, declare ``settings_model``, write the abstract methods, and
    register ``module:Class`` in `benchmarks.codecs.CODECS`. An adapter is made anew for encoding and for decoding, so
    ``decode`` can know the bytes and the settings and nothing else.

    Attributes:
        summary: one line for lists.
        settings_model: the settings that a sweep file may give.
        has_stream: False for conditions of a listening test that are no codecs (anchors, hidden reference): they have
            no bit rate and are not timed.
    """

    summary: ClassVar[str]
    settings_model: ClassVar[type[CodecSettings]] = CodecSettings
    has_stream: ClassVar[bool] = True

    def __init__(self, settings: CodecSettings) -> None:
        missing = self.missing()
        if missing:
            raise SettingError(f"codec {missing}")
        self.settings = settings

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

    @abstractmethod
    def encode(self, waveform: Waveform) -> bytes:
        """Code a recording as a stream that holds everything the decoder needs."""

    @abstractmethod
    def decode(self, data: bytes) -> Waveform:
        """Decode a stream that `encode` made, perhaps in another process."""

    @abstractmethod
    def payload_bits(self, data: bytes) -> int | None:
        """Bits of the coded audio in ``data`` without headers and checksums; None where there is no stream."""

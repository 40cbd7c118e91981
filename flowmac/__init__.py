"""FlowMAC: a neural audio codec for general audio at about 3 kbit/s.

The public names are loaded when first used, so that importing the package costs nothing.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from flowmac.audio import Waveform, read_audio, write_audio
    from flowmac.codec import Codec
    from flowmac.errors import AudioError, BitstreamError, CheckpointError, FlowMACError, SettingError

__version__ = "0.1.0"

_HOMES = {
    "AudioError": "flowmac.errors",
    "BitstreamError": "flowmac.errors",
    "CheckpointError": "flowmac.errors",
    "Codec": "flowmac.codec",
    "FlowMACError": "flowmac.errors",
    "SettingError": "flowmac.errors",
    "Waveform": "flowmac.audio",
    "read_audio": "flowmac.audio",
    "write_audio": "flowmac.audio",
}

__all__ = [
    "AudioError",
    "BitstreamError",
    "CheckpointError",
    "Codec",
    "FlowMACError",
    "SettingError",
    "Waveform",
    "read_audio",
    "write_audio",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'flowmac' has no attribute '{name}'")
    return getattr(importlib.import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])

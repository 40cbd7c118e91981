"""Codecs under test, each one class behind the same two timed calls."""

from benchmarks.codecs.base import CodecAdapter
from benchmarks.registry import Registry

CODECS: Registry[CodecAdapter] = Registry(
    "codec",
    {
        "flowmac": "benchmarks.codecs.flowmac:FlowMAC",
        "opus": "benchmarks.codecs.conventional:Opus",
        "lowpass": "benchmarks.codecs.anchors:LowpassAnchor",
        "reference": "benchmarks.codecs.anchors:HiddenReference",
    },
)

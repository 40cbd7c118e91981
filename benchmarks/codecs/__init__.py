"""Codecs under test, each one class behind the same two timed calls. CODECS.md says how to add one from outside."""

from benchmarks.codecs.base import CodecAdapter
from benchmarks.registry import Registry

CODECS: Registry[CodecAdapter] = Registry(
    "codec",
    {
        "flowmac": "benchmarks.codecs.flowmac:FlowMAC",
        "opus": "benchmarks.codecs.conventional:Opus",
        "opus_nolace": "benchmarks.codecs.opus_nolace:OpusNoLACE",
        "lyra": "benchmarks.codecs.lyra:Lyra",
        "encodec": "benchmarks.codecs.transformers_hub:EnCodec",
        "dac": "benchmarks.codecs.transformers_hub:DAC",
        "mimi": "benchmarks.codecs.transformers_hub:Mimi",
        "snac": "benchmarks.codecs.snac:SNAC",
        "amr_wb": "benchmarks.codecs.telephone:AMRWB",
        "codec2": "benchmarks.codecs.telephone:Codec2",
        "mp3": "benchmarks.codecs.conventional:MP3",
        "aac": "benchmarks.codecs.conventional:AAC",
        "command": "benchmarks.codecs.command:Command",
        "precomputed": "benchmarks.codecs.precomputed:Precomputed",
        "mel_vocoder": "benchmarks.codecs.mel_vocoder:MelVocoder",
        "lowpass": "benchmarks.codecs.anchors:LowpassAnchor",
        "reference": "benchmarks.codecs.anchors:HiddenReference",
    },
    group="flowmac.codecs",
)

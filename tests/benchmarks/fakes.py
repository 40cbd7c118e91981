"""Codecs and metrics that are quick, or fail in the ways that real ones fail; worker processes import them by name."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import ClassVar

import numpy as np
import pydantic

from benchmarks.codecs.base import CodecAdapter, CodecSettings
from benchmarks.metrics.base import Metric
from flowmac.audio import FloatArray, Waveform
from flowmac.errors import CheckpointError


class FakeSettings(CodecSettings):
    bits: int = pydantic.Field(default=8, ge=1, le=8)
    seconds: float = 0.0


class FakeCodec(CodecAdapter):
    """Rounds 24 kHz mono samples to 8 bits or fewer."""

    name = "fake"
    summary = "for tests"
    settings_model = FakeSettings
    settings: FakeSettings

    @property
    def label(self) -> str:
        return f"Fake {self.settings.bits} bit"

    @property
    def nominal_kbps(self) -> float:
        return 24.0 * self.settings.bits

    def encode(self, waveform: Waveform) -> bytes:
        time.sleep(self.settings.seconds)
        step = 2.0 ** (1 - self.settings.bits)
        samples = np.round(waveform.mono().resampled(24000).samples[0] / step) * step
        return np.clip(np.round(samples * 128), -128, 127).astype(np.int8).tobytes()

    def decode(self, data: bytes) -> Waveform:
        return Waveform(np.frombuffer(data, np.int8)[np.newaxis].astype(np.float32) / 128, 24000)

    def payload_bits(self, data: bytes) -> int:
        return len(data) * self.settings.bits


class FailingCodec(FakeCodec):
    """Fails on every clip but the warm-up's second of noise."""

    name = "failing"
    calls: ClassVar[int] = 0

    def encode(self, waveform: Waveform) -> bytes:
        if waveform.n_samples != 24000:
            raise ZeroDivisionError("the rate loop diverged")
        return super().encode(waveform)


class NanCodec(FakeCodec):
    name = "nan"

    def decode(self, data: bytes) -> Waveform:
        return Waveform(np.full((1, 100), np.nan, np.float32), 24000)


class DeadlyCodec(FakeCodec):
    """Takes its whole process down, as a crash in C code does."""

    name = "deadly"

    def decode(self, data: bytes) -> Waveform:
        os._exit(1)


class MortalSettings(FakeSettings):
    flag: str


class MortalCodec(FakeCodec):
    """Takes its process down once: while there is no file ``flag``."""

    name = "mortal"
    settings_model = MortalSettings
    settings: MortalSettings

    def decode(self, data: bytes) -> Waveform:
        flag = Path(self.settings.flag)
        if not flag.exists():
            flag.touch()
            os._exit(1)
        return super().decode(data)


class UntrainedCodec(FakeCodec):
    """Its weights are not here."""

    name = "untrained"

    def __init__(self, settings: FakeSettings) -> None:
        raise CheckpointError("there are no weights of this codec: fetch them")


class OutsideCodec(FakeCodec):
    """Works in another process, as far as anybody can tell."""

    name = "outside"
    timing = "wall"


class NetworkCodec(FakeCodec):
    """Multiplies a 100 x 50 by a 50 x 20 matrix, and holds 64 MiB while it encodes."""

    name = "network"

    def encode(self, waveform: Waveform) -> bytes:
        import torch

        np.ones(64 * 2**20, np.int8)
        torch.ones(100, 50) @ torch.ones(50, 20)
        return super().encode(waveform)


class ForgetfulCodec(FakeCodec):
    """Cheats: keeps the recording in the object and gives no bytes."""

    name = "forgetful"
    kept: Waveform | None = None

    def encode(self, waveform: Waveform) -> bytes:
        self.kept = waveform
        return b""

    def decode(self, data: bytes) -> Waveform:
        if self.kept is None:
            raise RuntimeError("no samples in the stream")
        return self.kept


class FailingMetric(Metric):
    name = "failing"
    label = "failing"
    worst, best = 0.0, 1.0
    sample_rate_hz = 24000
    citation = "none"
    method = "1"

    def compare(self, reference: FloatArray, degraded: FloatArray) -> float:
        raise MemoryError("no room for the model")


class InfiniteMetric(FailingMetric):
    name = "infinite"

    def compare(self, reference: FloatArray, degraded: FloatArray) -> float:
        return float("inf")


class AbsentMetric(FailingMetric):
    name = "absent"
    modules = ("a_module_that_nobody_has",)

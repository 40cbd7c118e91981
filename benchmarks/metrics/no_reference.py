"""Metrics that hear the decoded recording alone. Their weights come inside their packages; nothing is downloaded."""

from __future__ import annotations

import contextlib
import functools
import importlib
import io
from types import ModuleType
from typing import Any

import numpy as np

from benchmarks.metrics.base import SpeechJudge, stand_in_module
from flowmac.audio import FloatArray


class DistillMos(SpeechJudge):
    """Distill-MOS: a small network that predicts the mean opinion score of speech.

    Hears artefacts that full-reference metrics pass over. It has a floor and a ceiling of its own for every recording:
    compare with its score of the hidden reference.
    """

    name = "distillmos"
    label = "Distill-MOS"
    unit = "MOS"
    worst, best = 1.0, 5.0
    modules = ("distillmos",)
    distribution = "distillmos"
    method = "no reference"
    citation = (
        "Stahl & Gamper, Distillation and Pruning for Scalable Self-Supervised Speech Quality Assessment, ICASSP 2025"
    )

    def warm_up(self) -> None:
        """Load the network."""
        _network()

    def compare(self, reference: FloatArray, degraded: FloatArray) -> float:
        """Predicted mean opinion score of ``degraded``; ``reference`` is not heard."""
        import torch

        with torch.inference_mode():
            return float(_network()(torch.from_numpy(np.ascontiguousarray(degraded))[None]).item())


@functools.cache
def _network() -> Any:
    # distillmos imports torchaudio for its command line only, and torchaudio's wheels need a CUDA build of torch
    # and it prints where it found its weights
    with stand_in_module("torchaudio", ModuleType("torchaudio")), contextlib.redirect_stdout(io.StringIO()):
        model = importlib.import_module("distillmos").ConvTransformerSQAModel()
    return model.eval()


class SpeechShare(SpeechJudge):
    """Speech share: how much of the decoded recording a voice activity detector takes for speech.

    Compare with the share of the hidden reference: less means words lost, more means noise that passes for speech.
    """

    name = "speech_share"
    label = "speech share"
    unit = "%"
    worst, best = 0.0, 100.0
    modules = ("silero_vad", "onnxruntime")
    distribution = "silero-vad"
    method = "frames of 32 ms, probability 0.5"
    citation = "Silero Team, Silero VAD, github.com/snakers4/silero-vad"

    def warm_up(self) -> None:
        """Load the network."""
        _voice_activity()

    def compare(self, reference: FloatArray, degraded: FloatArray) -> float:
        """Share of frames in percent; ``reference`` is not heard."""
        import torch

        with torch.inference_mode():
            samples = torch.from_numpy(np.ascontiguousarray(degraded))[None]
            probabilities = _voice_activity().audio_forward(samples, self.sample_rate_hz)
        return float(100 * (probabilities >= 0.5).float().mean())


@functools.cache
def _voice_activity() -> Any:
    return importlib.import_module("silero_vad").load_silero_vad(onnx=True)

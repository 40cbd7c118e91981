"""DNSMOS and PLCMOS: networks that judge speech alone, with the weights that the package ``speechmos`` brings.

Only its weights and its spectrum are used. Its own functions ask for packages it does not declare, use every core, and
draw a different set of imagined listeners on each call.
"""

from __future__ import annotations

import functools
import importlib.resources
from typing import Any, ClassVar

import numpy as np

from benchmarks.metrics.base import SpeechJudge
from flowmac.audio import FULL_SCALE, FloatArray

#: DNSMOS hears windows of this length, a second apart; shorter recordings are doubled until they fill one.
WINDOW_SAMPLES = 144160
HOP_SAMPLES = 16000

#: Polynomials from the network's outputs to mean opinion scores, highest power first, as published with the weights.
POLYNOMIALS = {
    "signal": (-0.08397278, 1.22083953, 0.0052439),
    "background": (-0.13166888, 1.60915514, -0.39604546),
    "overall": (-0.06766283, 1.11546468, 0.04602535),
}

#: PLCMOS imagines a listener from 64 numbers; the mean of 15 is the score.
N_LISTENERS = 15


class DnsmosOverall(SpeechJudge):
    """DNSMOS P.835, overall quality: trained on noise suppression.

    Hears noise well and the artefacts of codecs badly: a check that nothing is noisy, not a ranking of codecs.
    """

    name = "dnsmos_overall"
    label = "DNSMOS overall"
    unit = "MOS"
    worst, best = 1.0, 5.0
    modules = ("speechmos", "onnxruntime")
    distribution = "speechmos"
    method = "P.835 model, windows of 9.01 s"
    citation = "Reddy, Gopal & Cutler, DNSMOS P.835, ICASSP 2022"

    scale: ClassVar[str] = "overall"

    def warm_up(self) -> None:
        """Load the network."""
        _session("dnsmos_models/sig_bak_ovr.onnx")

    def compare(self, reference: FloatArray, degraded: FloatArray) -> float:
        """Predicted mean opinion score of ``degraded``; ``reference`` is not heard."""
        return _p835(degraded.tobytes())[self.scale]


class DnsmosSignal(DnsmosOverall):
    """DNSMOS P.835, quality of the speech itself."""

    name = "dnsmos_signal"
    label = "DNSMOS signal"
    scale = "signal"


class DnsmosBackground(DnsmosOverall):
    """DNSMOS P.835, absence of background noise."""

    name = "dnsmos_background"
    label = "DNSMOS background"
    scale = "background"


class PlcMos(SpeechJudge):
    """PLCMOS v2: trained on concealed packet loss, and so on speech that a network made up.

    Hears codec artefacts better than DNSMOS does. Its imagined listeners are the same 15 for every recording.
    """

    name = "plcmos"
    label = "PLCMOS"
    unit = "MOS"
    worst, best = 1.0, 5.0
    modules = ("speechmos", "onnxruntime")
    distribution = "speechmos"
    method = "v2, 15 listeners, seed 0"
    citation = "Diener et al., PLCMOS - A Data-driven Non-intrusive Metric for PLC Algorithms, Interspeech 2023"

    def warm_up(self) -> None:
        """Load the network."""
        _plcmos()

    def compare(self, reference: FloatArray, degraded: FloatArray) -> float:
        """Predicted mean opinion score of ``degraded``; ``reference`` is not heard."""
        model = _plcmos()
        spectrum = np.asarray(model.stft_transform(_within_full_scale(degraded)), np.float32)[np.newaxis, np.newaxis]
        listeners = np.random.default_rng(0).standard_normal((N_LISTENERS, 1, 64)).astype(np.float32)
        scores = [
            model.session.run(None, {"degraded_audio": spectrum, "rater_embed": listener})[0] for listener in listeners
        ]
        return float(np.mean(scores))


@functools.lru_cache(maxsize=8)
def _p835(samples: bytes) -> dict[str, float]:
    """All three scores of one channel, given as the bytes of its samples: the three metrics share one pass."""
    heard = _within_full_scale(np.frombuffer(samples, np.float32))
    while len(heard) < WINDOW_SAMPLES:
        heard = np.concatenate([heard, heard])
    n_windows = 1 + max(0, len(heard) // HOP_SAMPLES * HOP_SAMPLES - WINDOW_SAMPLES) // HOP_SAMPLES  # as its authors do
    starts = range(0, n_windows * HOP_SAMPLES, HOP_SAMPLES)
    session = _session("dnsmos_models/sig_bak_ovr.onnx")
    raw = [session.run(None, {"input_1": heard[np.newaxis, n : n + WINDOW_SAMPLES]})[0][0] for n in starts]
    columns = np.asarray(raw, dtype=np.float64).T
    return {
        scale: float(np.polyval(polynomial, column).mean())
        for (scale, polynomial), column in zip(POLYNOMIALS.items(), columns, strict=True)
    }


def _within_full_scale(samples: FloatArray) -> FloatArray:
    return np.clip(samples, -FULL_SCALE, FULL_SCALE)


@functools.cache
def _plcmos() -> Any:
    from speechmos.plcmos import PLCMOS

    model = PLCMOS()
    model.session = _session("plcmos_models/plcmos_v2.onnx")  # its own would use every core
    return model


@functools.cache
def _session(path: str) -> Any:
    """A network of the package on one thread."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    weights = (importlib.resources.files("speechmos") / path).read_bytes()
    return onnxruntime.InferenceSession(weights, options, providers=["CPUExecutionProvider"])

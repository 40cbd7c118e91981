"""Full-reference models of hearing made by others: ViSQOL in both modes, and Zimtohrli."""

from __future__ import annotations

import functools
import logging
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from benchmarks.metrics.base import Metric, stand_in_module
from flowmac.audio import FloatArray

if TYPE_CHECKING:
    from visqol import VisqolApi


class VisqolAudio(Metric):
    """ViSQOL v3 in audio mode: similarity of gammatone spectrograms, mapped to a mean opinion score.

    Agrees with Google's conformance scores within 0.0002. The implementation downmixes; here every channel is scored.
    """

    name = "visqol_audio"
    label = "ViSQOL audio"
    unit = "MOS-LQO"
    worst, best = 1.0, 4.732101
    sample_rate_hz = 48000
    min_duration_s = 1.0
    modules: ClassVar[tuple[str, ...]] = ("visqol",)
    distribution = "visqol-python"
    licence = "Apache-2.0"
    method = "audio mode"
    citation = "Chinen et al., ViSQOL v3: An Open Source Production Ready Objective Speech and Audio Metric, QoMEX 2020"

    mode: ClassVar[str] = "audio"
    uses_lattice: ClassVar[bool] = False

    def warm_up(self) -> None:
        """Compile (once on a machine) and load the compiled kernels."""
        noise = np.random.default_rng(0).uniform(-0.1, 0.1, self.sample_rate_hz).astype(np.float32)
        self.compare(noise, noise)

    def compare(self, reference: FloatArray, degraded: FloatArray) -> float:
        """Mean opinion score, listening quality, objective."""
        result = _visqol(self.mode, self.uses_lattice).measure_from_arrays(
            reference.astype(np.float64), degraded.astype(np.float64), self.sample_rate_hz
        )
        return float(result.moslqo)


class VisqolSpeech(VisqolAudio):
    """ViSQOL v3 in speech mode: bands to 8 kHz, silence left out, mapped by an exponential fit.

    Agrees with Google's conformance score of coded speech within 0.002, at the 48 kHz it was published for.
    """

    name = "visqol_speech"
    label = "ViSQOL speech"
    best = 5.0
    speech_only = True
    method = "speech mode, exponential mapping, 48 kHz"

    mode = "speech"


class VisqolSpeechLattice(VisqolSpeech):
    """ViSQOL v3 in speech mode, mapped by a lattice network: the default of Google's program.

    Agrees with Google's conformance score of coded speech within 0.003. Its ceiling is another for every recording
    (4.3 to 4.7 on clean speech), a slightly noisy copy can pass the recording itself, and near 1.0 it does not fall any
    further with more noise: rank by the exponential mapping, and report this one where others did.
    """

    name = "visqol_speech_lattice"
    label = "ViSQOL speech, lattice"
    modules = ("visqol", "ai_edge_litert")
    method = "speech mode, lattice mapping, 48 kHz"

    uses_lattice = True


@functools.cache
def _visqol(mode: str, uses_lattice: bool) -> VisqolApi:
    # with pyFFTW, which visqol uses wherever it finds it, memory grows by some 70 MB for each new length of clip
    with stand_in_module("pyfftw", None):
        from visqol import VisqolApi

    # it advises against 48 kHz in speech mode on every call
    logging.getLogger("visqol").setLevel(logging.ERROR)
    api = VisqolApi()
    api.create(mode=mode, use_lattice_model=uses_lattice)
    return api


class Zimtohrli(Metric):
    """Zimtohrli: similarity of auditory spectrograms after time warping, mapped to a mean opinion score.

    Fast, and sharper than ViSQOL near transparency. Hears level; time warping hides what is missing.
    """

    name = "zimtohrli"
    label = "Zimtohrli"
    unit = "MOS"
    worst, best = 1.0, 5.0
    sample_rate_hz = 48000
    # the C++ code corrupts memory below 0.1 s; NaN and peaks beyond 1e18, which would end the process, are refused
    # for all metrics
    min_duration_s = 0.2
    modules = ("zimtohrli",)
    distribution = "zimtohrli"
    licence = "Apache-2.0"
    method = "pieces of at most 20 s"
    citation = "Alakuijala et al., Zimtohrli: An Efficient Psychoacoustic Audio Similarity Metric, 2025"

    def compare(self, reference: FloatArray, degraded: FloatArray) -> float:
        """Mean opinion score; the mean over pieces, as time and memory grow with the square of the duration."""
        from zimtohrli import mos_from_signals

        pieces = zip(*(in_pieces(x, MAX_PIECE_S, self.sample_rate_hz) for x in (reference, degraded)), strict=True)
        return float(np.mean([mos_from_signals(a, b) for a, b in pieces]))


MAX_PIECE_S = 20.0


def in_pieces(samples: FloatArray, max_piece_s: float, sample_rate_hz: int) -> list[FloatArray]:
    """``samples``, shape [N], cut into as few equal pieces as keep to ``max_piece_s``."""
    n_pieces = int(np.ceil(len(samples) / (max_piece_s * sample_rate_hz)))
    return [np.ascontiguousarray(piece) for piece in np.array_split(samples, n_pieces)]

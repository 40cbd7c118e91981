"""Full-reference metrics made by others: ViSQOL, ESTOI and PESQ, each behind its guards."""

from __future__ import annotations

import functools
import warnings
from typing import TYPE_CHECKING

import numpy as np

from benchmarks.metrics.base import Metric, UnmeasurableError, stand_in_module
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
    modules = ("visqol",)
    distribution = "visqol-python"
    licence = "Apache-2.0"
    method = "audio mode"
    citation = "Chinen et al., ViSQOL v3: An Open Source Production Ready Objective Speech and Audio Metric, QoMEX 2020"

    def warm_up(self) -> None:
        """Compile (once on a machine) and load the compiled kernels."""
        noise = np.random.default_rng(0).uniform(-0.1, 0.1, self.sample_rate_hz).astype(np.float32)
        self.compare(noise, noise)

    def compare(self, reference: FloatArray, degraded: FloatArray) -> float:
        """Mean opinion score, listening quality, objective."""
        result = _visqol().measure_from_arrays(
            reference.astype(np.float64), degraded.astype(np.float64), self.sample_rate_hz
        )
        return float(result.moslqo)


@functools.cache
def _visqol() -> VisqolApi:
    # with pyFFTW, which visqol uses wherever it finds it, memory grows by some 70 MB for each new length of clip
    with stand_in_module("pyfftw", None):
        from visqol import VisqolApi

    api = VisqolApi()
    api.create(mode="audio")
    return api


class Estoi(Metric):
    """Extended short-time objective intelligibility: correlation of normalised short-time spectra of speech."""

    name = "estoi"
    label = "ESTOI"
    worst, best = -1.0, 1.0
    sample_rate_hz = 16000
    speech_only = True
    min_duration_s = 0.4  # 30 frames of 12.8 ms
    modules = ("pystoi",)
    distribution = "pystoi"
    method = "extended"
    citation = "Jensen & Taal, IEEE/ACM TASLP 24(11), 2016"

    def compare(self, reference: FloatArray, degraded: FloatArray) -> float:
        """Intelligibility, 1 for equal recordings."""
        from pystoi import stoi

        with warnings.catch_warnings():
            warnings.filterwarnings("error", message="Not enough STFT frames", category=RuntimeWarning)
            try:
                return float(stoi(reference, degraded, self.sample_rate_hz, extended=True))
            except RuntimeWarning:
                raise UnmeasurableError("too_short", "ESTOI needs about 0.4 s of audible speech") from None


class PesqWideband(Metric):
    """Perceptual evaluation of speech quality, wideband.

    This implementation lacks Corrigendum 2 of P.862, which raises scores by 0.4 on average: compare only with scores
    of the same implementation. Its C sources carry a notice of ITU-T P.862 on use and distribution.
    """

    name = "pesq_wb"
    label = "PESQ-WB"
    unit = "MOS-LQO"
    worst, best = 1.04, 4.643888
    sample_rate_hz = 16000
    speech_only = True
    min_duration_s = 0.25
    modules = ("pesq",)
    distribution = "pesq"
    extra = "pesq"
    licence = "MIT wrapper; C sources under the notice of ITU-T P.862"
    method = "P.862.2 without Corrigendum 2"
    citation = "ITU-T P.862.2 (11/2007)"

    def compare(self, reference: FloatArray, degraded: FloatArray) -> float:
        """Mean opinion score, listening quality, objective."""
        from pesq import BufferTooShortError, NoUtterancesError, pesq

        try:
            return float(pesq(self.sample_rate_hz, reference, degraded, "wb"))
        except NoUtterancesError:
            raise UnmeasurableError("silent", "PESQ found no speech in the recording") from None
        except BufferTooShortError:
            raise UnmeasurableError("too_short", "PESQ needs 0.25 s") from None

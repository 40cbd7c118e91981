"""Full-reference metrics of speech made by others, each behind its guards: STOI, ESTOI and PESQ."""

from __future__ import annotations

import warnings
from typing import ClassVar

import numpy as np

from benchmarks.metrics.base import Metric
from benchmarks.metrics.pair import UnmeasurableError
from benchmarks.metrics.perceptual import in_pieces
from flowmac.audio import FloatArray


class Stoi(Metric):
    """Short-time objective intelligibility: correlation of the envelopes of third octaves to 4.3 kHz.

    About words, not quality: saturates where every word is understood, and does not hear lost bandwidth.
    """

    name = "stoi"
    label = "STOI"
    worst, best = -1.0, 1.0
    sample_rate_hz = 16000
    speech_only = True
    min_duration_s = 0.4  # 30 frames of 12.8 ms
    modules = ("pystoi",)
    distribution = "pystoi"
    method = "plain"
    citation = "Taal, Hendriks, Heusdens & Jensen, IEEE TASLP 19(7), 2011"

    is_extended: ClassVar[bool] = False

    def compare(self, reference: FloatArray, degraded: FloatArray) -> float:
        """Intelligibility, 1 for equal recordings."""
        from pystoi import stoi

        with warnings.catch_warnings():
            warnings.filterwarnings("error", message="Not enough STFT frames", category=RuntimeWarning)
            try:
                return float(stoi(reference, degraded, self.sample_rate_hz, extended=self.is_extended))
            except RuntimeWarning:
                raise UnmeasurableError("too_short", f"{self.label} needs about 0.4 s of audible speech") from None


class Estoi(Stoi):
    """Extended short-time objective intelligibility: correlation of normalised short-time spectra of speech."""

    name = "estoi"
    label = "ESTOI"
    method = "extended"
    citation = "Jensen & Taal, IEEE/ACM TASLP 24(11), 2016"

    is_extended = True

    def compare(self, reference: FloatArray, degraded: FloatArray) -> float:
        """Intelligibility, 1 for equal recordings."""
        # pystoi adds noise of 1e-16 from numpy's global generator, which would change the last digits of each run
        state = np.random.get_state()  # noqa: NPY002
        np.random.seed(0)  # noqa: NPY002
        try:
            return super().compare(reference, degraded)
        finally:
            np.random.set_state(state)  # noqa: NPY002


class PesqWideband(Metric):
    """Perceptual evaluation of speech quality, wideband.

    This implementation lacks Corrigendum 2 of P.862, which raises scores by 0.4 on average: compare only with scores
    of the same implementation. Its C sources carry a notice of ITU-T P.862 on use and distribution.
    """

    name = "pesq_wb"
    label = "PESQ-WB"
    unit = "MOS-LQO"
    worst, best = 0.999, 4.643888
    sample_rate_hz = 16000
    speech_only = True
    min_duration_s = 0.25
    modules = ("pesq",)
    distribution = "pesq"
    extra = "pesq"
    licence = "MIT wrapper; C sources under the notice of ITU-T P.862"
    method = "P.862.2 without Corrigendum 2, pieces of at most 20 s"
    citation = "ITU-T P.862.2 (11/2007)"

    mode: ClassVar[str] = "wb"

    def compare(self, reference: FloatArray, degraded: FloatArray) -> float:
        """Mean opinion score, listening quality, objective; the mean over pieces."""
        pieces = zip(*(in_pieces(x, MAX_PIECE_S, self.sample_rate_hz) for x in (reference, degraded)), strict=True)
        return float(np.mean([self._compare_piece(a, b) for a, b in pieces]))

    def _compare_piece(self, reference: FloatArray, degraded: FloatArray) -> float:
        from pesq import BufferTooShortError, NoUtterancesError, pesq

        try:
            return float(pesq(self.sample_rate_hz, reference, degraded, self.mode))
        except NoUtterancesError:
            raise UnmeasurableError("silent", f"{self.label} found no speech in the recording") from None
        except BufferTooShortError:
            raise UnmeasurableError("too_short", f"{self.label} needs 0.25 s") from None


#: The C code has room for 50 utterances, each at least 0.2 s and as far from the next; with more it kills the process.
MAX_PIECE_S = 20.0


class PesqNarrowband(PesqWideband):
    """Perceptual evaluation of speech quality, narrowband: telephone speech at 8 kHz.

    Only for codecs of the telephone band; all others are judged by a quarter of what they send. Corrigendum 2 does
    not change it. Its C sources carry a notice of ITU-T P.862 on use and distribution.
    """

    name = "pesq_nb"
    label = "PESQ-NB"
    worst, best = 0.999, 4.548638
    sample_rate_hz = 8000
    method = "P.862 with the mapping of P.862.1, pieces of at most 20 s"
    citation = "ITU-T P.862 (02/2001) and P.862.1 (11/2003)"

    mode = "nb"

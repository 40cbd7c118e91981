"""Frechet distance between the mel patches of two recordings: whether the detail has the right distribution."""

from __future__ import annotations

import numpy as np

from benchmarks.metrics.base import Metric
from benchmarks.metrics.mel import SAMPLE_RATE_HZ, DoubleArray, mel_picture
from flowmac.audio import FloatArray

#: A patch has 8 bands (an eighth of the range) and 8 frames (85 ms); the next is two bands or two frames further.
PATCH = 8
STEP = 2


class FrechetDistance(Metric):
    """Frechet distance between all patches of two mel spectrograms in dB, each set taken as a Gaussian.

    Patches of 8 bands and 8 frames from anywhere in the picture are points of 64 dimensions. The distance between the
    Gaussians of their means and covariances is divided by 64, and the root is taken: in dB for each value of a
    patch, so that a gain of 6 dB is 6 dB. Averaging detail away shrinks the covariance; noise turns it. Where and when
    the patches stood is not asked, so detail made anew with the right statistics costs little.

    Finitely many patches leave a distance between two recordings of one process, 0.4 dB over the root of the duration
    in seconds for noise (0.13 dB at 8 s). Less than that is no difference, and a clip must last 2 s.
    """

    name = "frechet"
    label = "Frechet distance of mel patches"
    unit = "dB"
    worst, best = float("inf"), 0.0
    sample_rate_hz = SAMPLE_RATE_HZ
    min_duration_s = 2.0
    method = "revision 1, patches of 8 x 8, step 2, 64 bands, window 1024, hop 256, floor -80 dB"
    citation = "Dowson & Landau, The Frechet Distance between Multivariate Normal Distributions, JMVA 12(3), 1982"

    def compare(self, reference: FloatArray, degraded: FloatArray) -> float:
        """Distance in dB; 0 for equal recordings."""
        squared = frechet_squared(*moments(mel_picture(reference)), *moments(mel_picture(degraded)))
        return float(np.sqrt(squared) / PATCH)


def frechet_squared(mean_a: DoubleArray, cov_a: DoubleArray, mean_b: DoubleArray, cov_b: DoubleArray) -> float:
    """Squared Frechet (2-Wasserstein) distance of two Gaussians: |m_a - m_b|^2 + tr(A + B - 2 (A^1/2 B A^1/2)^1/2).

    The last trace is the sum of the singular values of A^1/2 B^1/2. That form needs no inverse and no complex root,
    so it holds for covariances without full rank as they are, and nothing has to be added to their diagonals.

    Args:
        mean_a, mean_b: shape [D].
        cov_a, cov_b: shape [D, D], symmetric, no eigenvalue below 0 but for rounding.
    """
    overlap = np.linalg.svd(_root(cov_a) @ _root(cov_b), compute_uv=False).sum()
    squared = np.square(mean_a - mean_b).sum() + np.trace(cov_a) + np.trace(cov_b) - 2 * overlap
    return max(0.0, float(squared))


def _root(covariance: DoubleArray) -> DoubleArray:
    """The symmetric square root."""
    values, vectors = np.linalg.eigh(covariance)
    return (vectors * np.sqrt(np.maximum(values, 0))) @ vectors.T


def moments(picture: DoubleArray) -> tuple[DoubleArray, DoubleArray]:
    """Mean, shape [64], and covariance, shape [64, 64], of all patches of a picture [bands, frames]."""
    patches = np.lib.stride_tricks.sliding_window_view(picture, (PATCH, PATCH))[::STEP, ::STEP]
    points = patches.reshape(-1, PATCH * PATCH)
    mean = points.mean(axis=0)
    return mean, np.cov(points, rowvar=False, bias=True)

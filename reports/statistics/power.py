"""Power by simulation: the smallest difference a test finds with 80 %, and the listeners it needs for a difference.

The simulated listeners are compared by the default test (sign flips on mean differences), so that the stated power is
the power of what a report shows.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from reports.statistics.cube import FloatArray, NotComputableError
from reports.statistics.nonparametric import ALPHA, sign_flip

TARGET_POWER = 0.8
N_RUNS = 2000
N_FLIPS = 1999
MAX_LISTENERS = 400

#: Differences are found to this many points.
RESOLUTION_POINTS = 0.1


class DifferenceModel(Protocol):
    """Where simulated differences of two conditions come from."""

    def draw(self, rng: np.random.Generator, n_runs: int, n_listeners: int, difference: float) -> FloatArray:
        """Mean difference of each listener, shape [n_listeners, n_runs], around ``difference`` points."""


@dataclass(frozen=True)
class PilotDifferences:
    """Spread as in ratings at hand: one difference a listener, of which two or more are needed."""

    differences: tuple[float, ...]

    def draw(self, rng: np.random.Generator, n_runs: int, n_listeners: int, difference: float) -> FloatArray:
        """Residuals of the pilot drawn with replacement, widened for the small sample, around ``difference``."""
        pilot = np.asarray(self.differences)
        n = len(pilot)
        if n < 2 or np.ptp(pilot) == 0:
            raise NotComputableError("power needs differences of two or more listeners that vary")
        residuals = (pilot - pilot.mean()) * np.sqrt(n / (n - 1))
        return np.asarray(difference + rng.choice(residuals, (n_listeners, n_runs)))


@dataclass(frozen=True)
class AssumedVariances:
    """Spread as assumed, in points: what is left when two conditions of one trial are subtracted.

    Attributes:
        taste_sd: how far listeners differ in how they judge a condition (listener by condition).
        noise_sd: of a single rating.
        n_items: items each listener rates.
        level: score of the better condition; scores are clipped to 0 to 100 after listener and item have moved them.
        listener_sd, item_sd: of the levels of listeners and items, which matter at the ceiling only.
    """

    taste_sd: float = 5.0
    noise_sd: float = 8.0
    n_items: int = 8
    level: float = 60.0
    listener_sd: float = 8.0
    item_sd: float = 8.0

    def draw(self, rng: np.random.Generator, n_runs: int, n_listeners: int, difference: float) -> FloatArray:
        """Ratings of two conditions on all items, clipped and averaged, and subtracted."""
        shape = (self.n_items, n_listeners, n_runs)
        common = (
            self.level
            + self.listener_sd * rng.standard_normal(shape[1:])
            + self.item_sd * rng.standard_normal((self.n_items, 1, n_runs))
        )
        means = []
        for shift in (0.0, -difference):
            taste = self.taste_sd * rng.standard_normal(shape[1:])
            scores = common + shift + taste + self.noise_sd * rng.standard_normal(shape)
            means.append(np.clip(scores, 0, 100).mean(axis=0))
        return np.asarray(means[0] - means[1])


def power(model: DifferenceModel, difference: float, n_listeners: int, alpha: float = ALPHA, seed: int = 0) -> float:
    """Share of simulated tests that find a difference of ``difference`` points at level ``alpha``.

    Its standard error is at most 1.1 points of per cent.
    """
    drawn = model.draw(np.random.default_rng(seed), N_RUNS, n_listeners, difference)
    return float((_p_values(drawn, seed) <= alpha).mean())


def _p_values(drawn: FloatArray, seed: int) -> npt.NDArray[np.float64]:
    """p of each run. Up to 12 listeners all sign patterns are few; above, random ones keep the level."""
    n, n_runs = drawn.shape
    if n <= 12:
        return np.asarray(sign_flip(drawn))
    signs = np.random.default_rng([seed, 1]).choice([-1.0, 1.0], (N_FLIPS, n))
    n_as_large = np.zeros(n_runs, dtype=np.int64)
    observed = np.abs(drawn.sum(axis=0)) - 1e-9
    for start in range(0, N_FLIPS, 500):
        n_as_large += (np.abs(signs[start : start + 500] @ drawn) >= observed).sum(axis=0)
    return np.asarray((n_as_large + 1) / (N_FLIPS + 1))


def smallest_difference(
    model: DifferenceModel, n_listeners: int, target: float = TARGET_POWER, alpha: float = ALPHA, seed: int = 0
) -> float | None:
    """The smallest difference in points found with probability ``target``; None where 100 points are not enough."""
    if power(model, 100.0, n_listeners, alpha, seed) < target:
        return None
    low, high = 0.0, 100.0
    while high - low > RESOLUTION_POINTS / 2:
        middle = (low + high) / 2
        if power(model, middle, n_listeners, alpha, seed) < target:
            low = middle
        else:
            high = middle
    return high


def listeners_needed(
    model: DifferenceModel, difference: float, target: float = TARGET_POWER, alpha: float = ALPHA, seed: int = 0
) -> int | None:
    """The smallest number of listeners who find ``difference`` with ``target``; None above `MAX_LISTENERS`."""
    low, high = 1, 2
    while power(model, difference, high, alpha, seed) < target:
        if high == MAX_LISTENERS:
            return None
        low, high = high, min(2 * high, MAX_LISTENERS)
    while high - low > 1:
        middle = (low + high) // 2
        if power(model, difference, middle, alpha, seed) < target:
            low = middle
        else:
            high = middle
    return high

"""Error rates of the default tests on simulated listeners: tastes, a ceiling, unequal variances, equal true means.

The whole study: ``python -m tests.reports.statistics.simulated_listeners`` (a few minutes); the tests run parts of it.
"""

from __future__ import annotations

import itertools
import sys
from dataclasses import dataclass

import numpy as np

from reports.statistics.cube import FloatArray
from reports.statistics.equivalence import equivalence
from reports.statistics.mixed import mixed_comparison
from reports.statistics.nonparametric import adjust, friedman, sign_flip, wilcoxon

N_LISTENERS, N_ITEMS = 15, 8
LISTENER_SD, ITEM_SD, INTERACTION_SD = 8.0, 8.0, 5.0


@dataclass(frozen=True)
class Population:
    """Where ratings come from. ``noise_sds`` has one value a condition; the true means after clipping are equal."""

    name: str
    noise_sds: tuple[float, ...]
    taste_sd: float = 5.0
    item_taste_sd: float = 0.0
    level: float = 60.0
    n_listeners: int = N_LISTENERS
    n_items: int = N_ITEMS

    def latent_levels(self) -> FloatArray:
        """Latent level of each condition, such that the clipped scores of all have the same expectation."""
        z = np.random.default_rng(99).standard_normal(400_000)
        common = LISTENER_SD**2 + ITEM_SD**2 + INTERACTION_SD**2 + self.taste_sd**2 + self.item_taste_sd**2
        spreads = [np.sqrt(common + noise_sd**2) for noise_sd in self.noise_sds]
        target = np.clip(self.level + spreads[0] * z, 0, 100).mean()
        levels = []
        for spread in spreads:
            low, high = 0.0, 150.0
            for _ in range(40):
                middle = (low + high) / 2
                low, high = (middle, high) if np.clip(middle + spread * z, 0, 100).mean() < target else (low, middle)
            levels.append(low)
        return np.array(levels)

    def draw(self, n_runs: int, seed: int, differences: tuple[float, ...] | None = None) -> FloatArray:
        """Scores, shape [n_runs, n_listeners, n_items, n_conditions], rounded to whole points as sliders give them."""
        rng = np.random.default_rng(seed)
        n, m, k = self.n_listeners, self.n_items, len(self.noise_sds)
        latent = self.latent_levels() + (np.zeros(k) if differences is None else np.array(differences))
        scores = (
            latent
            + LISTENER_SD * rng.standard_normal((n_runs, n, 1, 1))
            + ITEM_SD * rng.standard_normal((n_runs, 1, m, 1))
            + INTERACTION_SD * rng.standard_normal((n_runs, n, m, 1))
            + self.taste_sd * rng.standard_normal((n_runs, n, 1, k))
            + self.item_taste_sd * rng.standard_normal((n_runs, 1, m, k))
            + np.array(self.noise_sds) * rng.standard_normal((n_runs, n, m, k))
        )
        return np.asarray(np.round(np.clip(scores, 0, 100)))


POPULATIONS = (
    Population("equal variances", (8.0,) * 5),
    Population("unequal variances", (4.0, 6.0, 8.0, 12.0, 16.0)),
    Population("ceiling", (8.0,) * 5, level=92.0),
    Population("ceiling, unequal variances", (4.0, 6.0, 8.0, 12.0, 16.0), level=88.0),
)


def default_test_rates(population: Population, n_runs: int, seed: int) -> dict[str, float]:
    """Share of runs below 0.05 for each default test, all true means equal."""
    means = population.draw(n_runs, seed).mean(axis=2)
    k = means.shape[2]
    extremes = (0, k - 1)  # the two conditions whose variances differ most
    rates = {
        "Friedman": np.mean([friedman(run).p < 0.05 for run in means]),
        "Friedman, F of Iman and Davenport": np.mean([friedman(run).p_f < 0.05 for run in means]),
        "sign flip, one contrast": np.mean(sign_flip((means[..., extremes[0]] - means[..., extremes[1]]).T) < 0.05),
        "Wilcoxon, one contrast": np.mean(
            [wilcoxon(run[:, extremes[0]] - run[:, extremes[1]]) < 0.05 for run in means]
        ),
    }
    pairs = list(itertools.combinations(range(k), 2))
    columns = [sign_flip((means[..., a] - means[..., b]).T) for a, b in pairs]
    p = np.column_stack(columns)
    rates["sign flip, any of all pairs (Holm)"] = np.mean([adjust(row).min() < 0.05 for row in p])
    rates["sign flip, any of all pairs, uncorrected"] = np.mean(p.min(axis=1) < 0.05)
    return {name: float(rate) for name, rate in rates.items()}


def mixed_rate(n_runs: int, seed: int) -> dict[str, float]:
    """The same for claims on new material: conditions interact with items, and sign flips then are not enough."""
    population = Population("new material", (8.0, 8.0), item_taste_sd=5.0)
    scores = population.draw(n_runs, seed)
    differences = scores[..., 0] - scores[..., 1]
    p = [mixed_comparison(run).p for run in differences]
    return {
        "mixed model": float(np.mean(np.array(p) < 0.05)),
        "sign flip, wrongly generalised to new items": float(np.mean(sign_flip(differences.mean(axis=2).T) < 0.05)),
    }


def equivalence_rate(n_runs: int, seed: int, margin: float = 5.0) -> float:
    """Share of runs that claim equivalence although the true difference is just the margin."""
    population = Population("at the margin", (8.0, 8.0), level=55.0)
    means = population.draw(n_runs, seed, differences=(0.0, margin)).mean(axis=2)
    return float(np.mean([equivalence(run[:, 1] - run[:, 0], margin).is_equivalent for run in means]))


def main(n_runs: int = 2000) -> None:
    """Print all rates."""
    write = sys.stdout.write
    for population in POPULATIONS:
        write(f"{population.name}\n")
        for name, rate in default_test_rates(population, n_runs, seed=1).items():
            write(f"  {name:45} {rate:.4f}\n")
        sys.stdout.flush()
    write(f"equivalence at the margin                       {equivalence_rate(n_runs, 1):.4f}\n")
    for name, rate in mixed_rate(n_runs, seed=1).items():
        write(f"{name:47} {rate:.4f}\n")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 2000)

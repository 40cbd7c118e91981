"""Explicit Runge-Kutta solvers for dx/dt = v(x, t) from t = 0 to t = 1, and the time grids of their steps.

A solver is its Butcher tableau, a few numbers that anyone can check in a textbook (Hairer, Norsett and Wanner, "Solving
Ordinary Differential Equations I", chapter II.1). It knows nothing of networks or audio. A time grid is a smooth map of
equal steps onto the steps taken, so that every solver keeps its order on it.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeVar

import torch
from torch import Tensor

from flowmac.errors import SettingError, unknown_name

T = TypeVar("T")

Velocity = Callable[[Tensor, float], Tensor]

#: A monotone map of [0, 1] onto itself: from the share of the steps that are done to the time reached.
TimeGrid = Callable[[float], float]


@dataclass(frozen=True)
class Solver:
    """An explicit Runge-Kutta method.

    Attributes:
        name: what users call it.
        order: the error at t = 1 falls with the step size to this power.
        times: when each stage is evaluated, in steps; c of the tableau.
        stages: how much of each earlier stage goes into a stage; a of the tableau, strictly lower triangle.
        weights: how much of each stage goes into the step; b of the tableau.
    """

    name: str
    order: int
    times: tuple[float, ...]
    stages: tuple[tuple[float, ...], ...]
    weights: tuple[float, ...]

    @property
    def evaluations_per_step(self) -> int:
        """Evaluations of the velocity in one step."""
        return len(self.weights)

    def step(self, velocity: Velocity, x: Tensor, time: float, size: float) -> Tensor:
        """One step of ``size`` from x at ``time``."""
        slopes: list[Tensor] = []
        for offset, row in zip(self.times, self.stages, strict=True):
            moved = x + size * sum((a * slope for a, slope in zip(row, slopes, strict=True)), torch.zeros_like(x))
            slopes.append(velocity(moved, time + offset * size))
        return x + size * sum((b * slope for b, slope in zip(self.weights, slopes, strict=True)), torch.zeros_like(x))


SOLVERS = {
    solver.name: solver
    for solver in (
        Solver("euler", 1, (0.0,), ((),), (1.0,)),
        Solver("midpoint", 2, (0.0, 0.5), ((), (0.5,)), (0.0, 1.0)),
        Solver("heun", 2, (0.0, 1.0), ((), (1.0,)), (0.5, 0.5)),
        Solver(
            "rk4",
            4,
            (0.0, 0.5, 0.5, 1.0),
            ((), (0.5,), (0.0, 0.5), (0.0, 0.0, 1.0)),
            (1 / 6, 1 / 3, 1 / 3, 1 / 6),
        ),
    )
}


def get_solver(name: str) -> Solver:
    """The solver of this name.

    Raises:
        SettingError: there is none.
    """
    return _look_up("solver", name, SOLVERS)


def uniform(share: float) -> float:
    """Equal steps."""
    return share


def early(share: float) -> float:
    """Short steps first, where noise is yet to become a signal; the last are the longest.

    Source: sway sampling with coefficient -1, Chen et al., "F5-TTS", 2024.
    """
    return 1 - math.cos(math.pi / 2 * share)


TIME_GRIDS: dict[str, TimeGrid] = {grid.__name__: grid for grid in (uniform, early)}


def get_time_grid(name: str) -> TimeGrid:
    """The time grid of this name.

    Raises:
        SettingError: there is none.
    """
    return _look_up("time grid", name, TIME_GRIDS)


def _look_up(kind: str, name: str, known: Mapping[str, T]) -> T:
    if name not in known:
        raise unknown_name(kind, name, known)
    return known[name]


def n_steps(solver: Solver, nfe: int) -> int:
    """Steps that ``nfe`` evaluations of the velocity allow.

    Raises:
        SettingError: ``nfe`` is no multiple of the solver's evaluations a step.
    """
    if nfe < 1 or nfe % solver.evaluations_per_step:
        raise SettingError(
            f"{solver.name} takes {solver.evaluations_per_step} evaluations a step, so NFE must be a positive multiple "
            f"of {solver.evaluations_per_step}, got {nfe}"
        )
    return nfe // solver.evaluations_per_step


def solve(velocity: Velocity, start: Tensor, solver: Solver, nfe: int, time_grid: TimeGrid = uniform) -> Tensor:
    """x at t = 1, from ``start`` at t = 0, in steps on ``time_grid`` that cost ``nfe`` evaluations in all."""
    steps = n_steps(solver, nfe)
    times = [time_grid(i / steps) for i in range(steps + 1)]
    x = start
    for time, end in itertools.pairwise(times):
        x = solver.step(velocity, x, time, end - time)
    return x

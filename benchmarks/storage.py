"""Where decoded audio and streams go: a folder, or any place that fsspec knows, such as ``s3://bucket/run``."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from flowmac.errors import SettingError


class Store:
    """Files by their names relative to ``url``.

    Args:
        url: a folder, or a URL of fsspec (``s3://``, ``gs://``, ``memory://``); credentials are found as the library
            behind it finds them, and a bucket that does not exist is made.

    Raises:
        SettingError: there is no such kind of place, its library is not installed, or it cannot be written.
    """

    def __init__(self, url: str | Path) -> None:
        import fsspec

        self.url = str(url)
        with self._told("cannot be used for audio and streams"):
            self._fs, self._root = fsspec.core.url_to_fs(self.url)
            self._is_local = isinstance(self._fs, fsspec.implementations.local.LocalFileSystem)
            self._made: set[str] = set()
            self._make_folder(self._root)

    def write(self, name: str, data: bytes) -> None:
        """Store a file, so that it is there whole or not at all.

        Raises:
            SettingError: the place does not take it.
        """
        path = f"{self._root}/{name}"
        with self._told(f"{name} cannot be written"):
            self._make_folder(path.rpartition("/")[0])
            if self._is_local:
                part = Path(path + ".part")
                part.write_bytes(data)
                part.replace(path)
            else:  # object stores show an object once it is whole
                self._fs.pipe_file(path, data)

    def has(self, name: str) -> bool:
        """Whether there is such a file.

        Raises:
            SettingError: the place does not answer.
        """
        with self._told(f"cannot be asked for {name}"):
            return bool(self._fs.isfile(f"{self._root}/{name}"))

    def read(self, name: str) -> bytes:
        """A file's content.

        Raises:
            SettingError: there is no such file.
        """
        with self._told(f"{name} cannot be read"):
            data: Any = self._fs.cat_file(f"{self._root}/{name}")
            return bytes(data)

    @contextlib.contextmanager
    def _told(self, what: str) -> Iterator[None]:
        """Turns any error into a message: each library behind fsspec has its own for credentials and connections."""
        try:
            yield
        except Exception as error:
            raise SettingError(f"{self.url}: {what}: {error}") from None

    def _make_folder(self, path: str) -> None:
        if path not in self._made:
            self._fs.makedirs(path, exist_ok=True)
            self._made.add(path)

"""What the server's parts share: the study, its database, and how it is reached."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from listening_test.database.store import Store
from listening_test.stimuli.check import stimulus_path
from listening_test.study import Study


@dataclass(frozen=True)
class Service:
    """A study that is being served.

    Attributes:
        folder: of the study file; audio is below it.
        study_id: the study's row in the database.
        is_public: anyone with the address may take part; otherwise only by a personal link.
        base_path: what stands before all paths, such as ``/listen``; empty for none.
    """

    study: Study
    folder: Path
    store: Store
    study_id: int
    is_public: bool = False
    base_path: str = ""

    def audio_file(self, item_id: str, condition_id: str) -> Path:
        """The audio of a condition of an item."""
        item = next(item for item in (*self.study.items, *self.study.training) if item.id == item_id)
        return stimulus_path(self.folder, item.files[condition_id])


_current: Service | None = None


def set_current(service: Service) -> None:
    """Say which service the pages of this process show; one process serves one study."""
    global _current
    _current = service


def current() -> Service:
    """The service of this process."""
    if _current is None:
        raise RuntimeError("no study is being served in this process")
    return _current

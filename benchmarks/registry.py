"""Names to classes that are imported only when they are asked for.

Codecs and metrics have a registry each. A name stays listed where its backend is not installed, so that a person sees
what exists and which extra brings it.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import importlib.util
from typing import Any, ClassVar, Generic, TypeVar, cast

from flowmac.errors import SettingError, unknown_name


class Backed:
    """A class with a name and, perhaps, third parties behind it.

    Attributes:
        name: the registered name, as sweep files write it.
        modules: what must be importable before the class can work.
        distribution: the installed package whose version counts; None for what is made here.
        extra: the extra of this project that installs the backend.
        licence: of the implementation.
    """

    name: ClassVar[str]
    modules: ClassVar[tuple[str, ...]] = ()
    distribution: ClassVar[str | None] = None
    extra: ClassVar[str] = "bench"
    licence: ClassVar[str] = "MIT"

    @classmethod
    def missing(cls) -> str | None:
        """What to do about an absent backend; None where all is there."""
        absent = [module for module in cls.modules if importlib.util.find_spec(module) is None]
        if not absent:
            return None
        return f"'{cls.name}' needs {' and '.join(absent)}: pip install 'flowmac[{cls.extra}]'"

    @classmethod
    def implementation(cls) -> str:
        """Package and version behind this class."""
        if cls.distribution is None:
            return "own implementation"
        return f"{cls.distribution} {importlib.metadata.version(cls.distribution)}"


T = TypeVar("T", bound=Backed)


class Registry(Generic[T]):
    """Names of one kind of thing, each with its lazy target ``module:Class``."""

    def __init__(self, kind: str, targets: dict[str, str]) -> None:
        self.kind = kind
        self._targets = dict(targets)

    def register(self, name: str, target: str) -> None:
        """Add ``name``, whose class is ``target``, such as ``my_package.codecs:MyCodec``.

        Raises:
            SettingError: the name is taken, or the target has another form.
        """
        if name in self._targets:
            raise SettingError(f"the {self.kind} '{name}' is registered already, as {self._targets[name]}")
        if target.count(":") != 1:
            raise SettingError(f"the target of a {self.kind} must look like 'module:Class', got '{target}'")
        self._targets[name] = target

    def names(self) -> list[str]:
        """All names in the order of registration."""
        return list(self._targets)

    def target(self, name: str) -> str:
        """``module:Class`` of ``name``.

        Raises:
            SettingError: there is no such name; the message has the near matches.
        """
        if name not in self._targets:
            raise unknown_name(self.kind, name, self._targets)
        return self._targets[name]

    def get(self, name: str) -> type[T]:
        """The class of ``name``, imported now. Errors as for `target`."""
        return cast(type[T], load(self.target(name)))


def load(target: str) -> Any:
    """Import ``module:Class``."""
    module, _, name = target.partition(":")
    return getattr(importlib.import_module(module), name)

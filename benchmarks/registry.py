"""Names to classes that are imported only when they are asked for.

Codecs and metrics have a registry each. A name stays listed where its backend is not installed, so that a person sees
what exists and which extra brings it. Other packages add theirs by an entry point (benchmarks/CODECS.md); one that is
broken is told of and costs nothing else.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import importlib.util
import inspect
from typing import Any, ClassVar, Generic, TypeVar

from flowmac.errors import SettingError, unknown_name


class Backed:
    """A class with a name and, perhaps, third parties behind it.

    Attributes:
        name: the registered name, as sweep files write it.
        modules: what must be importable before the class can work.
        distribution: the installed package whose version counts; None for what is made here.
        extra: the extra of this project that installs the backend.
        licence: of the implementation, and of trained weights where they are others'.
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
    """Names of one kind of thing, each with its lazy target ``module:Class``.

    Args:
        kind: what the things are called in messages.
        targets: those that come with this project.
        group: entry points of other installed packages that add more, such as ``flowmac.codecs``.
    """

    def __init__(self, kind: str, targets: dict[str, str], group: str | None = None) -> None:
        self.kind = kind
        self._targets = dict(targets)
        self._group = group
        #: Installed package behind each name that came by an entry point.
        self._packages: dict[str, str] = {}
        self._problems: list[str] = []

    def register(self, name: str, target: str) -> None:
        """Add ``name``, whose class is ``target``, such as ``my_package.codecs:MyCodec``.

        Raises:
            SettingError: the name is taken, or the target has another form.
        """
        if name in self._targets:
            raise SettingError(f"the {self.kind} '{name}' is registered already, as {self._targets[name]}")
        module, colon, class_name = target.partition(":")
        if not (module and colon and class_name.isidentifier()):
            raise SettingError(f"the target of a {self.kind} must look like 'module:Class', got '{target}'")
        self._targets[name] = target

    def names(self) -> list[str]:
        """All names in the order of registration, then those of other packages."""
        self._discover()
        return list(self._targets)

    def target(self, name: str) -> str:
        """``module:Class`` of ``name``.

        Raises:
            SettingError: there is no such name; the message has the near matches.
        """
        self._discover()
        if name not in self._targets:
            raise unknown_name(self.kind, name, self._targets)
        return self._targets[name]

    def get(self, name: str) -> type[T]:
        """The class of ``name``, imported now.

        Raises:
            SettingError: as for `target`, or the plug-in of this name cannot be used.
        """
        target = self.target(name)
        if name not in self._packages:
            found: type[T] = load(target)
            return found
        try:
            found = load(target)
        except Exception as error:  # other people's modules may raise anything
            raise self._unusable(name, f"{type(error).__name__}: {error}") from None
        fault = _fault(found, name)
        if fault:
            raise self._unusable(name, fault)
        return found

    def load_all(self) -> tuple[dict[str, type[T]], list[str]]:
        """Every class that can be imported by its name, and a sentence for every plug-in that cannot be used."""
        classes: dict[str, type[T]] = {}
        problems: list[str] = []
        for name in self.names():
            try:
                classes[name] = self.get(name)
            except SettingError as error:
                problems.append(str(error))
        return classes, self._problems + problems

    def _discover(self) -> None:
        """Add the entry points of other packages, once."""
        if self._group is None:
            return
        group, self._group = self._group, None
        points = [(_package(point), point) for point in importlib.metadata.entry_points(group=group)]
        for package, point in sorted(points, key=lambda pair: (pair[0], pair[1].name)):  # who comes first is settled
            try:
                self.register(point.name, point.value)
            except SettingError as error:
                self._problems.append(f"the {self.kind} '{point.name}' of {package} is not used: {error}")
            else:
                self._packages[point.name] = package

    def _unusable(self, name: str, reason: str) -> SettingError:
        return SettingError(
            f"the {self.kind} '{name}' of {self._packages[name]} ({self._targets[name]}) cannot be used: {reason}"
        )


def _package(point: importlib.metadata.EntryPoint) -> str:
    return "an unknown package" if point.dist is None else f"{point.dist.name} {point.dist.version}"


def _fault(found: Any, name: str) -> str | None:
    """What keeps ``found`` from being a class of a registry."""
    if not (inspect.isclass(found) and issubclass(found, Backed)):
        return "it is no subclass of CodecAdapter or Metric"
    if getattr(found, "name", None) != name:
        return f"its attribute 'name' is {getattr(found, 'name', None)!r}, and must equal the entry point's name"
    absent = sorted(getattr(found, "__abstractmethods__", ()))
    return f"it does not define {', '.join(absent)}" if absent else None


def load(target: str) -> Any:
    """Import ``module:Class``."""
    module, _, name = target.partition(":")
    return getattr(importlib.import_module(module), name)

"""What a person writes in a sweep file, and how one condition of it expands.

::

    name: first_look
    clips: ../recordings            # folder or manifest, relative to this file; --clips overrides it
    repeats: 3                      # how often encoding and decoding are timed in each row; 1 where left out
    skip_unavailable: true          # leave out conditions whose codec or weights are absent here, and say so
    conditions:
      - {codec: flowmac, kbps: [0.75, 1.5, 3], nfe: [1, 4], seed: [0, 1]}   # lists: all combinations are run
      - codec: flowmac
        kbps: 3                     # shared by what follows
        grid:                       # combinations that belong together: each entry is a product of its own
          - {solver: euler, nfe: [4, 8, 16]}
          - {solver: rk4, nfe: [4, 8, 16], repeats: 5}
      - {codec: reference}
    metrics: [log_mel, visqol_audio]    # or all: every metric that is installed
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import pydantic

from benchmarks.yaml_lines import Lines, explain, line_of, read_yaml
from flowmac.errors import SettingError

#: More combinations in one condition than this are a slip of the pen.
MAX_COMBINATIONS = 10_000

ALL_METRICS = "all"

Repeats = Annotated[int, pydantic.Field(ge=1, le=1000)]


class Condition(pydantic.BaseModel):
    """A codec and its settings, which the codec checks itself."""

    model_config = pydantic.ConfigDict(frozen=True, extra="allow", strict=True)

    codec: str
    grid: Annotated[list[dict[str, Any]], pydantic.Field(min_length=1)] = [{}]

    @pydantic.field_validator("grid", mode="before")
    @classmethod
    def _one_product(cls, value: Any) -> Any:
        """A mapping alone is a grid of one product."""
        return [value] if isinstance(value, dict) else value

    @property
    def settings(self) -> dict[str, Any]:
        """What stands beside ``codec`` and ``grid``."""
        return dict(self.model_extra or {})


class SweepFile(pydantic.BaseModel):
    """A whole sweep file."""

    model_config = pydantic.ConfigDict(frozen=True, extra="forbid", strict=True)

    name: Annotated[str, pydantic.StringConstraints(pattern=r"^[\w.-]{1,100}$")]
    clips: str | None = None
    repeats: Repeats = 1
    skip_unavailable: bool = False
    conditions: Annotated[list[Condition], pydantic.Field(min_length=1)]
    metrics: Annotated[list[str], pydantic.Field(min_length=1)]

    @pydantic.field_validator("metrics", mode="before")
    @classmethod
    def _all_metrics(cls, value: Any) -> Any:
        return [ALL_METRICS] if value == ALL_METRICS else value


class _Repeats(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(frozen=True, strict=True)

    repeats: Repeats


@dataclass(frozen=True)
class Combination:
    """One choice of every setting of a condition.

    Attributes:
        settings: as written, not yet checked by the codec.
        repeats: how often it is to be timed.
        lines: of the file, in which a setting from a grid has the grid's line.
    """

    settings: dict[str, Any]
    repeats: int
    lines: Lines


def read_sweep_file(path: Path) -> tuple[SweepFile, Lines]:
    """Read a sweep file; codecs, their settings and metrics are not looked at yet.

    Raises:
        SettingError: the file, a key or a value is not valid; the message has the line.
    """
    data, lines = read_yaml(path)
    try:
        return SweepFile.model_validate(data), lines
    except pydantic.ValidationError as error:
        raise explain(error, path, lines, (), list(SweepFile.model_fields)) from None


def combinations(path: Path, lines: Lines, index: int, file: SweepFile) -> Iterator[Combination]:
    """All combinations of condition number ``index``.

    Raises:
        SettingError: a list is empty, a setting stands beside the grid and in it, or there are too many combinations.
    """
    condition = file.conditions[index]
    where: tuple[str | int, ...] = ("conditions", index)
    for number, product in enumerate(condition.grid):
        in_grid = (*where, "grid", number) if (*where, "grid", number) in lines else (*where, "grid")
        own_lines = lines | {(*where, key): lines[*in_grid, key] for key in product if (*in_grid, key) in lines}
        for key in product:
            if key in condition.settings or key in ("codec", "grid"):
                raise SettingError(f"{line_of(path, own_lines, (*where, key))}: '{key}' stands beside the grid, too")
        choices = {
            key: value if isinstance(value, list) else [value] for key, value in (condition.settings | product).items()
        }
        for key, values in choices.items():
            if not values:
                raise SettingError(f"{line_of(path, own_lines, (*where, key))}: '{key}' is an empty list")
        n_combinations = math.prod(len(values) for values in choices.values())
        if n_combinations > MAX_COMBINATIONS:
            raise SettingError(
                f"{line_of(path, lines, where)}: gives {n_combinations} combinations, more than {MAX_COMBINATIONS}"
            )
        for combination in itertools.product(*choices.values()):
            settings = dict(zip(choices, combination, strict=True))
            try:
                repeats = _Repeats(repeats=settings.pop("repeats", file.repeats)).repeats
            except pydantic.ValidationError as error:
                raise explain(error, path, own_lines, where) from None
            yield Combination(settings, repeats, own_lines)

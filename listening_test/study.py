"""A listening test as one YAML file: what is heard, by whom in which order, and what is asked beside it.

`flowmac listen build` writes the file, people change it, the server reads it. Every key is checked; paths are relative
to the file's folder.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import typing
from pathlib import Path
from typing import Annotated, Any, Literal

import pydantic

from benchmarks.yaml_lines import explain, read_yaml
from listening_test.ratings import Role

STUDY_FILE = "study.yaml"

#: MUSHRA: ITU-R BS.1534-3. ABX: which of two is X. AB: which of two is preferred. ACR and DCR: ITU-T P.800.
Method = Literal["mushra", "abx", "ab", "acr", "dcr"]

#: Code of a language with a file of texts, such as ``en``.
Language = str

#: Letters, digits, dot, dash and underscore: an id is a file name, a column and an HTML attribute without escaping.
Id = Annotated[str, pydantic.StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]

#: BS.1534-3: at most 12 graded signals, excerpts of at most about 12 s.
MAX_SIGNALS = 12
MAX_EXCERPT_S = 12.0


class _Strict(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Condition(_Strict):
    """What is graded. ``note`` is for reports: settings, bit rate, how an anchor was made."""

    id: Id
    label: str
    role: Role = "system"
    note: str = ""


class Item(_Strict):
    """An excerpt. ``files`` has the audio of each condition, relative to the study's folder."""

    id: Id
    category: str = ""
    language: str = ""
    files: dict[Id, str]


class Design(_Strict):
    """Who hears what in which order; all orders follow from the study's seed and are stored with each answer.

    Attributes:
        order: of items and of conditions within an item: drawn at random, or from rows of balanced Latin squares.
        items_per_listener: a subset in balanced blocks; None for all items.
        n_repeats: how many of a listener's items come a second time, for the reliability of listeners.
        pairs: of conditions, for abx and ab; empty for all pairs of conditions that are no anchors.
    """

    order: Literal["random", "latin_square"] = "random"
    items_per_listener: pydantic.PositiveInt | None = None
    n_repeats: pydantic.NonNegativeInt = 0
    pairs: tuple[tuple[Id, Id], ...] = ()


class Question(_Strict):
    """A question of the form. ``choice`` takes one of ``options``; texts by language, ``en`` where one is absent."""

    id: Id
    kind: Literal["text", "number", "choice", "yes_no"]
    text: dict[Language, str]
    options: tuple[str, ...] = ()
    is_required: bool = False


class Procedure(_Strict):
    """What a session is made of beside the trials; the training takes place whenever there are training items.

    Attributes:
        welcome, consent, instructions: text by language (Markdown) in place of the shipped one.
        questionnaire: when the questions are asked.
        has_headphone_check, has_level_check: before the training.
        break_after_trials: a pause is offered after so many trials; None for never.
        has_comments: a box for remarks at the end.
        must_play_all, must_rate_all: before Next; a study that is not strict may switch them off.
    """

    welcome: dict[Language, str] = {}
    consent: dict[Language, str] = {}
    instructions: dict[Language, str] = {}
    questionnaire: Literal["before", "after"] = "before"
    has_headphone_check: bool = True
    has_level_check: bool = True
    break_after_trials: pydantic.PositiveInt | None = 8
    has_comments: bool = True
    must_play_all: bool = True
    must_rate_all: bool = True


class Completion(_Strict):
    """What a listener gets at the end: a code to hand in, and perhaps a link (Prolific, MTurk)."""

    code: str | None = None
    url: str | None = None


class Admin(_Strict):
    """``password_hash`` as `flowmac listen password` prints it. Without it there is no admin page."""

    password_hash: str | None = None


class Deviation(_Strict):
    """From the standard: the rule, what is different, and why; listed in the report."""

    rule: str
    found: str
    reason: str = ""


class Study(_Strict):
    """A listening test.

    Attributes:
        is_strict: holds to BS.1534-3; what deviates must be listed in ``deviations``. Reports call a test MUSHRA only
            if this is true and the list is empty.
        training: items heard first, whose grades never count.
        seed: all orders follow from it.
        contact: shown to listeners: who runs the test, and whom to ask for deletion of their data.
    """

    title: str
    method: Method = "mushra"
    is_strict: bool = True
    seed: pydantic.NonNegativeInt
    sample_rate_hz: pydantic.PositiveInt
    contact: str = ""
    languages: tuple[Language, ...] = ("en", "de", "fr", "es", "ja")
    conditions: tuple[Condition, ...]
    items: tuple[Item, ...]
    training: tuple[Item, ...] = ()
    design: Design = Design()
    procedure: Procedure = Procedure()
    questions: tuple[Question, ...] = ()
    completion: Completion = Completion()
    admin: Admin = Admin()
    deviations: tuple[Deviation, ...] = ()

    @property
    def content_hash(self) -> str:
        """Of what is heard and in which order: a study that differs in it is another study to the database."""
        parts = {"method", "seed", "sample_rate_hz", "conditions", "items", "training", "design"}
        text = json.dumps(self.model_dump(mode="json", include=parts), sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()

    @property
    def reference(self) -> Condition | None:
        """The (hidden) reference; None where the method has none."""
        return next((condition for condition in self.conditions if condition.role == "reference"), None)

    @property
    def pairs(self) -> tuple[tuple[str, str], ...]:
        """The pairs of conditions of abx and ab."""
        if self.design.pairs:
            return self.design.pairs
        systems = [condition.id for condition in self.conditions if condition.role in ("reference", "system")]
        return tuple(itertools.combinations(systems, 2))

    @pydantic.model_validator(mode="after")
    def _agrees_with_itself(self) -> Study:
        known = [condition.id for condition in self.conditions]
        _unique("condition", known)
        _unique("item", [item.id for item in (*self.items, *self.training)])
        _unique("question", [question.id for question in self.questions])
        if not self.items:
            raise ValueError("a test needs at least one item")
        for item in (*self.items, *self.training):
            if set(item.files) != set(known):
                missing = sorted(set(known) - set(item.files)) or sorted(set(item.files) - set(known))
                raise ValueError(f"item '{item.id}' must name one file for each condition; see {', '.join(missing)}")
        roles = [condition.role for condition in self.conditions]
        if self.method in ("mushra", "dcr") and roles.count("reference") != 1:
            raise ValueError(f"{self.method} needs one condition of role reference, found {roles.count('reference')}")
        if self.method == "mushra" and self.is_strict:
            if not {"low_anchor", "mid_anchor"} <= set(roles):
                raise ValueError("MUSHRA needs a low_anchor and a mid_anchor, or is_strict: false")
            if len(known) > MAX_SIGNALS:
                raise ValueError(f"has {len(known)} signals a trial, BS.1534 allows {MAX_SIGNALS}")
            if not self.training:
                raise ValueError("the training is mandatory: name training items, or is_strict: false")
        wrong = {name for pair in self.design.pairs for name in pair} - set(known)
        if wrong:
            raise ValueError(f"design.pairs names {', '.join(sorted(wrong))}, which is no condition")
        if self.design.items_per_listener is not None and self.design.items_per_listener > len(self.items):
            raise ValueError(f"items_per_listener is {self.design.items_per_listener}, of {len(self.items)} items")
        n_items = self.design.items_per_listener or len(self.items)
        if self.design.n_repeats > n_items:
            raise ValueError(f"n_repeats is {self.design.n_repeats}, of {n_items} items that a listener hears")
        if self.method in ("abx", "ab") and not self.pairs:
            raise ValueError(f"{self.method} needs two conditions that are no anchors, or design.pairs")
        return self


def read_study(path: Path) -> Study:
    """The test in ``path``: a study file, or the folder with its ``study.yaml``. Audio is not looked at.

    Raises:
        SettingError: the file, a key or a value is not valid; the message has the line.
    """
    path = path / STUDY_FILE if path.is_dir() else path
    data, lines = read_yaml(path)
    try:
        return Study.model_validate(data)
    except pydantic.ValidationError as error:
        fault = min(error.errors(), key=lambda fault: fault["type"] != "extra_forbidden")
        raise explain(error, path, lines, known_keys=_known_keys(fault["loc"][:-1])) from None


def _known_keys(where: tuple[str | int, ...]) -> list[str]:
    """The keys that the schema knows at ``where``."""
    kind: Any = Study
    for part in where:
        if isinstance(part, int):
            kind = typing.get_args(kind)[0]
        elif isinstance(kind, type) and issubclass(kind, pydantic.BaseModel) and part in kind.model_fields:
            kind = kind.model_fields[part].annotation
    return list(kind.model_fields) if isinstance(kind, type) and issubclass(kind, pydantic.BaseModel) else []


def _unique(kind: str, ids: list[str]) -> None:
    twice = sorted({name for name in ids if ids.count(name) > 1})
    if twice:
        raise ValueError(f"the {kind} {', '.join(twice)} stands there twice")

"""Imports configurations of webMUSHRA (YAML), as its documentation for experimenters describes them.

Pages ``mushra``, ``paired_comparison`` and ``likert_*`` become items, a questionnaire becomes questions. Whatever does
not map is said, never dropped in silence.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pydantic

from benchmarks.yaml_lines import Lines, explain, read_yaml
from flowmac.errors import SettingError
from listening_test.ratings import WEBMUSHRA_ROLES, Role, slug
from listening_test.stimuli.check import stimulus_path
from listening_test.stimuli.material import REFERENCE, Material, Recording, reference_condition
from listening_test.study import Condition, Method, Procedure, Question

#: Points of the scale of ITU-T P.800; a Likert page with another number of answers is no ACR trial.
_ACR_POINTS = 5

_QUESTION_KINDS = {"text": "text", "long_text": "text", "number": "number", "likert": "choice"}


class _Page(pydantic.BaseModel):
    """The keys of a page that say something about the test; the others are about its looks."""

    model_config = pydantic.ConfigDict(coerce_numbers_to_str=True)

    type: str
    id: str = ""
    name: str | None = ""
    content: str | None = ""
    reference: str | None = None
    stimuli: dict[str, str] = {}
    createAnchor35: bool = False  # noqa: N815 - webMUSHRA's spelling
    createAnchor70: bool = False  # noqa: N815
    showConditionNames: bool = False  # noqa: N815
    unforced: str | None = None
    response: list[dict[str, Any]] = []
    questionnaire: list[dict[str, Any]] = []

    @property
    def title(self) -> str:
        return self.id or self.name or self.type

    @property
    def is_training(self) -> bool:
        """Names shown, or called a training: webMUSHRA has no other way to say it."""
        return self.showConditionNames or "training" in f"{self.id} {self.name}".lower()

    @property
    def method(self) -> Method | None:
        if self.type == "mushra":
            return "mushra"
        if self.type == "paired_comparison":
            return "abx" if self.reference in self.stimuli.values() else "ab"
        is_likert = self.type in ("likert_single_stimulus", "likert_multi_stimulus")
        return "acr" if is_likert and len(self.response) == _ACR_POINTS else None


@dataclass(frozen=True)
class Imported:
    """What a configuration gave, and in ``notes`` what did not map."""

    material: Material
    method: Method
    notes: tuple[str, ...]


def from_webmushra(
    config: Path, root: Path | None = None, method: Method | None = None, is_strict: bool = True
) -> Imported:
    """Read a configuration.

    Args:
        config: the YAML file.
        root: webMUSHRA's folder, to which its paths are relative; found beside or above the file when None.
        method: of which pages become items; the most frequent one when None.
        is_strict: add both anchors even where the configuration asks for none.

    Raises:
        SettingError: the file is no such configuration, or its pages do not have the same conditions.
    """
    data, lines = read_yaml(config)
    if not isinstance(data, dict) or not isinstance(data.get("pages"), list):
        raise SettingError(f"{config}: is no configuration of webMUSHRA: it has no list 'pages'")
    pages = list(_pages(config, lines, data["pages"], ("pages",)))
    counts = Counter(page.method for page in pages if page.method)
    if not counts:
        raise SettingError(f"{config}: has no page that can be imported (mushra, paired_comparison, 5-point likert)")
    chosen = method or counts.most_common(1)[0][0]
    used = [page for page in pages if page.method == chosen]
    if not used:
        raise SettingError(f"{config}: has no page of {chosen}; it has {', '.join(map(str, counts))}")
    names = _condition_names(config, used)
    root = root or _root(config, used)
    has_reference = all(page.reference for page in used)
    if chosen in ("mushra", "abx") and not has_reference:
        raise SettingError(f"{config}: the page '{used[0].title}' names no reference")

    ids = iter(_ids(used))
    recordings = []
    for page in used:
        files = {slug(name): stimulus_path(root, page.stimuli[name]) for name in names}
        if page.reference and has_reference:
            files = {REFERENCE: stimulus_path(root, page.reference)} | files
        recordings.append((page.is_training, Recording(next(ids), files)))
    items = tuple(recording for is_training, recording in recordings if not is_training)
    training = tuple(recording for is_training, recording in recordings if is_training)
    if not items:
        raise SettingError(f"{config}: all pages of {chosen} are training (names shown, or called so)")
    anchors = _anchors(used, is_strict) if chosen == "mushra" else ()
    material = Material(
        str(data.get("testname") or config.stem),
        _conditions(names, has_reference),
        items,
        training or items[:1],
        anchors,
        {"questions": _questions(config, pages), "procedure": Procedure(questionnaire="after")},
    )
    return Imported(material, chosen, tuple(_notes(pages, used, chosen, bool(training), anchors)))


def _pages(config: Path, lines: Lines, nodes: list[Any], where: tuple[str | int, ...]) -> Iterator[_Page]:
    """All pages, those in nested lists ("random" at their head) included, in the order of the file."""
    for index, node in enumerate(nodes):
        if isinstance(node, list):
            yield from _pages(config, lines, node, (*where, index))
        elif node != "random":
            try:
                yield _Page.model_validate(node)
            except pydantic.ValidationError as error:
                raise explain(error, config, lines, (*where, index)) from None


def _condition_names(config: Path, pages: list[_Page]) -> list[str]:
    """Names of the stimuli, the same on all pages; the reference's own name is left out."""

    def names(page: _Page) -> list[str]:
        return [name for name, file in page.stimuli.items() if page.method == "mushra" or file != page.reference]

    first = names(pages[0])
    for page in pages:
        if set(names(page)) != set(first):
            raise SettingError(
                f"{config}: the page '{page.title}' has the conditions {', '.join(names(page)) or '(none)'}, the page "
                f"'{pages[0].title}' {', '.join(first) or '(none)'}; split the file into tests of equal conditions"
            )
    if not first:
        raise SettingError(f"{config}: the page '{pages[0].title}' has no stimuli")
    slugs = [slug(name) for name in first]
    if len(set(slugs)) < len(slugs) or REFERENCE in slugs:
        raise SettingError(f"{config}: the conditions {', '.join(first)} do not have different ids; rename them")
    return first


def _conditions(names: list[str], has_reference: bool) -> tuple[Condition, ...]:
    listed = tuple(
        Condition(id=slug(name), label=name, role=WEBMUSHRA_ROLES.get(name.lower(), "system")) for name in names
    )
    return (reference_condition(), *listed) if has_reference else listed


def _anchors(pages: list[_Page], is_strict: bool) -> tuple[Role, ...]:
    asked = {"low_anchor": any(p.createAnchor35 for p in pages), "mid_anchor": any(p.createAnchor70 for p in pages)}
    both: tuple[Role, Role] = ("low_anchor", "mid_anchor")
    return tuple(role for role in both if is_strict or asked[role])


def _ids(pages: list[_Page]) -> Iterator[str]:
    seen: Counter[str] = Counter()
    for page in pages:
        name = slug(page.title)
        seen[name] += 1
        yield name if seen[name] == 1 else f"{name}-{seen[name]}"


def _root(config: Path, pages: list[_Page]) -> Path:
    file = next(iter(pages[0].stimuli.values()))
    for folder in (config.parent, *config.resolve().parents[1:3]):
        if (folder / file).is_file():
            return folder
    raise SettingError(f"{config}: finds no '{file}' beside it or above; name webMUSHRA's folder with --root")


def _questions(config: Path, pages: list[_Page]) -> tuple[Question, ...]:
    questions = []
    for page in pages:
        for entry in page.questionnaire:
            kind = _QUESTION_KINDS.get(str(entry.get("type")))
            if kind is None:
                continue
            responses = entry.get("response")
            options = (
                [answer for answer in responses if isinstance(answer, dict)] if isinstance(responses, list) else []
            )
            try:
                questions.append(
                    Question.model_validate(
                        {
                            "id": slug(str(entry.get("name"))),
                            "kind": kind,
                            "text": {"en": str(entry.get("label") or entry.get("name"))},
                            "options": tuple(str(answer.get("label") or answer.get("value")) for answer in options),
                            "is_required": not entry.get("optional", False),
                        }
                    )
                )
            except pydantic.ValidationError as error:
                raise SettingError(
                    f"{config}: the question '{entry.get('name')}': {error.errors()[0]['msg']}"
                ) from None
    return tuple(questions)


def _notes(
    pages: list[_Page], used: list[_Page], method: Method, has_training: bool, anchors: tuple[Role, ...]
) -> Iterator[str]:
    for page in pages:
        if page in used:
            if page.unforced:
                yield f"page '{page.title}': the choice '{page.unforced}' is left out, every answer is forced"
        elif page.method:
            hint = f"a test has one method; import again with --method {page.method}"
            yield f"page '{page.title}' ({page.type}): left out, {hint}"
        elif page.type in ("generic", "consent"):
            yield f"page '{page.title}': its text is HTML; write it as Markdown under procedure in study.yaml"
        elif page.type == "volume":
            yield f"page '{page.title}': the shipped level check takes its place"
        elif page.type == "finish":
            yield from _unmapped_questions(page)
        else:
            yield f"page '{page.title}' ({page.type}): left out, there is no such method here"
    if not has_training:
        yield "no page is a training (names shown, or called so): the first item is heard as training, too"
    if method == "mushra":
        for role, asked in (
            ("low_anchor", any(page.createAnchor35 for page in used)),
            ("mid_anchor", any(page.createAnchor70 for page in used)),
        ):
            if role in anchors and not asked:
                yield f"the {role.replace('_', ' ')} is added, as BS.1534-3 asks; a test with --relaxed goes without"
    if method == "acr":
        yield "the words of the scale are those of ITU-T P.800, not those of the pages"


def _unmapped_questions(page: _Page) -> Iterator[str]:
    for entry in page.questionnaire:
        if str(entry.get("type")) not in _QUESTION_KINDS:
            yield f"question '{entry.get('name')}': there is no kind '{entry.get('type')}' here"

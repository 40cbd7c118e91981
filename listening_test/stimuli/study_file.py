"""Writes a study as YAML that explains itself to who opens it; `listening_test.study.read_study` reads it back."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from flowmac.errors import SettingError
from listening_test.study import Study

HEAD = """\
# A listening test. Change what you like, then look whether it still holds: flowmac listen check FOLDER
# Paths are relative to this file. Texts by language: {en: ..., de: ...}.
"""

#: What stands above each key; nested keys with a dot.
COMMENTS: Mapping[str, str] = {
    "title": "Shown to listeners and in the report.",
    "method": "mushra (ITU-R BS.1534-3), abx, ab, acr or dcr (ITU-T P.800).",
    "is_strict": "true: holds to BS.1534-3, except for what stands under deviations with a reason.",
    "seed": "All orders follow from it.",
    "sample_rate_hz": "Of all stimuli.",
    "contact": "Shown to listeners: who runs the test, and whom to ask for deletion of their data.",
    "languages": "Listeners choose among these.",
    "conditions": "What is graded. role: reference, system, mid_anchor, low_anchor or anchor. note: for the report.",
    "items": "The excerpts, each with a file for each condition. All files of an item must be equally long.",
    "training": "Heard first; grades given here never count.",
    "design": "Who hears what in which order.",
    "design.order": "random or latin_square.",
    "design.items_per_listener": "A number gives each listener so many items, in balanced blocks; null: all.",
    "design.n_repeats": "So many items come a second time, for the reliability of listeners.",
    "design.pairs": "For abx and ab: [[a, b], ...]; empty: all pairs that have no anchor.",
    "procedure": "What a session is made of beside the trials.",
    "procedure.welcome": "Text by language, in Markdown; {} for the shipped one. So are consent and instructions.",
    "procedure.questionnaire": "before or after the trials.",
    "procedure.has_headphone_check": "Six short trials that only headphones solve.",
    "procedure.has_level_check": "Sets the volume once, before the training.",
    "procedure.break_after_trials": "Offers a pause; null for never.",
    "procedure.has_comments": "A box for remarks at the end.",
    "procedure.must_play_all": "Before Next. Only a test that is not strict may switch these two off.",
    "questions": "Of the form: {id, kind: text|number|choice|yes_no, text: {en: ...}, options: [...], is_required}.",
    "completion": "What a listener gets at the end: a code, and a link such as Prolific's.",
    "admin": "The hash that 'flowmac listen password' prints; null: no admin page.",
    "deviations": "From the standard: {rule, found, reason}; listed in the report.",
}

_NESTED = ("design", "procedure")


def write_study(path: Path, study: Study, remarks: Mapping[str, str] = {}) -> None:
    """Write ``study`` to ``path``.

    Args:
        path: the file, usually ``study.yaml``.
        study: what to write.
        remarks: by id of an item; written as comments above it.

    Raises:
        SettingError: the file cannot be written.
    """
    data = study.model_dump(mode="json")
    parts = [HEAD]
    for key, value in data.items():
        parts.append(_comment(key))
        if key in _NESTED:
            parts.append(f"{key}:\n")
            for name, inner in value.items():
                parts += [_comment(f"{key}.{name}", "  "), _indented(_dump({name: inner}))]
        elif key in ("items", "training") and value:
            parts.append(f"{key}:\n")
            for item in value:
                remark = remarks.get(item["id"])
                parts += [f"  # {remark}\n" if remark else "", _indented(_dump([item]))]
        else:
            parts.append(_dump({key: value}))
    try:
        path.write_text("".join(parts), encoding="utf-8")
    except OSError as error:
        raise SettingError(f"{path}: cannot be written ({error.strerror})") from None


def _comment(key: str, indent: str = "") -> str:
    blank = "" if indent else "\n"
    return f"{blank}{indent}# {COMMENTS[key]}\n" if key in COMMENTS else blank


def _dump(value: Any) -> str:
    return yaml.safe_dump(value, sort_keys=False, allow_unicode=True, width=110)


def _indented(text: str) -> str:
    return "".join(f"  {line}" if line.strip() else line for line in text.splitlines(keepends=True))

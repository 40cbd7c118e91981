"""The questionnaire."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from listening_test.study import Question
from listening_test.texts import Texts

Value = str | float | bool | None


def show_form(questions: Sequence[Question], texts: Texts) -> dict[str, Value] | None:
    """The questions in the listener's language; the answers by question once all that is required is there."""
    st.title(texts.pages["form"])
    answers = {question.id: _ask(question, texts) for question in questions}
    if not st.button(texts.pages["submit"], type="primary"):
        return None
    lacking = [question for question in questions if question.is_required and answers[question.id] in (None, "")]
    for question in lacking:
        st.warning(texts.pages["required"].format(question=_text(question, texts)))
    return None if lacking else answers


def _ask(question: Question, texts: Texts) -> Value:
    label = _text(question, texts) + (" *" if question.is_required else "")
    key = f"question-{question.id}"
    if question.kind == "number":
        return st.number_input(label, value=None, key=key)
    if question.kind == "choice":
        return st.radio(label, question.options, index=None, key=key)
    if question.kind == "yes_no":
        chosen = st.radio(label, [texts.pages["yes"], texts.pages["no"]], index=None, key=key)
        return None if chosen is None else chosen == texts.pages["yes"]
    return st.text_input(label, max_chars=1000, key=key).replace("\0", "")


def _text(question: Question, texts: Texts) -> str:
    return (
        question.text.get(texts.language) or question.text.get("en") or next(iter(question.text.values()), question.id)
    )

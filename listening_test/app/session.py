"""A listener's session: asks the protocol which page comes next, and shows it."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import streamlit as st

from listening_test import protocol
from listening_test.app.form import show_form
from listening_test.database.models import Participant
from listening_test.database.store import RefusedError
from listening_test.player import component
from listening_test.protocol import Page
from listening_test.service import Service, current
from listening_test.texts import Texts, read_texts

#: After so many headphone checks that failed, the session goes on; the results tell.
MAX_HEADPHONE_CHECKS = 2

#: The step that counts them.
_FAILED_CHECKS = "headphones_failed"

# Nothing stands above the page, so it begins further up than Streamlit's own.
_STYLE = "<style>.stMainBlockContainer { padding-top: 2rem; } h1 { font-size: 1.9rem !important; }</style>"


def show_session() -> None:
    """The page that this listener is at."""
    st.html(_STYLE)
    service = current()
    token = st.query_params.get("t")
    external = protocol.external_of(st.query_params.to_dict())
    participant = protocol.find(service, token, external)
    if participant is None:
        _show_welcome(service, token, external)
        return
    st.query_params["t"] = participant.token
    texts = read_texts(participant.language, service.folder)
    _show(service, participant, texts, protocol.next_page(service, participant))


def _show_welcome(service: Service, token: str | None, external: Mapping[str, str]) -> None:
    study = service.study
    languages = [read_texts(language, service.folder) for language in study.languages]
    wished = (st.context.locale or "en").partition("-")[0]
    first = next((n for n, texts in enumerate(languages) if texts.language == wished), 0)
    st.title(study.title)
    names = [texts.name for texts in languages]
    chosen = st.selectbox(languages[first].pages["language"], names, index=first) if len(names) > 1 else names[0]
    texts = languages[names.index(chosen)]
    state = service.store.study(service.study_id).state
    if state != "open" or not protocol.may_begin(service, token):
        st.info(texts.pages[state if state != "open" else "unknown"])
        return
    st.markdown(_own(study.procedure.welcome, texts, "welcome"))
    st.markdown(_own(study.procedure.consent, texts, "consent_text"))
    if study.contact:
        st.markdown(study.contact)
    has_agreed = st.checkbox(texts.pages["consent"])
    if st.button(texts.pages["start"], type="primary"):
        if not has_agreed:
            st.warning(texts.pages["consent_needed"])
            return
        try:
            participant = protocol.begin(service, token, external, language=texts.language)
        except RefusedError as error:
            st.warning(texts.pages["used" if error.status == 409 else "unknown"])
            return
        st.query_params["t"] = participant.token
        st.rerun()


def _show(service: Service, participant: Participant, texts: Texts, page: Page) -> None:
    def done(result: object = None) -> None:
        service.store.mark_step(participant.id, protocol.step_of(page), result)
        st.rerun()

    pages = texts.pages
    counts = {"number": page.number, "total": page.total}
    if page.kind == "trial":
        _show_trial(service, participant, texts, page)
    elif page.kind in ("paused", "closed"):
        st.title(service.study.title)
        st.info(pages[page.kind])
    elif page.kind == "questionnaire":
        answers = show_form(service.study.questions, texts)
        if answers is not None:
            service.store.update_participant(participant.id, questionnaire=answers)
            done()
    elif page.kind == "level":
        st.title(pages["level"])
        if component.mount_level_check(texts.player, key=f"level-{participant.id}"):
            done()
    elif page.kind == "headphones":
        _show_headphone_check(service, participant, texts, done)
    elif page.kind == "comments":
        st.title(pages["comments"])
        comments = st.text_area(pages["comments_label"], max_chars=5000)
        if st.button(pages["next"], type="primary"):
            service.store.update_participant(participant.id, comments=comments.replace("\0", ""))
            done()
    elif page.kind == "thanks":
        _show_thanks(service, participant, texts)
    else:
        title, text = {
            "instructions": ("instructions_title", _own(service.study.procedure.instructions, texts, "instructions")),
            "training_over": ("training_over", pages["go_on"].format(**counts)),
            "break": ("break", pages["break_text"].format(**counts)),
        }[page.kind]
        st.title(pages[title])
        st.markdown(text)
        if st.button(pages["next"], type="primary", key=f"next-{page.kind}"):
            done()


def _show_trial(service: Service, participant: Participant, texts: Texts, page: Page) -> None:
    if page.trial is None:
        return
    # Fixed when the trial is first shown: a rerun must not touch the player.
    data = st.session_state.get("trial_data")
    if data is None or data["trial"] != page.trial.id:
        data = protocol.trial_data(service, participant, page, texts.player)
        st.session_state["trial_data"] = data
    finished = component.mount_trial(data, key=page.trial.id)
    if finished == page.trial.id:
        lacks = protocol.finish_trial(service, participant, finished)
        if lacks:
            labels = sorted({*lacks.unplayed, *lacks.unrated})
            missing = texts.pages["missing"].format(labels=", ".join(labels))
            st.warning(missing if labels else texts.player["missing_top"])
        else:
            st.rerun()


def _show_headphone_check(
    service: Service, participant: Participant, texts: Texts, done: Callable[[object], None]
) -> None:
    st.title(texts.pages["headphones"])
    # Kept in the database, so that a reload of the page gives nobody further tries.
    n_tries = participant.steps.get(_FAILED_CHECKS, {}).get("result", 0) + 1
    if st.session_state.get("headphones_failed"):
        st.warning(texts.pages["headphones_failed"])
        if st.button(texts.pages["again"], type="primary"):
            st.session_state["headphones_failed"] = False
            st.rerun()
        return
    n_right = component.mount_headphone_check(texts.player, key=f"headphones-{participant.id}-{n_tries}")
    if n_right is None:
        return
    if n_right < component.HEADPHONE_PASS and n_tries < MAX_HEADPHONE_CHECKS:
        service.store.mark_step(participant.id, _FAILED_CHECKS, n_tries)
        st.session_state["headphones_failed"] = True
        st.rerun()
    done({"n_right": n_right, "n_tries": n_tries})


def _show_thanks(service: Service, participant: Participant, texts: Texts) -> None:
    protocol.finish(service, participant)
    finished = service.store.participant(participant.token) or participant
    st.title(texts.pages["thanks"])
    st.markdown(texts.pages["thanks_text"])
    st.markdown(f"{texts.pages['code']}: `{finished.completion_code}`")
    if service.study.completion.url:
        st.link_button(texts.pages["back"], service.study.completion.url, type="primary")


def _own(own: Mapping[str, str], texts: Texts, key: str) -> str:
    """The study's own words, in this language or else English, or the shipped ones."""
    return own.get(texts.language) or own.get("en") or texts.pages[key]

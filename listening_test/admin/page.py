"""The experimenter's page: how the test goes, invitations, state of the test, results, deletion of a person's data."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import streamlit as st

from listening_test.admin import board as boards
from listening_test.admin.invitation_tab import show_invitations
from listening_test.admin.login import is_logged_in, log_out
from listening_test.admin.people_tab import show_deletion
from listening_test.database.store import Store
from listening_test.export import archive
from listening_test.methods import method_name
from listening_test.results import Results, moment
from listening_test.service import Service, current
from listening_test.study import Study

_REFRESH_S = 15

_STATE_WORDS = {
    "open": "Open: listeners can take part.",
    "paused": "Paused: listeners see that the test goes on later; nothing is saved until then.",
    "closed": "Closed: nobody can take part any more.",
}


def show(store: Store, study: Study) -> None:
    """The whole page of the test that this process serves; the password first."""
    service = replace(current(), store=store, study=study)
    password_hash = study.admin.password_hash
    if password_hash is None or not is_logged_in(password_hash):
        return
    results = Results(service.study, service.study_id, service.store)
    st.title(service.study.title)
    st.caption(f"{method_name(service.study)} · experimenter's page")
    _show_state(service)
    progress, invitations, download, people = st.tabs(["Progress", "Invitations", "Results", "Delete data"])
    with progress:
        _show_progress(results)
    with invitations:
        show_invitations(service)
    with download:
        _show_results(results)
    with people:
        show_deletion(results)
    if st.button("Log out"):
        log_out()
        st.rerun()


def _show_state(service: Service) -> None:
    """The state of the test, with the buttons that change it."""
    state = service.store.study(service.study_id).state
    with st.container(border=True, horizontal=True, vertical_alignment="center"):
        st.markdown(f"**{_STATE_WORDS[state]}**")
        if state == "open" and st.button("Pause"):
            _set_state(service, "paused")
        if state == "paused" and st.button("Resume", type="primary"):
            _set_state(service, "open")
        if state == "closed" and st.button("Open again"):
            _set_state(service, "open")
        if state != "closed" and st.button("Close the test ..."):
            _confirm_close(service)


@st.dialog("Close the test?")
def _confirm_close(service: Service) -> None:
    st.write("Listeners in the middle of the test cannot go on; what they have rated so far stays stored.")
    if st.button("Close the test", type="primary"):
        _set_state(service, "closed")


def _set_state(service: Service, state: str) -> None:
    service.store.set_study_state(service.study_id, state)
    st.rerun()


def _show_progress(results: Results) -> None:
    wanted, unit = boards.WANTED[results.study.method]
    wanted = st.number_input(
        f"Wanted half-width of the 95 % intervals, in {unit}",
        min_value=wanted / 10,
        value=wanted,
        step=wanted / 10,
        width=360,
    )
    _show_board(results, wanted, unit)


@st.fragment(run_every=timedelta(seconds=_REFRESH_S))
def _show_board(results: Results, wanted: float, unit: str) -> None:
    """What changes by itself while listeners take part."""
    board = boards.read_board(results, wanted)
    if board.is_simulated:
        st.warning("Nobody has come yet: these are simulated listeners, and no results.")
    elif board.n_simulated:
        st.caption(f"{board.n_simulated} simulated listeners are in the database; they are not counted here.")
    n_excluded = len(board.screening.excluded) if board.screening else None
    with st.container(horizontal=True):
        st.metric("Began", len(board.lines))
        st.metric("Finished", board.n_finished)
        if n_excluded is not None:
            st.metric("Excluded so far", n_excluded)
        st.metric("Listeners still needed", "?" if board.n_missing is None else board.n_missing)
    st.subheader("Precision")
    st.write(boards.precision_sentence(board, wanted, unit))
    if board.precision:
        st.dataframe(
            [
                {
                    "condition": entry.condition,
                    "listeners": entry.n_listeners,
                    f"± {unit}": None if entry.half_width is None else round(entry.half_width, 2),
                    "still needed": entry.n_missing,
                }
                for entry in board.precision
            ],
            hide_index=True,
        )
        st.caption(
            "Student's 95 % interval over listeners that screening keeps; listeners needed by Stein's two-stage "
            "procedure. Means are not shown while the test runs, so that no one stops it when they please."
        )
    st.subheader("Listeners")
    if not board.lines:
        st.write("Nobody has begun yet. Make links in the tab Invitations.")
        return
    with_screening = board.screening is not None
    st.dataframe([_row(line, with_screening) for line in board.lines], hide_index=True)
    for line in board.lines:
        if line.troubles:
            st.warning(f"{line.participant.listener}: {'; '.join(line.troubles)}")


def _row(line: boards.ListenerLine, with_screening: bool) -> dict[str, object]:
    participant = line.participant
    end = participant.finished_at or participant.seen_at
    row: dict[str, object] = {
        "listener": participant.listener,
        "label": line.label or next(iter(map(str, participant.external.values())), ""),
        "state": line.state,
        "minutes": round((end - participant.started_at) / 60, 1),
        "last seen (UTC)": moment(participant.seen_at).strftime("%Y-%m-%d %H:%M"),
        "language": participant.language,
    }
    if with_screening:
        row["screening so far"] = boards.screening_words(line.screening)
    row["device"] = "; ".join(line.troubles) or ("" if not participant.device else "no trouble")
    return row


def _show_results(results: Results) -> None:
    st.write(
        "One ZIP with tidy CSV, webMUSHRA's CSV, the orders, all events, and a manifest with the hash of each file. "
        "It holds nothing that names a person, unless you add the questionnaire."
    )
    with_unfinished = st.checkbox("Also complete trials of listeners who have not finished")
    with_questionnaire = st.checkbox("Also the answers to the questionnaire (may be personal data)")
    st.download_button(
        "Download the results",
        data=lambda: archive(results, with_unfinished=with_unfinished, with_questionnaire=with_questionnaire),
        file_name="results.zip",
        mime="application/zip",
        type="primary",
        on_click="ignore",
    )
    st.subheader("For the methods section of a paper")
    st.code(results.methods_paragraph(), language=None, wrap_lines=True)

"""Deletion of one person's data on request."""

from __future__ import annotations

import streamlit as st

from listening_test.admin.board import find_listeners
from listening_test.results import Results


def show_deletion(results: Results) -> None:
    """Find a listener, show what is stored, and delete it after confirmation."""
    st.write(
        "A listener may ask for deletion. Enter their personal link, their identity at a recruiting service, or their "
        "name in the results (such as L0007)."
    )
    wanted = st.text_input("Link, identity or name in the results", width=480)
    found = find_listeners(results.store.participants(results.study_id), wanted)
    if wanted.strip() and not found:
        st.info("No listener of this test fits.")
    for participant in found:
        n_done, n_trials = results.store.progress(results.study_id).get(participant.id, (0, 0))
        with st.container(border=True):
            st.markdown(
                f"**{participant.listener}**: {n_done} of {n_trials} trials, "
                f"{len(participant.questionnaire)} answers to questions, "
                f"{'finished' if participant.finished_at else 'not finished'}"
                + (f", completion code `{participant.completion_code}`" if participant.completion_code else "")
            )
            if participant.comments:
                st.markdown("Remarks:")
                st.text(participant.comments)
            if st.button("Delete all data of this listener ...", key=f"delete {participant.id}"):
                _confirm(results, participant.id, participant.listener)


@st.dialog("Delete for good?")
def _confirm(results: Results, participant_id: int, listener: str) -> None:
    st.write(
        f"Every answer, event and remark of {listener} goes, and so does the personal link. This cannot be undone; "
        "exports and backups made before still hold the data."
    )
    with st.form("confirm deletion", border=False):
        typed = st.text_input(f"Type {listener} to confirm")
        is_sent = st.form_submit_button("Delete for good", type="primary")
    if is_sent and typed.strip() == listener:
        results.store.delete_participant(participant_id)
        st.rerun()
    elif is_sent:
        st.error(f"Nothing was deleted: this is not {listener}.")

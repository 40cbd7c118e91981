"""Making links: personal ones with labels, and those for Prolific and Mechanical Turk."""

from __future__ import annotations

import streamlit as st

from listening_test.admin.links import MTURK, PROLIFIC, links_csv, personal_link, recruiting_link
from listening_test.service import Service

_MAX_AT_ONCE = 1000


def show_invitations(service: Service) -> None:
    """The form for new links, those that there are, and the links of recruiting services."""
    address = test_address()
    with st.form("invite", clear_on_submit=True):
        st.markdown("**New personal links.** Each lets one listener take part, and resume on any device.")
        n = st.number_input("How many", min_value=1, max_value=_MAX_AT_ONCE, value=1)
        labels = st.text_area("Labels, one a line (only you see them; may be empty)", height=80)
        if st.form_submit_button("Make links", type="primary"):
            lines = [line.strip() for line in labels.splitlines() if line.strip()]
            n_links = max(int(n), len(lines))
            service.store.add_invitations(service.study_id, (lines + [""] * n_links)[:n_links])
            st.toast(f"{n_links} new link{'s' if n_links > 1 else ''}")
    invitations = service.store.invitations(service.study_id)
    if invitations:
        st.dataframe(
            [
                {
                    "label": row.label,
                    "link": personal_link(address, row.token),
                    "used": row.n_uses > 0,
                }
                for row in reversed(invitations)
            ],
            hide_index=True,
        )
        st.download_button(
            "Download all links (CSV)",
            data=links_csv(address, invitations),
            file_name="links.csv",
            mime="text/csv",
            on_click="ignore",
        )
    _show_recruiting(service, address)


def _show_recruiting(service: Service, address: str) -> None:
    st.subheader("Prolific and Mechanical Turk")
    if not service.is_public:
        st.info("These come by the open link: serve the test with --public to let them in.")
        return
    st.markdown("Open link, for anyone:")
    st.code(address.rstrip("/") + "/", language=None)
    st.markdown("External study link for Prolific:")
    st.code(recruiting_link(address, PROLIFIC), language=None, wrap_lines=True)
    st.markdown("For a Mechanical Turk task whose template fills in the parameters:")
    st.code(recruiting_link(address, MTURK), language=None, wrap_lines=True)
    completion = service.study.completion
    if completion.code:
        st.markdown(f"Completion code at the end: `{completion.code}`")
    else:
        st.markdown("Each listener gets a completion code of their own; you see it in the tab Delete data.")
    if completion.url:
        st.markdown(f"Link back at the end: {completion.url}")


def test_address() -> str:
    """The test's address as this page's visitor reaches it."""
    return (st.context.url or "").split("?")[0].removesuffix("/").removesuffix("/admin")

"""The script that Streamlit runs: the listener's session, and the experimenter's page where it has a password."""

import streamlit as st

from listening_test.app.session import show_session
from listening_test.service import current


def _admin() -> None:
    from listening_test.admin.page import show

    show(current().store, current().study)


service = current()
pages = [st.Page(show_session, title=service.study.title, default=True)]
if service.study.admin.password_hash:
    pages.append(st.Page(_admin, title=service.study.title, url_path="admin"))
st.navigation(pages, position="hidden").run()

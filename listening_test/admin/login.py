"""The password of the admin page: asked once a session, and slower after each wrong one."""

from __future__ import annotations

import hashlib
import math

import streamlit as st

from listening_test.password import Throttle, verify_password

_KEY = "admin_login"
_throttle = Throttle()


def is_logged_in(password_hash: str) -> bool:
    """Whether this session has given the password; shows the form if not."""
    if st.session_state.get(_KEY) == _mark(password_hash):
        return True
    st.title("Experimenter's page")
    with st.form("login", width=420):
        password = st.text_input("Password", type="password")
        is_sent = st.form_submit_button("Log in", type="primary")
    if is_sent and _is_right(password, password_hash):
        st.session_state[_KEY] = _mark(password_hash)
        st.rerun()
    return False


def log_out() -> None:
    """Forget the password of this session."""
    st.session_state.pop(_KEY, None)


def visitor_address() -> str:
    """The address that the visitor comes from, as far as it is known."""
    return st.context.ip_address or ""


def _is_right(password: str, password_hash: str) -> bool:
    address = visitor_address()
    wait_s = _throttle.wait_s(address)
    if wait_s > 0:
        st.error(f"Too many wrong passwords. Try again in {math.ceil(wait_s)} s.")
        return False
    # Counted before it is known to be wrong, so that many tries at the same moment count too.
    _throttle.failed(address)
    if not verify_password(password, password_hash):
        st.error("This is not the password.")
        return False
    _throttle.succeeded(address)
    return True


def _mark(password_hash: str) -> str:
    """What a session keeps: another password ends it."""
    return hashlib.sha256(password_hash.encode()).hexdigest()

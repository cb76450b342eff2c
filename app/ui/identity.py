"""Who looks at this page: the identity the web process verified, checked against the database on every run."""

import streamlit as st

from app import runtime
from app.security import callers
from core.viewer import Viewer


def find() -> Viewer | None:
    """The signed-in person; None for a stranger, an ended session, or an account that was switched off."""
    user_id, session_id = st.user.get("id"), st.user.get("session")
    if not isinstance(user_id, str) or not isinstance(session_id, str) or not session_id:
        return None
    found = callers.by_session(runtime.current(), session_id)
    return found.viewer if found is not None and found.viewer.user_id == user_id else None


def me() -> Viewer:
    """The signed-in person, in a page or a fragment of one; when the session ended since, the sign-in page comes instead."""
    viewer = find()
    if viewer is None:
        st.rerun(scope="app")
    return viewer

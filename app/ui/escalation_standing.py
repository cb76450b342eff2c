"""Where one alert stands when nobody answers it, in its dialog."""

import streamlit as st

from app.ui import escalation_words as said
from app.ui import layout, queries
from core import escalation
from core.errors import NotFound
from core.viewer import Viewer


def render(viewer: Viewer, alert_id: str) -> None:
    """The policy, the steps done, and the next one."""
    try:
        with queries.reading() as session:
            found = escalation.standing(session, viewer, alert_id, now=queries.now())
    except NotFound:
        return
    st.markdown(f"**When nobody answers**: {layout.plain(found.policy.name)}")
    lines = said.standing(found, viewer.timezone, now=queries.now())
    st.markdown("\n".join(f"- {layout.plain(line)}" for line in lines))

"""What the house sets for delivery, as a part of the Preferences page: admins change it, managers see it."""

import streamlit as st

from app import runtime
from app.ui import queries, words
from app.ui.commands import Done, say
from core.delivery import house
from core.errors import DoorbellError
from core.viewer import Viewer
from core.words import Role

TOLD = "preferences-told"
"""What became of the last Save; said at the head of the page."""


def render(viewer: Viewer) -> None:
    """The part of the page."""
    with queries.reading() as session:
        found = house.get(session)
    st.subheader("When a message has waited too long", anchor=False)
    st.markdown(
        "Admins are told once a message is due and has not gone out for so long, and once more when it is over. "
        "What waits for its time (quiet hours, a digest, a later step) is not due yet."
    )
    if viewer.role is not Role.ADMIN:
        st.markdown(f"It is **{words.plural(found.oldest_minutes, 'minute')}** here. An admin can change it.")
        return
    minutes = st.number_input(
        "Minutes a due message may wait", 1, 1440, found.oldest_minutes, key="house-oldest", width=260
    )
    if st.button("Save for the house", type="primary", key="house-save"):
        st.session_state[TOLD] = _save(viewer, int(minutes))
        st.rerun()


def _save(viewer: Viewer, minutes: int) -> Done:
    try:
        with runtime.current().database.write() as session:
            house.put(session, {"oldest_minutes": minutes}, viewer=viewer, now=queries.now())
    except DoorbellError as error:
        return Done(ok=False, text=say(error))
    return Done(ok=True, text=f"Saved: admins are told after {words.plural(minutes, 'minute')}.")

"""What a list says when there is little in it: why, and the next step."""

import streamlit as st

from app.ui import filters, layout, queries, words
from core.viewer import Viewer
from core.words import Role


def feed(viewer: Viewer, *, narrowed: bool, later_page: bool) -> None:
    """Why the Feed is empty, and what to do about it."""
    if later_page:
        st.info("There is nothing more on this page. Go back for the others.")
    elif narrowed:
        st.info("No alert fits these filters.")
        st.button("Clear all filters", key="clear-empty", on_click=filters.clear)
    elif not queries.has_people():
        layout.first_steps()
    elif viewer.role is Role.AGENT:
        st.success("Nothing waits for you. New alerts appear here by themselves; below is who is warming up.")
    else:
        st.success("No alert is open. New ones appear here by themselves; below is who is warming up.")


def warmest(viewer: Viewer) -> None:
    """Contacts below the threshold, by lift: worth a look while few alerts are open."""
    rows = [row for row in queries.warm(viewer) if row.lift > 1]
    if not rows:
        return
    st.subheader("Warmest this week", anchor=False)
    st.caption("Not alerts: the evidence is too thin for one. Ordered by how far they are above the usual.")
    for row in rows:
        who = layout.plain(row.contact_name or row.contact_email or row.contact_id)
        seen = words.ago(row.last_seen_at, now=queries.now())
        place = f" · {words.territory(row.territory)}" if row.territory else ""
        st.markdown(
            f"**{who}** · {layout.plain(words.type_words(row.intent))} · **{words.lift(row.lift)}** · "
            f"{words.chance(row.intent)}: {words.percent(row.probability)}{place} · last seen {seen}"
        )

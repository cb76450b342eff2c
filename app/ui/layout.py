"""What every page shares: its heading with the live mark, the bell, the menu's foot, empty places and job progress."""

from collections.abc import Sequence

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from app import runtime
from app.ui import commands, live, menu, parts, queries, words
from core.viewer import Viewer
from core.views.progress import JobProgress

_LOGO = parts.FOLDER / "logo.svg"
_frame = parts.component("frame", isolated=False)


def heading(title: str, *, viewer: Viewer, live_key: str, up_to: int) -> None:
    """The page's title, with whether it is live and what waits in the inbox beside it. Inside the page's fragment."""
    with _row():
        st.title(title, anchor=False, width="content")
        _ends(viewer, live_key=live_key, up_to=up_to, announce=False)


def list_head(text: str, *, viewer: Viewer, live_key: str, up_to: int, messages: bool = False) -> None:
    """The same over a list that is a fragment of its own: what is listed, live mark, inbox.

    Args:
        messages: whether the list is of messages, and looks again when one moves; else it tells of alerts that arrive.
    """
    with _row():
        st.markdown(f"**{text}**", width="content")
        _ends(viewer, live_key=live_key, up_to=up_to, announce=not messages, messages=messages)


def _row() -> DeltaGenerator:
    return st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute", gap="small")


def _ends(viewer: Viewer, *, live_key: str, up_to: int, announce: bool, messages: bool = False) -> None:
    with st.container(horizontal=True, vertical_alignment="center", width="content", gap="small"):
        again_in = queries.next_back(viewer)  # a notice that was snoozed comes back without anybody telling of it
        live.mark(live_key, up_to=up_to, announce=announce, messages=messages, again_in=again_in)
        _bell(viewer)


def _bell(viewer: Viewer) -> None:
    unread = queries.unread(viewer)
    label = (str(unread) if unread < 100 else "99+") if unread else "Inbox"
    with st.popover(
        label, icon=":material/notifications:", help=words.plural(unread, "unread notice"), width="content"
    ):
        rows = queries.inbox(viewer)
        if not rows:
            st.caption("Nothing yet. When an alert comes to you, it is told here too.")
        for row in rows:
            icon = ":material/circle_notifications:" if row.read_at is None else ":material/done:"
            when = ("back " if row.is_back else "") + words.ago(row.shown_at, now=queries.now())
            link = {"alert": row.alert_id} if row.alert_id else None
            st.page_link(menu.file("feed"), label=plain(row.title), icon=icon, query_params=link)
            st.caption(when)
        st.page_link(menu.file("inbox"), label="All notices", icon=":material/inbox:")
        if unread:
            st.button("Mark all as read", key="read-inbox", on_click=commands.read_inbox, args=(viewer,))


def brand() -> None:
    """The name over the menu."""
    st.logo(str(_LOGO), size="large")


def menu_foot(viewer: Viewer) -> None:
    """Who is signed in, and the way out, at the foot of the menu."""
    with st.sidebar:
        _frame(
            key="frame",
            data={"name": viewer.name, "role": words.ROLE[viewer.role], "email": viewer.email},
        )


plain = words.plain


def progress(jobs: Sequence[JobProgress]) -> None:
    """How far the running jobs are."""
    for job in jobs:
        text = job.message or words.sentence(job.name)
        st.progress(job.share, text=f"{text} · {job.done:,} of {job.total:,}")


def first_steps() -> None:
    """What to do with an empty house: the first ten minutes."""
    origin = runtime.current().settings.origin
    with st.container(border=True):
        st.subheader("Ring it for the first time", anchor=False)
        st.write(
            "Doorbell listens to what homeowners do on your site, in your mails and in your documents. "
            "Nothing has arrived yet. Three steps, about ten minutes:"
        )
        st.markdown("**1. Get a token** with the e-mail and password you signed in with.")
        st.code(
            f"TOKEN=$(curl -s {origin}/api/v1/auth/token \\\n"
            "  -d 'username=YOU@EXAMPLE.COM' -d 'password=YOUR PASSWORD' \\\n"
            "  | python3 -c 'import json,sys; print(json.load(sys.stdin)[\"access_token\"])')",
            language="bash",
        )
        st.markdown(
            "**2. Post what somebody did.** Ten value checks and two looks at comparable homes: a likely seller."
        )
        st.code(
            "for i in $(seq 12); do\n"
            "  WHAT=value_check; [ $i -gt 10 ] && WHAT=comparable_view\n"
            f'  curl -s -X POST {origin}/api/v1/events -H "Authorization: Bearer $TOKEN" \\\n'
            "    -H 'Content-Type: application/json' -d '{\n"
            '      "eventId": "first-\'$i\'", "userId": "rosa", "eventType": "PROPERTY_VIEW",\n'
            '      "eventName": "\'$WHAT\'", "occurredAt": "\'$(date -u +%FT%TZ)\'"}\'\n'
            "done",
            language="bash",
        )
        st.markdown("**3. Watch the Feed.** The alert slides in by itself, with why and how sure.")
        st.page_link(menu.file("feed"), label="Open the Feed", icon=":material/notifications_active:")

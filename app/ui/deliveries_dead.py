"""The tab Dead letters: what was given up by why, sent again one reason at a time or all at once."""

import streamlit as st

from app.ui import deliveries_commands as commands
from app.ui import deliveries_words, layout, queries, words
from core import changes
from core.delivery import replaying
from core.viewer import Viewer
from core.views import deliveries
from core.views.deliveries import DeadReason, Filters

_SHOWN = 10


@st.fragment
def render(viewer: Viewer) -> None:
    """The whole tab; drawn again when a message moves."""
    commands.told()
    with queries.reading() as session:
        up_to = changes.newest_id(session)
        groups = deliveries.dead_reasons(session, viewer)
    total = sum(group.count for group in groups)
    head = f"{words.plural(total, 'message')} given up, for {words.plural(len(groups), 'reason')}" if groups else "None"
    layout.list_head(head, viewer=viewer, live_key="dead-live", up_to=up_to, messages=True)
    if not groups:
        st.success("No message was given up. What cannot be delivered after every try is kept here, to be sent again.")
        return
    with st.popover("Send all again", width="content"):
        st.write(
            f"{words.plural(min(total, replaying.MOST), 'message')} will be tried anew. First put right what they failed "
            "of: else they come back here."
        )
        st.button("Yes, send all again", key="replay-all", on_click=commands.replay_where, args=(viewer, Filters()))
    for place, group in enumerate(groups):
        _group(viewer, group, place)


def _group(viewer: Viewer, group: DeadReason, place: int) -> None:
    now = queries.now()
    filters = Filters(channels=(group.channel,), states=("dead",), reason=group.reason)
    with st.container(border=True, gap="small"):
        st.markdown(
            f"**{deliveries_words.channel(group.channel)}:** {words.plain(group.reason or 'no reason was kept')}"
        )
        oldest = words.short(group.oldest_at, viewer.timezone, now=now)
        newest = words.short(group.newest_at, viewer.timezone, now=now)
        span = oldest if group.count == 1 else f"{oldest} to {newest}"
        st.caption(f"{words.plural(group.count, 'message')}, {span}")
        with st.container(horizontal=True, gap="small"):
            if group.count == 1:
                st.button(
                    "Send it again", key=f"replay-{place}", on_click=commands.replay_where, args=(viewer, filters)
                )
            else:
                with st.popover(f"Send all {group.count:,} again", width="content"):
                    st.write("They will be tried anew, at the pace the provider takes.")
                    st.button("Yes, send them", key=f"replay-{place}", on_click=commands.replay_where, args=(viewer, filters))  # fmt: skip
        with st.expander("Which ones", on_change="rerun", key=f"dead-open-{place}") as opened:
            if opened.open:
                _members(viewer, filters, place)


def _members(viewer: Viewer, filters: Filters, place: int) -> None:
    with queries.reading() as session:
        page = deliveries.list_deliveries(session, viewer, filters, limit=_SHOWN)
    for row in page.items:
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            when = words.short(row.created_at, viewer.timezone, now=queries.now())
            st.markdown(
                f"{words.plain(deliveries_words.whom(row))} · {words.plain(deliveries_words.about(row))} · {when}",
                width="content",
            )
            st.button(
                "Send it again", key=f"replay-{place}-{row.id}", on_click=commands.replay, args=(viewer, [row.id])
            )
    if page.next_cursor:
        st.caption(f"The newest {_SHOWN}. All stand under Messages, with the state Given up.")

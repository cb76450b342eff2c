"""The tab Messages: how delivery does now, and every message the viewer may see."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pandas as pd
import streamlit as st

from app.ui import deliveries_filters, deliveries_story, deliveries_words, layout, queries, words
from core import changes
from core.viewer import Viewer
from core.views import deliveries, delivery_health
from core.views.deliveries import DeliveryRow, Filters
from core.views.page import Page
from core.words import Role

_PAGE = 25
_TRAIL = "deliveries-trail"
_SERIAL = "deliveries-serial"


@st.fragment
def render(viewer: Viewer) -> None:
    """The whole tab; drawn again when a message moves."""
    with queries.reading() as session:
        up_to = changes.newest_id(session)
    head = st.container()
    if viewer.role is not Role.AGENT:
        _health(viewer)
    filters = deliveries_filters.bar(viewer)
    trail = _trail(filters)
    with queries.reading() as session:
        page = deliveries.list_deliveries(session, viewer, filters, cursor=trail[-1], limit=_PAGE)
    with head:
        text = "The newest messages" if len(trail) == 1 else f"Older messages, page {len(trail)}"
        layout.list_head(text, viewer=viewer, live_key="deliveries-live", up_to=up_to, messages=True)
    if page.items:
        _table(viewer, page.items)
    elif filters == Filters(since=filters.since):
        st.info("No message was written yet. When an alert comes to somebody, what they were sent stands here.")
    else:
        st.info("No message fits these choices.")
    _pages(page, trail)


def _trail(filters: Filters) -> list[str | None]:
    """The cursors of the pages turned so far; other filters start again."""
    key = str(replace(filters, since=None)) + str(st.session_state.get("since"))
    if st.session_state.get("deliveries-filters") != key:
        st.session_state["deliveries-filters"] = key
        st.session_state[_TRAIL] = [None]
    found: list[str | None] = st.session_state[_TRAIL]
    return found


def _health(viewer: Viewer) -> None:
    now = queries.now()
    with queries.reading() as session:
        found = delivery_health.health(session, viewer, now=now)
    due = sum(queue.due + queue.sending for queue in found.queues)
    later = sum(queue.later for queue in found.queues)
    oldest = found.oldest_due_at
    waits = f"the oldest for {words.span((now - oldest).total_seconds())}" if oldest else "none is late"
    st.markdown(
        f"**{words.plural(due, 'message')}** to send now, {waits} · **{later:,}** for later · "
        f"**{words.plural(found.dead, 'dead letter')}**"
    )
    for one in found.paused:
        until = words.short(one.until, viewer.timezone, now=now)
        st.warning(
            f"{words.plain(one.label[:1].upper() + one.label[1:])} is paused until {until} after "
            f"{words.plural(one.failures, 'failure')} in a row; then one message tries. "
            f"It said: {words.plain(one.error or 'nothing')}",
            icon=":material/pause_circle:",
        )
    queues = {queue.channel: queue for queue in found.queues}
    rows = [
        {
            "Channel": deliveries_words.channel(one.channel),
            "Sent today": one.sent,
            "Failed today": one.failed,
            "Rightly not sent": one.suppressed,
            "Waiting": queues[one.channel].due if one.channel in queues else 0,
            "For later": queues[one.channel].later if one.channel in queues else 0,
        }
        for one in found.today
    ]
    with st.expander("Today by channel"):
        st.dataframe(pd.DataFrame(rows), hide_index=True)


def _table(viewer: Viewer, rows: Sequence[DeliveryRow]) -> None:
    """A row that is chosen opens its message. The choice is let go at once: it is a place in a list that moves on."""
    serial = st.session_state.setdefault(_SERIAL, 0)
    picked: Any = st.dataframe(
        pd.DataFrame([_shown(viewer, row) for row in rows]),
        hide_index=True,
        key=f"deliveries-table-{serial}",
        on_select="rerun",
        selection_mode="single-row",
        height=min(40 + 35 * len(rows), 620),
        column_config={
            "When": st.column_config.TextColumn(width=72),
            "State": st.column_config.TextColumn(width=88),
            "Why": st.column_config.TextColumn(width=200),
            "Tries": st.column_config.NumberColumn(width=54),
        },
    )
    st.caption("Choose a message to see everything that happened to it.")
    if chosen := [rows[place].id for place in picked.selection.rows if place < len(rows)]:
        st.session_state[_SERIAL] = serial + 1
        deliveries_story.want(chosen[0])
        st.rerun(
            scope="app"
        )  # dialogs belong to the whole page: what moves draws this list again, and must not close one


def _shown(viewer: Viewer, row: DeliveryRow) -> dict[str, Any]:
    shown = {
        "When": words.short(row.created_at, viewer.timezone, now=queries.now()),
        "State": deliveries_words.state(row.state),
        "By": deliveries_words.channel(row.channel),
        "To": deliveries_words.whom(row),
        "About": deliveries_words.about(row),
        "Why": row.reason or "",
        "Tries": row.attempts,
        "Opened": words.short(row.opened_at, viewer.timezone, now=queries.now()),
    }
    return {name: text for name, text in shown.items() if name != "To" or viewer.role is not Role.AGENT}


def _pages(page: Page[DeliveryRow], trail: list[str | None]) -> None:
    if len(trail) == 1 and page.next_cursor is None:
        return
    with st.container(horizontal=True, gap="small"):
        st.button("Newer", key="deliveries-newer", disabled=len(trail) == 1, on_click=_newer)
        st.button(
            "Older",
            key="deliveries-older",
            disabled=page.next_cursor is None,
            on_click=trail.append,
            args=(page.next_cursor,),
        )


def _newer() -> None:
    st.session_state[_TRAIL].pop()

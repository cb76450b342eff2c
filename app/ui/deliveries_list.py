"""The tab Messages: how delivery does now, and every message the viewer may see."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pandas as pd
import streamlit as st

from app.ui import deliveries_commands as commands
from app.ui import deliveries_story, deliveries_words, queries, words
from core.delivery.registry import CHANNELS
from core.viewer import Viewer
from core.views import deliveries, delivery_health
from core.views.deliveries import DeliveryRow, Filters
from core.views.page import Page
from core.words import DeliveryState, Role

_PAGE = 25
_TRAIL = "deliveries-trail"
_SINCE = {"Today": 1, "7 days": 7, "30 days": 30, "Everything": None}


@st.fragment
def render(viewer: Viewer) -> None:
    """The whole tab."""
    commands.told()
    if viewer.role is not Role.AGENT:
        _health(viewer)
    filters = _filters(viewer)
    trail: list[str | None] = st.session_state.setdefault(_TRAIL, [None])
    with queries.reading() as session:
        page = deliveries.list_deliveries(session, viewer, filters, cursor=trail[-1], limit=_PAGE)
    if page.items:
        _table(viewer, page.items)
    elif filters == Filters():
        st.info("No message was written yet. When an alert comes to somebody, what they were sent stands here.")
    else:
        st.info("No message fits these choices.")
    _pages(page, trail)
    if asked := st.query_params.get("message"):
        deliveries_story.dialog(viewer, asked)


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


def _filters(viewer: Viewer) -> Filters:
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        states: list[str] = st.multiselect(
            "State", list(DeliveryState), format_func=deliveries_words.state, key="delivery-state",
            placeholder="Any", on_change=_from_the_start, width=210,
        )  # fmt: skip
        channels: list[str] = st.multiselect(
            "Channel", list(CHANNELS), format_func=deliveries_words.channel, key="delivery-channel",
            placeholder="Any", on_change=_from_the_start, width=210,
        )  # fmt: skip
        who = None
        if viewer.role is not Role.AGENT:
            names = {agent_id: name for agent_id, name, _ in queries.agent_names(viewer)}
            who = st.selectbox(
                "Person", [None, *names], format_func=lambda one: names[one] if one else "Everybody",
                key="delivery-person", on_change=_from_the_start, width=210,
            )  # fmt: skip
        since = st.selectbox("Since", list(_SINCE), index=1, key="delivery-since", on_change=_from_the_start, width=150)
    days = _SINCE[since]
    return Filters(
        states=tuple(states),
        channels=tuple(channels),
        user_id=who,
        alert_id=st.query_params.get("about"),
        since=queries.now() - timedelta(days=days) if days else None,
    )


def _table(viewer: Viewer, rows: Sequence[DeliveryRow]) -> None:
    picked: Any = st.dataframe(
        pd.DataFrame([_shown(viewer, row) for row in rows]),
        hide_index=True,
        key="deliveries-table",
        on_select="rerun",
        selection_mode="single-row",
        height=min(38 + 35 * len(rows), 620),
    )
    st.caption("Choose a message to see everything that happened to it.")
    chosen = [rows[place].id for place in picked.selection.rows if place < len(rows)]
    if chosen and st.session_state.get("delivery-shown") != chosen[0]:
        st.session_state["delivery-shown"] = chosen[0]
        deliveries_story.dialog(viewer, chosen[0])
    elif not chosen:
        st.session_state.pop("delivery-shown", None)


def _shown(viewer: Viewer, row: DeliveryRow) -> dict[str, Any]:
    return {
        "When": words.short(row.created_at, viewer.timezone, now=queries.now()),
        "To": deliveries_words.whom(row),
        "By": deliveries_words.channel(row.channel),
        "State": deliveries_words.state(row.state),
        "Why": row.reason or "",
        "About": deliveries_words.about(row),
        "Tries": row.attempts,
        "Opened": words.short(row.opened_at, viewer.timezone, now=queries.now()),
    }


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


def _from_the_start() -> None:
    st.session_state[_TRAIL] = [None]

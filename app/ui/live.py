"""The page's ear: a socket that says when something changed, and a slow refresh for as long as it is lost."""

from typing import Any

import streamlit as st
from streamlit_autorefresh import st_autorefresh

from app.ui import parts, words

_ear = parts.component("live")
_EVERY = 30_000
"""Milliseconds between looks while the socket is lost."""


def mark(
    key: str, *, up_to: int, announce: bool = False, messages: bool = False, again_in: float | None = None
) -> None:
    """Show whether this page is live, and run the surrounding fragment again whenever it should look again.

    Args:
        up_to: the newest change the page has read; changes up to it cause no run.
        announce: tell of alerts that arrived by one toast, however many came at once.
        messages: whether to look again also when a message moves.
        again_in: seconds until something shows by itself that nobody tells of.
    """
    lost = bool(st.session_state.get(key, {}).get("lost", False))
    result = _ear(
        key=key,
        data={"upTo": up_to, "lost": lost, "messages": messages, "againIn": again_in},
        on_events_change=_nothing,
        on_lost_change=_nothing,
    )
    if announce and result.events:
        _toast(result.events)
    if lost:
        st_autorefresh(interval=_EVERY, debounce=False, key=f"{key}-refresh")


def _nothing() -> None:
    """A trigger runs the fragment again: that is all that is wanted."""


def _toast(events: Any) -> None:
    arrived = [item for item in events.get("items", ()) if item.get("kind") == "alert:new"]
    told = st.session_state.get("told_up_to", 0)
    fresh = {item["alertId"]: item for item in arrived if item.get("changeId", 0) > told and "alertId" in item}
    if not fresh:
        return
    st.session_state["told_up_to"] = max(item["changeId"] for item in fresh.values())
    if len(fresh) > 1:
        st.toast(f"{len(fresh)} new alerts", icon=":material/notifications_active:")
        return
    (item,) = fresh.values()
    priority = words.PRIORITY.get(item.get("priority"), "")
    st.toast(
        f"New alert: {priority} · {words.plain(words.type_words(item.get('alertType', '')))}",
        icon=":material/notifications_active:",
    )

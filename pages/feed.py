"""The Feed: who is worth a call now, why, and how sure we are; new alerts slide in."""

from collections.abc import Mapping
from typing import Any

import streamlit as st

from app.ui import cards, detail, empty, filters, handover, identity, layout, queries, words

KEY = "feed-cards"
PAGE_SIZE = 25


def page() -> None:
    feed()
    open_dialogs()


@st.fragment
def feed() -> None:
    viewer = identity.me()
    if "feed-open" in st.session_state and st.session_state.get("feed-asked") != st.session_state["feed-open"]:
        st.session_state["feed-asked"] = st.session_state["feed-open"]
        st.rerun(scope="app")
    heading = st.container()
    chosen = filters.bar(viewer)
    back = cursors(chosen.key)
    found = queries.feed(viewer, chosen.filters, sort=chosen.sort, cursor=back[-1], limit=PAGE_SIZE)
    with heading:
        layout.heading("Feed", viewer=viewer, live_key="feed-live", up_to=found.up_to, announce=True)
        layout.progress(queries.running_jobs())
    items = found.page.items
    st.session_state["feed-next"] = found.page.next_cursor
    first = (len(back) - 1) * PAGE_SIZE + 1
    text = f"{first:,}–{first + len(items) - 1:,} of {words.plural(found.total, 'alert')}" if items else ""
    cards.show(
        viewer,
        items,
        key=KEY,
        now=queries.now(),
        page=f"{chosen.key} {back[-1]}",
        page_text=text,
        older=found.page.next_cursor is not None,
        newer=len(back) > 1,
        keyboard=True,
        other=do,
    )
    if not items:
        empty.feed(viewer, narrowed=chosen.narrowed, later_page=len(back) > 1)
    if len(items) < 10 and len(back) == 1:
        empty.warmest(viewer)
    empty.keyboard_help()


def cursors(key: str) -> list[str | None]:
    """The cursors of the pages turned so far; other filters start again."""
    if st.session_state.get("feed-key") != key:
        st.session_state["feed-key"] = key
        st.session_state["feed-cursors"] = [None]
    turned: list[str | None] = st.session_state["feed-cursors"]
    return turned


def do(name: str, action: Mapping[str, Any]) -> None:
    """What a card asks for beside its own state."""
    alert_id = str(action.get("id", ""))
    if name == "older" and st.session_state.get("feed-next"):
        st.session_state["feed-cursors"].append(st.session_state["feed-next"])
    elif name == "newer" and len(st.session_state["feed-cursors"]) > 1:
        st.session_state["feed-cursors"].pop()
    elif name == "details":
        st.session_state["feed-open"] = ("details", alert_id)
    elif name == "assign":
        st.session_state["feed-open"] = ("assign", alert_id)


def open_dialogs() -> None:
    """Dialogs belong to the whole page: a push runs the feed again, and must not close what is being read."""
    wanted = st.session_state.pop("feed-open", None)
    st.session_state.pop("feed-asked", None)
    named = st.query_params.get("alert")
    if wanted is None and named and st.session_state.get("feed-opened") != named:
        wanted = ("details", named)
    if wanted is None:
        return
    kind, alert_id = wanted
    if kind == "assign":
        handover.dialog([alert_id])
        return
    st.session_state["feed-opened"] = alert_id
    st.query_params["alert"] = alert_id
    detail.dialog(alert_id)


page()

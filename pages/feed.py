"""The Feed: who is worth a call now, why, and how sure we are; new alerts slide in."""

from collections.abc import Mapping
from typing import Any

import streamlit as st

from app.ui import cards, detail, empty, filters, handover, identity, layout, queries, words

KEY = "feed-cards"
PAGE_SIZE = 25
FEW = 10
"""With fewer alerts than this, the Feed also lists who is warming up."""


def page() -> None:
    feed()
    open_dialogs()


@st.fragment
def feed() -> None:
    """The filters; a push runs only the list below them again."""
    viewer = identity.me()
    st.title("Feed", anchor=False)
    listing(filters.bar(viewer))


@st.fragment
def listing(chosen: filters.Chosen) -> None:
    viewer = identity.me()
    if st.session_state.pop("feed-asked", False):
        st.rerun(scope="app")  # dialogs belong to the whole page
    back = cursors(chosen.key)
    found = queries.feed(viewer, chosen.filters, sort=chosen.sort, cursor=back[-1], limit=PAGE_SIZE)
    items = found.page.items
    st.session_state["feed-next"] = found.page.next_cursor
    head = words.plural(found.total, "alert") if items else "No alerts"
    layout.list_head(head, viewer=viewer, live_key="feed-live", up_to=found.up_to)
    layout.progress(queries.running_jobs())
    first = (len(back) - 1) * PAGE_SIZE + 1
    paged = found.page.next_cursor is not None or len(back) > 1
    text = f"{first:,}–{first + len(items) - 1:,} of {words.plural(found.total, 'alert')}" if items and paged else ""
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
    if len(items) < FEW and len(back) == 1:
        empty.warmest(viewer)


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
        st.session_state["feed-asked"] = True
    elif name == "assign":
        st.session_state["feed-open"] = ("assign", alert_id)
        st.session_state["feed-asked"] = True


def open_dialogs() -> None:
    """Dialogs belong to the whole page: a push runs the feed again, and must not close what is being read."""
    wanted = st.session_state.pop("feed-open", None)
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

"""The filters of the Feed: in the address, saved by name, and turned into core.views.feed.Filters."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import streamlit as st

from app.ui import commands, queries, words
from core.viewer import Viewer
from core.views import days
from core.views.feed import UNASSIGNED, Filters, Sort
from core.words import Intent, Priority, Role, Status

PAGE = "feed"
SORTS: dict[Sort, str] = {"urgent": "Most urgent", "newest": "Newest", "confidence": "Surest"}
SNOOZED = {"hide": "Hide", "only": "Only these", "both": "Show all"}
FREE = "Free to take"
MINE = "Mine"
_EMPTY: dict[str, Any] = {
    "text": "",
    "priority": [],
    "type": [],
    "status": [],
    "agent": [],
    "sure": 0,
    "from": None,
    "to": None,
    "snoozed": "hide",
    "sort": "urgent",
}
"""Every filter's key, in the session and in the address, and what it is when it narrows nothing."""
_KEYS = """
| key | does |
|---|---|
| `j` / `k` | next / previous alert |
| `Enter` | details |
| `a` | acknowledge, or take it |
| `c` | contacted |
| `s` | snooze |
| `v` | converted |
| `x` | dismiss |
| `g` | give to somebody (managers) |
| `u` | undo |
"""
_DATES = ("from", "to")


@dataclass(frozen=True, kw_only=True)
class Chosen:
    filters: Filters
    sort: Sort
    narrowed: bool
    """Something hides alerts that would be shown otherwise."""

    @property
    def key(self) -> str:
        return f"{self.sort} {self.filters}"


def bar(viewer: Viewer) -> Chosen:
    """Draw the row of filters; what they say now."""
    people = _people(viewer)
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        st.text_input(
            "Search",
            key="text",
            bind="query-params",
            placeholder="Name, e-mail or type",
            width=210,
            max_chars=200,
            label_visibility="collapsed",
        )
        st.pills(
            "Priority",
            list(Priority),
            selection_mode="multi",
            format_func=lambda one: words.PRIORITY[one],
            key="priority",
            bind="query-params",
            label_visibility="collapsed",
        )
        st.segmented_control(
            "Order",
            list(SORTS),
            format_func=lambda one: SORTS[one],
            key="sort",
            default="urgent",
            required=True,
            bind="query-params",
            label_visibility="collapsed",
        )
        number = _count()
        with st.popover(f"Filters ({number})" if number else "Filters", width="content"):
            _more(viewer, people)
        with st.popover("Saved", width="content"):
            _saved(viewer)
        with st.popover("Keys", width="content", help="Work by keyboard"):
            st.markdown(_KEYS)
    return _chosen(viewer, people)


def clear() -> None:
    """Take every filter back."""
    apply(_EMPTY)


def apply(values: dict[str, Any]) -> None:
    """Set the filters to these; from a callback, before they are drawn."""
    for name, empty in _EMPTY.items():
        value = values.get(name, empty)
        if name in _DATES and isinstance(value, str):
            value = date.fromisoformat(value)
        st.session_state[name] = list(value) if isinstance(value, list | tuple) else value


def present() -> dict[str, Any]:
    """What is set now, as it is saved."""
    found = {}
    for name, empty in _EMPTY.items():
        value = st.session_state.get(name, empty)
        if value != empty and value is not None:
            found[name] = value.isoformat() if isinstance(value, date) else value
    return found


def _count() -> int:
    return sum(_is_set(name) for name in ("type", "status", "agent", "sure", "from", "to", "snoozed"))


def _is_set(name: str) -> bool:
    """Of a page just opened by a link the fields are not drawn yet, and know nothing of the address."""
    if name not in st.session_state:
        return name in st.query_params
    return st.session_state[name] not in (_EMPTY[name], None)


def _people(viewer: Viewer) -> dict[str, str]:
    """What the agent filter offers: a name to an id, the same name twice told apart."""
    if viewer.role is Role.AGENT:
        return {MINE: viewer.user_id, FREE: UNASSIGNED}
    found = {FREE: UNASSIGNED}
    for agent_id, name, email in queries.agent_names(viewer):
        found[name if name not in found else f"{name} ({email})"] = agent_id
    return found


def _more(viewer: Viewer, people: dict[str, str]) -> None:
    st.multiselect(
        "Type",
        [*Intent, *queries.own_types()],
        format_func=words.type_words,
        key="type",
        bind="query-params",
        placeholder="Every type",
    )
    st.multiselect(
        "Status",
        list(Status),
        format_func=lambda one: words.STATUS[one],
        key="status",
        bind="query-params",
        placeholder="Everything open",
    )
    label = "Whose" if viewer.role is Role.AGENT else "Agent"
    st.multiselect(label, list(people), key="agent", bind="query-params", placeholder="Everybody")
    st.slider("At least this sure", 0, 95, step=5, format="%d%%", key="sure", bind="query-params")
    first, last = st.columns(2)
    with first:
        st.date_input("Opened from", value=None, key="from", bind="query-params", format="YYYY-MM-DD")
    with last:
        st.date_input("to", value=None, key="to", bind="query-params", format="YYYY-MM-DD")
    st.segmented_control(
        "Snoozed alerts",
        list(SNOOZED),
        format_func=lambda one: SNOOZED[one],
        key="snoozed",
        default="hide",
        required=True,
        bind="query-params",
    )
    st.button("Clear all filters", on_click=clear, disabled=not present())


def _saved(viewer: Viewer) -> None:
    known = queries.saved(viewer, PAGE)
    if not known:
        st.caption("Set the filters you like, give them a name here, and they are one click away.")
    for row in known.values():
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            st.button(row.name, key=f"use-{row.id}", on_click=apply, args=(dict(row.filters),), width="stretch")
            st.button(
                "✕",
                key=f"forget-{row.id}",
                on_click=commands.delete_filter,
                args=(viewer, row.id),
                help=f"Delete “{row.name}”",
                type="tertiary",
            )
    with st.form("save-filter", border=False, clear_on_submit=True):
        name = st.text_input("Save the present filters as", max_chars=60, placeholder="e.g. Critical, free to take")
        if st.form_submit_button("Save"):
            done = commands.save_filter(viewer, PAGE, name, present())
            if done.ok:
                st.toast(done.text, icon=":material/check_circle:")
                st.rerun(scope="fragment")
            st.error(done.text)


def _chosen(viewer: Viewer, people: dict[str, str]) -> Chosen:
    state = st.session_state
    statuses: Sequence[str] = state.get("status") or ()
    first, last = state.get("from"), state.get("to")
    until = days.start_of(last + timedelta(days=1), viewer.timezone) if last else None
    filters = Filters(
        types=tuple(state.get("type") or ()),
        statuses=tuple(statuses),
        priorities=tuple(state.get("priority") or ()),
        agent_ids=tuple(people[name] for name in state.get("agent") or () if name in people),
        min_confidence=state["sure"] / 100 if state.get("sure") else None,
        opened_from=days.start_of(first, viewer.timezone) if first else None,
        opened_to=until,
        text=(state.get("text") or "").strip(),
        snoozed={"hide": False, "only": True, "both": None}[state.get("snoozed") or "hide"],
        open_only=not statuses,
    )
    sort: Sort = state.get("sort") or "urgent"
    return Chosen(filters=filters, sort=sort, narrowed=bool(set(present()) - {"sort"}))

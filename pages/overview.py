"""Overview: what needs me now, and how today and this week go."""

from collections.abc import Mapping
from typing import Any

import streamlit as st

from app.ui import cards, identity, layout, queries, words
from core.views.overview import Overview
from core.words import Role


def page() -> None:
    overview()


@st.fragment
def overview() -> None:
    viewer = identity.me()
    if target := st.session_state.pop("overview-open", None):
        st.switch_page("pages/feed.py", query_params={"alert": target})
    found = queries.start(viewer)
    layout.heading(f"Hello, {viewer.name.split()[0]}", viewer=viewer, live_key="overview-live", up_to=found.up_to)
    layout.progress(queries.running_jobs())
    if not queries.has_people():
        layout.first_steps()
        return
    numbers = found.numbers
    _now(numbers, is_agent=viewer.role is Role.AGENT)
    st.subheader("First in line", anchor=False)
    if found.urgent:
        cards.show(viewer, found.urgent, key="overview-cards", now=queries.now(), page="top", compact=True, other=_do)
        st.page_link("pages/feed.py", label=f"All {words.plural(numbers.open_total, 'open alert')}", icon="📣")
    else:
        st.success("Nothing is open. New alerts appear here by themselves.")
    _week(numbers)
    if viewer.role is not Role.AGENT and numbers.agents:
        _loads(numbers)


def _do(name: str, action: Mapping[str, Any]) -> None:
    if name == "details":
        st.session_state["overview-open"] = str(action.get("id", ""))


def _now(numbers: Overview, *, is_agent: bool) -> None:
    waiting = numbers.unacknowledged
    if numbers.overdue:
        st.error(f"**{words.plural(numbers.overdue, 'alert')}** not acknowledged in time.", icon="⏰")
    by = " · ".join(
        f"{count:,} {words.group(priority).lower()}" for priority, count in numbers.open_by_priority.items() if count
    )
    with st.container(horizontal=True, gap="small"):
        _tile("Not acknowledged", f"{waiting:,}", "alerts")
        _tile("Open", f"{numbers.open_total:,}", by or "none")
        if is_agent:
            _tile("Yours", f"{numbers.mine:,}", "open alerts")
        _tile("Free to take", f"{numbers.unassigned:,}", "without an owner")
        _tile("Snoozed", f"{numbers.snoozed:,}", "come back by themselves")


def _week(numbers: Overview) -> None:
    st.subheader("Today and this week", anchor=False)
    before = numbers.converted_last_week
    response = numbers.response
    with st.container(horizontal=True, gap="small"):
        _tile("Opened today", f"{numbers.opened_today:,}", "alerts")
        _tile("Converted this week", f"{numbers.converted_this_week:,}", f"{before:,} in the whole week before")
        _tile("Value this week", words.money(numbers.value_this_week), "US dollars, as recorded")
        _tile(
            "Half acknowledged within",
            words.span(response.value) if response else "–",
            f"{words.span(response.low)} to {words.span(response.high)}, last 7 days" if response else "last 7 days",
        )


def _tile(label: str, value: str, note: str) -> None:
    with st.container(border=True, width=210, gap=None):
        st.caption(label)
        st.markdown(f"### {layout.plain(value)}", width="stretch")
        st.caption(layout.plain(note))


def _loads(numbers: Overview) -> None:
    with st.expander(f"How full the {words.plural(len(numbers.agents), 'agent')} are"):
        for agent in numbers.agents:
            share = min(agent.load / max(agent.capacity, 1), 1.0)
            away = "" if agent.available else " · away"
            st.progress(share, text=f"{layout.plain(agent.name)}: {agent.load} of {agent.capacity}{away}")


page()

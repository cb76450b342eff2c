"""Overview: what needs me now, and how today and this week go."""

from collections.abc import Mapping
from typing import Any

import streamlit as st

from app.ui import agents_coverage, cards, identity, layout, menu, queries, tiles, words
from app.ui.tiles import Tile
from core.viewer import Viewer
from core.views.overview import Overview
from core.words import Role


def page() -> None:
    overview()


@st.fragment
def overview() -> None:
    viewer = identity.me()
    if target := st.session_state.pop("overview-open", None):
        st.switch_page(menu.file("feed"), query_params={"alert": target})
    found = queries.start(viewer)
    layout.heading(f"Hello, {viewer.name.split()[0]}", viewer=viewer, live_key="overview-live", up_to=found.up_to)
    layout.progress(queries.running_jobs())
    if not queries.has_people():
        layout.first_steps()
        return
    numbers = found.numbers
    _now(numbers, is_agent=viewer.role is Role.AGENT)
    if viewer.role is not Role.AGENT:
        _ahead(viewer)
    st.subheader("First in line", anchor=False)
    if found.urgent:
        cards.show(viewer, found.urgent, key="overview-cards", now=queries.now(), page="top", compact=True, other=_do)
        st.page_link(
            menu.file("feed"),
            label=f"All open alerts ({numbers.open_total:,})",
            icon=":material/notifications_active:",
        )
    else:
        st.success("Nothing is open. New alerts appear here by themselves.")
    _week(numbers)
    if viewer.role is not Role.AGENT and numbers.agents:
        _loads(numbers)


def _do(name: str, action: Mapping[str, Any]) -> None:
    if name == "details":
        st.session_state["overview-open"] = str(action.get("id", ""))


def _now(numbers: Overview, *, is_agent: bool) -> None:
    by = " · ".join(
        f"{count:,} {words.group(priority).lower()}" for priority, count in numbers.open_by_priority.items() if count
    )
    late = numbers.overdue
    shown = [
        Tile(
            label="Overdue",
            value=f"{late:,}",
            note="not acknowledged in time" if late else "everything in time",
            tone="bad" if late else "",
            feed={"status": "New"} if late else None,
        ),
        Tile(
            label="Not acknowledged",
            value=f"{numbers.unacknowledged:,}",
            note="new alerts",
            tone="warn" if numbers.unacknowledged else "",
            feed={"status": "New"},
        ),
        Tile(label="Open", value=f"{numbers.open_total:,}", note=by or "no alerts", feed={}),
        Tile(
            label="Free to take", value=f"{numbers.unassigned:,}", note="no owner yet", feed={"agent": "Free to take"}
        ),
    ]
    if is_agent:
        shown.insert(3, Tile(label="Yours", value=f"{numbers.mine:,}", note="open alerts", feed={"agent": "Mine"}))
    if numbers.snoozed:
        shown.append(
            Tile(label="Snoozed", value=f"{numbers.snoozed:,}", note="come back later", feed={"snoozed": "Only these"})
        )
    tiles.show(shown, key="overview-now")


def _ahead(viewer: Viewer) -> None:
    """One line where something serious is to come."""
    serious = agents_coverage.report(viewer, minutes=10).serious
    if not serious:
        return
    more = f" And {words.plural(len(serious) - 1, 'more thing')}." if len(serious) > 1 else ""
    st.warning(f"In the next 14 days: {layout.plain(serious[0].text)}{more}", icon=":material/event_busy:")
    st.page_link(
        menu.file("agents"),
        label="What to do about it",
        icon=":material/arrow_forward:",
        query_params={"view": "Coverage"},
    )


def _week(numbers: Overview) -> None:
    st.subheader("Today and this week", anchor=False)
    response = numbers.response
    shown = [
        Tile(label="Opened today", value=f"{numbers.opened_today:,}", note="alerts"),
        Tile(
            label="Converted this week",
            value=f"{numbers.converted_this_week:,}",
            note=f"alerts; {numbers.converted_last_week:,} in the week before",
        ),
        Tile(label="Value this week", value=words.money(numbers.value_this_week), note="US dollars, as recorded"),
        Tile(
            label="Half acknowledged within",
            value=words.span(response.value) if response else "–",
            note=f"range {words.span(response.low)} to {words.span(response.high)}, 7 days" if response else "7 days",
        ),
    ]
    tiles.show(shown, key="overview-week")


def _loads(numbers: Overview) -> None:
    with st.expander(f"How full the {words.plural(len(numbers.agents), 'agent')} are"):
        for agent in numbers.agents:
            share = min(agent.load / max(agent.capacity, 1), 1.0)
            away = "" if agent.available else " · away"
            st.progress(share, text=f"{layout.plain(agent.name)}: {agent.load} of {agent.capacity}{away}")


page()

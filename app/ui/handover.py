"""Giving alerts to an agent by hand: who has room, and why this one."""

from collections.abc import Sequence

import streamlit as st

from app.ui import commands, identity, layout, queries, words
from core.routing import refusals
from core.views.agents import AgentRow


@st.dialog("Give to an agent")
def dialog(alert_ids: Sequence[str]) -> None:
    """Ask to whom and why; for managers and admins."""
    viewer = identity.me()
    st.write(f"{words.plural(len(alert_ids), 'alert')} to:")
    agents = by_room(queries.agents(viewer))
    if not agents:
        st.info("There is no agent in your teams yet.")
        return
    chosen = st.selectbox("Agent", agents, format_func=label)
    with queries.reading() as session:
        said_no = refusals.declined_by(session, alert_ids, chosen.id)
    if said_no:
        which = "it" if len(alert_ids) == 1 else f"{said_no:,} of them"
        st.warning(f"{layout.plain(chosen.name)} has declined {which} before.")
    reason = st.text_input("Why (the agent reads it)", max_chars=200, placeholder="e.g. knows the family")
    room = chosen.capacity - chosen.load
    past = False
    if room < len(alert_ids):
        st.warning(f"{layout.plain(chosen.name)} has room for {max(room, 0)} more.")
        past = st.checkbox("Give them past the capacity")
    if st.button("Give", type="primary"):
        done = commands.assign(viewer, alert_ids, chosen.id, reason=reason, overflow=past)
        if not done.ok:
            st.error(done.text)
            return
        st.toast(f"{done.text} to {layout.plain(chosen.name)}", icon=":material/check_circle:")
        st.rerun()


def by_room(agents: Sequence[AgentRow]) -> list[AgentRow]:
    """Those who are here and have the most room first."""
    return sorted(agents, key=lambda agent: (not agent.available, _fullness(agent), agent.name))


def _fullness(agent: AgentRow) -> float:
    return agent.load / max(agent.capacity, 1)


def label(agent: AgentRow) -> str:
    """Ann Lee · 4 of 12, room for 8."""
    away = "" if agent.available and agent.off_until is None else " · away"
    return f"{agent.name} · {agent.load} of {agent.capacity}, room for {max(agent.capacity - agent.load, 0)}{away}"

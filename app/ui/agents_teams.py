"""Teams: who manages them, who is in them, and how their alerts are given out."""

import pandas as pd
import streamlit as st

from app.ui import agents_commands as commands
from app.ui import agents_reading, words
from core.errors import NotFound
from core.routing.strategies import DEFAULT, LEAVE, STRATEGIES
from core.routing.teams import StoredTeam
from core.viewer import Viewer
from core.words import Role

_NEW = ""
_FOR_STALE = "stale_escalation"
"""For what nobody acted on: no way to begin with."""


@st.fragment
def render(viewer: Viewer) -> None:
    """The tab: admins change, managers look."""
    commands.last()
    rows = agents_reading.teams_of(viewer)
    if rows:
        table = [
            {
                "Team": row.name,
                "Manager": row.manager_name or "–",
                "Agents": row.agents,
                "Open": f"{row.load} of {row.capacity}",
                "Gives alerts by": _strategy(row.default_strategy),
            }
            for row in rows
        ]
        st.dataframe(pd.DataFrame(table), hide_index=True, height=38 + 35 * len(rows))
    else:
        st.info("There is no team yet. A team has a manager, who sees its alerts and answers for them, and its agents.")
    if viewer.role is Role.ADMIN:
        _editor(viewer, {row.id: row.name for row in rows})


def _editor(viewer: Viewer, names: dict[str, str]) -> None:
    st.subheader("Change or add", anchor=False)
    chosen = st.selectbox(
        "Team", [_NEW, *names], format_func=lambda one: names[one] if one else "A new one", key="team", width=340
    )
    try:
        team = agents_reading.team(chosen) if chosen else None
    except NotFound:
        st.info("This team is not here any more.")
        return
    _form(viewer, team)
    if team is not None:
        with st.popover("Delete", width="content"):
            if team.agent_ids:
                st.write("It still has members: move them to another team first.")
                return
            st.write("Its holidays go with it.")
            if st.button("Delete it", key=f"drop-{team.id}"):
                commands.show(commands.remove_team(viewer, team.id, team.name))


def _form(viewer: Viewer, team: StoredTeam | None) -> None:
    managers, agents = agents_reading.managers(), agents_reading.candidates()
    with st.form(f"team-{team.id if team else 'new'}"):
        name = st.text_input("Name", team.name if team else "", max_chars=120)
        ids: list[str | None] = [None, *managers]
        manager = st.selectbox(
            "Manager",
            ids,
            ids.index(team.manager_id) if team and team.manager_id in ids else 0,
            format_func=lambda one: managers[one] if one else "Nobody yet",
        )
        known = list(agents)
        members = st.multiselect(
            "Agents",
            known,
            [one for one in team.agent_ids if one in agents] if team else [],
            format_func=agents.__getitem__,
            help="Whoever is put here leaves the team they were in.",
        )
        first = [one for one in STRATEGIES if one != _FOR_STALE]
        strategy = st.selectbox(
            "Gives alerts by",
            first,
            first.index(team.default_strategy if team and team.default_strategy in first else DEFAULT),
            format_func=_strategy,
        )
        then = st.multiselect(
            "Where that finds nobody, then by (in this order)",
            [*first, LEAVE],
            [one for one in team.fallbacks if one in first or one == LEAVE] if team else [],
            format_func=_strategy,
        )
        if st.form_submit_button("Save"):
            raw = {
                "name": name,
                "manager_id": manager,
                "default_strategy": strategy,
                "fallbacks": then,
                "agent_ids": [*members, *(one for one in (team.agent_ids if team else []) if one not in agents)],
            }
            commands.show(commands.save_team(viewer, team.id if team else None, raw))


def _strategy(name: str) -> str:
    if name == LEAVE:
        return "Leave it in the pool for whoever takes it"
    return STRATEGIES[name].title if name in STRATEGIES else words.sentence(name)

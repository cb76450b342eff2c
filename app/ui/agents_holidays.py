"""Holidays: days off of everybody or of a team, one by one or a year of federal ones at once."""

from datetime import date, timedelta

import streamlit as st

from app.ui import agents_commands as commands
from app.ui import agents_reading, queries, words
from core import clock
from core.routing.holidays import StoredHoliday
from core.viewer import Viewer
from core.words import Role

_EVERYBODY = "Everybody"


@st.fragment
def render(viewer: Viewer) -> None:
    """The tab."""
    commands.last()
    st.caption(
        "The whole day in each agent's own zone: nothing new is given to them, and the time to answer stands still."
    )
    teams = {team.id: team.name for team in agents_reading.teams_of(viewer)}
    today = queries.now().astimezone(clock.zone(viewer.timezone)).date()
    found = agents_reading.list_holidays(viewer)
    coming = [one for one in found if one.day >= today]
    who = [*([""] if viewer.role is Role.ADMIN else []), *teams]
    if who:
        _add(viewer, who, teams, today=today)
    if not coming:
        st.info("No holiday is to come. Add the federal ones of a year, or your own days.")
    for one in coming:
        _row(viewer, one, teams)
    if past := [one for one in found if one.day < today][-12:]:
        st.caption("Over: " + words.plain("; ".join(f"{words.day(one.day)} {one.name}" for one in reversed(past))))


def _add(viewer: Viewer, who: list[str], teams: dict[str, str], *, today: date) -> None:
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        for_whom = st.selectbox("For", who, format_func=lambda one: _whom(one, teams), key="holiday-for", width=240)
        for number in (today.year, today.year + 1):
            if st.button(f"Add the federal holidays of {number}", key=f"federal-{number - today.year}"):
                commands.show(commands.add_federal(viewer, number, for_whom or None))
        with st.popover("Add another day", width="content"):
            name = st.text_input("Name", max_chars=120, key="holiday-name", placeholder="e.g. Company picnic")
            day = st.date_input("Day", today + timedelta(days=7), key="holiday-day")
            st.caption(f"For {words.plain(_whom(for_whom, teams)) if for_whom else 'everybody'}.")
            if st.button("Save", key="holiday-save", type="primary"):
                commands.show(commands.add_holiday(viewer, {"name": name, "day": day, "team_id": for_whom or None}))


def _row(viewer: Viewer, one: StoredHoliday, teams: dict[str, str]) -> None:
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        whom = words.plain(_whom(one.team_id, teams))
        st.markdown(f"**{one.day:%a} {words.day(one.day)}** · {words.plain(one.name)} · {whom}", width="content")
        if viewer.role is Role.ADMIN or one.team_id in viewer.team_ids:
            drop = st.button("Delete", key=f"drop-{one.id}", type="tertiary", help=f"Delete {words.plain(one.name)}")
            if drop:
                commands.show(commands.remove_holiday(viewer, one))


def _whom(team_id: str | None, teams: dict[str, str]) -> str:
    return teams.get(team_id, team_id) if team_id else _EVERYBODY

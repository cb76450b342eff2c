"""Agents: who is on duty, profiles, hours and time off; what is not covered in the days to come; holidays, territories and teams. An agent sees their own profile."""

import streamlit as st

from app.ui import agents_coverage, agents_holidays, agents_list, agents_teams, agents_territories, identity
from core.words import Role

VIEWS = {
    "people": ("People", agents_list.render),
    "coverage": ("Coverage", agents_coverage.render),
    "holidays": ("Holidays", agents_holidays.render),
    "territories": ("Territories", agents_territories.render),
    "teams": ("Teams", agents_teams.render),
}


def page() -> None:
    viewer = identity.me()
    if viewer.role is Role.AGENT:
        st.title("My profile", anchor=False)
        agents_list.own(viewer)
        return
    st.title("Agents", anchor=False)
    chosen = st.segmented_control(
        "View",
        list(VIEWS),
        format_func=lambda one: VIEWS[one][0],
        default="people",
        required=True,
        key="view",
        wrap=True,
        label_visibility="collapsed",
        bind="query-params",
    )
    VIEWS[chosen or "people"][1](viewer)


page()

"""Everybody a viewer answers for, at a glance; one of them is opened below."""

from datetime import datetime
from typing import Any

import pandas as pd
import streamlit as st

from app.ui import agents_commands as commands
from app.ui import agents_profile, agents_reading, agents_words, queries, words
from core.viewer import Viewer
from core.views.people import PersonRow


@st.fragment
def render(viewer: Viewer) -> None:
    """The tab: who is on duty, what everybody carries, and a profile."""
    people, now = agents_reading.list_people(viewer), queries.now()
    commands.last()
    if not people:
        st.info(
            "There is no agent here yet. Whoever can sign in as an agent gets a profile by being put into a team: "
            "an admin does that under Teams."
        )
        return
    on = sum(person.reason is None for person in people)
    paused = sum(person.paused_at is not None for person in people)
    st.markdown(
        f"**{on:,} of {words.plural(len(people), 'agent')}** on duty now"
        + (f" · **{words.plural(paused, 'agent')}** cannot be reached" if paused else "")
    )
    teams = sorted({person.team_name for person in people if person.team_name})
    team = st.selectbox("Team", ["Every team", *teams], key="agents-team", width=280) if len(teams) > 1 else None
    shown = [person for person in people if team in (None, "Every team", person.team_name)]
    st.dataframe(
        pd.DataFrame([_row(person, viewer.timezone, now=now) for person in shown]),
        hide_index=True,
        height=min(38 + 35 * len(shown), 470),
    )
    names = {person.id: person.name for person in shown}
    st.session_state.setdefault("agent", st.query_params.get("agent", shown[0].id))
    if st.session_state["agent"] not in names:
        st.session_state["agent"] = shown[0].id
    chosen = st.selectbox("Profile of", list(names), format_func=names.__getitem__, key="agent", width=340)
    agents_profile.show(viewer, next(person for person in shown if person.id == chosen))


def _row(person: PersonRow, timezone: str, *, now: datetime) -> dict[str, Any]:
    oldest = person.oldest_untouched_at
    return {
        "Name": person.name,
        "Team": person.team_name or "–",
        "Now": agents_words.standing(person, timezone, now=now),
        "Open": agents_words.carries(person),
        "Today": agents_words.today(person),
        "Not looked at": f"{person.untouched}, oldest {words.ago(oldest, now=now)}" if oldest else "–",
        "Declined, 30 days": str(person.declined or "–"),
        "Next time off": agents_words.next_off(person.off, now=now),
    }


@st.fragment
def own(viewer: Viewer) -> None:
    """An agent's own profile."""
    people = agents_reading.list_people(viewer)
    commands.last()
    if not people:
        st.info("You have no profile yet: an admin makes one by putting you into a team.")
        return
    agents_profile.show(viewer, people[0])

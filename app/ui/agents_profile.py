"""One agent: switch and pause, time off, hours, and what they take."""

from collections.abc import Iterable, Sequence
from typing import Any

import streamlit as st

from app.ui import agents_commands as commands
from app.ui import agents_hours, agents_reading, agents_time_off, agents_words, menu, preferences, queries, words
from core.errors import NotFound
from core.routing.profiles import Profile
from core.viewer import Viewer
from core.views.people import PersonRow
from core.words import Intent, Role

_SKILLS = ("seller", "buyer", "refinance", "investment")


def show(viewer: Viewer, person: PersonRow) -> None:
    """Everything about one agent that this viewer may see; what they may not change is said in words."""
    try:
        profile = agents_reading.profile(person.id)
    except NotFound:
        st.info("This profile is not here any more.")
        return
    now, mine = queries.now(), viewer.user_id == person.id
    answers_for = agents_reading.may_change(viewer, person.team_id)
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.subheader(words.plain(person.name), anchor=False, width="content")
        colour: Any = "green" if person.reason is None else "orange" if person.paused_at else "gray"
        st.badge(agents_words.standing(person, viewer.timezone, now=now), color=colour)
    _paused(viewer, person, mine=mine)
    _switch(viewer, profile, mine=mine)
    st.markdown(
        f"**{agents_words.carries(person)}** open · **{agents_words.today(person)}** new today · "
        f"**{person.untouched}** not looked at"
    )
    with st.expander("Time off", expanded=True):
        agents_time_off.show(viewer, profile)
    with st.expander("Working hours"):
        agents_hours.edit(viewer, profile)
    with st.expander("What they take" if not mine else "What you take"):
        if answers_for:
            _takes(viewer, profile)
        else:
            _told(profile)
    if answers_for and not mine:
        _preferences(viewer, person)


def _preferences(viewer: Viewer, person: PersonRow) -> None:
    label = next((label for label, user_id in preferences.others(viewer).items() if user_id == person.id), None)
    if label is not None:
        st.page_link(
            menu.file("preferences"),
            label=f"How {words.plain(person.name)} is told",
            icon=":material/tune:",
            query_params={"whose": preferences.OTHERS, "person": label},
            width="content",
        )


def _paused(viewer: Viewer, person: PersonRow, *, mine: bool) -> None:
    if person.paused_at is None:
        return
    since = words.short(person.paused_at, viewer.timezone, now=queries.now())
    st.warning(words.plain(f"No new alerts since {since}. {person.paused_reason or ''}"))
    if st.button("I am here" if mine else "They are here", key=f"here-{person.id}", type="primary"):
        commands.show(commands.resume(viewer, person.id))


def _switch(viewer: Viewer, profile: Profile, *, mine: bool) -> None:
    label = "I take new alerts" if mine else "Takes new alerts"
    wanted = st.toggle(
        label,
        profile.available,
        key=f"switch-{profile.agent_id}-{profile.available}",
        help="Open alerts stay either way.",
    )
    if wanted != profile.available:
        name = "You" if mine else profile.name
        done = commands.switch(viewer, profile.agent_id, available=wanted, name=name)
        commands.show(done)


def _takes(viewer: Viewer, profile: Profile) -> None:
    key, places = profile.agent_id, agents_reading.places()
    names = {one.id: one.name for one in places.rows}
    names |= {one: words.territory(one) for one in profile.territories if one not in names}
    skills = _skills_known(profile)
    chosen_skills = st.multiselect(
        "Skills", skills, list(profile.skills), key=f"skills-{key}", accept_new_options=True, placeholder="None"
    )
    with st.form(f"takes-{key}", border=False):
        levels = _levels(profile, chosen_skills)
        left, right = st.columns(2, gap="medium")
        with left:
            territories = st.multiselect(
                "Territories", list(names), profile.territories, format_func=names.__getitem__, key=f"places-{key}"
            )
            special = st.multiselect(
                "Specializations", skills, profile.specializations, key=f"special-{key}", accept_new_options=True
            )
            preferred = st.multiselect(
                "Preferred alerts (none: all)",
                _types(profile.preferred_alert_types),
                profile.preferred_alert_types,
                format_func=words.type_words,
                key=f"preferred-{key}",
            )
        with right:
            home = [None, *names]
            primary = st.selectbox(
                "At home in",
                home,
                home.index(profile.primary_territory) if profile.primary_territory in home else 0,
                format_func=lambda one: names[one] if one else "Nowhere in particular",
                key=f"home-{key}",
            )
            team_id = _team(viewer, profile)
            auto = st.checkbox("Gets alerts by itself, not only by hand", profile.auto_assign, key=f"auto-{key}")
        numbers = _numbers(profile)
        if st.form_submit_button("Save profile"):
            changes: dict[str, Any] = {
                "skills": levels,
                "territories": territories,
                "specializations": special,
                "preferred_alert_types": preferred,
                "primary_territory": primary,
                "auto_assign": auto,
                **team_id,
                **numbers,
            }
            commands.show(commands.put_profile(viewer, key, changes, f"Saved what {profile.name} takes"))


def _levels(profile: Profile, skills: Sequence[str]) -> dict[str, int]:
    """A slider a skill, three in a row."""
    columns = st.columns(3, gap="medium") if skills else []
    return {
        skill: columns[number % 3].slider(
            f"Level: {skill}",
            1,
            5,
            profile.skills.get(skill, 3),
            key=f"level-{profile.agent_id}-{skill}",
            help="1 knows it, 5 is the specialist",
        )
        for number, skill in enumerate(skills)
    }


def _numbers(profile: Profile) -> dict[str, Any]:
    """Capacity by number, by weight and by day, and the share of turns."""
    key = profile.agent_id
    one, two, three, four = st.columns(4, gap="small", vertical_alignment="bottom")
    with one:
        most = st.number_input("Open at once", 0, 10_000, profile.max_concurrent_alerts, key=f"most-{key}")
    with two:
        units = st.number_input(
            "Open units", 0.25, 10_000.0, profile.max_units, 0.25, key=f"units-{key}", format="%.2f", placeholder="no limit",
            help="Urgent alerts weigh more units than others.",
        )  # fmt: skip
    with three:
        day = st.number_input("New in a day", 1, 10_000, profile.max_per_day, key=f"day-{key}", placeholder="no limit")
    with four:
        weight = st.number_input(
            "Share of turns", 0.1, 10.0, profile.weight, 0.1, key=f"weight-{key}", format="%.1f",
            help="0.5 gets half as many as 1 where alerts go round.",
        )  # fmt: skip
    return {"max_concurrent_alerts": most, "max_units": units, "max_per_day": day, "weight": weight}


def _team(viewer: Viewer, profile: Profile) -> dict[str, Any]:
    """Only an admin moves people from team to team."""
    if viewer.role is not Role.ADMIN:
        return {}
    teams = {team.id: team.name for team in agents_reading.teams_of(viewer)}
    ids = [None, *teams]
    chosen = st.selectbox(
        "Team",
        ids,
        ids.index(profile.team_id) if profile.team_id in ids else 0,
        format_func=lambda one: teams[one] if one else "No team",
        key=f"team-{profile.agent_id}",
    )
    return {"team_id": chosen}


def _skills_known(profile: Profile) -> list[str]:
    known = {skill for agent in agents_reading.directory().agents for skill in (*agent.skills, *agent.specializations)}
    return sorted({*known, *_SKILLS, *profile.skills, *profile.specializations}, key=str.casefold)


def _types(stored: Sequence[str]) -> list[str]:
    return list(dict.fromkeys([*Intent, *queries.own_types(), *stored]))


def _told(profile: Profile) -> None:
    skills = (f"{skill} (level {level} of 5)" for skill, level in profile.skills.items())
    for label, text in (
        ("Territories", _listed(map(words.territory, profile.territories))),
        ("Skills", _listed(skills)),
        ("Preferred alerts", _listed(map(words.type_words, profile.preferred_alert_types)) or "all"),
        ("At most", _limits(profile)),
    ):
        st.markdown(f"**{label}**: {words.plain(text or 'none')}")
    st.caption("Your manager changes these.")


def _limits(profile: Profile) -> str:
    parts = [f"{profile.max_concurrent_alerts} open at once"]
    parts += [f"{profile.max_units:g} open units"] if profile.max_units is not None else []
    parts += [f"{profile.max_per_day} new in a day"] if profile.max_per_day is not None else []
    return ", ".join(parts)


def _listed(parts: Iterable[str]) -> str:
    found = list(parts)
    return words.listed(found) if found else ""

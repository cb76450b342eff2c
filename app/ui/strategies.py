"""How alerts are handed out where no rule decides: the house's strategies in order, the teams' own, and what alerts weigh."""

from collections.abc import Sequence
from typing import Any
from zoneinfo import available_timezones

import pandas as pd
import streamlit as st

from app import runtime
from app.ui import commands, layout, queries, words
from core.errors import DoorbellError
from core.load import MOST, STEP
from core.routing import house_settings
from core.routing.house_settings import HouseSettings
from core.routing.strategies import LEAVE, STRATEGIES
from core.thresholds.setting import known_types
from core.viewer import Viewer
from core.views import agents
from core.words import Priority, Role

_BEFORE = "strategies-before"
TITLES = {one.id: one.title for one in STRATEGIES.values()} | {LEAVE: "Left in the pool for whoever takes it"}
PLAIN = [one for one in STRATEGIES if one != "stale_escalation"]
"""The other is for what nobody acted on."""


def render(viewer: Viewer) -> None:
    """The tab: managers read, admins change."""
    if said := st.session_state.pop("strategies-said", None):
        st.toast(said)
    with queries.reading() as session:
        found = house_settings.get(session)
        teams = agents.list_teams(session, viewer)
        types = known_types(session)
    st.markdown(
        f"An alert that no rule gives to somebody goes on to the strategies. For the whole house: {_chain(found)}."
    )
    _undo(viewer)
    if teams:
        st.markdown("**Teams.** An alert goes by the way of the team at home in its territory.")
        st.table(
            pd.DataFrame(
                [
                    {"Team": one.name, "First": TITLES.get(one.default_strategy, "as the house"), "Agents": one.agents}
                    for one in teams
                ]
            ).set_index("Team")
        )
        st.caption("A team's way is changed on the page Agents, under Teams.")
    if viewer.role is Role.ADMIN:
        _form(viewer, found, types)
    with st.expander("What the strategies do"):
        for name in PLAIN:
            st.markdown(f"**{TITLES[name]}**: {STRATEGIES[name].about}")


def _chain(found: HouseSettings) -> str:
    titles = [f"**{TITLES.get(one, one)}**" for one in (found.default_strategy, *found.fallbacks)]
    end = "" if found.fallbacks and found.fallbacks[-1] == LEAVE else "; then anybody on duty with room"
    return " → ".join(titles) + end


def _form(viewer: Viewer, found: HouseSettings, types: Sequence[str]) -> None:
    with st.form("strategies", border=True):
        first = st.selectbox(
            "First",
            PLAIN,
            index=PLAIN.index(found.default_strategy) if found.default_strategy in PLAIN else 0,
            format_func=TITLES.__getitem__,
        )
        then = st.multiselect(
            "Then, in this order",
            [*PLAIN, LEAVE],
            default=[one for one in found.fallbacks if one in TITLES and one != "stale_escalation"],
            format_func=TITLES.__getitem__,
            help="Only the last one may take anybody on duty; those before look only where they mean to.",
        )
        st.markdown("**What an alert weighs** in an agent's capacity, in units: its priority times its type.")
        priorities = _weights(
            "By priority", [(one.value, words.PRIORITY[one]) for one in Priority], found.units["priorities"]
        )
        kinds = _weights("By type", [(one, words.type_words(one)) for one in types], found.units["types"])
        zones = sorted(available_timezones())
        zone = st.selectbox(
            "Time zone of the house, for rules over the time of day",
            zones,
            index=zones.index(found.timezone) if found.timezone in zones else 0,
        )
        failures, escalations = _pauses(found)
        minutes, most = _claims(found)
        if st.form_submit_button("Save", type="primary"):
            changes = {
                "pause_after_failures": failures,
                "pause_after_escalations": escalations,
                "claim_minutes": minutes,
                "claim_limit": most,
                "default_strategy": first,
                "fallbacks": then,
                "units": {"priorities": priorities, "types": kinds},
                "timezone": zone,
            }
            _save(viewer, changes, before=found)


def _pauses(found: HouseSettings) -> tuple[int, int]:
    """When an agent whom nobody reaches gets nothing new."""
    st.markdown("**Who cannot be reached** gets nothing new until they do anything here. 0 never pauses anybody.")
    left, right = st.columns(2)
    failures = left.number_input("After messages in a row that did not arrive", 0, 100, found.pause_after_failures)
    escalations = right.number_input(
        "After alerts in a row that went on unanswered", 0, 100, found.pause_after_escalations
    )
    return failures, escalations


def _claims(found: HouseSettings) -> tuple[int, int]:
    """What a claim from the pool is worth."""
    st.markdown("**A claim from the pool** goes back when nothing follows it: no acknowledging, no call, no contact.")
    left, right = st.columns(2)
    minutes = left.number_input("Minutes until it goes back", 1, 1440, found.claim_minutes)
    most = right.number_input("Claims of one agent at once that nothing followed", 1, 100, found.claim_limit)
    return minutes, most


def _weights(title: str, names: Sequence[tuple[str, str]], present: dict[str, float]) -> dict[str, float]:
    """What is not 1."""
    st.caption(title)
    weights = {}
    columns = st.columns(4)
    for number, (name, label) in enumerate(names):
        with columns[number % 4]:
            weights[name] = st.number_input(
                label, STEP, MOST, float(present.get(name, 1.0)), STEP, key=f"strategies-{title}-{name}", format="%g"
            )
    return {name: weight for name, weight in weights.items() if weight != 1.0}


def _save(viewer: Viewer, changes: dict[str, Any], *, before: HouseSettings) -> None:
    try:
        with runtime.current().database.write() as session:
            house_settings.put(session, changes, viewer=viewer, now=runtime.current().clock.now())
    except DoorbellError as error:
        st.error(layout.plain(commands.say(error)))
        return
    st.session_state[_BEFORE] = before
    st.session_state["strategies-said"] = "Saved: the next alert goes this way"
    st.rerun()


def _undo(viewer: Viewer) -> None:
    before: HouseSettings | None = st.session_state.get(_BEFORE)
    if before is None or not st.button("Undo the last change", key="strategies-undo"):
        return
    del st.session_state[_BEFORE]
    with runtime.current().database.write() as session:
        house_settings.put(
            session,
            {name: getattr(before, name) for name in HouseSettings.__slots__},
            viewer=viewer,
            now=runtime.current().clock.now(),
        )
    st.session_state["strategies-said"] = "As it was before"
    st.rerun()

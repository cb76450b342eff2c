"""Changing a draft: strategies and what alerts weigh, rules, and people; each part is kept when its button is pressed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import streamlit as st
from pydantic.alias_generators import to_camel

from app.ui import queries, words
from app.ui import rehearsal_commands as commands
from app.ui.layout import plain
from app.ui.strategies import PLAIN, TITLES
from core.errors import Invalid
from core.load import MOST, STEP
from core.routing import presets, profiles, rule_files
from core.routing.policies import StoredPolicy
from core.routing.profiles import Profile
from core.routing.strategies import LEAVE
from core.thresholds.setting import known_types
from core.viewer import Viewer
from core.views import agents as agent_views
from core.words import Priority

_OF_PERSON = ("available", "max_concurrent_alerts", "max_units", "max_per_day", "weight")


@dataclass(frozen=True, kw_only=True)
class _House:
    teams: Mapping[str, str]
    """Id -> name."""
    agents: Mapping[str, str]
    types: Sequence[str]


def render(viewer: Viewer, chosen: StoredPolicy) -> None:
    """Three folded parts."""
    with queries.reading() as session:
        house = _House(
            teams={one.id: one.name for one in agent_views.list_teams(session, viewer)},
            agents={one.id: one.name for one in agent_views.list_agents(session, viewer, now=queries.now())},
            types=known_types(session),
        )
    with st.expander("Strategies and what alerts weigh"):
        _strategies(viewer, chosen, house)
    with st.expander(f"Rules ({sum(rule['enabled'] for rule in chosen.content['rules'])} in use)"):
        _rules(viewer, chosen)
    with st.expander("People"):
        _people(viewer, chosen, house)


def _strategies(viewer: Viewer, chosen: StoredPolicy, house: _House) -> None:
    content = chosen.content
    with st.form(f"rehearsal-strategies-{chosen.id}", border=False):
        first, then = _chain("The whole house", content, key="house")
        alike = len(house.teams) > 0 and st.checkbox("Every team as the whole house", key="rehearsal-alike")
        teams = []
        for one in content["teams"]:
            if one["teamId"] in house.teams:
                own = _chain(f"Team {house.teams[one['teamId']]}", one, key=one["teamId"])
                own = (first, then) if alike else own
                teams.append({"teamId": one["teamId"], "defaultStrategy": own[0], "fallbacks": own[1]})
        st.markdown("**What an alert weighs**, in units: its priority times its type.")
        units = {
            "priorities": _weights(
                [(one.value, words.PRIORITY[one]) for one in Priority], content["units"]["priorities"]
            ),
            "types": _weights([(one, words.type_words(one)) for one in house.types], content["units"]["types"]),
        }
        if st.form_submit_button("Keep in the draft", type="primary"):
            changed = {"defaultStrategy": first, "fallbacks": then, "teams": teams, "units": units}
            commands.save(viewer, chosen.id, changed, version=chosen.version)
            st.rerun()


def _chain(title: str, one: Mapping[str, Any], *, key: str) -> tuple[str, list[str]]:
    left, right = st.columns([2, 3])
    default = one["defaultStrategy"]
    with left:
        first = st.selectbox(
            f"{title}: first",
            PLAIN,
            index=PLAIN.index(default) if default in PLAIN else 0,
            format_func=TITLES.__getitem__,
            key=f"rehearsal-first-{key}",
        )
    with right:
        then = st.multiselect(
            "then, in this order",
            [*PLAIN, LEAVE],
            default=[name for name in one["fallbacks"] if name in PLAIN or name == LEAVE],
            format_func=TITLES.__getitem__,
            key=f"rehearsal-then-{key}",
        )
    return str(first), list(then)


def _weights(names: Sequence[tuple[str, str]], present: Mapping[str, float]) -> dict[str, float]:
    weights, columns = {}, st.columns(4)
    for number, (name, label) in enumerate(names):
        with columns[number % 4]:
            weights[name] = st.number_input(
                label, STEP, MOST, float(present.get(name, 1.0)), STEP, key=f"rehearsal-units-{name}", format="%g"
            )
    return {name: weight for name, weight in weights.items() if weight != 1.0}


def _rules(viewer: Viewer, chosen: StoredPolicy) -> None:
    rules = chosen.content["rules"]
    with st.form(f"rehearsal-rules-{chosen.id}", border=False):
        made = []
        for number, rule in enumerate(rules):
            left, right = st.columns([4, 1], vertical_alignment="center")
            with left:
                on = st.checkbox(plain(rule["name"]), rule["enabled"], key=f"rehearsal-on-{number}")
            with right:
                priority = st.number_input(
                    f"Priority of {rule['name']}",
                    value=rule["priority"],
                    step=1,
                    key=f"rehearsal-priority-{number}",
                    label_visibility="collapsed",
                )
            made.append({**rule, "enabled": on, "priority": int(priority)})
        titles = {one.id: str(one.rule["name"]) for one in presets.PRESETS}
        more = st.multiselect("Add", list(titles), format_func=titles.__getitem__, placeholder="Rules to start from")
        if st.form_submit_button("Keep in the draft", type="primary"):
            added = [dict(one.rule) for one in presets.PRESETS if one.id in more]
            commands.save(viewer, chosen.id, {"rules": [*made, *added]}, version=chosen.version)
            st.rerun()
    _as_text(viewer, chosen)


def _as_text(viewer: Viewer, chosen: StoredPolicy) -> None:
    with st.popover("All rules as text", width="content"), st.form(f"rehearsal-text-{chosen.id}", border=False):
        text = st.text_area(
            "YAML or JSON, as in a file of rules",
            rule_files.as_yaml({"rules": chosen.content["rules"]}),
            height=320,
            key="rehearsal-text",
        )
        if st.form_submit_button("Keep in the draft"):
            try:
                rules = rule_files.parse(text.encode())["rules"]
            except Invalid as error:
                commands.refuse("; ".join(error.fields.values()))
            else:
                commands.save(viewer, chosen.id, {"rules": rules}, version=chosen.version)
            st.rerun()


def _people(viewer: Viewer, chosen: StoredPolicy, house: _House) -> None:
    changed = {one["agentId"]: one for one in chosen.content["agents"]}
    if not house.agents:
        st.write("There are no agents yet.")
        return
    agent_id = st.selectbox(
        "Whom", list(house.agents), format_func=house.agents.__getitem__, key=f"rehearsal-whom-{chosen.id}"
    )
    with queries.reading() as session:
        profile = profiles.get(session, agent_id)
    _person(viewer, chosen, profile, changed.get(agent_id, {}))
    for one in changed.values():
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            st.markdown(f"{plain(house.agents.get(one['agentId'], one['agentId']))} is changed.", width="content")
            st.button(
                "As they are now",
                key=f"rehearsal-drop-{one['agentId']}",
                on_click=commands.save,
                args=(viewer, chosen.id, {"agents": [each for each in changed.values() if each is not one]}),
                kwargs={"version": chosen.version},
            )


def _person(viewer: Viewer, chosen: StoredPolicy, profile: Profile, changes: Mapping[str, Any]) -> None:
    present = {to_camel(name): getattr(profile, name) for name in _OF_PERSON}
    here: dict[str, Any] = {**present, **changes}
    with st.form(f"rehearsal-person-{chosen.id}-{profile.agent_id}", border=True):
        available = st.checkbox("Available (without it they are away)", here["available"], key="rehearsal-available")
        columns = st.columns(4)
        with columns[0]:
            capacity = st.number_input("Capacity, alerts", 0, 10_000, int(here["maxConcurrentAlerts"]), 1)
        with columns[1]:
            units = st.number_input(
                "Capacity, units",
                0.0,
                10_000.0,
                float(here["maxUnits"] or 0),
                STEP,
                format="%g",
                help="0 is no such limit",
            )
        with columns[2]:
            per_day = st.number_input("Alerts a day", 0, 10_000, int(here["maxPerDay"] or 0), 1, help="0 is no limit")
        with columns[3]:
            weight = st.number_input("Share of turns", 0.1, 10.0, float(here["weight"]), 0.1, format="%g")
        if st.form_submit_button("Keep in the draft", type="primary"):
            wanted = {
                "available": available,
                "maxConcurrentAlerts": int(capacity),
                "maxUnits": units or None,
                "maxPerDay": int(per_day) or None,
                "weight": round(float(weight), 2),
            }
            differs = {name: value for name, value in wanted.items() if value != present[name]}
            rest = {name: value for name, value in changes.items() if name not in wanted and name != "agentId"}
            others = [one for one in chosen.content["agents"] if one["agentId"] != profile.agent_id]
            mine = [{"agentId": profile.agent_id, **rest, **differs}] if rest or differs else []
            commands.save(viewer, chosen.id, {"agents": [*others, *mine]}, version=chosen.version)
            st.rerun()

"""The editor of one escalation policy: its steps as rows, whom it is for, and what is wrong beside its field."""

from dataclasses import dataclass
from typing import Any

import streamlit as st

from app.ui import escalation_commands, layout, queries, words
from app.ui import escalation_words as said
from core.delivery import endpoint_book
from core.escalation import policy
from core.escalation.policy import Policy
from core.thresholds.setting import known_types
from core.viewer import Viewer
from core.views import agents
from core.words import Priority, Role

_DRAFT = "escalation-draft"
_FIRST: dict[str, Any] = {"after": {"minutes": 5}, "do": policy.NEXT, "params": {}}
_PART = {
    "name": "Name",
    "description": "Description",
    "steps": "Steps",
    "teamId": "Team",
    "priorities": "Priorities",
    "alertTypes": "Types",
    "repeat": "Begins again",
    "ackTimeout": "Acknowledged and forgotten",
    "onCall": "On call",
}


@dataclass(frozen=True, kw_only=True)
class Choices:
    """What fields offer."""

    teams: dict[str, str]
    """Team id to name; so too the others."""
    agents: dict[str, str]
    people: dict[str, str]
    """Everybody: agents, managers and admins."""
    types: tuple[str, ...]
    endpoints: dict[str, str]
    """Other systems that this viewer looks after."""

    @property
    def names(self) -> dict[str, str]:
        """Whoever a step can name."""
        return self.people | self.endpoints


def choices(viewer: Viewer) -> Choices:
    """As this viewer may choose."""
    with queries.reading() as session:
        teams = {one.id: one.name for one in agents.list_teams(session, viewer)}
        people = {one.id: one.name for one in agents.list_agents(session, viewer, now=queries.now())}
        return Choices(
            teams=teams,
            agents=people,
            people=people | agents.leaders(session),
            types=known_types(session),
            endpoints={one.id: one.name for one in endpoint_book.listed(session, viewer)},
        )


def begin(one: Policy | None, viewer: Viewer) -> None:
    """Open the editor: on a policy, on a copy of one (without an id), or on nothing."""
    raw: dict[str, Any] = one.plain() if one else {"name": "", "steps": [_FIRST], "priorities": [], "enabled": True}
    if viewer.role is not Role.ADMIN and not raw.get("teamId"):
        raw["teamId"] = next(iter(viewer.team_ids), None)
    serial = st.session_state.get("escalation-serial", 0) + 1
    st.session_state["escalation-serial"] = serial
    st.session_state[_DRAFT] = {
        "id": one.id or None if one else None,
        "version": one.version if one and one.id else None,
        "raw": raw,
        "serial": serial,
        "wrong": {},
        "rows": list(range(len(raw["steps"]))),
        "next": len(raw["steps"]),
    }


def is_open() -> bool:
    return _DRAFT in st.session_state


def _closed() -> None:
    st.session_state.pop(_DRAFT, None)


@st.dialog("Policy", width="large", on_dismiss=_closed)
def dialog(viewer: Viewer) -> None:
    """The whole editor; nothing is stored before Save."""
    draft: dict[str, Any] = st.session_state[_DRAFT]
    offered, raw, key = choices(viewer), draft["raw"], f"policy-{draft['serial']}"
    name = st.text_input("Name", raw.get("name", ""), max_chars=120, key=f"{key}-name")
    description = st.text_input("Description", raw.get("description") or "", max_chars=2000, key=f"{key}-description")
    reach = _reach(viewer, raw, offered, key)
    st.markdown("**Steps**, each so long after the one before it")
    steps = [_step(draft, number, row, offered, key) for number, row in enumerate(draft["rows"])]
    st.button("Add a step", icon=":material/add:", key=f"{key}-add", on_click=_add, args=(draft,))
    rest = _rest(raw, offered, key)
    if st.button("Save", type="primary", key=f"{key}-save"):
        written = {"name": name, "description": description, "steps": steps, "enabled": raw.get("enabled", True)}
        _save(viewer, draft, written | reach | rest)
    for place, why in draft["wrong"].items():
        st.error(f"{_PART.get(place.split('.')[0], place)}: {layout.plain(why)}")
    if draft.get("conflict"):
        st.warning("Somebody else changed it meanwhile. Saving again puts yours in the place of theirs.")


def _reach(viewer: Viewer, raw: dict[str, Any], offered: Choices, key: str) -> dict[str, Any]:
    first, second, third = st.columns(3)
    teams = [*([None] if viewer.role is Role.ADMIN else []), *offered.teams]
    team = first.selectbox(
        "Team",
        teams,
        index=teams.index(raw.get("teamId")) if raw.get("teamId") in teams else 0,
        format_func=lambda one: "Every team" if one is None else offered.teams[one],
        key=f"{key}-team",
    )
    priorities = second.multiselect(
        "Priorities",
        [one.value for one in Priority],
        default=raw.get("priorities") or [],
        format_func=lambda one: words.PRIORITY[Priority(one)],
        placeholder="All",
        key=f"{key}-priorities",
    )
    types = third.multiselect(
        "Types",
        offered.types,
        default=[one for one in raw.get("alertTypes") or [] if one in offered.types],
        format_func=words.type_words,
        placeholder="All",
        key=f"{key}-types",
    )
    return {"teamId": team, "priorities": priorities, "alertTypes": types}


def _step(draft: dict[str, Any], number: int, row: int, offered: Choices, key: str) -> dict[str, Any]:
    """One row of the form. Its fields start from what was stored under that row, or from the first step's usual one."""
    stored = draft["raw"]["steps"]
    start = stored[row] if row < len(stored) else _FIRST
    unit, amount = next(iter(start["after"].items()))
    with st.container(border=True):
        first, second, third = st.columns([2, 3, 6])
        wait = first.number_input(
            f"Step {number + 1}: after", 0.25, 43_200.0, float(amount), format="%g", key=f"{key}-wait-{row}"
        )
        units = second.selectbox(
            f"Unit of step {number + 1}",
            policy.UNITS,
            index=policy.UNITS.index(unit),
            format_func=lambda one: said.UNITS[one][1],
            key=f"{key}-unit-{row}",
        )
        deed = third.selectbox(
            f"What step {number + 1} does",
            policy.DEEDS,
            index=policy.DEEDS.index(start["do"]),
            format_func=said.DEEDS.__getitem__,
            key=f"{key}-deed-{row}",
        )
        params = {}
        if deed == policy.COVER:
            named = start["params"].get("agentId")
            people = [None, *offered.agents]
            agent = st.selectbox(
                f"Step {number + 1}: else to",
                people,
                index=people.index(named) if named in people else 0,
                format_func=lambda one: "The next agent" if one is None else offered.agents[one],
                key=f"{key}-agent-{row}",
            )
            params = {"agentId": agent} if agent else {}
        if deed == policy.WEBHOOK:
            params = _endpoint(start["params"].get("endpointId"), number, row, offered, key)
        if len(draft["rows"]) > 1:
            st.button(f"Remove step {number + 1}", key=f"{key}-remove-{row}", on_click=_drop, args=(draft, row))
    return {"after": {units: wait}, "do": deed, "params": params}


def _endpoint(named: str | None, number: int, row: int, offered: Choices, key: str) -> dict[str, str]:
    known = list(offered.endpoints)
    if named is not None and named not in known:
        known.insert(0, named)
    if not known:
        st.caption("There is no other system yet: add one on the page Deliveries.")
        return {}
    chosen = st.selectbox(
        f"Step {number + 1}: which system",
        known,
        index=known.index(named) if named in known else 0,
        format_func=lambda one: offered.endpoints.get(one, "One that you do not look after, or that is gone"),
        key=f"{key}-endpoint-{row}",
    )
    return {"endpointId": chosen}


def _rest(raw: dict[str, Any], offered: Choices, key: str) -> dict[str, Any]:
    first, second, third = st.columns(3)
    repeat = first.number_input(
        "Begins again",
        0,
        policy.MOST_REPEATS,
        int(raw.get("repeat") or 0),
        key=f"{key}-repeat",
        help="Times, after its last step.",
    )
    stored = raw.get("ackTimeout") or {"workingHours": 0}
    unit, amount = next(iter(stored.items()))
    forgotten = second.number_input(
        "Goes on when acknowledged and nothing done for",
        0.0,
        400.0,
        float(amount),
        format="%g",
        key=f"{key}-ack",
        help="0: acknowledged is answered.",
    )
    units = third.selectbox(
        "Unit of that",
        policy.UNITS,
        index=policy.UNITS.index(unit),
        format_func=lambda one: said.UNITS[one][1],
        key=f"{key}-ack-unit",
    )
    on_call = st.multiselect(
        "On call: told at once of what nobody on duty can take",
        offered.people,
        default=[one for one in raw.get("onCall") or [] if one in offered.people],
        format_func=offered.people.__getitem__,
        placeholder="Nobody",
        key=f"{key}-call",
    )
    return {"repeat": repeat, "ackTimeout": {units: forgotten} if forgotten else None, "onCall": on_call}


def _add(draft: dict[str, Any]) -> None:
    draft["rows"].append(draft["next"])
    draft["next"] += 1


def _drop(draft: dict[str, Any], row: int) -> None:
    draft["rows"].remove(row)


def _save(viewer: Viewer, draft: dict[str, Any], written: dict[str, Any]) -> None:
    done = escalation_commands.save(viewer, written, policy_id=draft["id"], version=draft["version"])
    if done.ok:
        st.session_state["escalation-said"] = done.text
        _closed()
        st.rerun()
    draft["wrong"] = dict(done.wrong) or ({} if done.conflict else {"policy": done.text})
    draft["conflict"] = done.conflict
    if done.conflict:
        draft["version"] = None

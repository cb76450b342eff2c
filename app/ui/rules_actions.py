"""The actions of a rule as widgets: who gets the alert, tried in order, and who is told."""

from collections.abc import Mapping, Sequence
from typing import Any

import streamlit as st

from app.ui import rules_reading as reading
from app.ui.layout import plain
from app.ui.rules_draft import Deed, Draft
from app.ui.rules_fields import AGENT_TEMPLATES
from core.routing import rule_words
from core.routing.rules import MOST_ACTIONS

KINDS = {
    "assign_by_skill": "Give it to somebody with a skill",
    "assign_to_agent": "Give it to a named agent",
    "assign_to_territory": "Give it to whoever covers a territory",
    "escalate": "Give it to a colleague of the owner, and tell the manager",
    "notify": "Tell somebody",
}
_START: Mapping[str, Mapping[str, Any]] = {
    "assign_by_skill": {"requiredSkills": []},
    "assign_to_agent": {"agentId": ""},
    "notify": {"roles": ["manager"]},
}
_ROLES = {"manager": "The manager", "admin": "Every admin"}
_LEVELS = {
    1: "at any level",
    2: "at level 2 or more",
    3: "at level 3 or more",
    4: "at level 4 or more",
    5: "at level 5",
}


def show(draft: Draft, wrong: Mapping[str, str]) -> None:
    """All of them; what is chosen goes into the draft."""
    for number, deed in enumerate(draft.deeds):
        with st.container(border=True):
            _deed(draft, deed, number)
            for place, why in wrong.items():
                if place == f"actions.{number}" or place.startswith(f"actions.{number}."):
                    st.warning(plain(why), icon=":material/edit:")
    if "actions" in wrong:
        st.warning(f"Say what is to be done: {plain(wrong['actions'])}", icon=":material/edit:")
    if len(draft.deeds) < MOST_ACTIONS:
        st.button(
            "Add an action",
            key=f"add-deed-{draft.uid}",
            icon=":material/add:",
            on_click=lambda: draft.deeds.append(Deed("notify", {"roles": ["manager"]})),
        )


def _deed(draft: Draft, deed: Deed, number: int) -> None:
    label = f"Action {number + 1}"
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        listed = list(KINDS)
        chosen = st.selectbox(
            label,
            listed,
            listed.index(deed.kind),
            format_func=lambda one: KINDS[one],
            key=f"deed-{deed.uid}",
            width=420,
        )
        st.button(
            "Remove",
            key=f"drop-deed-{deed.uid}",
            help=f"Remove {label.lower()}",
            on_click=lambda: draft.deeds.remove(deed),
            type="tertiary",
        )
    if chosen != deed.kind:
        deed.kind, deed.params = chosen, dict(_START.get(chosen, {}))
    show_params = {
        "assign_by_skill": _by_skill,
        "assign_to_agent": _to_agent,
        "assign_to_territory": _to_territory,
        "notify": _notify,
    }.get(deed.kind)
    if show_params is not None:
        show_params(deed, label)


def _by_skill(deed: Deed, label: str) -> None:
    params = deed.params
    given = params.get("requiredSkills", params.get("skills", []))
    present = _as_list(given)
    skills, level, where = st.columns([4, 3, 4], vertical_alignment="bottom", gap="small")
    with skills:
        found = _several(
            f"{label}: skills, all of them",
            {one: one for one in reading.choices().skills},
            present,
            f"skills-{deed.uid}",
            nothing="any skill",
        )
    with level:
        at = params.get("minLevel", 1)
        least = st.selectbox(
            f"{label}: level", list(_LEVELS), at - 1, format_func=lambda one: _LEVELS[one], key=f"level-{deed.uid}"
        )
    with where:
        territory = _territory(
            f"{label}: near", params.get("territory"), f"near-{deed.uid}", left_out="the alert's territory first"
        )
    kept = _rest(params, "requiredSkills", "skills", "minLevel", "territory")
    deed.params = kept | {"requiredSkills": found, "minLevel": least} | ({"territory": territory} if territory else {})


def _to_agent(deed: Deed, label: str) -> None:
    params = deed.params
    given = params.get("agentId", params.get("agentIds"))
    present = [one for one in _as_list(given) if one]
    known = {one: rule_words.template(one) for one in AGENT_TEMPLATES} | dict(reading.choices().agents)
    found = _several(
        f"{label}: agents, the first who is free", known, present, f"agents-{deed.uid}", nothing="nobody yet"
    )
    named = {"agentIds": found} if len(found) > 1 else {"agentId": found[0] if found else ""}
    deed.params = _rest(params, "agentId", "agentIds") | named


def _to_territory(deed: Deed, label: str) -> None:
    found = _territory(
        f"{label}: territory", deed.params.get("territory"), f"place-{deed.uid}", left_out="the alert's own"
    )
    deed.params = _rest(deed.params, "territory") | ({"territory": found} if found else {})


def _notify(deed: Deed, label: str) -> None:
    params = deed.params
    roles, people = st.columns(2, vertical_alignment="bottom", gap="small")
    with roles:
        given = params.get("roles", [params["role"]] if "role" in params else [])
        told = _several(f"{label}: roles", _ROLES, list(given), f"roles-{deed.uid}", nothing="none", new=False)
    with people:
        named = [
            one for name in ("userId", "userIds", "agentId", "agentIds") for one in _as_list(params.get(name)) if one
        ]
        known = dict(reading.choices().users) | {one: rule_words.template(one) for one in AGENT_TEMPLATES}
        users = _several(f"{label}: people", known, named, f"users-{deed.uid}", nothing="nobody by name")
    kept = _rest(params, "roles", "role", "userId", "userIds", "agentId", "agentIds")
    deed.params = kept | ({"roles": told} if told else {}) | ({"userIds": users} if users else {})


def _several(
    label: str, known: Mapping[str, str], present: Sequence[str], key: str, *, nothing: str, new: bool = True
) -> list[str]:
    listed = [*known, *(one for one in present if one not in known)]
    return st.multiselect(
        label,
        listed,
        list(present),
        format_func=lambda one: known.get(one, one),
        key=key,
        accept_new_options=new,
        placeholder=nothing,
    )


def _territory(label: str, given: str | None, key: str, *, left_out: str) -> str | None:
    """A territory, a template, or None for what happens by itself."""
    known = reading.choices().territories
    listed = ["", *known, *([given] if given and given not in known else [])]
    chosen = st.selectbox(
        label,
        listed,
        listed.index(given or ""),
        format_func=lambda one: known.get(one, rule_words.template(one)) if one else left_out,
        key=key,
        accept_new_options=True,
    )
    return chosen or None


def _as_list(given: Any) -> list[Any]:
    return list(given) if isinstance(given, list) else [given]


def _rest(params: Mapping[str, Any], *known: str) -> dict[str, Any]:
    return {name: value for name, value in params.items() if name not in known}


def about_templates() -> None:
    """What ${…} means, for those who want a value looked up."""
    with st.popover("Values that are looked up", icon=":material/info:", width="content"):
        st.markdown(
            "Where a name is asked you can also choose or type a **look-up**: it stands for what the alert at hand says there, "
            "and for nothing where it says nothing.\n\n"
            "- `${metadata.previousAgentId}`: the agent who has or had the contact\n"
            "- `${contact.ownerAgentId}`: the contact's own agent\n"
            "- `${alert.territory}`: the alert's territory\n"
            "- `${contact.attributes.referredBy}`: an attribute your import gave the contact, here `referredBy`\n"
            "- any other field, as the text of a rule names it"
        )

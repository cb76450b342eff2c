"""When nobody answers: the policies in words, which one an alert would get, and an editor of their steps."""

from collections.abc import Mapping
from dataclasses import replace

import streamlit as st

from app.ui import escalation_commands, escalation_editor, layout, queries, words
from app.ui import escalation_words as said
from app.ui.escalation_editor import Choices
from core.escalation import book, policy
from core.escalation.policy import Policy
from core.viewer import Viewer
from core.words import Priority, Role

_UNDO, _SAID = "escalation-undo", "escalation-said"


def render(viewer: Viewer) -> None:
    """The tab: admins write all, managers those of their teams."""
    if text := st.session_state.pop(_SAID, None):
        st.toast(text)
    with queries.reading() as session:
        listed = book.listed(session, viewer)
        odd = {one.id: book.doubts(session, one) for one in listed if not one.is_default}
    choices = escalation_editor.choices(viewer)
    st.markdown(
        "When the owner of an alert does not answer, these steps are done one after the other. "
        "Only the owner's own answer stops them."
    )
    _undo(viewer)
    if st.button("New policy", type="primary", icon=":material/add:", key="escalation-new"):
        escalation_editor.begin(None, viewer)
    own = [one for one in listed if not one.is_default]
    if not own:
        st.info("No policy of your own yet: the defaults below are in force. Copy one to change it.")
    for one in own:
        _card(viewer, one, odd[one.id], choices)
    st.subheader("Defaults", anchor=False)
    st.caption("Where no policy of your own fits.")
    for one in policy.DEFAULTS.values():
        _card(viewer, one, [], choices)
    _which(listed, choices)
    if escalation_editor.is_open():
        escalation_editor.dialog(viewer)


def _card(viewer: Viewer, one: Policy, odd: list[str], choices: Choices) -> None:
    with st.container(border=True):
        off = "" if one.enabled else " :gray-badge[switched off]"
        st.markdown(f"**{layout.plain(one.name)}**{off}  \n:gray[{layout.plain(said.reach(one, choices.teams))}]")
        if one.description:
            st.markdown(layout.plain(one.description))
        lines = [*said.steps(one, choices.names), *said.rest(one, choices.people)]
        st.markdown("\n".join(f"{number}. {layout.plain(line)}" for number, line in enumerate(lines, start=1)))
        for doubt in odd:
            st.warning(layout.plain(doubt), icon=":material/help:")
        _buttons(viewer, one)


def _buttons(viewer: Viewer, one: Policy) -> None:
    mine = not one.is_default and (viewer.role is Role.ADMIN or one.team_id in viewer.team_ids)
    with st.container(horizontal=True):
        if mine and st.button("Edit", key=f"escalation-edit-{one.id}"):
            escalation_editor.begin(one, viewer)
        if st.button("Copy", key=f"escalation-copy-{one.id}"):
            escalation_editor.begin(replace(one, id="", name=f"{one.name} (copy)"[:120]), viewer)
        if mine and st.button("Switch off" if one.enabled else "Switch on", key=f"escalation-switch-{one.id}"):
            _after(escalation_commands.switch(viewer, one))
        if mine:
            with st.popover("Delete", key=f"escalation-delete-{one.id}"):
                st.markdown("Alerts it is for go by the next policy that fits.")
                if st.button("Delete it", key=f"escalation-really-{one.id}", type="primary"):
                    done = escalation_commands.remove(viewer, one)
                    if done.ok:
                        st.session_state[_UNDO] = one
                    _after(done)


def _undo(viewer: Viewer) -> None:
    gone: Policy | None = st.session_state.get(_UNDO)
    if gone is not None and st.button(f"Bring back “{gone.name}”", key="escalation-back", icon=":material/undo:"):
        del st.session_state[_UNDO]
        _after(escalation_commands.save(viewer, gone.plain(), policy_id=None, version=None))


def _after(done: escalation_commands.Done) -> None:
    if not done.ok:
        st.error(layout.plain(done.text))
        return
    st.session_state[_SAID] = done.text
    st.rerun()


def _which(listed: list[Policy], choices: Choices) -> None:
    with st.expander("Which one would an alert get?"):
        first, second, third = st.columns(3)
        team = first.selectbox(
            "Owner's team", [None, *choices.teams], format_func=lambda one: _team(one, choices.teams)
        )
        priority = second.selectbox("Priority", list(Priority), format_func=words.PRIORITY.__getitem__)
        kind = third.selectbox("Type", choices.types, format_func=words.type_words)
        own = [one for one in listed if not one.is_default]
        found = policy.choose(own, team_id=team, priority=priority or Priority.HIGH, alert_type=kind or "")
        st.markdown(f"**{layout.plain(found.name)}**: " + layout.plain("; ".join(said.steps(found, choices.names))))


def _team(team_id: str | None, teams: Mapping[str, str]) -> str:
    return "No team" if team_id is None else teams[team_id]

"""Moving what is ticked on the board: where to, what then happens, what became of each, and the way back."""

from collections import Counter
from collections.abc import Mapping

import streamlit as st

from app.ui import commands, handover, identity, layout, queries, words
from app.ui.commands import MovedHere
from core.routing import bulk, refusals
from core.routing.bulk import To
from core.viewer import Viewer
from core.views.agents import AgentRow

_WANTED, _OUTCOME = "board-move", "board-outcome"
_WHERE = {To.AGENT: "An agent", To.ROUTING: "Whoever routing finds", To.POOL: "The pool"}
Ticked = Mapping[str, tuple[str, str | None]]
"""Alert -> (contact, present owner)."""


def ask(ticked: Ticked) -> None:
    """Have the page open the dialog: a push draws the board again, and must not close it."""
    st.session_state[_WANTED] = ticked
    st.rerun(scope="app")


def open_wanted() -> bool:
    wanted = st.session_state.pop(_WANTED, None)
    if wanted:
        dialog(wanted)
    return bool(wanted)


@st.dialog("Move alerts")
def dialog(ticked: Ticked) -> None:
    viewer = identity.me()
    number = len(ticked)
    to = st.radio("Where to?", list(_WHERE), format_func=_WHERE.__getitem__, horizontal=True)
    agent: AgentRow | None = None
    past = False
    if to is To.AGENT:
        agents = handover.by_room(queries.agents(viewer))
        if not agents:
            st.info("There is no agent in your teams yet.")
            return
        agent = st.selectbox("Agent", agents, format_func=handover.label)
        if agent.capacity - agent.load < number:
            past = st.checkbox("Give them past the capacity")
    reason = st.text_input("Why (the agent reads it)", max_chars=200) if to is To.AGENT else ""
    if agent is not None:
        with queries.reading() as session:
            said_no = refusals.declined_by(session, list(ticked), agent.id)
        if said_no:
            name, which = layout.plain(agent.name), "it" if number == 1 else f"{said_no:,} of them"
            st.warning(
                f"{name} has declined {which} before. Say why it is theirs all the same, or choose somebody else."
            )
    st.info(_consequence(ticked, to, agent, past=past))
    if st.button(f"Move {words.plural(number, 'alert')}", type="primary"):
        done = commands.move(
            viewer, list(ticked), to=to, agent_id=agent.id if agent else None, reason=reason, overflow=past
        )
        if isinstance(done, commands.Done):
            st.error(layout.plain(done.text))
            return
        st.session_state[_OUTCOME] = (done, {key: who for key, (who, _) in ticked.items()})
        for alert_id in ticked:
            st.session_state.pop(f"tick-{alert_id}", None)
        st.rerun()


def _consequence(ticked: Ticked, to: To, agent: AgentRow | None, *, past: bool) -> str:
    """What will happen, in a sentence or two."""
    owners = Counter(owner for _, owner in ticked.values())
    taken = [f"{layout.plain(owner) if owner else 'the pool'} ({count})" for owner, count in owners.most_common(4)]
    source = words.listed([*taken, f"{len(owners) - 4} others"] if len(owners) > 4 else taken)
    start = f"{words.plural(len(ticked), 'alert')} leave {source}. "
    if to is To.ROUTING:
        return start + "Rules and strategies find somebody else with room for each; what nobody has room for stays."
    if to is To.POOL:
        return start + "They wait for whoever claims them; after two hours routing hands out what is left."
    assert agent is not None
    room = max(agent.capacity - agent.load, 0)
    name = layout.plain(agent.name)
    fits = len(ticked) if past else min(len(ticked), room)
    stay = f" {len(ticked) - fits} stay where they are: there is no room." if fits < len(ticked) else ""
    then = f"{name} then has up to {agent.load + fits} of {agent.capacity} and is told; the time to answer starts anew."
    return start + then + stay


def outcome(viewer: Viewer) -> None:
    """What became of the last move, for each alert, and its undo."""
    shown: tuple[MovedHere, Mapping[str, str]] | None = st.session_state.get(_OUTCOME)
    with queries.reading() as session:
        last = bulk.last(session, viewer, now=queries.now())
    if shown is None and last is None:
        return
    with st.container(border=True):
        if shown is not None:
            done, names = shown
            moved, stayed = done.moved, done.stayed
            st.markdown(
                f"**{words.plural(len(moved), 'alert')} {done.verb}**" + (f"; {len(stayed)} not" if stayed else "")
            )
            with st.expander("Each of them", expanded=bool(stayed)):
                for alert_id, text in (*stayed, *moved):
                    st.markdown(f"{layout.plain(names.get(alert_id, 'An alert'))}: {layout.plain(text)}")
        with st.container(horizontal=True):
            if last is not None:
                until = words.short(last.until, viewer.timezone, now=queries.now())
                label = f"Undo the last move ({words.plural(last.number, 'alert')}, until {until})"
                st.button(label, key="board-undo", on_click=_undo, args=(viewer, last.id))
            if shown is not None:
                st.button("Hide", key="board-hide", on_click=lambda: st.session_state.pop(_OUTCOME, None))


def _undo(viewer: Viewer, move_id: str) -> None:
    done = commands.undo_move(viewer, move_id)
    if isinstance(done, commands.Done):
        st.toast(layout.plain(done.text), icon=":material/error:")
        return
    names = st.session_state.get(_OUTCOME, (None, {}))[1]
    st.session_state[_OUTCOME] = (done, names)

"""Evening out the work on a page: a hint when it is worth it, the plan with loads before and after, approved and taken back."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
import streamlit as st

from app.ui import charts, layout, queries, rebalancing_charts, words
from app.ui import rebalancing_commands as commands
from core.routing import rebalancing
from core.routing.rebalancing import Kept, Load, Options, PlannedMove
from core.routing.roster import WORDS
from core.viewer import Viewer
from core.views.agents import AgentRow
from core.words import Role

_SPREADS: Mapping[str, float | None] = {
    "Only the limits": None,
    "Within 50 points": 0.5,
    "Within 30 points": 0.3,
    "Within 15 points": 0.15,
}
_MANY, _TALL = 6, 460
"""From so many moves on their list scrolls, in so many pixels, so that the button stays near."""


def section(viewer: Viewer) -> None:
    """For managers (their teams) and admins (everybody); agents see nothing of it."""
    if viewer.role is Role.AGENT:
        return
    _section(viewer)


@st.fragment
def _section(viewer: Viewer) -> None:
    commands.tell()
    with queries.reading() as session:
        kept, done = rebalancing.current(session, viewer, now=queries.now())
        known = rebalancing.contacts(session, kept.plan, viewer=viewer) if kept else {}
    if done is not None:
        _undo(viewer, done)
    hint = _hint(queries.agents(viewer))
    if hint and kept is None:
        st.info(layout.plain(hint), icon=":material/balance:")
    with st.expander("Even out the work", expanded=kept is not None, icon=":material/balance:"):
        _ask(viewer, again=kept is not None)
        if kept is not None:
            _show(viewer, kept, known)


def _hint(agents: Sequence[AgentRow]) -> str:
    """Somebody has too much while others have room; empty where it is not so."""
    over = [one for one in agents if one.load > one.capacity]
    room = sum(max(0, one.capacity - one.load) for one in agents if one.available and one.off_until is None)
    if not over or not room:
        return ""
    most = max(over, key=lambda one: one.load - one.capacity)
    said = f"{most.name} has {most.load} of {most.capacity}"
    if len(over) > 1:
        said += f" and {words.plural(len(over) - 1, 'colleague')} more than they can take too"
    return (
        f"{said}, while others have room for {room:,}. A plan with the fewest moves is below; nothing moves by itself."
    )


def _ask(viewer: Viewer, *, again: bool) -> None:
    teams = _teams(viewer)
    with (
        st.form("rebalance-ask", border=False),
        st.container(horizontal=True, vertical_alignment="bottom", gap="small"),
    ):
        team = st.selectbox(
            "Among",
            ["", *teams],
            format_func=lambda one: teams.get(one) or _everybody(viewer),
            key="rebalance-team",
            width=220,
        )
        spread = st.selectbox(
            "Shares of capacity in use",
            list(_SPREADS),
            index=1,
            key="rebalance-spread",
            width=220,
            help="People come under their limits in any case. Nearer to each other takes more moves.",
        )
        hours = st.number_input(
            "Also acknowledged, older than (hours)",
            min_value=1,
            max_value=8760,
            value=None,
            placeholder="stay",
            key="rebalance-hours",
            width=270,
        )
        asked = st.form_submit_button("Plan again" if again else "Make a plan", key="rebalance-plan")
    if asked:
        options = Options(
            team_id=team or None,
            spread=_SPREADS[spread],
            acknowledged_hours=float(hours) if hours is not None else None,
        )
        with st.spinner("Looking for the fewest moves …"):
            commands.make(viewer, options)
        st.rerun()


def _show(viewer: Viewer, kept: Kept, known: Mapping[str, Any]) -> None:
    plan = kept.plan
    for note in plan.notes:
        st.warning(layout.plain(note))
    if not plan.moves:
        if not plan.notes:
            near = "" if kept.options.spread is None else ", and their shares of capacity in use are near enough"
            st.success(f"Everybody is within their limits{near}. Nothing needs to move.")
        return
    by = kept.asked_by_name or "Doorbell"
    until = words.short(kept.expires_at, viewer.timezone, now=queries.now())
    fewest = "the fewest that do it" if plan.proven else "perhaps not the fewest: there was no time to be sure"
    st.markdown(
        f"**{words.plural(len(plan.moves), 'move')}**, {fewest}. Planned by {layout.plain(by)}, good until {until}."
    )
    _loads(plan.loads)
    chosen = _moves(kept, known)
    _confirm(viewer, kept, chosen)


def _moves(kept: Kept, known: Mapping[str, Any]) -> list[str]:
    """A tick for each move; the ids of those that are ticked."""
    names = {one.agent_id: one.name for one in kept.plan.loads}
    chosen = []
    with st.container(border=True, height=_TALL if len(kept.plan.moves) > _MANY else "content"):
        for one in kept.plan.moves:
            with st.container(gap=None):
                if st.checkbox(_label(one, names, known), value=True, key=f"rebalance-{kept.id}-{one.alert_id}"):
                    chosen.append(one.alert_id)
                st.caption(layout.plain(one.why))
    return chosen


def _label(move: PlannedMove, names: Mapping[str, str], known: Mapping[str, Any]) -> str:
    row = known.get(move.alert_id)
    what = "An alert that changed hands meanwhile"
    if row is not None:
        what = f"{layout.plain(row.name or row.contact_id)} · {words.type_words(row.alert_type)} · {words.group(row.priority)}"
    return f"{what}: {layout.plain(names[move.from_id])} → {layout.plain(names[move.to_id])}"


def _loads(loads: Sequence[Load]) -> None:
    moved = [one for one in loads if one.open != one.open_after]
    st.markdown("**Share of capacity in use, before and after** (of those with a move)")
    st.plotly_chart(rebalancing_charts.loads(moved), key="rebalance-chart", config=charts.CONFIG)
    with st.expander("Everybody as a table"):
        st.dataframe(pd.DataFrame([_row(one) for one in loads]), hide_index=True, key="rebalance-loads")


def _row(one: Load) -> dict[str, Any]:
    units = "–" if one.max_units is None else f"{one.units:g} → {one.units_after:g} of {one.max_units:g}"
    return {
        "Agent": one.name,
        "Before": one.open,
        "After": one.open_after,
        "Limit": one.capacity,
        "Units": units,
        "In use before": words.percent(one.share),
        "In use after": words.percent(one.share_after),
        "Gets nothing now": "–" if one.why_not is None else WORDS[one.why_not],
    }


def _confirm(viewer: Viewer, kept: Kept, chosen: Sequence[str]) -> None:
    with st.container(horizontal=True, vertical_alignment="center"):
        label = f"Move {words.plural(len(chosen), 'alert')}" if chosen else "Tick what is to move"
        with st.popover(label, type="primary", disabled=not chosen, key="rebalance-move"):
            st.markdown(
                f"{words.plural(len(chosen), 'alert')} will have a new owner, who is told once. "
                "What somebody touches meanwhile stays where it is. It can be taken back for ten minutes."
            )
            if st.button("Move them", type="primary", key="rebalance-really"):
                commands.apply(viewer, kept, chosen)
                st.rerun()


def _undo(viewer: Viewer, kept: Kept) -> None:
    until = words.short(kept.undo_until, viewer.timezone, now=queries.now())
    by = "You" if kept.applied_by_name == viewer.name else layout.plain(kept.applied_by_name or "Doorbell")
    with st.container(border=True, horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
        st.markdown(
            f"{by} moved {words.plural(len(kept.done), 'alert')} to even out the work. Until {until} it can be taken back.",
            width="stretch",
        )
        if st.button("Take it back", icon=":material/undo:", key="rebalance-undo"):
            commands.undo(viewer, kept)
            st.rerun()


def _teams(viewer: Viewer) -> dict[str, str]:
    teams = queries.routing_state().house.directory.teams.values()
    mine = [one for one in teams if viewer.role is Role.ADMIN or one.id in viewer.team_ids]
    return {one.id: one.name for one in sorted(mine, key=lambda one: one.name)}


def _everybody(viewer: Viewer) -> str:
    return "everybody" if viewer.role is Role.ADMIN else "all of my teams"

"""Assignments: who has what since when, overdue first; managers hand over one or many."""

from datetime import datetime
from typing import Any

import pandas as pd
import streamlit as st

from app.ui import handover, identity, layout, queries, rebalancing, words
from core.views.assignments import BoardAlert, Lane
from core.words import Priority, Role


def page() -> None:
    board()
    chosen = st.session_state.pop("handover", None)
    if chosen:
        handover.dialog(chosen)


@st.fragment
def board() -> None:
    viewer = identity.me()
    found = queries.board(viewer)
    layout.heading("Assignments", viewer=viewer, live_key="assignments-live", up_to=found.up_to)
    is_agent = viewer.role is Role.AGENT
    rows = [(lane, alert) for lane in found.board.lanes for alert in lane.alerts]
    free = [(None, alert) for alert in found.board.pool]
    overdue = sum(alert.overdue for _, alert in [*rows, *free])
    held = sum(lane.load for lane in found.board.lanes)
    st.markdown(
        f"**{words.plural(held, 'open alert')}** "
        + ("of yours" if is_agent else f"with {words.plural(len(found.board.lanes), 'agent')}")
        + f" · **{found.board.pool_total:,}** free to take · **{overdue:,}** overdue"
    )
    if not is_agent:
        _loads(found.board.lanes)
        rebalancing.section(viewer)
    _table(rows, free, is_agent=is_agent, timezone=viewer.timezone, now=queries.now())


def _loads(lanes: tuple[Lane, ...]) -> None:
    if not lanes:
        st.info("There are no agents in your teams yet.")
        return
    fullest = sorted(lanes, key=lambda lane: (-lane.load / max(lane.capacity, 1), lane.agent_name))
    with st.expander(f"Load of {words.plural(len(lanes), 'agent')}", expanded=len(lanes) <= 8):
        st.dataframe(
            pd.DataFrame(
                [
                    {
                        "Agent": lane.agent_name,
                        "Team": lane.team_name or "–",
                        "Open alerts": lane.load,
                        "Capacity": lane.capacity,
                        "Full": lane.load / max(lane.capacity, 1),
                        "On": "yes" if lane.available else "away",
                    }
                    for lane in fullest
                ]
            ),
            hide_index=True,
            column_config={"Full": st.column_config.ProgressColumn("Full", format="percent", max_value=1.0)},
        )


def _table(
    rows: list[tuple[Lane | None, BoardAlert]],
    free: list[tuple[Lane | None, BoardAlert]],
    *,
    is_agent: bool,
    timezone: str,
    now: datetime,
) -> None:
    everything = sorted([*free, *rows], key=lambda pair: _order(pair[1]))
    if not everything:
        whose = "You have no open alert" if is_agent else "Nobody has an open alert"
        st.success(f"{whose}, and none is waiting.")
        return
    teams = sorted({lane.team_name for lane, _ in rows if lane and lane.team_name})
    people = sorted({lane.agent_name for lane, _ in rows if lane})
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        which = st.segmented_control(
            "Show", ["All", "Overdue", "Free to take"], default="All", required=True, key="show", bind="query-params"
        )
        if not is_agent:
            who = st.multiselect("Agents", people, key="who", bind="query-params", placeholder="Everybody", width=260)
            team = st.multiselect("Teams", teams, key="team", bind="query-params", placeholder="Every team", width=220)
        else:
            who, team = [], []
    shown = [
        (lane, alert)
        for lane, alert in everything
        if (which != "Overdue" or alert.overdue)
        and (which != "Free to take" or lane is None)
        and (not who or (lane is not None and lane.agent_name in who))
        and (not team or (lane is not None and lane.team_name in team))
    ]
    if not shown:
        st.info("Nothing here with these choices.")
        return
    picked = st.dataframe(
        pd.DataFrame([_row(lane, alert, timezone=timezone, now=now) for lane, alert in shown]),
        hide_index=True,
        key=f"assignments-{which}",
        on_select="ignore" if is_agent else "rerun",
        selection_mode="multi-row",
        height=min(38 + 35 * len(shown), 620),
        column_config={"Details": st.column_config.LinkColumn("Details", display_text="Open")},
    )
    if is_agent:
        return
    ids = [shown[row][1].alert_id for row in _picked(picked) if row < len(shown)]
    if st.button(
        f"Give {words.plural(len(ids), 'alert')} to …" if ids else "Tick alerts to give them to somebody",
        type="primary",
        disabled=not ids,
    ):
        st.session_state["handover"] = ids
        st.rerun(scope="app")


def _picked(state: Any) -> list[int]:
    return list(state.selection.rows) if hasattr(state, "selection") else []


def _order(alert: BoardAlert) -> tuple[Any, ...]:
    return (not alert.overdue, Priority(alert.priority).rank, alert.since)


def _row(lane: Lane | None, alert: BoardAlert, *, timezone: str, now: datetime) -> dict[str, Any]:
    late = (
        f"overdue {words.span((now - alert.escalate_at).total_seconds())}"
        if alert.overdue and alert.escalate_at
        else ""
    )
    return {
        "Who": alert.contact_name or alert.contact_id,
        "Priority": words.group(alert.priority),
        "What": words.type_words(alert.alert_type),
        "With": lane.agent_name if lane else "free to take",
        "Since": words.short(alert.since, timezone, now=now),
        "State": late or words.status(alert.status),
        "Sure": words.percent(alert.confidence),
        "Details": f"/feed?alert={alert.alert_id}",
    }


page()

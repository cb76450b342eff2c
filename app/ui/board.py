"""The board of the Assignments page: who has what since when, and the pool; by the page, however much is open."""

from collections.abc import Sequence

import pandas as pd
import streamlit as st

from app.ui import board_lines, board_moves, board_pool, identity, layout, queries, words
from core.viewer import Viewer
from core.views import assignments
from core.views.assignments import BoardAlert, Lane
from core.views.page import Page
from core.words import Role


@st.fragment
def render() -> None:
    """Everything that a push draws again."""
    viewer = identity.me()
    found = queries.board(viewer)
    layout.heading("Assignments", viewer=viewer, live_key="assignments-live", up_to=found.up_to)
    is_agent = viewer.role is Role.AGENT
    held, overdue = sum(lane.load for lane in found.lanes), sum(lane.overdue for lane in found.lanes)
    st.markdown(
        f"**{words.plural(held, 'open alert')}** "
        + ("of yours" if is_agent else f"with {words.plural(len(found.lanes), 'agent')}")
        + f" · **{found.pool_total:,}** free to take · **{overdue:,}** overdue"
    )
    if not is_agent:
        board_moves.outcome(viewer)
        _loads(found.lanes)
    _held(viewer, found.lanes)
    board_pool.render(viewer, total=found.pool_total)


def _loads(lanes: Sequence[Lane]) -> None:
    if not lanes:
        st.info("There are no agents in your teams yet.")
        return
    fullest = sorted(lanes, key=lambda lane: (-lane.load / max(lane.capacity, 1), lane.agent_name))
    with st.expander(f"Load of {words.plural(len(lanes), 'agent')}"):
        st.dataframe(
            pd.DataFrame(
                [
                    {
                        "Agent": lane.agent_name,
                        "Full": lane.load / max(lane.capacity, 1),
                        "Open": f"{lane.load} of {lane.capacity}",
                        "Overdue": lane.overdue,
                        "Claims not acted on": lane.claims,
                        "On": "yes" if lane.available else "away",
                        "Team": lane.team_name or "–",
                    }
                    for lane in fullest
                ]
            ),
            hide_index=True,
            column_config={"Full": st.column_config.ProgressColumn("Full", format="percent", max_value=1.0)},
        )


def _held(viewer: Viewer, lanes: Sequence[Lane]) -> None:
    is_agent = viewer.role is Role.AGENT
    st.subheader("Your alerts" if is_agent else "Who has what", anchor=False)
    if not any(lane.load for lane in lanes):
        st.success("You have no open alert." if is_agent else "Nobody has an open alert.")
        return
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        which = st.segmented_control(
            "Show", ["All", "Overdue"], default="All", required=True, key="show", bind="query-params"
        )
        wanted = None if is_agent else _people(lanes)
    shown = [lane for lane in lanes if wanted is None or lane.agent_id in wanted]
    late = which == "Overdue"
    total = sum(lane.overdue if late else lane.load for lane in shown)
    turned = board_lines.turned("held", f"{which}-{wanted}")
    page = _page(viewer, wanted, late, turned[-1])
    if not page.items:
        st.info("Nothing is overdue." if late else "Nothing here with these choices.")
        return
    board_lines.show(viewer, page.items, list_key="held")
    board_lines.pager("held", page, number=assignments.PER_PAGE, total=total, order="the overdue and most urgent first")


def _people(lanes: Sequence[Lane]) -> list[str] | None:
    """The ids of the chosen agents and teams; None for everybody."""
    names = {lane.agent_id: lane.agent_name for lane in lanes}
    teams = sorted({lane.team_name for lane in lanes if lane.team_name})
    who = st.multiselect(
        "Agents",
        list(names),
        format_func=names.__getitem__,
        key="who",
        placeholder="Everybody",
        width=260,
        bind="query-params",
    )
    team = (
        st.multiselect("Teams", teams, key="team", placeholder="Every team", width=220, bind="query-params")
        if len(teams) > 1
        else []
    )
    if not who and not team:
        return None
    return [
        lane.agent_id for lane in lanes if (not who or lane.agent_id in who) and (not team or lane.team_name in team)
    ]


def _page(viewer: Viewer, wanted: list[str] | None, late: bool, cursor: str | None) -> Page[BoardAlert]:
    with queries.reading() as session:
        return assignments.held(session, viewer, agent_ids=wanted, overdue_only=late, cursor=cursor, now=queries.now())

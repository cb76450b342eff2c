"""One line for each alert of the board: what it is, with whom, since when; ticked by those who move alerts."""

from collections.abc import Sequence
from datetime import datetime

import streamlit as st

from app.ui import board_moves, commands, layout, queries, words
from core.viewer import Viewer
from core.views.assignments import BoardAlert
from core.views.page import Page
from core.words import Role


def show(viewer: Viewer, alerts: Sequence[BoardAlert], *, list_key: str) -> None:
    """The lines; managers tick them and move what is ticked. A tick belongs to its alert, wherever it moves in the list."""
    ticks = viewer.role is not Role.AGENT
    if ticks:
        _head(alerts, list_key)
    for alert in alerts:
        line(viewer, alert, ticks=ticks)


def line(viewer: Viewer, alert: BoardAlert, *, ticks: bool) -> None:
    now = queries.now()
    text = describe(alert, viewer.timezone, now=now, own=viewer.role is Role.AGENT)
    answers = alert.agent_id == viewer.user_id and alert.claimed_until is not None
    # Text and one button stay in one line on a phone too (components/frame.css); with two the buttons go below.
    key = f"board-line-{alert.alert_id}" if not answers else None
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key=key):
        if ticks:
            st.checkbox(text, key=_tick(alert.alert_id), width="stretch")
        else:
            st.markdown(text, width="stretch")
        if answers:
            st.button(
                "Acknowledge", key=f"ack-{alert.alert_id}", type="primary", on_click=_answer, args=(viewer, alert)
            )
        if st.button("Details", key=f"details-{alert.alert_id}", type="tertiary"):
            st.session_state["feed-open"] = ("details", alert.alert_id)
            st.rerun(scope="app")


def describe(alert: BoardAlert, timezone: str, *, now: datetime, own: bool) -> str:
    """**Rosa Diaz** · High · Likely to sell · with Ann since 9:00 · overdue 12 min."""
    parts = [f"**{layout.plain(alert.who)}**", words.group(alert.priority), words.type_words(alert.alert_type)]
    since = words.short(alert.since, timezone, now=now)
    if alert.agent_id is None:
        parts += [
            f"waits {words.span((now - alert.since).total_seconds())}",
            words.pool_reason(alert.unassigned_reason),
        ]
    else:
        parts.append(f"since {since}" if own else f"with {alert.agent_name} since {since}")
        parts.append(words.status(alert.status))
    if alert.snoozed_until and alert.snoozed_until > now:
        parts.append(f"snoozed until {words.short(alert.snoozed_until, timezone, now=now)}")
    told = " · ".join([parts[0], *(layout.plain(part) for part in parts[1:])])
    if alert.claimed_until is not None:
        left = words.span((alert.claimed_until - now).total_seconds())
        told += f" · :orange-badge[claimed, {left} left]"
    elif alert.overdue and alert.escalate_at:
        told += f" · :red-badge[overdue {words.span((now - alert.escalate_at).total_seconds())}]"
    return told


def turned(name: str, choices: str) -> list[str | None]:
    """The cursors of the pages turned so far; other choices start again."""
    if st.session_state.get(f"board-{name}-choices") != choices:
        st.session_state[f"board-{name}-choices"] = choices
        st.session_state[f"board-{name}-cursors"] = [None]
    found: list[str | None] = st.session_state[f"board-{name}-cursors"]
    return found


def pager(name: str, page: Page[BoardAlert], *, number: int, total: int, order: str) -> None:
    """What part is shown, and the way to the rest."""
    cursors: list[str | None] = st.session_state[f"board-{name}-cursors"]
    first = number * (len(cursors) - 1)
    if len(cursors) == 1 and page.next_cursor is None:
        return
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.caption(f"{first + 1:,}–{first + len(page.items):,} of {total:,}, {order}")
        st.button("← Back", key=f"board-{name}-back", disabled=len(cursors) == 1, on_click=_back, args=(cursors,))
        st.button(
            "Next →",
            key=f"board-{name}-next",
            disabled=page.next_cursor is None,
            on_click=cursors.append,
            args=(page.next_cursor,),
        )


def _back(cursors: list[str | None]) -> None:
    cursors.pop()


def _head(alerts: Sequence[BoardAlert], list_key: str) -> None:
    ticked = [one for one in alerts if st.session_state.get(_tick(one.alert_id))]
    text = f"Move {words.plural(len(ticked), 'alert')} …" if ticked else "Tick alerts to move them"
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        if st.button(text, key=f"move-{list_key}", type="primary", disabled=not ticked):
            board_moves.ask({one.alert_id: (one.who, one.agent_name) for one in ticked})
        all_ticked = len(ticked) == len(alerts)
        st.button(
            "Tick none" if all_ticked else f"Tick all {len(alerts)} shown",
            key=f"all-{list_key}",
            on_click=_tick_all,
            args=([one.alert_id for one in alerts], not all_ticked),
        )


def _tick_all(alert_ids: Sequence[str], on: bool) -> None:
    for alert_id in alert_ids:
        st.session_state[_tick(alert_id)] = on


def _tick(alert_id: str) -> str:
    return f"tick-{alert_id}"


def _answer(viewer: Viewer, alert: BoardAlert) -> None:
    done = commands.act(viewer, {"name": "acknowledge", "id": alert.alert_id}, who=alert.who)
    st.toast(layout.plain(done.text), icon=":material/check_circle:" if done.ok else ":material/error:")

"""The pool as a part of the board: what waits there and why, and Claim for agents."""

import streamlit as st

from app.ui import board_lines, commands, layout, queries, words
from core.routing import claims
from core.viewer import Viewer
from core.views import assignments
from core.views.assignments import BoardAlert
from core.words import Role

_PER_PAGE = 20


def render(viewer: Viewer, *, total: int) -> None:
    st.subheader("Free to take", anchor=False)
    if not total:
        st.success("None is waiting: every open alert has an owner.")
        return
    turned = board_lines.turned("pool", "")
    with queries.reading() as session:
        page = assignments.pool(session, viewer, cursor=turned[-1], limit=_PER_PAGE, now=queries.now())
        terms = claims.terms_of(session, viewer) if viewer.role is Role.AGENT else None
    if terms is None:
        board_lines.show(viewer, page.items, list_key="pool")
    else:
        st.caption(
            f"A claim is yours for {words.plural(terms.minutes, 'minute')}, and for good once you act on it; "
            f"at most {terms.limit} at once."
        )
        if terms.why_not:
            st.warning(terms.why_not)
        for alert in page.items:
            _claimable(viewer, alert, why_not=terms.why_not)
    board_lines.pager("pool", page, number=_PER_PAGE, total=total, order="the most urgent and oldest first")


def _claimable(viewer: Viewer, alert: BoardAlert, *, why_not: str | None) -> None:
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        board_lines.line(viewer, alert, ticks=False)
        if alert.not_again_until is not None:
            until = words.short(alert.not_again_until, viewer.timezone, now=queries.now())
            why_not = f"Your claim on it ran out: it is for others until {until}. You can still act on it."
            st.caption(f"For others until {until}")
        st.button(
            "Claim",
            key=f"claim-{alert.alert_id}",
            type="primary",
            disabled=why_not is not None,
            help=why_not,
            on_click=_claim,
            args=(viewer, alert),
        )


def _claim(viewer: Viewer, alert: BoardAlert) -> None:
    done = commands.claim(viewer, alert.alert_id, who=alert.who)
    st.toast(layout.plain(done.text), icon=":material/check_circle:" if done.ok else ":material/error:")

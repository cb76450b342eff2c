"""What is done about uneven work: one unit of work each, and a sentence about what became of it, shown on the next run."""

from collections.abc import Callable, Sequence

import streamlit as st

from app import runtime
from app.ui import layout, queries, words
from core import escalation
from core.errors import DoorbellError
from core.routing import rebalancing
from core.routing.rebalancing import Kept, Options, Result
from core.viewer import Viewer

_SAID = "rebalance-said"


def make(viewer: Viewer, options: Options) -> None:
    """Work out a plan and keep it."""
    now, state = queries.now(), queries.routing_state()

    def work() -> tuple[bool, str]:
        with queries.reading() as session:
            standing = rebalancing.standing(session, options, state=state, viewer=viewer, now=now)
        plan = rebalancing.plan(standing, options)
        with runtime.current().database.write() as session:
            rebalancing.keep(session, plan, options, viewer=viewer, now=now)
        return True, ""

    _do(work)


def apply(viewer: Viewer, kept: Kept, alert_ids: Sequence[str]) -> None:
    """Move these alerts of a plan."""
    now, state = queries.now(), queries.routing_state()

    def work() -> tuple[bool, str]:
        with runtime.current().database.write() as session:
            results = rebalancing.apply(
                session,
                kept.id,
                state=state,
                viewer=viewer,
                fingerprint=kept.fingerprint,
                alert_ids=alert_ids,
                now=now,
            )
            routed = [one.routed for one in results if one.routed is not None]
            escalation.ring_together(session, routed, occasion=kept.id, by=viewer.user_id, now=now)
        return _told(results, "moved", "stays where it was", "stay where they were")

    _do(work)


def undo(viewer: Viewer, kept: Kept) -> None:
    """Take a plan back."""
    now = queries.now()

    def work() -> tuple[bool, str]:
        with runtime.current().database.write() as session:
            results = rebalancing.undo(session, kept.id, viewer=viewer, now=now)
            routed = [one.routed for one in results if one.routed is not None]
            escalation.ring_together(session, routed, occasion=kept.id, by=viewer.user_id, now=now)
        return _told(results, "given back", "stays with its new owner", "stay with their new owners")

    _do(work)


def tell() -> None:
    """What became of the last act."""
    said: tuple[bool, str] | None = st.session_state.pop(_SAID, None)
    if said is None or not said[1]:
        return
    if said[0]:
        st.toast(layout.plain(said[1]), icon=":material/check_circle:")
    else:
        st.warning(layout.plain(said[1]))


def _told(results: Sequence[Result], done: str, one_stays: str, more_stay: str) -> tuple[bool, str]:
    refused = [one.error.detail for one in results if one.error is not None]
    text = f"{words.plural(len(results) - len(refused), 'alert')} {done}."
    if refused:
        stay = one_stays if len(refused) == 1 else more_stay
        text += f" {len(refused)} {stay}: {' '.join(dict.fromkeys(refused))}"
    return not refused, text


def _do(work: Callable[[], tuple[bool, str]]) -> None:
    try:
        st.session_state[_SAID] = work()
    except DoorbellError as error:
        named = "; ".join(error.fields.values())
        st.session_state[_SAID] = (False, f"{error.detail} {named}".strip())

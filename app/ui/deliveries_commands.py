"""What people do on the Deliveries page: send again, and send themselves a test."""

from collections.abc import Sequence

import streamlit as st

from app import runtime
from app.ui import queries, words
from app.ui.commands import Done, say
from core.delivery import replaying, trying
from core.errors import DoorbellError
from core.viewer import Viewer
from core.views.deliveries import Filters

_TOLD = "deliveries-told"
TEST = "deliveries-test"


def replay(viewer: Viewer, delivery_ids: Sequence[str]) -> None:
    """Queue these again."""
    with runtime.current().database.write() as session:
        done = replaying.replay_some(session, delivery_ids, viewer=viewer, now=queries.now())
    sent = sum(one.ok for one in done)
    left = dict.fromkeys(one.reason for one in done if one.reason)
    text = f"{words.plural(sent, 'message')} queued again" + (f". Others not: {'; '.join(left)}" if left else "")
    st.session_state[_TOLD] = Done(ok=bool(sent), text=text)


def replay_where(viewer: Viewer, filters: Filters) -> None:
    """Queue every dead letter again that these filters fit."""
    with runtime.current().database.write() as session:
        done = replaying.replay_where(session, filters.conditions(), viewer=viewer, now=queries.now())
    st.session_state[_TOLD] = Done(ok=True, text=f"{words.plural(len(done), 'message')} queued again")


def test(viewer: Viewer, channel: str) -> None:
    """Send a test to oneself; what became of it is shown where `TEST` is read."""
    tests: dict[str, str] = st.session_state.setdefault(TEST, {})
    try:
        with runtime.current().database.write() as session:
            tests[channel] = trying.send_test(
                session, viewer.user_id, channel=channel, actor_id=viewer.user_id, now=queries.now()
            )
    except DoorbellError as error:
        st.session_state[_TOLD] = Done(ok=False, text=say(error))


def told() -> None:
    """What became of the last of these, once."""
    done = st.session_state.pop(_TOLD, None)
    if done is not None:
        (st.toast if done.ok else st.error)(done.text)  # a toast outlives the run that the message's move brings

"""What became of messages, drawn step by step: in a dialog of its own and inside an alert's."""

from collections.abc import Sequence

import streamlit as st

from app.ui import deliveries_commands as commands
from app.ui import deliveries_words, queries, words
from core.errors import NotFound
from core.viewer import Viewer
from core.views import deliveries
from core.views.deliveries import DeliveryDetail
from core.views.delivery_story import Skipped, Step
from core.words import DeliveryState


def _closed() -> None:
    st.query_params.pop("message", None)


@st.dialog("Message", width="large", on_dismiss=_closed)
def dialog(viewer: Viewer, delivery_id: str) -> None:
    """One message with everything that happened to it."""
    try:
        with queries.reading() as session:
            found = deliveries.get_delivery(session, viewer, delivery_id)
    except NotFound:
        st.info("This message is not here: it is somebody else's, or the link is wrong.")
        return
    row = found.delivery
    st.markdown(
        f"**{words.plain(deliveries_words.about(row))}** · {deliveries_words.channel(row.channel)} "
        f"to {words.plain(deliveries_words.whom(row))} · **{deliveries_words.state(row.state)}**"
    )
    steps(viewer, found.steps)
    facts = [
        f"Carried by {words.plain(row.provider)}" if row.provider else "",
        f"the provider's id is `{row.provider_id.replace('`', '')}`" if row.provider_id else "",
        f"goes out {words.short(row.due_at, viewer.timezone, now=queries.now())}"
        if row.state == DeliveryState.QUEUED
        else "",
    ]
    if known := ", ".join(fact for fact in facts if fact):
        st.caption(known[:1].upper() + known[1:])
    if row.state == DeliveryState.DEAD and st.button("Send it again", type="primary", key="replay-one"):
        commands.replay(viewer, [row.id])
        st.rerun(scope="app")


def steps(viewer: Viewer, found: Sequence[Step]) -> None:
    """The oldest first, each with its time."""
    for step in found:
        at = words.short(step.at, viewer.timezone, now=queries.now())
        st.markdown(f":gray[{words.plain(at)}] · {words.plain(step.text)}")


def of_alert(viewer: Viewer, alert_id: str) -> None:
    """Everything that was, and was not, sent about an alert."""
    with queries.reading() as session:
        found = deliveries.of_alert(session, viewer, alert_id)
    if not found.messages:
        st.caption("Nobody was told of this alert yet, as far as you may see.")
        return
    for one in reversed(found.messages):
        _message(viewer, one)
    _skipped(found.skipped)


def _message(viewer: Viewer, one: DeliveryDetail) -> None:
    row = one.delivery
    head = (
        f"{deliveries_words.channel(row.channel)} to {deliveries_words.whom(row)}: {deliveries_words.state(row.state)}"
    )
    st.markdown(f"**{words.plain(head)}**")
    steps(viewer, one.steps)


def _skipped(found: Sequence[Skipped]) -> None:
    if not found:
        return
    st.markdown("**Not used**")
    for text in dict.fromkeys(f"{one.text} ({one.user_name})" for one in found):
        st.markdown(words.plain(text))

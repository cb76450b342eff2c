"""What became of messages, drawn step by step: in a dialog of its own and inside an alert's."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime

import streamlit as st

from app.ui import deliveries_commands as commands
from app.ui import deliveries_filters, deliveries_words, live, menu, queries, words
from core import changes
from core.errors import NotFound
from core.viewer import Viewer
from core.views import deliveries, delivery_story
from core.views.deliveries import DeliveryDetail
from core.views.delivery_story import Skipped, Step
from core.words import DeliveryState

_WANTED, _OPENED, _ADDRESS = "delivery-wanted", "delivery-opened", "message"


def want(delivery_id: str) -> None:
    """Have the page open this message at its next run."""
    st.session_state[_WANTED] = delivery_id


def open_wanted(viewer: Viewer) -> None:
    """Open what was asked for: by a click, or once by the address."""
    named = st.query_params.get(_ADDRESS)
    wanted = st.session_state.pop(_WANTED, None) or (named if st.session_state.get(_OPENED) != named else None)
    if wanted is not None:
        st.session_state[_OPENED] = st.query_params[_ADDRESS] = wanted
        dialog(viewer, wanted)


def _closed() -> None:
    st.session_state.pop(_OPENED, None)
    st.query_params.pop(_ADDRESS, None)


@st.dialog("Message", width="large", on_dismiss=_closed)
def dialog(viewer: Viewer, delivery_id: str) -> None:
    """One message with everything that happened to it."""
    try:
        with queries.reading() as session:
            up_to = changes.newest_id(session)
            found = deliveries.get_delivery(session, viewer, delivery_id)
    except NotFound:
        st.info("This message is not here: it is somebody else's, or the link is wrong.")
        return
    row = found.delivery
    with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute", gap="small"):
        st.markdown(
            f"**{words.plain(deliveries_words.about(row))}** · {deliveries_words.channel(row.channel)} "
            f"to {words.plain(deliveries_words.whom(row))} · **{deliveries_words.state(row.state)}**",
            width="content",
        )
        live.mark("message-live", up_to=up_to, messages=True)
    st.markdown("\n".join(_steps(viewer, found.steps)))
    facts = [
        f"Carried by {words.plain(row.provider)}" if row.provider else "",
        f"the provider's id is `{row.provider_id.replace('`', '')}`" if row.provider_id else "",
        f"goes out {words.short(row.due_at, viewer.timezone, now=queries.now())}"
        if row.state == DeliveryState.QUEUED
        else "",
    ]
    if known := ", ".join(fact for fact in facts if fact):
        st.caption(known[:1].upper() + known[1:])
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        if row.state == DeliveryState.DEAD:
            st.button(
                "Send it again", type="primary", key="replay-one", on_click=commands.replay, args=(viewer, [row.id])
            )
        if row.alert_id:
            st.page_link(
                menu.file("feed"),
                label="Open the alert",
                icon=":material/open_in_new:",
                query_params={"alert": row.alert_id},
                width="content",
            )
            if st.button("All messages about it", type="tertiary", key="message-about"):
                _closed()
                deliveries_filters.show_about(row.alert_id)
                st.rerun(scope="app")
    commands.told()


def _steps(viewer: Viewer, found: Sequence[Step], *, indent: str = "") -> list[str]:
    """As lines of a list, the oldest first, each with its time."""
    return [f"{indent}- :gray[{words.plain(_at(viewer, step.at))}] · {words.plain(step.text)}" for step in found]


def _at(viewer: Viewer, at: datetime) -> str:
    return words.short(at, viewer.timezone, now=queries.now())


def of_alert(viewer: Viewer, alert_id: str) -> None:
    """Everything that was, and was not, sent about an alert: whoever was told last first, each with their channels."""
    with queries.reading() as session:
        found = deliveries.of_alert(session, viewer, alert_id)
    if not found.messages:
        st.caption("Nobody was told of this alert yet, as far as you may see.")
        return
    whole = st.toggle("Step by step", key=f"told-steps-{alert_id}")
    left: dict[str, list[Skipped]] = defaultdict(list)
    for one in found.skipped:
        left[one.user_id].append(one)
    for key, messages in by_reader(found.messages).items():
        lines = [line for one in messages for line in _message(viewer, one, whole=whole)]
        lines += [f"- :gray[{words.plain(text)}]" for text in not_used(left[key])]
        with st.container(border=True, gap="small"):
            st.markdown(f"**{words.plain(deliveries_words.whom(messages[0].delivery))}**")
            st.markdown("\n".join(lines))


def by_reader(messages: Sequence[DeliveryDetail]) -> dict[str, list[DeliveryDetail]]:
    """Person or endpoint to what they were sent: whoever was told last first, of each the oldest message first."""
    found: dict[str, list[DeliveryDetail]] = {}
    for one in messages:
        found.setdefault(one.delivery.user_id or one.delivery.endpoint_id or "", []).append(one)
    return {key: list(reversed(theirs)) for key, theirs in found.items()}


def _message(viewer: Viewer, one: DeliveryDetail, *, whole: bool) -> list[str]:
    row = one.delivery
    last = one.steps[-1].at if one.steps else row.created_at
    why = f": {row.reason}" if row.reason else ""
    state = words.plain(f"{deliveries_words.state(row.state)}{why}")
    head = f"- **{words.plain(deliveries_words.channel(row.channel))}** · {state} · :gray[{words.plain(_at(viewer, last))}]"
    return [head, *(_steps(viewer, one.steps, indent="    ") if whole else [])]


def not_used(skipped: Sequence[Skipped]) -> list[str]:
    """Channels that carried nothing, those with the same reason together: "Chat and push not used: there is no address for it"."""
    by_rule: dict[str, dict[str, None]] = defaultdict(dict)
    for one in skipped:
        by_rule[one.rule][deliveries_words.channel(one.channel)] = None
    found = []
    for rule, channels in by_rule.items():
        first, *rest = channels
        named = words.listed([first, *(name[:1].lower() + name[1:] for name in rest)])
        found.append(f"{named} not used: {delivery_story.words(rule)}")
    return found

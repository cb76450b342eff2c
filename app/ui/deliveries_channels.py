"""The tab Channels: whether each works, what to set where it does not, and a test with what its provider answered."""

from collections import Counter
from datetime import timedelta

import streamlit as st

from app import runtime
from app.ui import deliveries_commands as commands
from app.ui import deliveries_words, queries, words
from core import delivery
from core.delivery import endpoint_book, trying
from core.delivery.channel import ENDPOINT, Channel
from core.delivery.registry import CHANNELS
from core.errors import NotFound
from core.viewer import Viewer
from core.views import delivery_health, delivery_outlook
from core.views.delivery_outlook import Standing
from core.words import Role


@st.cache_data(ttl=timedelta(seconds=60), max_entries=8, show_spinner=False)
def set_up(_database_url: str) -> frozenset[str]:
    """The channels that are set up; asked of every channel once a minute, for settings only change with a restart."""
    return delivery.set_up(runtime.current().settings)


@st.fragment
def render(viewer: Viewer) -> None:
    """The whole tab."""
    commands.told()
    now, ready = queries.now(), set_up(runtime.current().database.url)
    doubts = runtime.current().settings.doubts
    with queries.reading() as session:
        outlook = delivery_outlook.outlook(session, viewer.user_id, set_up=ready, now=now)
        paused = {one.name: one for one in delivery_health.paused(session, viewer, now=now)}
        systems = Counter(one.channel for one in endpoint_book.listed(session, viewer))
    standing = {one.channel: one for one in outlook.channels}
    for channel in (*delivery_outlook.channels_for_people(), *(c for c in CHANNELS.values() if c.address == ENDPOINT)):
        if viewer.role is Role.AGENT and channel.address == ENDPOINT:
            continue
        with st.container(border=True, gap="small"):
            works = channel.write is not None or channel.name in ready
            one = paused.get(channel.name)
            until = words.short(one.until, viewer.timezone, now=now) if one else ""
            state = f"paused until {until}" if one else "set up" if works else "not set up"
            if works and channel.address == ENDPOINT:
                state = words.plural(systems[channel.name], "system") if systems[channel.name] else "no system yet"
            st.markdown(f"**{deliveries_words.channel(channel.name)}** · {state}")
            if one and one.error:
                st.markdown(f"It said: {words.plain(one.error)}")
            if not works:
                st.text(f"What an admin has to do: {channel.setup}")  # Markdown would make a link of name:password@host
            elif channel.address == ENDPOINT and not systems[channel.name]:
                st.text(channel.setup)
            for doubt in doubts:
                if channel.name in doubt.channels:
                    st.warning(words.plain(doubt.line), icon=":material/error:")
            if works and channel.write is None and channel.address != ENDPOINT:
                _test(viewer, channel, standing[channel.name])


def _test(viewer: Viewer, channel: Channel, standing: Standing) -> None:
    if not standing.works:
        st.markdown(f"For you: {words.plain(standing.text)}. {words.plain(standing.next_step)}")
        return
    st.button("Send me a test", key=f"test-{channel.name}", on_click=commands.test, args=(viewer, channel.name))
    if channel.name in st.session_state.get(commands.TEST, {}):
        _answer(viewer, channel.name)


@st.fragment(run_every=2)
def _answer(viewer: Viewer, channel: str) -> None:
    """What became of the test; looked at every two seconds while somebody waits for it."""
    try:
        with queries.reading() as session:
            found = trying.standing(session, viewer.user_id, st.session_state[commands.TEST][channel])
    except NotFound:
        return
    kind = (st.success if found.ok else st.error) if found.done else st.info
    kind(words.plain(found.said))

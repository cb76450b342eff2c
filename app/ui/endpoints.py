"""Other systems that are told, as a tab: each with how it does, a test, its secret, and a switch."""

from urllib.parse import urlsplit

import streamlit as st

from app.ui import deliveries_filters, endpoint_chat, endpoint_commands, endpoint_editor, layout, queries, words
from app.ui.endpoint_commands import Done
from app.ui.endpoint_editor import SAID, SECRET
from core.db.tables.reaching import Endpoint
from core.delivery import CHANNELS, endpoint_book, endpoint_testing, providers
from core.delivery.providers import FINE, Health
from core.errors import NotFound
from core.viewer import Viewer
from core.words import Role

_TESTS = "endpoint-tests"
"""Endpoint id to the test whose end is waited for."""
_ANSWERS = "endpoint-answers"
"""Endpoint id to what came of its last test: whether it was taken, and in words."""


def section(viewer: Viewer) -> None:
    """The tab: an admin looks after all of them, a manager after those of their teams."""
    if viewer.role is Role.AGENT:
        st.info("Admins and managers look after the other systems that are told.")
        return
    if text := st.session_state.pop(SAID, None):
        st.toast(layout.plain(text))
    _secret()
    st.markdown("Other systems are told of alerts as they happen: by webhook, or in a CRM.")
    if st.button("Add a system", type="primary", icon=":material/add:", key="endpoint-new"):
        endpoint_editor.begin(None)
    with queries.reading() as session:
        listed = endpoint_book.listed(session, viewer)
        health = providers.health(session)
    if not listed:
        st.info(
            "None yet. Your CRM, a spreadsheet service or a program of your own can hear of every new alert within a "
            "second: give its address, and keep the secret by which it knows that a message is ours."
        )
    teams = endpoint_editor.teams_of(viewer)
    for one in listed:
        _card(viewer, one, health.get(providers.destination(one.id), FINE), teams)
    if endpoint_editor.is_open():
        endpoint_editor.dialog(viewer)


def _secret() -> None:
    """The secret that was just made, until somebody says that they have it."""
    if SECRET not in st.session_state:
        return
    name, secret = st.session_state[SECRET]
    with st.container(border=True):
        st.markdown(
            f"**The secret of {layout.plain(name)}**  \nIt is shown this once. Give it to the other system now."
        )
        st.code(secret, language=None, wrap_lines=True)
        if st.button("I have kept it", key="endpoint-kept"):
            del st.session_state[SECRET]
            st.rerun()


def _card(viewer: Viewer, one: Endpoint, health: Health, teams: dict[str, str]) -> None:
    with st.container(border=True):
        off = "" if one.enabled else " :gray-badge[switched off]"
        kind = endpoint_editor.kind_words(one.channel)
        host = urlsplit(one.url or "").netloc or endpoint_chat.service_of(one)
        where = f"{kind} · {host}" if host else kind
        st.markdown(
            f"**{layout.plain(one.name)}**{off}  \n:gray[{layout.plain(where)}]  \n"
            f":gray[Hears of: {layout.plain(endpoint_editor.hears_of(one, teams))}]"
        )
        for line in _trouble(viewer, one, health):
            st.warning(layout.plain(line), icon=":material/error:")
        if line := _older_secret(viewer, one):
            st.caption(line)
        _buttons(viewer, one)
        if test_id := st.session_state.get(_TESTS, {}).get(one.id):
            _waiting(viewer, one.id, test_id)
        elif answer := st.session_state.get(_ANSWERS, {}).get(one.id):
            ok, said = answer
            (st.success if ok else st.error)(layout.plain(said))


def _trouble(viewer: Viewer, one: Endpoint, health: Health) -> list[str]:
    if not health.failures:
        return []
    said = f"It failed {words.plural(health.failures, 'time')} in a row: {health.last_error}."
    now = queries.now()
    if health.paused(now):
        said += f" It is left alone until {words.short(health.paused_until, viewer.timezone, now=now)}; what is meant for it waits."
    return [said]


def _older_secret(viewer: Viewer, one: Endpoint) -> str:
    now = queries.now()
    older = [secret for secret in endpoint_book.secrets_now(one, now=now) if secret.until is not None]
    if not older:
        return ""
    until = words.short(max(secret.until for secret in older if secret.until), viewer.timezone, now=now)
    return f"The secret before it ({older[0].hint}) signs too until {until}."


def _buttons(viewer: Viewer, one: Endpoint) -> None:
    kind = CHANNELS[one.channel].endpoint if one.channel in CHANNELS else None
    with st.container(horizontal=True):
        if st.button("Send a test", key=f"endpoint-test-{one.id}"):
            done = endpoint_commands.test(viewer, one)
            if done.ok:
                st.session_state.get(_ANSWERS, {}).pop(one.id, None)
                st.session_state.setdefault(_TESTS, {})[one.id] = done.test_id
            else:
                st.error(layout.plain(done.text))
        if st.button("Edit", key=f"endpoint-edit-{one.id}"):
            endpoint_editor.begin(one)
        if st.button("Switch off" if one.enabled else "Switch on", key=f"endpoint-switch-{one.id}"):
            _after(endpoint_commands.switch(viewer, one))
        if kind is not None and kind.new_secret is not None:
            with st.popover("New secret", key=f"endpoint-rotate-{one.id}"):
                st.markdown("The one it has now signs beside the new one for 24 hours.")
                if st.button("Make a new one", key=f"endpoint-rotate-really-{one.id}", type="primary"):
                    done = endpoint_commands.rotate(viewer, one)
                    if done.secret:
                        st.session_state[SECRET] = (one.name, done.secret)
                    _after(done)
        st.button("Its messages", key=f"endpoint-messages-{one.id}", on_click=_messages, args=(one,))
        with st.popover("Delete", key=f"endpoint-delete-{one.id}"):
            st.markdown("What is on its way there is not sent.")
            if st.button("Delete it", key=f"endpoint-really-{one.id}", type="primary"):
                _after(endpoint_commands.remove(viewer, one))


def _messages(one: Endpoint) -> None:
    """The tab Messages, narrowed to this system. No link: Streamlit follows none from a page to itself past its tabs."""
    st.session_state["view"] = "messages"
    st.query_params[deliveries_filters.TO] = deliveries_filters.system_label(one.name, one.id)


def _after(done: Done) -> None:
    if not done.ok:
        st.error(layout.plain(next(iter(done.wrong.values()), done.text)))
        return
    st.session_state[SAID] = done.text
    st.rerun()


@st.fragment(run_every=1.0)
def _waiting(viewer: Viewer, endpoint_id: str, test_id: str) -> None:
    """What is waited for; the page is drawn again once the other system has answered."""
    try:
        with queries.reading() as session:
            stands = endpoint_testing.standing(session, viewer, endpoint_id, test_id)
    except NotFound:
        return
    if not stands.done:
        st.info(layout.plain(stands.said))
        return
    st.session_state[_TESTS].pop(endpoint_id, None)
    said = stands.said if not stands.ok or stands.said != "It was taken." else "It answered: the test was taken."
    st.session_state.setdefault(_ANSWERS, {})[endpoint_id] = (stands.ok, said)
    st.rerun()

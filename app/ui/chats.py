"""A person's own chats: add one by its address, type the code that was said there, remove it."""

from datetime import datetime

import streamlit as st
from sqlalchemy.orm import Session

from app import runtime
from app.ui import phones
from app.ui.commands import Done
from core import delivery
from core.delivery import addresses, chatting, confirming
from core.viewer import Viewer

_CHAT = phones.Asked(again="Send a new code", code="Code said in", removed="Nothing is said there any more.")
_HELP = (
    "Of Slack, Teams (Workflows), Discord and Google Chat the address of an incoming webhook. "
    "Telegram: tgram://TOKEN/CHAT. Mattermost: mmosts://HOST/TOKEN. "
    "Rocket.Chat: rockets://TOKEN_A/TOKEN_B@HOST. ntfy: ntfys://HOST/TOPIC."
)


def section(viewer: Viewer, *, key: str = "chats") -> None:
    """Show them, with what can be done to each."""
    phones.said(key)
    current = runtime.current()
    with current.database.read() as session:
        chats = [one for one in addresses.listed(session, viewer.user_id) if one.channel == confirming.CHAT]
    for chat in chats:
        phones.row(viewer, chat, _CHAT, key=key)
    allowed = current.settings.chats
    if not allowed:
        st.caption(f"Chats are not set up. An administrator can: {delivery.CHANNELS[confirming.CHAT].setup}")
        return
    if not chats:
        names = ", ".join(service.label for service in chatting.SERVICES.values() if service.name in allowed)
        st.caption(f"Alerts can come into a chat of your own: {names}. Confirm it once with a code.")
    with st.form(f"{key}_add", clear_on_submit=True, border=False):
        url = st.text_input(
            "Address of the chat",
            type="password",
            autocomplete="off",
            placeholder="https://hooks.slack.com/services/...",
            max_chars=2000,
            help=_HELP,
            key=f"{key}_url",
        )
        if st.form_submit_button("Send a code there") and url.strip():
            phones.do(key, lambda session, now: _add(session, viewer, url, now=now))


def _add(session: Session, viewer: Viewer, url: str, *, now: datetime) -> Done:
    settings = runtime.current().settings
    made = confirming.add_chat(session, viewer.user_id, url, actor_id=viewer.user_id, settings=settings, now=now)
    if made.verified_at is not None:
        return Done(ok=True, text=f"{made.label} is confirmed already.")
    return Done(ok=True, text=f"A code is on its way to {made.label}.")

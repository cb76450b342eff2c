"""A person's own chats: add one by what its service shows, type the code that was said there, remove it."""

from collections.abc import Mapping
from datetime import datetime

import streamlit as st
from sqlalchemy.orm import Session

from app import runtime
from app.ui import chat_fields, phones
from app.ui.commands import Done
from core.delivery import addresses, chat_addresses, chatting, confirming
from core.viewer import Viewer

_CHAT = phones.Asked(again="Send a new code", code="Code said in", removed="Nothing is said there any more.")


def section(viewer: Viewer, *, key: str = "chats") -> None:
    """Show them, with what can be done to each; nothing can be added where the house has no chats."""
    phones.said(key)
    current = runtime.current()
    with current.database.read() as session:
        chats = [one for one in addresses.listed(session, viewer.user_id) if one.channel == confirming.CHAT]
    for chat in chats:
        phones.row(viewer, chat, _CHAT, key=key)
    allowed = current.settings.chats
    if not allowed:
        return
    if not chats:
        names = ", ".join(service.label for service in chatting.SERVICES.values() if service.name in allowed)
        st.caption(f"Alerts can come into a chat of your own: {names}. Confirm it once with a code.")
    service = chat_fields.service(allowed, key=key)
    with st.form(f"{key}_add", clear_on_submit=True, border=False):
        entered = chat_fields.parts(service, key=key)
        if st.form_submit_button("Send a code there") and not chat_fields.is_empty(service, entered):
            phones.do(key, lambda session, now: _add(session, viewer, service, entered, now=now))


def _add(session: Session, viewer: Viewer, service: str, entered: Mapping[str, str], *, now: datetime) -> Done:
    settings = runtime.current().settings
    url = chat_addresses.compose(service, entered)
    made = confirming.add_chat(session, viewer.user_id, url, actor_id=viewer.user_id, settings=settings, now=now)
    if made.verified_at is not None:
        return Done(ok=True, text=f"{made.label} is confirmed already.")
    return Done(ok=True, text=f"A code is on its way to {made.label}.")

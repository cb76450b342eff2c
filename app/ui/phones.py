"""A person's phones: add one, type the code that was texted to it, ask for another code, remove it."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

import streamlit as st
from sqlalchemy.orm import Session

from app import runtime
from app.ui import commands, queries, words
from app.ui.commands import Done
from core import clock, delivery
from core.db.tables.reaching import Address
from core.delivery import addresses, confirming
from core.delivery.confirming import Answer
from core.errors import DoorbellError
from core.viewer import Viewer

_ANSWERS = {
    Answer.CONFIRMED: Done(ok=True, text="Confirmed: messages come there from now on."),
    Answer.WRONG: Done(ok=False, text="This is not the code. Use the six digits of the newest message."),
    Answer.EXPIRED: Done(ok=False, text="The code is too old. Ask for a new one."),
    Answer.SPENT: Done(ok=False, text="Too many wrong codes. Ask for a new one."),
}


@dataclass(frozen=True, kw_only=True)
class Asked:
    """How a kind of address is spoken of while its code is on the way."""

    again: str
    code: str
    removed: str


_PHONE = Asked(again="Text me a new code", code="Code texted to", removed="No text and no call goes there any more.")


def section(viewer: Viewer, *, key: str = "phones") -> None:
    """Show them, with what can be done to each; nothing can be added where texts are not set up."""
    said(key)
    current = runtime.current()
    with current.database.read() as session:
        phones = [one for one in addresses.listed(session, viewer.user_id) if one.channel == confirming.PHONE]
    for phone in phones:
        row(viewer, phone, _PHONE, key=key)
    if confirming.SMS not in delivery.set_up(current.settings):
        return
    if not phones:
        st.caption("Critical alerts can come as a text to your phone. Confirm it once with a code.")
    with st.form(f"{key}_add", clear_on_submit=True, border=False):
        number = st.text_input("Phone number", placeholder="(512) 555-0100", max_chars=40, key=f"{key}_number")
        if st.form_submit_button("Text me a code") and number.strip():
            do(key, lambda session, now: _add(session, viewer, number, now=now))


def row(viewer: Viewer, address: Address, asked: Asked, *, key: str) -> None:
    """One address: how it stands, its code, and how to be rid of it."""
    waits = address.verified_at is None and address.disabled_at is None
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.markdown(f"**{words.plain(address.label)}** · {words.plain(_standing(viewer, address))}", width="content")
        if waits and st.button(asked.again, key=f"{key}_resend_{address.id}"):
            do(key, lambda session, now: _resend(session, viewer, address.id, now=now))
        with st.popover("Remove", width="content"):
            st.write(asked.removed)
            if st.button("Remove it", key=f"{key}_remove_{address.id}"):
                do(key, lambda session, now: _remove(session, viewer, address.id, now=now))
    if waits:
        with st.form(f"{key}_confirm_{address.id}", clear_on_submit=True, border=False):
            code = st.text_input(f"{asked.code} {address.label}", max_chars=20, key=f"{key}_code_{address.id}")
            if st.form_submit_button("Confirm", type="primary") and code.strip():
                do(key, lambda session, now: _confirm(session, viewer, address.id, code, now=now))


def _standing(viewer: Viewer, phone: Address) -> str:
    if phone.disabled_at is not None:
        return f"switched off: {phone.disabled_reason}. Add it again if it works by now."
    if phone.verified_at is not None:
        return "confirmed"
    waiting = phone.detail.get("code")
    until = datetime.fromisoformat(waiting["until"]) if waiting else None
    if until is None or until < queries.now():
        return "not confirmed; its code is too old"
    local = until.astimezone(clock.zone(viewer.timezone))
    return f"not confirmed; the code works until {local.hour % 12 or 12}:{local:%M %p}"


def do(key: str, act: Callable[[Session, datetime], Done]) -> None:
    """One unit of work, and what became of it at the top of the section after the page has run again."""
    current = runtime.current()
    try:
        with current.database.write() as session:
            done = act(session, current.clock.now())
    except DoorbellError as error:
        done = Done(ok=False, text=commands.say(error))
    st.session_state[f"{key}_done"] = done
    st.rerun()


def said(key: str) -> None:
    """What became of the last thing that was done in the section."""
    done: Done | None = st.session_state.pop(f"{key}_done", None)
    if done is not None:
        (st.success if done.ok else st.error)(words.plain(done.text))


def _add(session: Session, viewer: Viewer, number: str, *, now: datetime) -> Done:
    settings = runtime.current().settings
    made = confirming.add(session, viewer.user_id, number, actor_id=viewer.user_id, settings=settings, now=now)
    if made.verified_at is not None:
        return Done(ok=True, text=f"{made.label} is confirmed already.")
    return Done(ok=True, text=f"A code is on its way to {made.label}.")


def _resend(session: Session, viewer: Viewer, address_id: str, *, now: datetime) -> Done:
    made = confirming.resend(session, viewer.user_id, address_id, settings=runtime.current().settings, now=now)
    return Done(ok=True, text=f"A new code is on its way to {made.label}.")


def _confirm(session: Session, viewer: Viewer, address_id: str, code: str, *, now: datetime) -> Done:
    settings = runtime.current().settings
    return _ANSWERS[confirming.confirm(session, viewer.user_id, address_id, code, settings=settings, now=now)]


def _remove(session: Session, viewer: Viewer, address_id: str, *, now: datetime) -> Done:
    addresses.remove(session, viewer.user_id, address_id, actor_id=viewer.user_id, now=now)
    return Done(ok=True, text="Removed.")

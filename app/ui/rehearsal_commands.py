"""What is done on the tab of trying: one unit of work each, and a sentence about what became of it, shown on the next run."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

import streamlit as st
from sqlalchemy.orm import Session

from app import runtime
from app.ui.layout import plain
from core.errors import DoorbellError, Invalid
from core.routing import policies, policy_switch
from core.routing.rehearsal import asking
from core.viewer import Viewer

CHOSEN, MADE = "rehearsal-policy", "rehearsal-made"
"""The draft that is shown, and one just made that is to be."""
_SAID = "rehearsal-said"


def start(viewer: Viewer, name: str, start_from: str) -> None:
    """A new draft, which is then the chosen one."""

    def write(session: Session, now: datetime) -> None:
        raw = {"name": name, "start_from": start_from}
        st.session_state[MADE] = policies.add(session, raw, viewer=viewer, now=now).id

    _do(write, f"“{name}” is a draft: nothing changes until you switch to it")


def save(viewer: Viewer, policy_id: str, content: Mapping[str, Any], *, version: int) -> None:
    """Other parts of a draft's content."""
    _do(
        lambda session, now: policies.change(
            session, policy_id, {"content": content}, version=version, viewer=viewer, now=now
        ),
        "Kept in the draft",
    )


def delete(viewer: Viewer, policy_id: str, version: int) -> None:
    def write(session: Session, now: datetime) -> None:
        policies.remove(session, policy_id, version=version, viewer=viewer, now=now)
        st.session_state.pop(CHOSEN, None)

    _do(write, "The draft is deleted")


def shadow(viewer: Viewer, policy_id: str, version: int, *, on: bool) -> None:
    _do(
        lambda session, now: policies.shadow(session, policy_id, on=on, version=version, viewer=viewer, now=now),
        "In shadow: what it would do is noted from the next alert on" if on else "It is no longer in shadow",
    )


def switch(viewer: Viewer, policy_id: str, version: int) -> None:
    _do(
        lambda session, now: policy_switch.switch(session, policy_id, version=version, viewer=viewer, now=now),
        "Switched: the next alert goes this way",
    )


def undo(viewer: Viewer, policy_id: str, version: int) -> None:
    _do(
        lambda session, now: policy_switch.undo(session, policy_id, version=version, viewer=viewer, now=now),
        "Taken back: the next alert goes as before",
    )


def ask(viewer: Viewer, raw: Mapping[str, Any]) -> None:
    """Have a comparison worked out."""
    _do(lambda session, now: asking.ask(session, raw, viewer=viewer, now=now), "")


def stop(viewer: Viewer, rehearsal_id: str) -> None:
    _do(lambda session, now: asking.stop(session, rehearsal_id, viewer=viewer, now=now), "Stopped")


def tell() -> None:
    """What became of the last act."""
    said: tuple[bool, str] | None = st.session_state.pop(_SAID, None)
    if said is not None and said[0]:
        st.toast(plain(said[1]), icon=":material/check_circle:")
    elif said is not None:
        st.error(plain(said[1]))


def refuse(text: str) -> None:
    """Something the page itself cannot do."""
    st.session_state[_SAID] = (False, text)


def _do(write: Callable[[Session, datetime], Any], said: str) -> None:
    try:
        with runtime.current().database.write() as session:
            write(session, runtime.current().clock.now())
    except DoorbellError as error:
        st.session_state[_SAID] = (False, _words(error))
        return
    if said:
        st.session_state[_SAID] = (True, said)


def _words(error: DoorbellError) -> str:
    if not isinstance(error, Invalid) or not error.fields:
        return error.detail
    named = [f"{name.removeprefix('content.')}: {why}" for name, why in error.fields.items()]
    more = f" (and {len(named) - 5} more)" if len(named) > 5 else ""
    return f"{error.detail} {'; '.join(named[:5])}{more}"

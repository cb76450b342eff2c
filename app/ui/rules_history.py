"""The versions of a rule: who changed what and when, in words, with the way back; and the rules that are gone."""

from collections.abc import Mapping
from typing import Any

import streamlit as st

from app.ui import layout, words
from app.ui import queries as query
from app.ui import rules_commands as commands
from app.ui import rules_reading as reading
from app.ui.rules_editor import SAID
from core.routing import rule_book, rule_words
from core.routing.rule_book import StoredRule
from core.routing.rule_history import Entry
from core.viewer import Viewer
from core.words import Role

HISTORY = "rule-history"
"""Which rule's history the session shows."""
_ACTIONS = {
    "rule.create": "written",
    "rule.change": "changed",
    "rule.delete": "deleted",
    "rule.restore": "brought back",
}


def show(viewer: Viewer, rule_id: str) -> None:
    """Every version, the newest first."""
    entries, rule = reading.history(rule_id), reading.stored(rule_id)
    name = rule.name if rule else str(entries[0].text.get("name", "")) if entries else ""
    st.subheader(f"History of “{layout.plain(name)}”", anchor=False)
    st.button("Back to the list", key="leave-history", on_click=_leave)
    if not entries:
        st.info("Nobody changed it since it came with the house, so there is nothing to bring back.")
    now = rule_book.text(rule) if rule is not None else None
    for entry in entries:
        with st.container(border=True):
            _entry(viewer, entry, rule, now)


def _entry(viewer: Viewer, entry: Entry, rule: StoredRule | None, now: Mapping[str, Any] | None) -> None:
    names = reading.choices().names
    st.markdown(f"**{said(entry).capitalize()}** {when(viewer, entry)} by {by(entry)}")
    changes = rule_words.changes(entry.before, entry.after, names)
    if changes:
        st.markdown("\n".join(f"- {layout.plain(one)}" for one in changes))
    st.caption(layout.plain(rule_words.sentence(entry.text, names)))
    if now is not None and dict(entry.text) == dict(now):
        st.caption("This is how it is now.")
        return
    if viewer.role is not Role.ADMIN:
        return
    with st.popover("Bring this version back", width="content"):
        for one in rule_words.changes(now, entry.text, names) or ["The rule is in the row again."]:
            st.markdown(f"- {layout.plain(one)}")
        st.button(
            "Bring it back",
            key=f"restore-{entry.id}",
            type="primary",
            on_click=_restore,
            args=(viewer, entry, rule.version if rule else None),
        )


def gone(viewer: Viewer) -> None:
    """The rules that were deleted, each to be taken back."""
    entries = reading.deleted()
    if not entries:
        return
    with st.expander(f"Deleted rules ({len(entries)})", icon=":material/delete:"):
        for entry in entries:
            name = layout.plain(str(entry.text.get("name", "")))
            st.markdown(f"**{name}**, deleted {when(viewer, entry)} by {by(entry)}")
            st.caption(layout.plain(rule_words.sentence(entry.text, reading.choices().names)))
            if viewer.role is Role.ADMIN:
                st.button(
                    "Take it back", key=f"undelete-{entry.rule_id}", on_click=_undelete, args=(viewer, entry.rule_id)
                )


def said(entry: Entry) -> str:
    return _ACTIONS.get(entry.action, words.sentence(entry.action.removeprefix("rule.")).lower())


def by(entry: Entry) -> str:
    return layout.plain(entry.actor_name) if entry.actor_name else "the system"


def when(viewer: Viewer, entry: Entry) -> str:
    return words.short(entry.at, viewer.timezone, now=query.now())


def _leave() -> None:
    st.session_state.pop(HISTORY, None)


def _restore(viewer: Viewer, entry: Entry, version: int | None) -> None:
    done = commands.restore(viewer, entry.rule_id, entry.id, version=version)
    if done.ok:
        _leave()
    st.session_state[SAID] = done


def _undelete(viewer: Viewer, rule_id: str) -> None:
    st.session_state[SAID] = commands.undelete(viewer, rule_id)

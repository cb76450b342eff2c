"""The rules in the order they are tried, each as one sentence with what it caught; switched, moved, copied and deleted here."""

from collections.abc import Callable, Mapping
from typing import Any

import streamlit as st

from app.ui import layout, rules_draft, rules_editor, rules_files, rules_history, words
from app.ui import rules_commands as commands
from app.ui import rules_reading as reading
from app.ui.rules_editor import DRAFT, SAID
from core.routing.rule_book import StoredRule
from core.viewer import Viewer
from core.views.rules import Caught, RuleRow
from core.words import Role

_UNDO = "deleted-rule"


@st.fragment
def render(viewer: Viewer) -> None:
    """The list, or what was opened from it: the editor of a rule, or its history."""
    draft, past = st.session_state.get(DRAFT), st.session_state.get(rules_history.HISTORY)
    _say(viewer)
    if draft is not None:
        rules_editor.show(viewer, draft)
    elif past is not None:
        rules_history.show(viewer, past)
    else:
        _list(viewer)


def _list(viewer: Viewer) -> None:
    rows, may = reading.rules(viewer), viewer.role is Role.ADMIN
    if rows:
        on = sum(row.rule.enabled for row in rows)
        st.caption(
            f"{words.plural(on, 'rule')} in use, tried from the top. The first that fits and finds somebody free decides; "
            "where none does, the team's own way of handing out does."
        )
    else:
        st.info(
            "There is no rule yet: every alert goes by the team's own way of handing out. A rule says who gets which alert "
            "before that. "
            + (
                "Start from one of the presets below, write one, or import a file."
                if may
                else "An admin writes the first."
            )
        )
    st.button("New rule" if may else "Try a rule", key="new-rule", icon=":material/add:", on_click=_begin)
    for place, row in enumerate(rows):
        _card(viewer, row, place, len(rows))
    rules_files.presets(_begin, may=may, empty=not rows)
    rules_files.show(viewer, empty=not rows)
    rules_history.gone(viewer)


def _begin(raw: Mapping[str, Any] | None = None) -> None:
    st.session_state[DRAFT] = rules_draft.of(raw) if raw is not None else rules_draft.Draft()


def _change(rule: StoredRule) -> None:
    st.session_state[DRAFT] = rules_draft.of_stored(rule)


def _duplicate(rule: StoredRule) -> None:
    made = rules_draft.of_stored(rule)
    made.rule_id = made.version = made.base = None
    made.name = f"{rule.name[:110]} (copy)"
    st.session_state[DRAFT] = made


def _past(rule: StoredRule) -> None:
    st.session_state[rules_history.HISTORY] = rule.id


def _card(viewer: Viewer, row: RuleRow, place: int, number: int) -> None:
    rule = row.rule
    with st.container(border=True):
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            st.markdown(f"**{place + 1}\\. {layout.plain(rule.name)}**", width="content")
            if not rule.enabled:
                st.badge("Off", color="gray")
        st.markdown(layout.plain(row.sentence))
        st.caption(caught(row.caught))
        for doubt in row.doubts:
            st.warning(layout.plain(doubt.text), icon=":material/help:")
        _buttons(viewer, row, place, number)


def _buttons(viewer: Viewer, row: RuleRow, place: int, number: int) -> None:
    rule = row.rule
    may = viewer.role is Role.ADMIN
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.button("Change" if may else "Look and try", key=f"change-{rule.id}", on_click=_change, args=(rule,))
        if may:
            _switches(viewer, rule, place, number)
        st.button("History", key=f"history-{rule.id}", on_click=_past, args=(rule,))
        if may:
            st.button("Copy", key=f"copy-{rule.id}", on_click=_duplicate, args=(rule,))
            with st.popover("Delete", width="content"):
                st.write(f"Delete “{layout.plain(rule.name)}”? What it decided stays, and you can take it back.")
                st.button("Delete it", key=f"delete-{rule.id}", type="primary", on_click=_delete, args=(viewer, row))


def _switches(viewer: Viewer, rule: StoredRule, place: int, number: int) -> None:
    st.button(
        "Switch off" if rule.enabled else "Switch on",
        key=f"switch-{rule.id}",
        on_click=doing(lambda: commands.switch(viewer, rule)),
    )
    for label, earlier, at_end in (("Earlier", True, place == 0), ("Later", False, place == number - 1)):
        st.button(
            label,
            key=f"{label.lower()}-{rule.id}",
            icon=":material/arrow_upward:" if earlier else ":material/arrow_downward:",
            disabled=at_end,
            on_click=doing(lambda earlier=earlier: commands.move(viewer, rule, earlier=earlier)),  # type: ignore[misc]
        )


def _delete(viewer: Viewer, row: RuleRow) -> None:
    done = commands.delete(viewer, row.rule)
    if done.ok:
        st.session_state[_UNDO] = row.rule.id
    st.session_state[SAID] = done


def doing(act: Callable[[], commands.Done]) -> Callable[[], None]:
    """What a button does: the act, and its sentence over the list afterwards. An earlier offer to undo ends with it."""

    def run() -> None:
        st.session_state.pop(_UNDO, None)
        st.session_state[SAID] = act()

    return run


def _say(viewer: Viewer) -> None:
    """What became of the last act; a deletion stays to be taken back until something else is done."""
    done: commands.Done | None = st.session_state.pop(SAID, None)
    gone = st.session_state.get(_UNDO)
    if done is not None and not done.ok:
        st.error(layout.plain(done.text))
    elif done is not None and gone is None:
        st.toast(layout.plain(done.text), icon=":material/check_circle:")
    if gone is not None:
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            st.markdown("The rule is deleted.", width="content")
            st.button("Undo", key="undo-delete", on_click=doing(lambda: commands.undelete(viewer, gone)))


def caught(found: Caught) -> str:
    """What a rule did in the last 30 days."""
    if not (found.assigned or found.nobody_free or found.told):
        return "Caught nothing in the last 30 days"
    parts = []
    if found.assigned:
        parts.append(f"gave {words.plural(found.assigned, 'alert')} to somebody")
    if found.nobody_free:
        parts.append(f"found nobody free for {found.nobody_free:,}")
    if found.told:
        parts.append(f"told of {words.plural(found.told, 'alert')}")
    return f"Last 30 days: {', '.join(parts)}"

"""The rules in the order they are tried, each as one sentence with what it caught; switched, moved, copied and deleted here."""

from collections.abc import Callable

import streamlit as st

from app.ui import layout, words
from app.ui import rules_commands as commands
from app.ui import rules_reading as reading
from core.viewer import Viewer
from core.views.rules import Caught, RuleRow
from core.words import Role

_UNDO = "deleted-rule"
_SAID = "rules-said"


@st.fragment
def render(viewer: Viewer) -> None:
    """The list."""
    rows = reading.rules(viewer)
    _say(viewer)
    if not rows:
        st.info("There is no rule yet: every alert goes by the team's own way of handing out.")
        return
    on = sum(row.rule.enabled for row in rows)
    st.caption(
        f"{words.plural(on, 'rule')} in use, tried from the top. The first that fits and finds somebody free decides; "
        "where none does, the team's own way of handing out does."
    )
    for place, row in enumerate(rows):
        _card(viewer, row, place, len(rows))


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
        if viewer.role is Role.ADMIN:
            _buttons(viewer, row, place, number)


def _buttons(viewer: Viewer, row: RuleRow, place: int, number: int) -> None:
    rule = row.rule
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
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
        with st.popover("Delete", width="content"):
            st.write(f"Delete “{layout.plain(rule.name)}”? What it decided stays, and you can take it back.")
            st.button("Delete it", key=f"delete-{rule.id}", type="primary", on_click=_delete, args=(viewer, row))


def _delete(viewer: Viewer, row: RuleRow) -> None:
    done = commands.delete(viewer, row.rule)
    if done.ok:
        st.session_state[_UNDO] = row.rule.id
    st.session_state[_SAID] = done


def doing(act: Callable[[], commands.Done]) -> Callable[[], None]:
    """What a button does: the act, and its sentence over the list afterwards. An earlier offer to undo ends with it."""

    def run() -> None:
        st.session_state.pop(_UNDO, None)
        st.session_state[_SAID] = act()

    return run


def _say(viewer: Viewer) -> None:
    """What became of the last act; a deletion stays to be taken back until something else is done."""
    done: commands.Done | None = st.session_state.pop(_SAID, None)
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

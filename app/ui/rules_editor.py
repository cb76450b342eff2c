"""The editor of a rule: as a form or as text, with what it would do beside it, and a way out when somebody else was faster."""

from collections.abc import Mapping

import streamlit as st

from app.ui import condition_editor, layout, rules_actions, rules_draft, rules_fields, rules_preview, words
from app.ui import queries as query
from app.ui import rules_commands as commands
from app.ui import rules_reading as reading
from app.ui.rules_draft import Draft, View
from core.errors import Invalid
from core.routing import rule_words
from core.viewer import Viewer
from core.words import Role

DRAFT = "rule-draft"
"""Where the session keeps what is being written."""
SAID = "rules-said"
"""What became of the last act, to be told over the list."""
_VIEWS: Mapping[View, str] = {"form": "Form", "yaml": "YAML", "json": "JSON"}
_LONGEST_NAME = 120


def show(viewer: Viewer, draft: Draft) -> None:
    """The whole editor; what is typed goes into the draft at each run."""
    may = viewer.role is Role.ADMIN
    title = f"Change “{layout.plain((draft.base or {}).get('name', ''))}”" if draft.rule_id else "A new rule"
    st.subheader(title if may else "Look and try", anchor=False)
    if draft.clash:
        _clash(viewer, draft)
    _views(draft)
    if draft.view == "form":
        wrong = reading.wrong_parts(draft.written())
        _form(draft, wrong)
        wrong = reading.wrong_parts(draft.written())
    else:
        wrong = _text(draft)
    if draft.text is not None and draft.view == "form":
        st.warning(
            "Your text does not read yet, so the form shows the rule as it was before. The text is kept under YAML and JSON.",
            icon=":material/edit:",
        )
    if not wrong:
        _preview(viewer, draft)
    _leave(viewer, draft, may=may, wrong=bool(wrong) or draft.text is not None)


def _views(draft: Draft) -> None:
    chosen = st.segmented_control(
        "Write it as",
        list(_VIEWS),
        format_func=lambda one: _VIEWS[one],
        default=draft.view,
        required=True,
        key=f"as-{draft.uid}",
    )
    draft.view = chosen or draft.view


def _form(draft: Draft, wrong: Mapping[str, str]) -> None:
    key = f"rule-{draft.uid}"
    draft.name = st.text_input(
        "Name", draft.name, max_chars=_LONGEST_NAME, key=f"{key}-name", placeholder="e.g. Dear homes to the luxury desk"
    ).strip()
    if "name" in wrong and draft.name:
        st.warning(layout.plain(wrong["name"]), icon=":material/edit:")
    left, right = st.columns([1, 3], vertical_alignment="bottom", gap="medium")
    with left:
        draft.priority = int(
            st.number_input(
                "Priority: larger is tried first", -1_000_000, 1_000_000, draft.priority, 10, key=f"{key}-priority"
            )
        )
    with right:
        st.caption(_place(draft))
        draft.enabled = st.toggle("In use", draft.enabled, key=f"{key}-enabled")
    draft.description = st.text_input(
        "What it is for (for colleagues)", draft.description, max_chars=2000, key=f"{key}-description"
    ).strip()
    st.markdown("#### When")
    condition_editor.show(draft.root, row=rules_fields.show, new=rules_draft.new_row, wrong=wrong, at="conditions")
    if not draft.root.members:
        st.caption("Without a condition it fits every alert.")
    st.markdown("#### Then")
    rules_actions.show(draft, wrong)
    rules_actions.about_templates()


def _place(draft: Draft) -> str:
    after, before = reading.neighbours(draft.rule_id, draft.priority)
    if after is None and before is None:
        return "There is no other rule in use."
    if after is None:
        return f"Tried first of all, then “{layout.plain(before or '')}”."
    return f"Tried after “{layout.plain(after)}”" + (
        f" and before “{layout.plain(before)}”." if before else ", as the last."
    )


def _text(draft: Draft) -> dict[str, str]:
    """The rule as text; what is wrong with it, by its place."""
    typed = st.text_area(
        f"The rule as {_VIEWS[draft.view]}",
        draft.text if draft.text is not None else draft.as_text(draft.view),
        key=f"text-{draft.uid}-{draft.view}",
        height=420,
        help="It is read as JSON or YAML whichever you write. Press Ctrl+Enter to have it read.",
    )
    wrong = draft.take_text(typed)
    for place, why in wrong.items():
        st.warning(layout.plain(f"{place}: {why}"), icon=":material/edit:")
    return wrong


def _preview(viewer: Viewer, draft: Draft) -> None:
    written = draft.written()
    st.markdown(f"> {layout.plain(rule_words.sentence(written, reading.choices().names))}")
    try:
        rules_preview.show(reading.preview(viewer, written | {"enabled": True}, rule_id=draft.rule_id))
    except Invalid as error:
        st.warning(layout.plain("; ".join(error.fields.values())), icon=":material/edit:")


def _leave(viewer: Viewer, draft: Draft, *, may: bool, wrong: bool) -> None:
    with st.container(horizontal=True, gap="small"):
        if may:
            st.button(
                "Save",
                key="save-rule",
                type="primary",
                disabled=wrong,
                on_click=_save,
                args=(viewer, draft, draft.version),
            )
        if may and draft.changed:
            with st.popover("Back without saving", width="content"):
                st.write("What you changed is dropped.")
                st.button("Drop it", key="drop-draft", on_click=forget)
        else:
            st.button("Back to the list", key="leave-rule", on_click=forget)
    if may and not draft.name and draft.view == "form":
        st.caption("Give it a name to save it.")
    if not may:
        st.caption("You can try things out here; only an admin saves.")


def _save(viewer: Viewer, draft: Draft, version: int | None) -> None:
    done = commands.save(viewer, draft.written(), rule_id=draft.rule_id, version=version)
    if done.conflict:
        draft.clash = done.text
        return
    if done.ok:
        forget()
    st.session_state[SAID] = done


def forget() -> None:
    """Leave the editor."""
    st.session_state.pop(DRAFT, None)


def _clash(viewer: Viewer, draft: Draft) -> None:
    """Somebody else was faster: what they did, and three ways on, none of which loses what was written here."""
    theirs = reading.stored(draft.rule_id) if draft.rule_id else None
    with st.container(border=True):
        if theirs is None:
            st.error("Somebody deleted this rule while you wrote. What you wrote is still here.")
            st.button("Keep mine as a new rule", key="clash-new", on_click=_as_new, args=(draft,))
            return
        newest = next(iter(reading.history(theirs.id)), None)
        by = newest.actor_name if newest and newest.actor_name else "Somebody"
        when = f" {words.ago(theirs.updated_at, now=query.now())}"
        st.error(f"{layout.plain(by)} changed this rule{when}, while you wrote. What you wrote is still here.")
        names, now = reading.choices().names, rules_draft.of_stored(theirs).written()
        for title, text in (("They", now), ("You", draft.written())):
            told = rule_words.changes(draft.base, text, names)
            st.markdown(f"**{title}:** " + (" ".join(map(layout.plain, told)) or "nothing different."))
        with st.container(horizontal=True, gap="small"):
            st.button(
                "Save mine over theirs",
                key="clash-mine",
                on_click=_over,
                args=(viewer, draft, theirs.version),
                help="Theirs stays in the history and can be brought back.",
            )
            st.button("Keep mine as a new rule", key="clash-new", on_click=_as_new, args=(draft,))
            st.button(
                "Go on from theirs", key="clash-theirs", on_click=_theirs, args=(draft,), help="Drops what you wrote."
            )


def _over(viewer: Viewer, draft: Draft, version: int) -> None:
    draft.clash = None
    _save(viewer, draft, version)


def _as_new(draft: Draft) -> None:
    draft.clash = draft.rule_id = draft.version = draft.base = None
    draft.name = f"{draft.name[: _LONGEST_NAME - 10]} (mine)"
    draft.uid = rules_draft.Draft().uid  # the fields start anew from it


def _theirs(draft: Draft) -> None:
    theirs = reading.stored(draft.rule_id or "")
    if theirs is not None:
        st.session_state[DRAFT] = rules_draft.of_stored(theirs)

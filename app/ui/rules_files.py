"""Rules in and out as files, first told what a file would do; and the presets to start from."""

from collections.abc import Callable, Mapping
from typing import Any

import streamlit as st

from app.ui import layout, words
from app.ui import rules_commands as commands
from app.ui import rules_reading as reading
from app.ui.rules_editor import SAID
from core.routing import rule_words
from core.routing.presets import PRESETS
from core.routing.rule_files import Taken
from core.viewer import Viewer
from core.words import Role

_TURN = "rules-upload-turn"
"""Another number empties the upload."""


def show(viewer: Viewer, *, empty: bool) -> None:
    """Import and export; for admins alone, as over the API."""
    if viewer.role is not Role.ADMIN:
        return
    with st.expander("Import and export", icon=":material/import_export:"):
        if not empty:
            _export()
        _import(viewer)


def _export() -> None:
    st.markdown("**Export** all rules as one file, to keep, compare or move them.")
    agents = st.toggle("With the agents' profiles", key="export-agents")
    with st.container(horizontal=True, gap="small"):
        for form in ("yaml", "json"):
            st.download_button(
                f"Download {form.upper()}",
                lambda form=form: reading.export(form, agents=agents),  # type: ignore[misc]
                file_name=f"routing.{form}",
                mime=f"application/{form}",
                key=f"export-{form}",
                on_click="ignore",
            )


def _import(viewer: Viewer) -> None:
    st.markdown("**Import** a file of rules. You see what it would do first.")
    turn = st.session_state.get(_TURN, 0)
    given = st.file_uploader("A file of YAML or JSON", ["yaml", "yml", "json"], key=f"import-{turn}")
    if given is None:
        return
    replace = st.toggle("Delete the rules the file does not have", key=f"import-replace-{turn}")
    tried = commands.take(viewer, given.getvalue(), replace=replace, dry_run=True)
    if tried.taken is None:
        st.error("The file cannot be taken in; nothing is changed.")
        for place, why in tried.wrong.items():
            st.markdown(f"- {layout.plain(place)}: {layout.plain(why)}")
        if not tried.wrong:
            st.markdown(layout.plain(tried.text))
        return
    lines = would_do(tried.taken)
    st.markdown(
        "\n".join(f"- {line}" for line in lines) or "It would change nothing: everything in it is here already."
    )
    if lines:
        st.button(
            "Take it in", key="import-take", type="primary", on_click=_take, args=(viewer, given.getvalue(), replace)
        )


def would_do(taken: Taken) -> list[str]:
    """What a file does, a line each."""
    lines = []
    for found, verb in ((taken.added, "Adds"), (taken.changed, "Changes"), (taken.removed, "Deletes")):
        if found:
            shown = ", ".join(f"“{layout.plain(name)}”" for name in found[:10])
            more = f" and {len(found) - 10:,} more" if len(found) > 10 else ""
            lines.append(f"{verb} **{words.plural(len(found), 'rule')}**: {shown}{more}")
    if taken.agents:
        lines.append(f"Writes the profiles of **{words.plural(len(taken.agents), 'agent')}**")
    if lines and taken.unchanged:
        lines.append(f"Leaves {words.plural(len(taken.unchanged), 'rule')} as they are")
    return lines


def _take(viewer: Viewer, raw: bytes, replace: bool) -> None:
    done = commands.take(viewer, raw, replace=replace, dry_run=False)
    if done.ok:
        st.session_state[_TURN] = st.session_state.get(_TURN, 0) + 1
        done = commands.Done(ok=True, text="The file is taken in")
    st.session_state[SAID] = done


def presets(start: Callable[[Mapping[str, Any]], None], *, may: bool, empty: bool) -> None:
    """What brokerages commonly want, each a draft at a click."""
    with st.expander(
        f"Start from one of {len(PRESETS)} presets", expanded=empty, icon=":material/auto_awesome_motion:"
    ):
        names = reading.choices().names
        left, right = st.columns(2, gap="medium")
        for number, preset in enumerate(PRESETS):
            with (left, right)[number % 2], st.container(border=True):
                st.markdown(f"**{layout.plain(preset.rule['name'])}**  \n{layout.plain(preset.rule['description'])}")
                st.caption(layout.plain(rule_words.sentence(preset.rule, names)))
                st.button(
                    "Start from this" if may else "Try this",
                    key=f"preset-{preset.id}",
                    help=f"Start from “{preset.rule['name']}”",
                    on_click=start,
                    args=(preset.rule,),
                )

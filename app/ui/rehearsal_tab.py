"""The tab "Try before use": a draft of how alerts are handed out, compared with the house as it is, shadowed, switched, undone."""

from collections.abc import Sequence
from dataclasses import dataclass

import streamlit as st

from app.ui import queries, rehearsal_draft, rehearsal_run, rehearsal_shadow, words
from app.ui import rehearsal_commands as commands
from app.ui.layout import plain
from core.routing import policies, policy_content, presets
from core.routing.policies import DRAFT, LIVE, RETIRED, SHADOW, StoredPolicy
from core.viewer import Viewer
from core.words import Role

_STATUS = {DRAFT: "draft", SHADOW: "in shadow", LIVE: "live", RETIRED: "was live"}


@dataclass(frozen=True, kw_only=True)
class Shown:
    policies: Sequence[StoredPolicy]
    chosen: StoredPolicy | None
    changes: Sequence[str]


def render(viewer: Viewer) -> None:
    """The tab: managers compare and read, admins change."""
    commands.tell()
    shown = _read(viewer)
    st.markdown(
        "Change how alerts are handed out on paper, replay the alerts of the last weeks, and see who would get how many. "
        "Nobody's alert moves until you switch."
    )
    if not shown.policies:
        if viewer.role is Role.ADMIN:
            _start(viewer, first=True)
        else:
            st.info("There is no draft yet. An admin starts one; you can then compare it with how things are.")
        return
    chosen = _choose(viewer, shown)
    if chosen is None:
        return
    _changes(viewer, chosen, shown.changes)
    if viewer.role is Role.ADMIN and chosen.status in (DRAFT, RETIRED):
        rehearsal_draft.render(viewer, chosen)
    rehearsal_run.render(viewer, chosen)
    _use(viewer, chosen, shown.changes)


def _read(viewer: Viewer) -> Shown:
    with queries.reading() as session:
        found = policies.seen_by(session, policies.list_policies(session), viewer)
        wanted = st.session_state.pop(commands.MADE, None) or st.session_state.get(commands.CHOSEN)
        chosen = next((one for one in found if one.id == wanted), found[0] if found else None)
        changes = policy_content.differences(session, chosen.content) if chosen else []
    if chosen is not None:
        st.session_state[commands.CHOSEN] = chosen.id
    return Shown(policies=found, chosen=chosen, changes=changes)


def _choose(viewer: Viewer, shown: Shown) -> StoredPolicy | None:
    known = {one.id: one for one in shown.policies}
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        st.selectbox(
            "Draft",
            list(known),
            format_func=lambda one: f"{known[one].name} · {_STATUS[known[one].status]}",
            key=commands.CHOSEN,
        )
        if viewer.role is Role.ADMIN:
            with st.popover("New draft", icon=":material/add:", width="content"):
                _start(viewer, first=False)
    return shown.chosen


def _start(viewer: Viewer, *, first: bool) -> None:
    titles = {"live": "How it is now"} | {one.id: f"How it is now, and: {one.rule['name']}" for one in presets.PRESETS}
    with st.form("rehearsal-start", border=first):
        if first:
            st.markdown("**Start a draft**")
        name = st.text_input("Name", "Another way", max_chars=120)
        begin = st.selectbox("Start from", list(titles), format_func=titles.__getitem__)
        if st.form_submit_button("Start", type="primary"):
            commands.start(viewer, name, str(begin))
            st.rerun()


def _changes(viewer: Viewer, chosen: StoredPolicy, changes: Sequence[str]) -> None:
    with st.container(border=True):
        if chosen.status == LIVE:
            when = words.exact(chosen.switched_at, viewer.timezone)
            st.markdown(f"**{plain(chosen.name)}** is live since {when}.")
        elif not changes:
            st.markdown("**It is how things are now.** Change something below, then compare.")
        else:
            st.markdown("**What is different from now**\n" + "\n".join(f"- {plain(one)}" for one in changes))


def _use(viewer: Viewer, chosen: StoredPolicy, changes: Sequence[str]) -> None:
    """In shadow, switch, undo, delete."""
    st.subheader("Use it", anchor=False)
    if chosen.status == SHADOW or chosen.shadowed_at is not None:
        rehearsal_shadow.render(viewer, chosen)
    if viewer.role is not Role.ADMIN:
        st.caption("An admin puts a draft in shadow or switches to it.")
        return
    at = (chosen.id, chosen.version)
    with st.container(horizontal=True, gap="small"):
        if chosen.status == LIVE:
            if chosen.can_undo:
                with st.popover("Undo the switch", icon=":material/undo:", width="content"):
                    st.write(
                        "Rules, strategies and people go back to what they were before. Alerts that somebody has stay "
                        "with them."
                    )
                    st.button(
                        "Put it back", key="rehearsal-undo", type="primary", on_click=commands.undo, args=(viewer, *at)
                    )
            return
        if chosen.status == SHADOW:
            st.button(
                "End the shadow", key="rehearsal-unshadow", on_click=commands.shadow, args=(viewer, *at), kwargs={"on": False}
            )  # fmt: skip
        else:
            st.button(
                "Try in shadow",
                key="rehearsal-shadow",
                on_click=commands.shadow,
                args=(viewer, *at),
                kwargs={"on": True},
                help="Beside every real decision it is noted what this draft would have done. Nothing moves.",
            )
        with st.popover(
            "Switch to it", icon=":material/published_with_changes:", width="content", disabled=not changes
        ):
            st.markdown("From the next alert on:\n" + "\n".join(f"- {plain(one)}" for one in changes))
            st.write("Alerts that somebody has stay with them. You can take it back.")
            st.button(
                "Switch now", key="rehearsal-switch", type="primary", on_click=commands.switch, args=(viewer, *at)
            )
        with st.popover("Delete", width="content", disabled=chosen.status == SHADOW):
            st.write(f"Delete “{plain(chosen.name)}”? It cannot be taken back.")
            st.button("Delete it", key="rehearsal-delete", type="primary", on_click=commands.delete, args=(viewer, *at))

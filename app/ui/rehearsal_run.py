"""Comparing a draft with the house as it is: what is replayed, how far it is, and what came of it."""

from typing import Any

import streamlit as st

from app.ui import queries, rehearsal_results, words
from app.ui import rehearsal_commands as commands
from app.ui.layout import plain
from core.errors import Invalid
from core.routing.policies import StoredPolicy
from core.routing.rehearsal import asking, files
from core.routing.rehearsal.asking import DONE, RUNNING, WAITING, Asked
from core.viewer import Viewer

_DAYS = {7: "Last week", 30: "Last 30 days", 90: "Last 90 days", 365: "Last year"}
_LOOK_AGAIN = 1.0
"""Seconds between two looks at one that runs."""
_PATIENCE = 60.0
"""Seconds after which somebody should look why nothing works on it."""


def render(viewer: Viewer, chosen: StoredPolicy) -> None:
    """The question, then its progress or its answer."""
    st.subheader("Compare", anchor=False)
    with queries.reading() as session:
        last = asking.newest(session, viewer=viewer)
        of_this = asking.newest(session, viewer=viewer, policy_id=chosen.id)
    busy = last is not None and last.state in (WAITING, RUNNING)
    _ask(viewer, chosen, busy=busy)
    if busy and last is not None:
        st.fragment(_progress, run_every=_LOOK_AGAIN)(viewer, last.id)
    elif of_this is not None and of_this.state == DONE and of_this.result is not None:
        _fresh(viewer, chosen, of_this)
        rehearsal_results.render(of_this.result, days=of_this.days)
    elif of_this is not None and of_this.error:
        st.warning(plain(of_this.error))


def _ask(viewer: Viewer, chosen: StoredPolicy, *, busy: bool) -> None:
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        days = st.segmented_control(
            "Replay the alerts of",
            [*_DAYS, 0],
            format_func=lambda one: _DAYS.get(one, "A file"),
            default=30,
            required=True,
            key="rehearsal-days",
            wrap=True,
        )
        file = None
        if days == 0:
            file = st.file_uploader(
                "JSON or CSV",
                type=["json", "csv"],
                help=f"Columns {', '.join(files.COLUMNS)}; the first four are needed.",
            )
        if st.button("Compare", type="primary", disabled=busy or (days == 0 and file is None), key="rehearsal-compare"):
            raw: dict[str, Any] = {"policy_id": chosen.id}
            try:
                raw |= {"alerts": files.parse(file.getvalue())} if file is not None else {"days": int(days or 30)}
            except Invalid as error:
                commands.refuse("; ".join(error.fields.values()))
            else:
                commands.ask(viewer, raw)
            st.rerun()


def _progress(viewer: Viewer, rehearsal_id: str) -> None:
    """How far it is; the whole tab is drawn again when it is done."""
    with queries.reading() as session:
        found = asking.get(session, rehearsal_id, viewer=viewer)
    if found.state not in (WAITING, RUNNING):
        st.rerun(scope="app")
    share = min(found.done / found.total, 1.0) if found.total else 0.0
    waited = (queries.now() - found.asked_at).total_seconds()
    if found.state == RUNNING and found.total:
        text = f"{found.done:,} of {found.total:,} alerts handed out on paper"
    elif found.ahead:
        text = f"Waiting for {words.plural(found.ahead, 'other comparison')}"
    elif waited > _PATIENCE:
        text = "Nothing works on it yet: the background jobs may not be running"
    else:
        text = "It starts in a moment. You can leave this page."
    st.progress(share, text=text)
    st.button("Stop", key="rehearsal-stop", on_click=commands.stop, args=(viewer, rehearsal_id))


def _fresh(viewer: Viewer, chosen: StoredPolicy, found: Asked) -> None:
    """Of what it tells, and whether the draft is another one since."""
    result = found.result or {}
    what = f"the last {words.plural(found.days, 'day')}" if found.days else "the file"
    when = words.exact(found.finished_at, viewer.timezone)
    st.caption(
        f"{words.plural(result['alerts'], 'alert')} of {what}, replayed {result['seeds']} times each way. Compared {when}."
    )
    if found.asked_at < chosen.updated_at and chosen.status == "draft":
        st.info("The draft was changed since: compare again.")

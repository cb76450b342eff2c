"""Alert types: the four, and the team's own: written here, tried before they ring, activated and retired."""

import streamlit as st

from app.ui import alert_type_commands as commands
from app.ui import alert_type_draft as drafts
from app.ui import alert_type_editor as editor
from app.ui import alert_type_learning as learning
from app.ui import alert_type_reading as reading
from app.ui import identity, layout, menu, words
from core.alert_types.templates import TEMPLATES
from core.viewer import Viewer
from core.views.alert_types import AlertTypeRow
from core.views.intervals import Share
from core.words import Role

STATES = {"active": "Opens alerts", "draft": "Draft", "retired": "Retired"}
_COLOURS = {"active": "green", "draft": "blue", "retired": "gray"}
_EMPTY = "An empty one"
_LEARNT = "One that learns from what happened"


def page() -> None:
    alert_types()


@st.fragment
def alert_types() -> None:
    viewer = identity.me()
    st.title("Alert types", anchor=False)
    if viewer.role is Role.AGENT:
        st.info("Managers and admins steer alert types. Yours are on the Feed.")
        return
    draft = st.session_state.get(editor.DRAFT)
    if draft is not None:
        editor.show(viewer, draft)
        return
    st.caption("What the product watches for. Ranges in brackets hold the true value 95 times in 100.")
    rows = reading.types(viewer)
    _own(viewer, [row for row in rows if not row.built_in])
    _four([row for row in rows if row.built_in])


def _own(viewer: Viewer, rows: list[AlertTypeRow]) -> None:
    st.subheader("Your own", anchor=False)
    if not rows:
        st.info(
            "None yet. Think of something your best agents take as a sign – a second visit to an open house, a claim and then "
            "a look at the value – and have everybody rung for it. Start from one of these:"
        )
    _new(viewer, first=not rows)
    order = list(STATES)
    for row in sorted(rows, key=lambda row: (order.index(row.status), row.name.casefold())):
        _card(viewer, row)


def _new(viewer: Viewer, *, first: bool) -> None:
    label = "Start from" if first else "New alert type, from"
    names = [_EMPTY, *(template["name"] for template in TEMPLATES), _LEARNT]
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        chosen = st.selectbox(label, names, 1 if first else 0, key="new-from", width=340)
        st.button(
            "Write it" if viewer.role is Role.ADMIN else "Try it",
            key="new-type",
            on_click=_begin,
            args=(chosen,),
        )


def _begin(name: str) -> None:
    template = next((one for one in TEMPLATES if one["name"] == name), None)
    made = drafts.of(template) if template else drafts.Draft()
    if name == _LEARNT:
        made.kind, made.ruled = "trained", False
    st.session_state[editor.DRAFT] = made


def _card(viewer: Viewer, row: AlertTypeRow) -> None:
    with st.container(border=True):
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            st.markdown(f"**{layout.plain(row.name)}**", width="content")
            st.badge(STATES[row.status], color=_COLOURS[row.status])  # type: ignore[arg-type]
        if row.description:
            st.markdown(layout.plain(row.description))
        if row.kind == "trained":
            within = f"within {words.plural(row.horizon_days, 'day')}"
            said = f"{learning.answer_in_words(row.definition)} {within}, {learning.looks_at(row.definition)}."
            st.markdown(layout.plain(said))
        if rule := reading.rule_in_words(row):
            ahead = ""
            if row.kind == "trained":
                ahead = "Not used while a model is: " if row.has_model else "Until a model serves: "
            st.markdown(layout.plain(f"{ahead}{rule[0].lower() if ahead else rule[0]}{rule[1:]}"))
        if row.status != "draft" or row.opened:
            st.markdown(f"{_doing(row)} · within {words.plural(row.horizon_days, 'day')}")
        if row.kind == "trained" and row.status != "retired":
            known = reading.learning(row.definition, row.horizon_days, row.id)
            learning.standing(viewer, known, ruled=bool(rule), status=row.status)
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            st.button(
                "Change" if viewer.role is Role.ADMIN else "Look and try",
                key=f"change-{row.id}",
                on_click=_edit,
                args=(row,),
            )
            if row.opened:
                st.page_link(menu.file("feed"), label="Its alerts", query_params={"type": words.type_words(row.id)})
            if viewer.role is Role.ADMIN and (rule or row.has_model or row.status == "active"):
                _switch(viewer, row)


def _edit(row: AlertTypeRow) -> None:
    raw = {
        "name": row.name,
        "description": row.description,
        "kind": row.kind,
        "horizonDays": row.horizon_days,
        "definition": row.definition,
    }
    st.session_state[editor.DRAFT] = drafts.of(raw, type_id=row.id, version=row.version, status=row.status)


def _switch(viewer: Viewer, row: AlertTypeRow) -> None:
    """Activating and retiring, each asked once more with what it does."""
    if row.status == "active":
        with st.popover("Retire", width="content"):
            st.write(
                f"It opens no more alerts. What is open ({words.plural(row.open_now, 'alert')}) lives on to its outcome."
            )
            if st.button("Retire it", key=f"retire-{row.id}"):
                _told(commands.retire(viewer, row.id))
        return
    with st.popover("Activate", width="content"):
        raw = {"name": row.name, "kind": row.kind, "horizonDays": row.horizon_days, "definition": row.definition}
        tried = reading.try_out(viewer, raw, type_id=row.id)
        for warning in tried.warnings:
            st.warning(layout.plain(warning))
        if tried.found is not None:
            editor.preview(tried.found)
        st.write("Everybody who fits now is rung for in the next minutes, and from then on whoever comes to fit.")
        if st.button("Activate it", key=f"activate-{row.id}"):
            _told(commands.activate(viewer, row.id))


def _told(done: commands.Done) -> None:
    if done.ok:
        st.toast(layout.plain(done.text), icon=":material/check_circle:")
        st.rerun(scope="fragment")
    st.error(layout.plain(done.text))


def _doing(row: AlertTypeRow) -> str:
    return f"**{words.plural(row.opened, 'alert')}** in 30 days, {row.open_now:,} open now · {_right(row.right)}"


def _right(right: Share) -> str:
    if right.rate is None:
        return "no outcome known yet"
    span = words.percent_range(right.low, right.high)
    return f"**{words.percent(right.rate)}** ({span}) of {words.plural(right.total, 'known outcome')} right"


def _four(rows: list[AlertTypeRow]) -> None:
    st.subheader("Built in", anchor=False)
    for row in rows:
        st.markdown(
            f"**{row.name}** within {words.plural(row.horizon_days, 'day')}: {row.description}  \n{_doing(row)}"
        )
    st.caption("Scored by models: see Models for how they do. Their thresholds are set there too.")


page()

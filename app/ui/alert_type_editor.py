"""The editor of an alert type: rows of "what – how – how much" in groups, how sure, and what it would find, while written."""

import re
from collections.abc import Mapping
from typing import Any

import streamlit as st

from app.ui import alert_type_commands as commands
from app.ui import alert_type_learning as teaching
from app.ui import alert_type_reading as reading
from app.ui import words
from app.ui.alert_type_draft import GROUPS, Draft, Group, Row
from app.ui.layout import plain
from core.alert_types.definition import LONGEST_DESCRIPTION, LONGEST_HORIZON, LONGEST_NAME
from core.alert_types.fields import Field, count_name, parts_of_count
from core.alert_types.preview import Preview
from core.viewer import Viewer
from core.words import Role

DRAFT = "alert-type-draft"
"""Where the session keeps what is being written."""
OPERATORS = {
    "greater_than": "is above",
    "less_than": "is below",
    "between": "is between",
    "equals": "is",
    "not_equals": "is not",
    "exists": "is present",
    "missing": "is missing",
}
_FOR_CODES = ("equals", "not_equals", "exists", "missing")
_OWN = "own:"
_OWN_OTHER = "own:…"
_ADDS = {-1.6: "far less sure", -0.7: "less sure", -0.4: "a little less sure", 0.4: "a little surer", 0.7: "surer", 1.6: "far surer"}  # fmt: skip
_MOST_ROWS = 20
_WINDOW = re.compile(r"_(\d+)d$")
_UNITS = {
    "USD": "US dollars",
    "minutes": "minutes",
    "share": "0 to 1",
    "strength": "0 to 1",
    "0 to 1": "0 to 1",
    "a week": "a week",
}


def show(viewer: Viewer, draft: Draft) -> None:
    """The whole editor; what is typed goes into the draft at each run."""
    may = viewer.role is Role.ADMIN
    st.subheader(f"Change “{plain(draft.name)}”" if draft.type_id else "A new alert type", anchor=False)
    learning = None
    if draft.type_id is None:
        _kind(draft)
    if draft.kind == "trained":
        written = draft.written()
        learning = reading.learning(written["definition"], draft.horizon_days, draft.type_id)
    _naming(draft, taught=learning is not None and learning.taught)
    if learning is not None and draft.fixed is None:
        teaching.question(draft, learning)
        learning = reading.learning(draft.written()["definition"], draft.horizon_days, draft.type_id)
    if learning is not None:
        teaching.standing(viewer, learning, ruled=draft.ruled, status=draft.status)
    if draft.kind == "trained" and draft.fixed is None:
        teaching.until_then(viewer, draft)
    if draft.fixed is not None:
        st.info("Its conditions were written in a form this page does not take apart; change them through the API.")
        st.code(str(dict(draft.fixed)), language=None, wrap_lines=True)
    elif draft.kind == "rule" or draft.ruled:
        _conditions(draft)
        _sureness(draft)
    tried = reading.try_out(viewer, draft.written(), type_id=draft.type_id)
    _outcome(draft, tried)
    with st.container(horizontal=True, gap="small"):
        label = "Save" if draft.type_id else "Save as a draft"
        if st.button(label, disabled=not may or bool(tried.wrong), key="save-type"):
            _save(viewer, draft)
        if st.button("Back without saving", key="leave-type"):
            leave()
    if not may:
        st.caption("You can try things out here; only an admin saves.")


def leave() -> None:
    """Forget the draft and show the list."""
    st.session_state.pop(DRAFT, None)
    st.rerun(scope="fragment")


def _save(viewer: Viewer, draft: Draft) -> None:
    done = commands.save(viewer, draft.written(), type_id=draft.type_id, version=draft.version)
    if not done.ok:
        st.error(plain(done.text))
        return
    st.toast(plain(done.text), icon=":material/check_circle:")
    leave()


def _kind(draft: Draft) -> None:
    kinds = {"rule": "A rule you write", "trained": "Learnt from what happened"}
    chosen = st.segmented_control(
        "What decides",
        list(kinds),
        format_func=lambda one: kinds[one],
        default=draft.kind,
        required=True,
        wrap=True,
        key=f"kind-{draft.uid}",
    )
    draft.kind = chosen or draft.kind


def _naming(draft: Draft, *, taught: bool) -> None:
    key = f"type-{draft.uid}"
    left, right = st.columns([3, 1], gap="medium")
    with left:
        draft.name = st.text_input(
            "Name: cards and mails call it so",
            draft.name,
            max_chars=LONGEST_NAME,
            key=f"{key}-name",
            placeholder="e.g. Visited the open-house page twice",
        ).strip()
    with right:
        draft.horizon_days = st.number_input(
            "Happens within (days)", 1, LONGEST_HORIZON, draft.horizon_days, key=f"{key}-horizon", disabled=taught
        )
    draft.description = st.text_input(
        "What it means, for colleagues", draft.description, max_chars=LONGEST_DESCRIPTION, key=f"{key}-description"
    ).strip()


def _conditions(draft: Draft) -> None:
    st.markdown("**Opens when** every group fits")
    for place, group in enumerate(draft.groups):
        with st.container(border=True):
            _group(draft, group, place)
    if len(draft.groups) < 4:
        st.button("Add a group", key=f"add-group-{draft.uid}", on_click=lambda: draft.groups.append(Group()))
    if not draft.groups and not draft.signs:
        st.caption("Without a condition nothing opens: add a group.")


def _group(draft: Draft, group: Group, place: int) -> None:
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        chosen = st.segmented_control(
            f"Group {place + 1}",
            list(GROUPS),
            format_func=lambda kind: GROUPS[kind],
            default=group.kind,
            required=True,
            wrap=True,
            key=f"group-{group.uid}",
        )
        group.kind = chosen or group.kind
        if len(draft.groups) > 1 or draft.signs:
            st.button(
                "Remove the group",
                key=f"drop-group-{group.uid}",
                on_click=lambda: draft.groups.remove(group),
                type="tertiary",
            )
    for number, row in enumerate(group.rows, start=1):
        _row(row, f"Condition {number}", lambda row=row: _drop(draft, group, row))
    if len(group.rows) < _MOST_ROWS:
        st.button("Add a condition", key=f"add-row-{group.uid}", on_click=lambda: group.rows.append(Row()))


def _drop(draft: Draft, group: Group, row: Row) -> None:
    group.rows.remove(row)
    if not group.rows:
        draft.groups.remove(group)


def _row(row: Row, label: str, drop: Any, *, adds: bool = False) -> None:
    widths = [4, 2, 3, 3, 1.2] if adds else [4, 2, 3, 1.2]
    columns = st.columns(widths, vertical_alignment="bottom", gap="small")
    with columns[0]:
        _what(row, label)
    found = reading.field(row.field)
    with columns[1]:
        offered = [one for one in OPERATORS if not (found and found.codes) or one in _FOR_CODES]
        if row.operator not in offered and row.operator not in ("in", "not_in"):
            row.operator = offered[0]
        offered += [row.operator] if row.operator not in offered else []
        row.operator = st.selectbox(
            f"{label}: how",
            offered,
            offered.index(row.operator),
            format_func=lambda one: OPERATORS.get(one, one.replace("_", " ")),
            key=f"how-{row.uid}-{bool(found and found.codes)}",
            label_visibility="collapsed",
        )
    with columns[2]:
        _value(row, found, label)
    if adds:
        with columns[3]:
            options = sorted({*_ADDS, row.add})
            row.add = st.selectbox(
                f"{label}: makes it",
                options,
                options.index(row.add),
                format_func=lambda add: f"{_ADDS.get(add, 'other')} ({words.odds(add)})",
                key=f"add-{row.uid}",
                label_visibility="collapsed",
            )
    with columns[-1]:
        st.button("Remove", key=f"drop-{row.uid}", on_click=drop, help=f"Remove {label.lower()}", type="tertiary")


def _what(row: Row, label: str) -> None:
    known, counted = reading.known_fields(), parts_of_count(row.field)
    events = list(dict.fromkeys([*reading.own_events(), *([counted[0]] if counted and counted[0] else [])]))
    options = [*(f"{_OWN}{event}" for event in events), _OWN_OTHER, *known]
    present = f"{_OWN}{counted[0]}" if counted else row.field
    chosen = st.selectbox(
        label,
        options,
        options.index(present) if present in options else options.index(_OWN_OTHER),
        format_func=lambda one: _option(one, known),
        key=f"what-{row.uid}",
        label_visibility="collapsed",
    )
    if not chosen.startswith(_OWN):
        row.field = chosen
        return
    event, days = chosen.removeprefix(_OWN), counted[1] if counted else 30
    left, right = st.columns([3, 2], gap="small", vertical_alignment="bottom")
    with left:
        if chosen == _OWN_OTHER:
            event = st.text_input(
                f"{label}: event name", max_chars=40, key=f"event-{row.uid}", placeholder="event name"
            )
        else:
            st.markdown("times, within so many days:")
    with right:
        days = st.number_input(
            f"{label}: days",
            1,
            180,
            days,
            key=f"days-{row.uid}",
            help="Days",
            label_visibility="visible" if chosen == _OWN_OTHER else "collapsed",
        )
    row.field = count_name(event, days) if event.strip() else "count::30d"


def _option(name: str, known: Mapping[str, Field]) -> str:
    if name == _OWN_OTHER:
        return "Own event: another name …"
    if name.startswith(_OWN):
        return f"Own event: {name.removeprefix(_OWN).replace('_', ' ')}"
    of = known[name]
    window = _WINDOW.search(name)
    unit = _UNITS.get(of.unit, "")
    return of.label + (f", {window[1]} days" if window else "") + (f" ({unit})" if unit else "")


def _value(row: Row, found: Field | None, label: str) -> None:
    if row.operator in ("exists", "missing"):
        return
    name, unit = f"{label}: value", found.unit if found else ""
    if found is not None and found.codes:
        codes = {code: word for word, code in found.codes.items()}
        present = codes.get(row.value, row.value if row.value in found.codes else next(iter(found.codes)))
        listed = list(found.codes)
        row.value = st.selectbox(
            name, listed, listed.index(present), key=f"code-{row.uid}", label_visibility="collapsed"
        )
        return
    if row.operator == "between":
        pair = row.value if isinstance(row.value, list) and len(row.value) == 2 else [0.0, 1.0]
        left, right = st.columns(2, gap="small")
        with left:
            low = _number(f"{name}, from", pair[0], found, f"low-{row.uid}", unit)
        with right:
            high = _number(f"{name}, to", pair[1], found, f"high-{row.uid}", unit)
        row.value = [low, high]
        return
    if row.operator in ("in", "not_in"):
        st.markdown(", ".join(f"{one:g}" for one in row.value))
        return
    value = row.value[0] if isinstance(row.value, list) else row.value
    row.value = _number(name, value if isinstance(value, int | float) else 0.0, found, f"value-{row.uid}", unit)


def _number(label: str, value: float, found: Field | None, key: str, unit: str) -> float:
    share = found is not None and found.most == 1.0
    whole = found is not None and found.whole
    step = 0.05 if share else 10_000.0 if unit == "USD" else 1.0 if whole else 0.5
    return float(
        st.number_input(
            f"{label} ({unit})" if unit else label,
            value=float(value),
            step=step,
            format="%.2f" if share else "%.0f" if whole or unit == "USD" else "%.1f",
            key=key,
            help=unit or None,
            label_visibility="collapsed",
            placeholder=unit,
        )
    )


def _sureness(draft: Draft) -> None:
    st.markdown("**How sure** such an alert is right: the contact does it, or says so to an agent")
    if draft.signs:
        draft.start = _percent("Without any sign", draft.start, f"start-{draft.uid}")
        for number, row in enumerate(draft.signs, start=1):
            _row(row, f"Sign {number}", lambda row=row: draft.signs.remove(row), adds=True)
    else:
        draft.belief = _percent("What you believe", draft.belief, f"belief-{draft.uid}")
    if len(draft.signs) < _MOST_ROWS:
        st.button(
            "Add a sign that makes it surer or less sure",
            key=f"add-sign-{draft.uid}",
            on_click=lambda: draft.signs.append(Row()),
        )
    st.caption(
        "Your belief counts like 20 alerts with a known outcome; from then on what really happened has more and more of the say."
    )


def _percent(label: str, share: float, key: str) -> float:
    return st.slider(label, 5, 95, round(share * 100), 1, format="%d%%", key=key) / 100


def _outcome(draft: Draft, tried: reading.Tried) -> None:
    if tried.wrong:
        for place, why in tried.wrong.items():
            part = "" if place.startswith("definition") else f"{words.sentence(place)}: "
            st.warning(plain(f"{part}{why}"), icon=":material/edit:")
        return
    for warning in tried.warnings:
        st.warning(plain(warning), icon=":material/warning:")
    if tried.found is not None:
        preview(tried.found)


def preview(found: Preview) -> None:
    """What it would do, in a box."""
    about = "about " if found.sampled else ""
    past = (
        f"; {about}**{words.plural(found.past, 'alert')}** in the last {words.plural(found.past_days, 'day')}"
        if found.past_days
        else ""
    )
    if found.scored_by == "nothing":
        st.info("Nothing scores it yet, so it would ring for nobody.")
        return
    with st.container(border=True):
        if found.scored_by == "model":
            st.markdown("By its model in use:")
        st.markdown(f"Would alert {about}**{words.plural(found.now, 'contact')}** now{past}.")
        looked = f"{found.looked_at:,} of " if found.sampled else ""
        st.caption(
            f"Looked at {looked}{words.plural(found.contacts, 'contact')} who were active in the last 90 days or show a signal; "
            f"alerts of this type open from {words.percent(found.threshold)} sure."
        )
        for who, why in found.examples:
            st.markdown(f"- **{plain(who)}**: {plain(why)}")

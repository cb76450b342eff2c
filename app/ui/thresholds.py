"""Thresholds: a slider for alerts a week with what each choice would bring, fine tuning, saving and taking back."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import pandas as pd
import streamlit as st

from app import runtime
from app.ui import charts, commands, layout, queries, steering_charts, words
from app.ui.commands import Done
from core import thresholds, versions
from core.alerts import priority
from core.alerts.worth import EARNED, OTHER_EARNED
from core.errors import DoorbellError
from core.thresholds import Known, Point, Preview, Range
from core.viewer import Viewer
from core.words import Priority, Role, TierMode

_WISH, _OWN, _MODE = "thresholds-wish", "thresholds-own-", "thresholds-mode"
_MONEY = {"callCost": "thresholds-call", "budgetShare": "thresholds-budget"}
_CUT, _EARNED = "thresholds-cut-", "thresholds-earned-"
_MODES = {TierMode.CONFIDENCE: "How sure, and how strong the signs are", TierMode.VALUE: "What it is expected to bring"}


def render(viewer: Viewer) -> None:
    """The tab: only admins can save; managers may try everything out."""
    _steer(viewer)


@st.fragment
def _steer(viewer: Viewer) -> None:
    version = _version()
    known = _known(version)
    series = known.evidence.series
    if not len(series.pair):
        st.info(
            "Nothing was scored high enough in the last 12 weeks to say what a threshold would bring. "
            "It is counted from stored scores: post some events, and come back in a day."
        )
        return
    if said := st.session_state.pop("thresholds-said", None):
        st.toast(said)
    # One key a version: after a save the fields start from what was saved.
    own = _own_types(known, version)
    points = _curve(version, tuple(sorted(own.items())))
    st.markdown(_standing(known))
    wish = _slider(known, points, version)
    details = _details(known, version)
    preview = _preview(known, {**details, "types": own or None}, wish, points)
    if isinstance(preview, str):
        st.warning(preview)
        return
    _numbers(preview)
    _chart(points, preview)
    _dismissed(known)
    _fine_tuning(known, version, preview)
    _urgency(known, version)
    _keep(viewer, known, preview)
    _basis(known)


def _version() -> int:
    with queries.reading() as session:
        return versions.number(session, priority.SETTING)


@st.cache_data(ttl=timedelta(minutes=2), max_entries=4, show_spinner="Counting the scores of the last weeks …")
def _known(version: int) -> Known:
    with queries.reading() as session:
        return thresholds.known(session, now=queries.now())


@st.cache_data(ttl=timedelta(minutes=2), max_entries=16, show_spinner=False)
def _curve(version: int, own: tuple[tuple[str, float], ...]) -> list[Point]:
    return thresholds.curve(_known(version).evidence, dict(own))


def _standing(known: Known) -> str:
    point = thresholds.point(known, known.thresholds, with_budget=True)
    text = f"Now about **{_times(point.a_week.value)} alerts a week** ({_range(point.a_week)})"
    if point.right is not None:
        text += f", of which **{words.percent(point.right.value)}** are expected to be right ({_shares(point.right)})"
    text += f". An alert opens at a confidence of {words.percent(known.thresholds.confidence)}."
    if known.thresholds.opening("") > known.thresholds.confidence:
        text += (
            f" The year's budget is {known.thresholds.used:.0%} used, so for now it takes "
            f"**{words.percent(known.thresholds.opening(''))}**."
        )
    return text


def _slider(known: Known, points: list[Point], version: int) -> float | None:
    """The wish for alerts a week; None while nobody moved it: the threshold then stays as it is."""
    most = max(point.a_week.value for point in points)
    least = min(point.a_week.value for point in points)
    step = 1.0 if most > 12 else 0.5
    low, high = max(step, round(least / step) * step), max(round(most / step) * step, step * 2)
    if high <= low:
        st.caption("The types with thresholds of their own leave nothing to steer with the slider.")
        return None
    key = f"{_WISH}-{version}"
    present = thresholds.point(known, known.thresholds, with_budget=False).a_week.value
    start = min(max(round(present / step) * step, low), high)
    if key in st.session_state:
        st.session_state[key] = min(max(st.session_state[key], low), high)
    else:
        st.session_state[key] = start
    wish = st.slider("Alerts a week, for everybody together", low, high, step=step, format="%g", key=key)
    st.button(
        "Target: 10% a year, 70% right",
        key="thresholds-origin",
        help="Alerts for a tenth of the active contacts a year, seven in ten of them right.",
        on_click=_origin,
        args=(key, version, low, high, step),
    )
    return None if wish == start else wish


def _origin(key: str, version: int, low: float, high: float, step: float) -> None:
    known = _known(version)
    with queries.reading() as session:
        found = thresholds.preview(session, known, preset="origin", now=queries.now())
    for name in known.types:
        st.session_state.pop(f"{_OWN}{name}-{version}", None)
        st.session_state[f"{_OWN}{name}-{version}"] = None
    st.session_state[f"{_MONEY['budgetShare']}-{version}"] = priority.BUDGET_SHARE * 100
    st.session_state[key] = min(max(round(found.point.a_week.value / step) * step, low), high)


def _own_types(known: Known, version: int) -> dict[str, float]:
    """The types' own thresholds, as they stand in the fields below."""
    found = {}
    for name in known.types:
        value = st.session_state.get(f"{_OWN}{name}-{version}", _as_percent(known.thresholds.types.get(name)))
        if value is not None:
            found[name] = round(value / 100, 4)
    return found


def _details(known: Known, version: int) -> dict[str, Any]:
    """What the fields of urgency and money say, where it differs from what is saved."""
    now = known.thresholds
    changes: dict[str, Any] = {}
    mode = st.session_state.get(f"{_MODE}-{version}", now.tiers)
    if mode != now.tiers:
        changes["tiers"] = TierMode(mode)
    call = st.session_state.get(f"{_MONEY['callCost']}-{version}", now.call_cost)
    if call is not None and call != now.call_cost:
        changes["callCost"] = float(call)
    budget = st.session_state.get(f"{_MONEY['budgetShare']}-{version}")
    if budget is not None and round(budget / 100, 4) != round(now.budget_share, 4):
        changes["budgetShare"] = round(budget / 100, 4)
    cuts = {str(tier): st.session_state.get(f"{_CUT}{tier}-{version}", now.cuts[tier]) for tier in now.cuts}
    if any(value is not None and value != now.cuts[Priority(tier)] for tier, value in cuts.items()):
        changes["cuts"] = {
            tier: float(value if value is not None else now.cuts[Priority(tier)]) for tier, value in cuts.items()
        }
    earned = dict(now.earned)
    for name in known.types:
        value = st.session_state.get(f"{_EARNED}{name}-{version}")
        if value is not None and round(value / 100, 5) != round(_earned(known, name), 5):
            earned[name] = round(value / 100, 5)
    return changes | ({"earned": earned} if earned != now.earned else {})


def _preview(known: Known, changes: Mapping[str, Any], wish: float | None, points: list[Point]) -> Preview | str:
    try:
        with queries.reading() as session:
            return thresholds.preview(
                session, known, changes=changes, alerts_a_week=wish, points=points, now=queries.now()
            )
    except DoorbellError as error:
        return commands.say(error)


def _numbers(preview: Preview) -> None:
    before, after = preview.before, preview.tonight
    rows = [
        ("Alerts a week", _of(before.a_week), _of(after.a_week)),
        ("Expected right", _share_of(before.right), _share_of(after.right)),
        ("Found, of all who will turn out right", _share_of(before.found), _share_of(after.found)),
        ("Alerts an agent a week", _of(before.per_agent), _of(after.per_agent)),
        ("Expected value a month", _money_of(before.value_a_month), _money_of(after.value_a_month)),
    ]
    changed = bool(preview.changes) and any(now != then for _, now, then in rows)
    head = "| | Now | With this choice |\n|---|---|---|" if changed else "| | Now |\n|---|---|"
    body = "\n".join(f"| {name} | {now} | {then} |" if changed else f"| {name} | {now} |" for name, now, then in rows)
    st.markdown(f"{head}\n{body}")
    if abs(preview.point.a_week.value - after.a_week.value) >= 0.25:
        st.caption(
            f"By the threshold alone it would be {_times(preview.point.a_week.value)} a week: the year's budget is "
            f"{preview.thresholds.used:.0%} used, which raises the threshold until it recovers. The budget is set below."
        )


def _chart(points: list[Point], preview: Preview) -> None:
    st.subheader("What more or fewer alerts would bring", anchor=False)
    shown = distinct(points)
    st.plotly_chart(
        steering_charts.steering(shown, chosen=preview.point.a_week.value), key="thresholds-chart", config=charts.CONFIG
    )
    with st.expander("As a table"):
        st.dataframe(
            pd.DataFrame(
                [
                    {
                        "Opens at": words.percent(point.threshold),
                        "Alerts a week": _of(point.a_week),
                        "Expected right": _share_of(point.right),
                        "Found": _share_of(point.found),
                        "Deals seen before": f"{point.seen.hits} of {point.seen.total}",
                        "An agent a week": _of(point.per_agent),
                        "Value a month": _money_of(point.value_a_month, safe=False),
                    }
                    for point in shown
                ]
            ),
            hide_index=True,
            key="thresholds-table",
        )


def distinct(points: list[Point]) -> list[Point]:
    """Every fifth threshold; of those that would bring equally many alerts, the first."""
    shown = [point for place, point in enumerate(points) if place % 5 == 0 and point.right is not None]
    return list({point.a_week.value: point for point in reversed(shown)}.values())[::-1]


def _dismissed(known: Known) -> None:
    if not known.dismissals or not known.dismissals[0].dismissed:
        return
    together = known.dismissals[0]
    text = (
        f"In the last 90 days **{together.dismissed} of {together.total}** alerts with a known outcome were dismissed as no interest. "
        "Each counts as a wrong alert, so they lower the expected right share above."
    )
    if known.lesson is not None:
        text += (
            f" A threshold of **{words.percent(known.lesson.threshold)}** would have spared {known.lesson.spared} of them and "
            f"lost {words.plural(known.lesson.lost, 'right one')}."
        )
    st.markdown(text)
    with st.expander("Dismissed as no interest, by type and urgency"):
        st.dataframe(
            pd.DataFrame(
                [
                    {
                        "Type": words.type_words(row.alert_type),
                        "Urgency": words.group(row.priority),
                        "No interest": row.dismissed,
                        "With a known outcome": row.total,
                    }
                    for row in known.dismissals[1:]
                ]
            ),
            hide_index=True,
            key="thresholds-dismissed",
        )


def _fine_tuning(known: Known, version: int, preview: Preview) -> None:
    with st.expander("A threshold of its own for a type"):
        st.caption("Empty: as all types, moved by the slider. A type with its own keeps it whatever the slider says.")
        of_type = {one.alert_type: one for one in preview.tonight.types}
        for name in known.types:
            _field(
                f"{words.plain(words.type_words(name))}: opens at a confidence of (%)",
                f"{_OWN}{name}-{version}",
                _as_percent(known.thresholds.types.get(name)),
                (20.0, 95.0, 1.0),
                placeholder="as all types",
            )
            if one := of_type.get(name):
                right = f", {_share_of(one.right)} right" if one.right else ""
                st.caption(f"{_of(one.a_week)} a week{right}, {layout.plain(words.money(one.value_a_month))} a month")


def _urgency(known: Known, version: int) -> None:
    now = known.thresholds
    with st.expander("Urgency, money and the year's budget"):
        mode = f"{_MODE}-{version}"
        st.session_state.setdefault(mode, now.tiers)
        st.radio("What makes an alert urgent", list(_MODES), format_func=lambda one: _MODES[one], key=mode)
        if st.session_state[mode] == TierMode.VALUE:
            st.caption(
                "Expected value is how sure times what a right alert of that type is worth to you, less the call. What a home is worth plays "
                "no part: that would favour some neighbourhoods. Below the last cut an alert is Low."
            )
            for tier in now.cuts:
                key = f"{_CUT}{tier}-{version}"
                _field(f"{words.PRIORITY[tier]} from (US dollars)", key, now.cuts[tier], (-1e6, 1e6, 50.0))
        _field(
            "Following up one alert costs (US dollars)",
            f"{_MONEY['callCost']}-{version}",
            now.call_cost,
            (0.0, 10_000.0, 5.0),
        )
        for name in known.types:
            key = f"{_EARNED}{name}-{version}"
            _field(
                f"{words.plain(words.type_words(name))}: you earn, of the deal's value (%)",
                key,
                _earned(known, name) * 100,
                (0.01, 100.0, 0.1),
            )
        key = f"{_MONEY['budgetShare']}-{version}"
        _field("Alerts a year, of active contacts (%)", key, now.budget_share * 100, (1.0, 100.0, 1.0))
        st.caption(
            f"That budget is {_times(known.budget_a_week)} a week, {now.used:.0%} used. Nearing it raises thresholds; it never lowers them."
        )


def _field(
    label: str, key: str, value: float | None, limits: tuple[float, float, float], placeholder: str = ""
) -> None:
    low, high, step = limits
    st.session_state.setdefault(key, value)
    st.number_input(label, low, high, step=step, key=key, placeholder=placeholder or None)


def _keep(viewer: Viewer, known: Known, preview: Preview) -> None:
    changes = _really(known, preview)
    if viewer.role is not Role.ADMIN:
        st.caption("You can try everything out here. Saving takes an admin.")
        return
    with st.container(horizontal=True):
        if st.button("Save …", type="primary", disabled=not changes, key="thresholds-save"):
            _confirm(viewer, changes, _says(preview))
        if known.can_undo and st.button("Take back the last change …", key="thresholds-undo"):
            _confirm(viewer, None, "The thresholds go back to what they were before the last change, from tonight on.")


def _really(known: Known, preview: Preview) -> dict[str, Any]:
    """The changes, without what is as it was."""
    now = known.thresholds
    changes = dict(preview.changes)
    if (changes.get("types") or {}) == dict(now.types):
        changes.pop("types", None)
    if changes.get("confidence") == now.confidence:
        changes.pop("confidence")
    return changes


def _says(preview: Preview) -> str:
    before, after = preview.before.a_week.value, preview.tonight.a_week.value
    text = f"From tonight about **{_times(after)} alerts a week instead of {_times(before)}**."
    if preview.before.right and preview.tonight.right:
        text += f" Expected right: {words.percent(preview.tonight.right.value)} instead of {words.percent(preview.before.right.value)}."
    if preview.changes.get("tiers"):
        text += f" Urgency goes by: {_MODES[preview.thresholds.tiers].lower()}."
    return text + " Open alerts stay as they are. You can take it back."


@st.dialog("Change the thresholds?")
def _confirm(viewer: Viewer, changes: Mapping[str, Any] | None, text: str) -> None:
    st.markdown(text)
    with st.container(horizontal=True):
        if st.button("Save" if changes is not None else "Take it back", type="primary", key="thresholds-yes"):
            done = _change(viewer, changes)
            if not done.ok:
                st.error(done.text)
                return
            st.session_state["thresholds-said"] = done.text
            st.rerun()
        if st.button("Leave it as it is", key="thresholds-no"):
            st.rerun()


def _change(viewer: Viewer, changes: Mapping[str, Any] | None) -> Done:
    now = runtime.current().clock.now()
    try:
        with runtime.current().database.write() as session:
            if changes is None:
                thresholds.undo(session, viewer=viewer, now=now)
            else:
                thresholds.save(session, changes, viewer=viewer, now=now)
    except DoorbellError as error:
        return Done(ok=False, text=commands.say(error))
    return Done(ok=True, text="Taken back" if changes is None else "Saved: it counts from the next event on")


def _basis(known: Known) -> None:
    series = known.evidence.series
    sampled = "" if series.share >= 1 else f" (a sample, {words.percent(series.share)} of them, stands for all)"
    st.caption(
        f"Counted from the stored scores of {series.contacts:,} contacts over {series.weeks:.0f} weeks{sampled} and the outcomes of "
        f"{words.plural(len(known.evidence.worked), 'alert')} of the last year: what would have opened then, with open alerts and quiet periods "
        "as they were. Ranges in brackets hold the true value 95 times in 100, if the coming weeks are like the past ones. Found rests on "
        "the scores' own confidence; the table shows beside it how many recorded deals would have been alerted before."
    )


def _earned(known: Known, name: str) -> float:
    return known.thresholds.earned.get(name, EARNED.get(name, OTHER_EARNED))


def _as_percent(share: float | None) -> float | None:
    return None if share is None else round(share * 100, 2)


def _times(value: float) -> str:
    if 0 < value < 0.095:
        return f"{value:.2f}"
    return f"{value:.0f}" if value >= 9.95 else f"{value:.1f}".removesuffix(".0")


def _range(one: Range) -> str:
    return f"{_times(one.low)}–{_times(one.high)}"


def _shares(one: Range) -> str:
    return words.percent_range(one.low, one.high)


def _of(one: Range | None) -> str:
    return "–" if one is None else f"{_times(one.value)} ({_range(one)})"


def _share_of(one: Range | None) -> str:
    return "–" if one is None else f"{words.percent(one.value)} ({_shares(one)})"


def _money_of(one: Range, *, safe: bool = True) -> str:
    text = (
        f"{words.money(round(one.value, -2))} ({words.money(round(one.low, -2))} to {words.money(round(one.high, -2))})"
    )
    return text.replace("$", "\\$") if safe else text

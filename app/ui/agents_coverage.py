"""Coverage: what will go wrong in the days to come, where to put it right, and how many are on duty in every hour."""

from collections.abc import Mapping, Sequence
from datetime import date
from itertools import groupby
from typing import Any

import pandas as pd
import streamlit as st

from app import preflights, runtime
from app.ui import charts, coverage_charts, menu, queries, words
from core import clock
from core.preflight import DAYS, Finding, Link, Report, Severity
from core.preflight.areas import Area
from core.preflight.coverage import DAY
from core.preflight.outlook import Outlook
from core.preflight.words import when
from core.viewer import Viewer

_AHEAD = (7, 14, 30, 60)
_FIRST = 8
"""Findings shown at once; the rest are a click away."""
_MARK = {
    Severity.SERIOUS: ("Serious", ":material/error:", "red"),
    Severity.ATTENTION: ("Look at it", ":material/warning:", "orange"),
    Severity.NOTE: ("Good to know", ":material/info:", "gray"),
}
_KIND = {"house": "House", "team": "Team", "territory": "Territory"}


def report(viewer: Viewer, *, days: int = DAYS, minutes: int = 1) -> Report:
    """The check, at most so many minutes old."""
    made = runtime.current()
    return preflights.report(
        made.database, made.settings, queries.routing_state(), viewer, days=days, now=queries.now(), minutes=minutes
    )


def render(viewer: Viewer) -> None:
    """The tab."""
    days = st.segmented_control(
        "Look ahead",
        _AHEAD,
        default=DAYS,
        required=True,
        format_func=lambda number: f"{number} days",
        key="coverage-days",
    )
    with st.spinner("Looking at the days to come …"):
        found = report(viewer, days=days or DAYS)
    _standing(found, days or DAYS)
    _findings(viewer, found.findings)
    if found.people:
        _hours(viewer, found)
        _areas(viewer, found)


def _standing(found: Report, days: int) -> None:
    worth = sum(one.severity is Severity.ATTENTION for one in found.findings)
    if found.is_covered:
        st.success(f"Covered for the next {days} days.")
    else:
        serious = len(found.serious)
        parts = [f"**{words.plural(serious, 'serious thing')}**"] if serious else []
        parts += [f"{words.plural(worth, 'thing')} worth a look"] if worth else []
        st.markdown(
            f"{words.listed(parts)} in the next {days} days. Alerts wait, or go to strangers, where nobody is there."
        )
    if found.holidays:
        named = [f"{coverage_charts.label(one.day)} {words.plain(one.name)}" for one in found.holidays]
        st.caption(f"Holidays in this time: {words.listed(named)}.")
    if found.outlook is not None:
        st.caption(_ahead(found.outlook))


def _ahead(one: Outlook) -> str:
    return (
        f"{words.plural(one.open, 'alert')} open now; if it goes on as in the last four weeks, {one.opens:.0f} more open and "
        f"{one.closes:.0f} close, so {one.expected:.0f} are open at the end (range {one.low:.0f} to {one.high:.0f}). "
        f"There is room for {one.capacity:,}."
    )


def _findings(viewer: Viewer, findings: Sequence[Finding]) -> None:
    for number, one in enumerate(findings[:_FIRST]):
        _finding(viewer, one, number)
    if rest := findings[_FIRST:]:
        with st.expander(f"{words.plural(len(rest), 'more finding')}"):
            for number, one in enumerate(rest, start=_FIRST):
                _finding(viewer, one, number)


def _finding(viewer: Viewer, one: Finding, number: int) -> None:
    name, icon, colour = _MARK[one.severity]
    zone = clock.zone(viewer.timezone)
    with st.container(border=True, gap="small"):
        st.badge(name, icon=icon, color=colour)  # type: ignore[arg-type]
        st.markdown(words.plain(one.text))
        times = [f"When: {words.plain(when(one.spans, zone))}."] if one.spans else []
        times += [f"Outside {DAY[0]}-{DAY[1]} h: {words.plain(when(one.night, zone, shown=2))}."] if one.night else []
        if times:
            st.caption(" ".join(times))
        st.markdown(words.plain(one.todo))
        if one.link is not None:
            _link(one.link, f"finding-{number}")


def _link(link: Link, key: str) -> None:
    if link.page == "agents":  # this very page: another tab of it
        icon = ":material/arrow_forward:"
        st.button(link.label, key=key, icon=icon, type="tertiary", on_click=_go, args=(dict(link.query),))
    else:
        st.page_link(
            menu.file(link.page), label=link.label, icon=":material/arrow_forward:", query_params=dict(link.query)
        )


def _go(query: Mapping[str, str]) -> None:
    """The tab's key is its name in small letters; whose profile is shown is kept by id."""
    st.session_state["view"] = query["view"].lower()
    if "agent" in query:
        st.session_state["agent"] = query["agent"]


def _hours(viewer: Viewer, found: Report) -> None:
    zone = clock.zone(viewer.timezone)
    counts: dict[tuple[date, int], int] = {}
    for at, number in found.hours:
        local = at.astimezone(zone)
        place = (local.date(), local.hour)
        counts[place] = min(number, counts.get(place, number))  # an hour that the clock repeats is there twice
    days = sorted({day for day, _ in counts})
    st.subheader("How many are on duty", anchor=False)
    left, right = st.columns([3, 2])
    with left:
        st.plotly_chart(
            coverage_charts.heat(days, counts, zone=viewer.timezone), config=charts.CONFIG, key="coverage-chart"
        )
    with right:
        rows = [_day(day, counts) for day in days]
        st.dataframe(pd.DataFrame(rows), hide_index=True, height=min(38 + 35 * len(rows), 600))
    st.caption(
        "The fewest at any moment of each hour, in your time zone. Pauses and switches are taken to last; overflow and "
        "capacity are not counted."
    )


def _day(day: date, counts: Mapping[tuple[date, int], int]) -> dict[str, Any]:
    hours = {hour: number for (of, hour), number in counts.items() if of == day}
    by_day = [number for hour, number in hours.items() if DAY[0] <= hour < DAY[1]]
    return {
        "Day": coverage_charts.label(day),
        f"Fewest {DAY[0]}-{DAY[1]} h": str(min(by_day)) if by_day else "–",
        "Most": max(hours.values()),
        "Nobody on duty": _stretches([hour for hour, number in sorted(hours.items()) if number == 0]),
    }


def _stretches(hours: Sequence[int]) -> str:
    """`0-8 and 20-24 h`; hours in a row are one."""
    runs = [[hour for _, hour in run] for _, run in groupby(enumerate(hours), key=lambda one: one[1] - one[0])]
    return f"{words.listed([f'{run[0]}-{run[-1] + 1}' for run in runs])} h" if runs else "–"


def _areas(viewer: Viewer, found: Report) -> None:
    if not found.areas:
        return
    st.subheader("Hours without anybody", anchor=False)
    rows = [_area(one, viewer.timezone) for one in found.areas]
    st.dataframe(pd.DataFrame(rows), hide_index=True, height=min(38 + 35 * len(rows), 420))
    st.caption(
        f"Day is {DAY[0]}:00 to {DAY[1]}:00 by the clock of the house ({found.zone.replace('_', ' ')}). Missed are hours by day in which "
        "somebody of the area works, but for time off, a pause or a switch; a colleague on duty who stands in counts as there."
    )


def _area(one: Area, timezone: str) -> dict[str, Any]:
    return {
        "Area": one.name,
        "Kind": _KIND[one.kind],
        "Agents": one.people,
        "Missed (h)": round(one.missed, 1),
        "By day (h)": round(one.day, 1),
        "At night (h)": round(one.night, 1),
        "Longest by day": when([one.longest], clock.zone(timezone)) if one.longest else "–",
    }

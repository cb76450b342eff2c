"""Working hours as people write them ("9-12:30, 1pm-5:30pm"), and a picture of the week."""

import html
import re
from collections.abc import Mapping, Sequence
from functools import cache
from itertools import pairwise
from typing import Any
from zoneinfo import available_timezones

import streamlit as st

from app.ui import agents_commands as commands
from core.routing.profiles import Profile
from core.routing.schedule import DAYS
from core.viewer import Viewer

NAMES = dict(zip(DAYS, ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"), strict=True))
Span = list[str]
_MINUTES, _NOON = 24 * 60, 12 * 60
_TIME = re.compile(r"(\d{1,2})(?:[:.]?(\d{2}))?\s*(am|pm|a|p)?")
_ZONES = tuple(f"America/{city}" for city in ("New_York", "Chicago", "Denver", "Phoenix", "Los_Angeles", "Anchorage"))
_OFF = ("", "off", "-", "–", "none", "free")


def read(text: str) -> list[Span]:
    """ "9-12:30, 1:30pm-6pm" as [["09:00", "12:30"], ["13:30", "18:00"]]; nothing for a day off.

    Raises:
        ValueError: saying what cannot be read.
    """
    if text.strip().lower() in _OFF:
        return []
    spans = sorted(_span(part) for part in re.split(r"[,;]|\band\b", text.lower()) if part.strip())
    if any(before[1] > after[0] for before, after in pairwise(spans)):
        raise ValueError(f"“{text.strip()}” overlaps itself")
    return spans


def written(spans: Sequence[Sequence[str]]) -> str:
    """As `read` takes it: 09:00-12:30, 13:30-18:00."""
    return ", ".join(f"{start}-{end}" for start, end in spans)


def _span(text: str) -> Span:
    ends = re.split(r"[-–]|\bto\b", text)
    if len(ends) != 2:
        raise ValueError(f"“{text.strip()}” is no span such as 9-17:30")
    (start, early), (end, late) = _minute(ends[0], text), _minute(ends[1], text)
    if late == "p" and not early and start + _NOON < end:
        start += _NOON  # 1-5pm
    if not early and not late and end <= start and max(start, end) <= _NOON:
        end += _NOON  # 9-5
    if end == 0:
        end = _MINUTES  # to midnight
    if end <= start:
        raise ValueError(f"“{text.strip()}” ends before it starts; a night is two spans, one on each day")
    return [_clock(start), _clock(end)]


def _minute(text: str, whole: str) -> tuple[int, str]:
    """The minute of the day, and "a" or "p" where that was said."""
    found = _TIME.fullmatch(text.strip())
    if found is None:
        raise ValueError(f"“{whole.strip()}” is no span such as 9-17:30")
    hour, minute, half = int(found[1]), int(found[2] or 0), (found[3] or "")[:1]
    if half and not 1 <= hour <= 12:
        raise ValueError(f"“{text.strip()}” is no time of day")
    if half:
        hour = hour % 12 + (12 if half == "p" else 0)
    total = hour * 60 + minute
    if minute > 59 or total > _MINUTES:
        raise ValueError(f"“{text.strip()}” is no time of day")
    return total, half


def _clock(minute: int) -> str:
    return f"{minute // 60:02}:{minute % 60:02}"


def edit(viewer: Viewer, profile: Profile) -> None:
    """The hours of a week, beside a picture of it; saved with one button."""
    _zone(viewer, profile)
    always = st.toggle("Always on duty", not profile.schedule, key=f"always-{profile.agent_id}")
    if always:
        st.write("No hours are kept: alerts come at any time of any day.")
        if profile.schedule and st.button("Save: always on duty", key=f"save-always-{profile.agent_id}"):
            commands.show(commands.put_profile(viewer, profile.agent_id, {"schedule": {}}, "Always on duty"))
        return
    left, right = st.columns([2, 3], gap="large")
    with left:
        week, wrong = _inputs(profile)
        st.caption("Such as 9-12:30, 13:30-18 or 9am-5pm; empty is a day off. The picture shows how it was read.")
    with right:
        picture(week)
    for text in wrong:
        st.warning(text, icon=":material/edit:")
    changed = week != {day: [list(span) for span in profile.schedule.get(day, ())] for day in DAYS}
    with st.container(horizontal=True, gap="small"):
        if st.button("Save hours", key=f"save-hours-{profile.agent_id}", disabled=bool(wrong) or not changed):
            kept = {day: spans for day, spans in week.items() if spans}
            if not kept:
                st.error("A week without hours: switch new alerts off instead, or take time off.")
                return
            commands.show(commands.put_profile(viewer, profile.agent_id, {"schedule": kept}, "Working hours saved"))
        st.button(
            "Monday's hours on every weekday",
            key=f"copy-hours-{profile.agent_id}",
            type="tertiary",
            on_click=_copy,
            args=(profile.agent_id,),
        )


@cache
def _all_zones() -> tuple[str, ...]:
    """Found by walking a folder, so once a process."""
    return tuple(sorted(available_timezones()))


def _zone(viewer: Viewer, profile: Profile) -> None:
    zones = list(dict.fromkeys([profile.timezone, *_ZONES, *_all_zones()]))
    chosen = st.selectbox(
        "Time zone",
        zones,
        format_func=lambda zone: zone.replace("_", " "),
        key=f"zone-{profile.agent_id}-{profile.timezone}",
        help="Wall time counts, also where the clock changes.",
        width=340,
    )
    if chosen != profile.timezone:
        said = f"Hours are in {chosen.replace('_', ' ')} time now"
        commands.show(commands.put_profile(viewer, profile.agent_id, {"timezone": chosen}, said))


def _key(agent_id: str, day: str) -> str:
    return f"hours-{agent_id}-{day}"


def _copy(agent_id: str) -> None:
    for day in DAYS[1:5]:
        st.session_state[_key(agent_id, day)] = st.session_state[_key(agent_id, DAYS[0])]


def _inputs(profile: Profile) -> tuple[dict[str, list[Span]], list[str]]:
    week: dict[str, list[Span]] = {}
    wrong = []
    for day, name in NAMES.items():
        key = _key(profile.agent_id, day)
        st.session_state.setdefault(key, written(profile.schedule.get(day, ())))
        text = st.text_input(name, key=key, max_chars=120, placeholder="off")
        try:
            week[day] = read(text)
        except ValueError as error:
            week[day] = []
            wrong.append(f"{name}: {error}")
    return week, wrong


def picture(week: Mapping[str, Sequence[Sequence[str]]]) -> None:
    """Seven bars of a day each, and the hours in words for who does not see them."""
    rows = "".join(_row(day, week.get(day, ())) for day in DAYS)
    hours = "".join(
        f'<span style="position:absolute;left:{hour / 24:.2%};transform:translateX(-50%)">{hour}</span>'
        for hour in (0, 6, 12, 18, 24)
    )
    scale = f'<div style="position:relative;height:1.4em;margin:0 .7em 0 3em;font-size:.85em">{hours}</div>'
    label = html.escape("; ".join(f"{NAMES[day]} {written(week.get(day, ())) or 'off'}" for day in DAYS), quote=True)
    st.html(f'<div role="img" aria-label="The week: {label}">{rows}{scale}</div>')


def _row(day: str, spans: Sequence[Sequence[str]]) -> str:
    bars = "".join(
        f'<div style="position:absolute;top:0;bottom:0;left:{_share(start):.2%};width:{_share(end) - _share(start):.2%};'
        'background:currentColor;opacity:.7;border-radius:3px"></div>'
        for start, end in spans
    )
    track = '<div style="position:absolute;inset:0;background:currentColor;opacity:.09;border-radius:3px"></div>'
    return (
        '<div style="display:flex;align-items:center;margin:.3em .7em .3em 0">'
        f'<span style="width:3em">{NAMES[day][:3]}</span>'
        f'<div style="position:relative;flex:1;height:1.5em">{track}{bars}</div></div>'
    )


def _share(clock: str) -> float:
    return (int(clock[:2]) * 60 + int(clock[3:])) / _MINUTES


def in_words(schedule: Mapping[str, Any]) -> str:
    """`Mon–Fri 09:00-17:00` for who may not change it."""
    if not schedule:
        return "always on duty"
    parts: list[tuple[str, str, str]] = []
    for day in DAYS:
        text = written(schedule.get(day, ()))
        if not text:
            continue
        name = NAMES[day][:3]
        if parts and parts[-1][2] == text and DAYS.index(day) == _index(parts[-1][1]) + 1:
            parts[-1] = (parts[-1][0], name, text)
        else:
            parts.append((name, name, text))
    return "; ".join(f"{first}–{last} {text}" if first != last else f"{first} {text}" for first, last, text in parts)


def _index(short: str) -> int:
    return next(number for number, day in enumerate(DAYS) if NAMES[day].startswith(short))

"""Time off on a profile: what is to come, what was, and a form with who covers."""

from collections.abc import Mapping
from datetime import datetime, time, timedelta
from typing import Any

import streamlit as st

from app.ui import agents_commands as commands
from app.ui import agents_reading, queries, words
from core import clock
from core.routing.profiles import Profile
from core.routing.time_off import Off
from core.viewer import Viewer

_SHOWN_PAST = 10


def show(viewer: Viewer, profile: Profile) -> None:
    """The whole section."""
    now, offs = queries.now(), agents_reading.times_off(viewer, profile.agent_id)
    coming = [off for off in offs if off.ends_at > now]
    if not coming:
        st.write("None planned.")
    for off in coming:
        _row(viewer, profile, off, now=now)
    with st.popover("Add time off", width="content"):
        _form(viewer, profile, None)
    past = [off for off in reversed(offs) if off.ends_at <= now][:_SHOWN_PAST]
    if past:
        st.caption("Over: " + words.plain("; ".join(_said(off) for off in past)))


def _row(viewer: Viewer, profile: Profile, off: Off, *, now: datetime) -> None:
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        running = "**Now** · " if off.starts_at <= now else ""
        st.markdown(f"{running}{words.plain(_said(off))}", width="content")
        with st.popover("Change", width="content"):
            _form(viewer, profile, off)
        begun = off.starts_at < now
        with st.popover("End it" if begun else "Delete", width="content"):
            st.write("Alerts come again from now on." if begun else "As if it had never been planned.")
            if st.button("Back now" if begun else "Delete it", key=f"drop-{off.id}"):
                commands.show(commands.remove_time_off(viewer, off))


def _said(off: Off) -> str:
    cover = f"{off.cover_name} covers" if off.cover_name else "nobody covers"
    return f"{off.words()}, {cover}" + (f" ({off.reason})" if off.reason else "")


def _form(viewer: Viewer, profile: Profile, off: Off | None) -> None:
    """Whole days or hours, in the agent's zone; who covers; and why."""
    key, zone = off.id if off else f"new-{profile.agent_id}", clock.zone(profile.timezone)
    today = queries.now().astimezone(zone).date()
    days = off.days if off else (today + timedelta(days=1),) * 2
    hours = st.toggle("Only some hours", off is not None and days is None, key=f"hours-{key}")
    starts, ends = (off.starts_at.astimezone(zone), off.ends_at.astimezone(zone)) if off else (None, None)
    raw: dict[str, Any] = {}
    if hours:
        day = st.date_input("Day", starts.date() if starts else today, key=f"day-{key}")
        left, right = st.columns(2, gap="small")
        begins = left.time_input("From", starts.time() if starts else time(13), key=f"from-{key}", step=900)
        stops = right.time_input("To", ends.time() if ends else time(17), key=f"to-{key}", step=900)
        last = ends.date() if ends and starts and ends.date() > starts.date() and day == starts.date() else day
        raw["starts_at"] = datetime.combine(day, begins, zone)
        raw["ends_at"] = datetime.combine(last, stops, zone)
    else:
        first, last = days or (starts.date() if starts else today,) * 2
        raw["first_day"] = st.date_input("First day", first, key=f"first-{key}")
        raw["last_day"] = st.date_input("Last day", max(last, first), key=f"last-{key}")
    raw["cover_agent_id"] = _cover(viewer, profile, off, key=key)
    raw["reason"] = st.text_input("Why (you and your manager see it)", off.reason if off else "", max_chars=200, key=f"why-{key}")  # fmt: skip
    st.caption(f"Times are in {profile.timezone.replace('_', ' ')}.")
    if st.button("Save", key=f"save-{key}", type="primary"):
        commands.show(_save(viewer, profile, off, raw))


def _save(viewer: Viewer, profile: Profile, off: Off | None, raw: Mapping[str, Any]) -> commands.Done:
    return commands.change_time_off(viewer, off, raw) if off else commands.add_time_off(viewer, profile.agent_id, raw)


def _cover(viewer: Viewer, profile: Profile, off: Off | None, *, key: str) -> str | None:
    names = {agent_id: name for agent_id, name, _ in queries.agent_names(viewer) if agent_id != profile.agent_id}
    if off is not None and off.cover_agent_id is not None:
        names.setdefault(off.cover_agent_id, off.cover_name or off.cover_agent_id)
    options = [None, *names]
    chosen: str | None = st.selectbox(
        "Who covers",
        options,
        options.index(off.cover_agent_id) if off else 0,
        format_func=lambda one: names[one] if one else "Nobody in particular",
        key=f"cover-{key}",
        help="Gets what was not looked at, and what would have come by name or from own clients.",
    )
    return chosen

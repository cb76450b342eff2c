"""The inbox: a list to tick, what to do with what is ticked, and pages by key."""

from collections.abc import Callable, Sequence
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import streamlit as st

from app import runtime
from app.ui import identity, layout, menu, queries, words
from app.ui.commands import Done, say
from core import changes, inbox
from core.errors import DoorbellError
from core.viewer import Viewer
from core.views import notifications
from core.views.notifications import NotificationRow
from core.views.page import Page

_WHICH = {
    "all": "All",
    "unread": "Unread",
    "snoozed": "Snoozed",
    "archived": "Put away",
}
_EMPTY = {
    "all": "Nothing here. When an alert comes to you, it is told here too.",
    "unread": "Nothing unread.",
    "snoozed": "Nothing is snoozed.",
    "archived": "Nothing was put away.",
}
_PAGE = 20
_AFTERNOON, _MORNING = time(15), time(9)
_TRAIL = "inbox-trail"
"""Cursors of the pages before this one; the last is this page's."""


@st.fragment
def render() -> None:
    """The page; a push draws it again."""
    viewer = identity.me()
    which = str(st.session_state.get("inbox-which") or "all")
    trail: list[str | None] = st.session_state.setdefault(_TRAIL, [None])
    with queries.reading() as session:
        up_to = changes.newest_id(session)
        page = notifications.list_notifications(
            session,
            viewer,
            unread_only=which == "unread",
            archived=which == "archived",
            snoozed=which == "snoozed",
            cursor=trail[-1],
            limit=_PAGE,
            now=queries.now(),
        )
        unread = notifications.unread_count(session, viewer, now=queries.now())
    layout.heading("Inbox", viewer=viewer, live_key="inbox-live", up_to=up_to)
    st.markdown(f"**{words.plural(unread, 'unread notice')}**")
    st.segmented_control(
        "Show",
        list(_WHICH),
        format_func=_WHICH.__getitem__,
        default="all",
        required=True,
        key="inbox-which",
        label_visibility="collapsed",
        on_change=_from_the_start,
        wrap=True,
    )
    _told()
    if not page.items:
        st.info("There is nothing more on this page." if len(trail) > 1 else _EMPTY[which])
    else:
        _actions(viewer, page.items, which)
        for row in page.items:
            _row(viewer, row)
    _pages(page, trail)


def _row(viewer: Viewer, row: NotificationRow) -> None:
    title = words.plain(row.title)
    with st.container(border=True, gap="xsmall"):
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            st.checkbox(
                title if row.read_at else f"**{title}** :green-badge[New]", key=f"pick-{row.id}", width="stretch"
            )
            st.caption(words.plain(_when(viewer, row)), width="content")
            if row.alert_id:
                st.page_link(
                    menu.file("feed"),
                    label="Open the alert",
                    icon=":material/open_in_new:",
                    query_params={"alert": row.alert_id},
                    width="content",
                )
        if row.body:
            st.caption(words.plain(row.body))


def _when(viewer: Viewer, row: NotificationRow) -> str:
    now = queries.now()
    when = words.short(row.created_at, viewer.timezone, now=now)
    if row.is_back:
        return f"Back since {words.short(row.shown_at, viewer.timezone, now=now)} · first told {when}"
    if row.snoozed_until is not None and row.snoozed_until > now:
        return f"{when} · back {words.short(row.snoozed_until, viewer.timezone, now=now)}"
    return when


def _actions(viewer: Viewer, rows: Sequence[NotificationRow], which: str) -> None:
    picked = [row.id for row in rows if st.session_state.get(f"pick-{row.id}")]
    none = not picked
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.button(
            "Untick all" if len(picked) == len(rows) else "Tick all",
            key="inbox-all",
            on_click=_tick,
            args=([row.id for row in rows], len(picked) < len(rows)),
        )
        if which == "archived":
            _act(viewer, "Take back", "unarchive", picked, inbox.unarchive)
            return
        if which == "snoozed":
            _act(viewer, "Show now", "unsnooze", picked, inbox.unsnooze)
            return
        _act(viewer, "Read", "read", picked, inbox.mark_read)
        _act(viewer, "Unread", "unread", picked, inbox.mark_unread)
        _act(viewer, "Put away", "archive", picked, inbox.archive)
        with st.popover("Snooze", disabled=none, width="content"):
            _snoozes(viewer, picked)
    if none:
        st.caption("Tick notices to do something with them.")


def _act(viewer: Viewer, label: str, key: str, ids: Sequence[str], what: Callable[..., int]) -> None:
    st.button(label, key=f"inbox-{key}", disabled=not ids, on_click=_do, args=(viewer, label, ids, what))


def _snoozes(viewer: Viewer, ids: Sequence[str]) -> None:
    for label, until in choices(viewer.timezone, now=queries.now()):
        st.button(label, key=f"snooze-{label}", on_click=_snooze, args=(viewer, ids, until), width="stretch")
    tomorrow = queries.now().astimezone(ZoneInfo(viewer.timezone)).date() + timedelta(days=1)
    day: date = st.date_input(
        "Until the morning of", tomorrow, min_value=tomorrow, max_value=tomorrow + timedelta(days=360), key="snooze-day"
    )
    until = datetime.combine(day, _MORNING, ZoneInfo(viewer.timezone))
    st.button("Snooze until then", key="snooze-then", on_click=_snooze, args=(viewer, ids, until))


def choices(timezone: str, *, now: datetime) -> list[tuple[str, datetime]]:
    """What one may snooze until, in the reader's zone; an afternoon that has come is not offered."""
    zone = ZoneInfo(timezone)
    today = now.astimezone(zone).date()
    afternoon = datetime.combine(today, _AFTERNOON, zone)
    found = [("For an hour", now + timedelta(hours=1))]
    if afternoon - now > timedelta(hours=1):
        found.append(("Until this afternoon (15:00)", afternoon))
    found.append(("Until tomorrow morning (9:00)", datetime.combine(today + timedelta(days=1), _MORNING, zone)))
    return found


def _snooze(viewer: Viewer, ids: Sequence[str], until: datetime) -> None:
    _do(viewer, "Snooze", ids, lambda *args, now: inbox.snooze(*args, until=until, now=now))


def _do(viewer: Viewer, label: str, ids: Sequence[str], what: Callable[..., int]) -> None:
    try:
        with runtime.current().database.write() as session:
            number = what(session, viewer, ids, now=queries.now())
        done = Done(ok=True, text=f"{label}: {words.plural(number, 'notice')}")
    except DoorbellError as error:
        done = Done(ok=False, text=say(error))
    _tick(ids, False)
    st.session_state["inbox-told"] = done


def _told() -> None:
    done = st.session_state.pop("inbox-told", None)
    if done is not None:
        (st.toast if done.ok else st.error)(done.text)


def _tick(ids: Sequence[str], on: bool) -> None:
    for one in ids:
        st.session_state[f"pick-{one}"] = on


def _pages(page: Page[NotificationRow], trail: list[str | None]) -> None:
    if len(trail) == 1 and page.next_cursor is None:
        return
    with st.container(horizontal=True, gap="small"):
        st.button("Newer", key="inbox-newer", disabled=len(trail) == 1, on_click=_newer)
        st.button("Older", key="inbox-older", disabled=page.next_cursor is None, on_click=trail.append, args=(page.next_cursor,))  # fmt: skip


def _newer() -> None:
    st.session_state[_TRAIL].pop()


def _from_the_start() -> None:
    st.session_state[_TRAIL] = [None]

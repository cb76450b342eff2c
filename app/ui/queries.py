"""What the pages read: core.views under the viewer's own rights, and small caches where many pages ask the same."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime, timedelta

import streamlit as st
from sqlalchemy import select
from sqlalchemy.orm import Session

from app import runtime
from core import changes, routing
from core.db.tables import Contact
from core.learning import drift
from core.viewer import Viewer
from core.views import agents as agent_views
from core.views import alert_types as alert_type_views
from core.views import analytics, assignments, days, notifications, overview, progress, saved_filters, warmest
from core.views.card import AlertCard
from core.views.detail import AlertDetail
from core.views.feed import Filters, Sort, count_alerts, first_in_line, get_alert, list_alerts
from core.views.page import Page


def now() -> datetime:
    """The present instant, from the process's clock."""
    return runtime.current().clock.now()


@contextmanager
def reading() -> Iterator[Session]:
    with runtime.current().database.read() as session:
        yield session


_states: dict[str, routing.State] = {}


def routing_state() -> routing.State:
    """The house as routing sees it, read once; read again when its version moved."""
    url = runtime.current().database.url
    with reading() as session:
        state = _states.get(url)
        if state is None:
            state = _states[url] = routing.State.load(session)
        else:
            state.refresh(session)
    return state


@dataclass(frozen=True, kw_only=True)
class FeedPage:
    page: Page[AlertCard]
    total: int
    up_to: int
    """The newest change these rows may know of: what the feed tells later must be looked at again."""


def feed(viewer: Viewer, filters: Filters, *, sort: Sort, cursor: str | None, limit: int = 25) -> FeedPage:
    """One page of alerts, how many there are, and up to which change that is true."""
    at = now()
    with reading() as session:
        up_to = changes.newest_id(session)
        page = list_alerts(session, viewer, filters, sort=sort, cursor=cursor, limit=limit, now=at)
        small = cursor is None and page.next_cursor is None
        total = len(page.items) if small else count_alerts(session, viewer, filters, now=at)
    return FeedPage(page=page, total=total, up_to=up_to)


def alert(viewer: Viewer, alert_id: str) -> AlertDetail:
    """Everything about one alert.

    Raises:
        NotFound: no such alert, or not for this viewer.
    """
    with reading() as session:
        return get_alert(session, viewer, alert_id, now=now())


@dataclass(frozen=True, kw_only=True)
class Start:
    """What the first page shows."""

    numbers: overview.Overview
    urgent: tuple[AlertCard, ...]
    unread: int
    up_to: int


def start(viewer: Viewer) -> Start:
    at = now()
    with reading() as session:
        up_to = changes.newest_id(session)
        return Start(
            numbers=overview.overview(session, viewer, now=at),
            urgent=first_in_line(session, viewer, now=at),
            unread=notifications.unread_count(session, viewer, now=at),
            up_to=up_to,
        )


def warm(viewer: Viewer, limit: int = 8) -> tuple[warmest.WarmContact, ...]:
    with reading() as session:
        return warmest.warmest(session, viewer, limit=limit, now=now())


def running_jobs() -> tuple[progress.JobProgress, ...]:
    """Jobs that count something and are at it now."""
    with reading() as session:
        return tuple(job for job in progress.jobs(session) if job.is_running and job.total > 0)


def has_people() -> bool:
    """Whether anybody's behaviour has ever arrived."""
    with reading() as session:
        return session.scalar(select(Contact.id).limit(1)) is not None


@dataclass(frozen=True, kw_only=True)
class BoardPage:
    lanes: tuple[assignments.Lane, ...]
    pool_total: int
    up_to: int


def board(viewer: Viewer) -> BoardPage:
    with reading() as session:
        up_to = changes.newest_id(session)
        return BoardPage(
            lanes=assignments.lanes(session, viewer, now=now()),
            pool_total=assignments.pool_total(session),
            up_to=up_to,
        )


def agents(viewer: Viewer) -> tuple[agent_views.AgentRow, ...]:
    """The agents this viewer may see, with their loads as they are now."""
    with reading() as session:
        return agent_views.list_agents(session, viewer, now=now())


@st.cache_data(ttl=timedelta(seconds=60), show_spinner=False)
def unverified() -> frozenset[tuple[str, str]]:
    """(alert type, priority) whose alerts do not come true as often as said; kept for a minute, it changes once a day."""
    with reading() as session:
        return drift.unverified(session)


@st.cache_data(ttl=timedelta(seconds=30), max_entries=256, show_spinner=False)
def agent_names(viewer: Viewer) -> tuple[tuple[str, str, str], ...]:
    """Id, name and e-mail of the same agents; kept for half a minute, because every row of filters asks."""
    return tuple((agent.id, agent.name, agent.email) for agent in agents(viewer))


@st.cache_data(ttl=timedelta(seconds=10), max_entries=8, show_spinner=False)
def _own_types_of(_database_url: str) -> Mapping[str, tuple[str, int]]:
    with reading() as session:
        return alert_type_views.names(session)


def own_types() -> Mapping[str, tuple[str, int]]:
    """The team's own alert types: id to name and horizon in days; kept for ten seconds, because every card asks."""
    return _own_types_of(runtime.current().database.url)


def forget_own_types() -> None:
    """One was changed here: the next question is asked anew."""
    _own_types_of.clear()


def inbox(viewer: Viewer, limit: int = 8) -> tuple[notifications.NotificationRow, ...]:
    with reading() as session:
        return notifications.list_notifications(session, viewer, limit=limit, now=now()).items


def unread(viewer: Viewer) -> int:
    with reading() as session:
        return notifications.unread_count(session, viewer, now=now())


def next_back(viewer: Viewer) -> float | None:
    """Seconds until a snoozed notice comes back; None while nothing is snoozed."""
    at = now()
    with reading() as session:
        back = notifications.next_back(session, viewer, now=at)
    return (back - at).total_seconds() if back else None


def saved(viewer: Viewer, page: str) -> Mapping[str, saved_filters.SavedFilterRow]:
    with reading() as session:
        return {row.name: row for row in saved_filters.list_saved(session, viewer, page)}


@dataclass(frozen=True, kw_only=True)
class Report:
    """Everything the analytics page shows of one period."""

    volume: tuple[analytics.VolumeRow, ...]
    by_type: tuple[analytics.ConversionRow, ...]
    funnel: tuple[analytics.FunnelStep, ...]
    response: tuple[analytics.ResponseRow, ...]
    agents: tuple[analytics.ComparedAgent, ...]
    read_at: datetime


@st.cache_data(ttl=timedelta(seconds=60), max_entries=64, show_spinner=False)
def report(viewer: Viewer, first: date, last: date) -> Report:
    """The report of whole local days, both included; the same viewer's is kept for a minute."""
    since = days.start_of(first, viewer.timezone)
    until = days.start_of(last + timedelta(days=1), viewer.timezone)
    with reading() as session:
        return Report(
            volume=analytics.volume(session, viewer, since=since, until=until),
            by_type=analytics.conversion(session, viewer, since=since, until=until),
            funnel=analytics.funnel(session, viewer, since=since, until=until),
            response=analytics.response_times(session, viewer, since=since, until=until),
            agents=analytics.agents_compared(session, viewer, since=since, until=until),
            read_at=now(),
        )

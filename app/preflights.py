"""The check of the days to come for whoever looks, kept until the minute or the house is another; for the API and the page."""

import threading
from datetime import datetime

from core import clock, delivery, preflight, routing
from core.db import Database
from core.preflight import Report
from core.settings import Settings
from core.viewer import Viewer
from core.words import Role

_MOST_KEPT = 64
_kept: dict[tuple[object, ...], Report] = {}
_lock = threading.Lock()


def report(
    database: Database,
    settings: Settings,
    state: routing.State,
    viewer: Viewer,
    *,
    days: int,
    now: datetime,
    minutes: int = 1,
) -> Report:
    """An admin's covers the house, a manager's their teams; those of the same teams and zone share one.

    Args:
        minutes: how old it may be; a house that has changed is read anew at once.
    """
    teams = None if viewer.role is Role.ADMIN else frozenset(viewer.team_ids)
    with database.read() as session:
        state.refresh(session)
    since = now.replace(minute=now.minute - now.minute % minutes, second=0, microsecond=0)
    key = (database.url, teams, viewer.timezone, days, state.house.version, since)
    with _lock:  # who asks for the same at the same time waits for the one who works it out
        found = _kept.get(key)
        if found is None:
            with database.read() as session:
                facts = preflight.read(session, state=state, channels=delivery.set_up(settings), now=since)
            zone = clock.zone(viewer.timezone)
            found = preflight.check(facts, team_ids=teams, days=days, zone=zone, now=since)
            if len(_kept) >= _MOST_KEPT:
                _kept.clear()
            _kept[key] = found
    return found

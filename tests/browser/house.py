"""The house that browser tests visit: its address, its database, and a way to ring."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import Page

from core import feed
from core.clock import SystemClock
from core.db import Database
from core.words import ChangeKind, Priority
from tests import factories

ROOT = Path(__file__).resolve().parents[2]
PASSWORD = "correct horse battery"
Open = Callable[..., Page]


@dataclass(frozen=True, kw_only=True)
class House:
    """A brokerage at an address: Mia manages Ann and Bob; Cal is in another team; Ada is the admin."""

    url: str
    database: Database

    def ring(self, name: str, *, to: str | None = "ann", priority: Priority = Priority.HIGH, number: int = 1) -> str:
        """Open alerts as the line does, and have the feed tell of them; the last one's id."""
        now = SystemClock().now()
        with self.database.write() as session:
            ids = []
            for place in range(number):
                who = name if number == 1 else f"{name} {place + 1}"
                contact_id = factories.contact(session, name=who, territory="oak-park", now=now)
                factories.home(session, contact_id, now=now)
                ids.append(factories.alert(session, contact_id=contact_id, agent_id=to, priority=priority, now=now))
            feed.tell_alerts(session, ChangeKind.ALERT_NEW, ids, now=now)
        return ids[-1]

"""Once a day, in the house's morning: the days to come are checked, and who answers for them hears what is new."""

from collections.abc import Collection
from datetime import datetime

from core import clock as clocks
from core import preflight, routing
from core.clock import Clock
from core.db import Database
from core.preflight import Finding, telling
from core.preflight.facts import Facts
from core.preflight.telling import Reader


def tell_once(database: Database, state: routing.State, clock: Clock, *, channels: Collection[str]) -> str:
    """One look; what was done, in words.

    Args:
        channels: to the outside, set up.
    """
    now = clock.now()
    with database.read() as session:
        state.refresh(session)
        zone = state.house.zone
        if not telling.is_due(session, zone, now=now):
            return ""
        facts = preflight.read(session, state=state, channels=channels, now=now)
        people = telling.readers(session)
    serious = _serious(facts, people, now=now)
    with database.write() as session:
        telling.lock(session)
        if not telling.is_due(session, zone, now=now):
            return ""  # another process was faster
        told = telling.tell(session, serious, people=people, zone=zone, now=now)
    return f"{told} told of what is to come" if told else ""


def _serious(facts: Facts, people: list[Reader], *, now: datetime) -> dict[str, tuple[Finding, ...]]:
    """By user. Readers of the same teams share one check."""
    reports: dict[frozenset[str] | None, preflight.Report] = {}
    found = {}
    for reader in people:
        report = reports.get(reader.team_ids)
        if report is None:
            zone = clocks.zone(reader.timezone)
            report = reports[reader.team_ids] = preflight.check(facts, team_ids=reader.team_ids, zone=zone, now=now)
        found[reader.user_id] = report.serious
    return found

"""The whole check: facts in, a report out; pure, and fast enough to be made when somebody looks."""

from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from core.preflight import areas, outlook, people, skills, steps
from core.preflight.areas import Area
from core.preflight.coverage import Coverage, window
from core.preflight.facts import Facts, NamedDay
from core.preflight.finding import RANK, Finding, Severity
from core.preflight.outlook import Outlook
from core.preflight.scope import Scope

DAYS = 14
MOST_DAYS = 60


@dataclass(frozen=True, kw_only=True)
class Report:
    since: datetime
    until: datetime
    zone: str
    """The house's: by its clock it is day or night."""
    findings: tuple[Finding, ...]
    """The most serious first."""
    areas: tuple[Area, ...]
    hours: tuple[tuple[datetime, int], ...]
    """(start of the hour, the fewest on duty in it)."""
    people: int
    """How many are meant to get alerts."""
    outlook: Outlook | None
    holidays: tuple[NamedDay, ...]

    @property
    def serious(self) -> tuple[Finding, ...]:
        return tuple(one for one in self.findings if one.severity is Severity.SERIOUS)

    @property
    def is_covered(self) -> bool:
        """Nothing to do: at most notes."""
        return all(one.severity is Severity.NOTE for one in self.findings)


def check(
    facts: Facts, *, team_ids: frozenset[str] | None = None, days: int = DAYS, zone: ZoneInfo, now: datetime
) -> Report:
    """Look at the days to come, today included.

    Args:
        team_ids: the teams of a manager; None for the whole house.
        zone: of who looks, for the hours; what counts as day goes by the house's.
    """
    house = facts.house
    until = window(now, days, house.zone)
    coverage = Coverage(house.directory, since=now, until=until, zone=house.zone)
    scope = Scope(facts=facts, coverage=coverage, team_ids=team_ids)
    ahead = outlook.outlook(scope)
    found = [
        *areas.check(scope),
        *skills.check(scope),
        *people.check(scope),
        *steps.check(scope),
        *outlook.check(ahead),
    ]
    last = until.astimezone(house.zone).date()
    return Report(
        since=now,
        until=until,
        zone=house.zone.key,
        findings=tuple(sorted(found, key=lambda one: (RANK[one.severity], -one.weight, one.id))),
        areas=tuple(areas.areas(scope)),
        hours=tuple(coverage.per_hour(scope.members, zone)),
        people=len(scope.members & coverage.regular),
        outlook=ahead,
        holidays=tuple(
            day
            for day in facts.holidays
            if now.astimezone(house.zone).date() <= day.day < last
            and (day.team_id is None or scope.sees_team(day.team_id))
        ),
    )

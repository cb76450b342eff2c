"""The check of the days to come over HTTP: what will go wrong, when, whom it concerns, and where to put it right."""

from collections.abc import Iterable
from datetime import date, datetime
from typing import Annotated, Literal

from fastapi import APIRouter, Query
from pydantic import Field

from app import preflights
from app.api.deps import Camel, Manager, Now, RuntimeOf
from app.api.routing import RoutingState
from core import clock
from core.preflight import DAYS, MOST_DAYS, Finding, Report
from core.preflight.areas import Area
from core.preflight.spans import Span
from core.preflight.words import when

router = APIRouter(prefix="/alerts", tags=["routing"])


class SpanOut(Camel):
    starts_at: datetime
    ends_at: datetime


class LinkOut(Camel):
    path: str
    """Of the dashboard, such as /agents?view=people."""
    label: str


class FindingOut(Camel):
    id: str
    """The same for the same thing on another day."""
    kind: str
    severity: Literal["serious", "attention", "note"]
    text: str
    todo: str
    """What to do next."""
    link: LinkOut | None
    when: str
    """The spans in words, in your zone; empty where it is so all the time."""
    spans: list[SpanOut]
    """The longest first."""
    night_spans: list[SpanOut]
    """The same outside 8-20 h by the house's clock."""
    agent_ids: list[str]
    team_ids: list[str]
    territories: list[str]


class AreaOut(Camel):
    kind: Literal["house", "team", "territory"]
    id: str
    name: str
    people: int
    day_hours: float = Field(description="without anybody, 8-20 h by the house's clock")
    night_hours: float
    missed_hours: float = Field(description="of dayHours: in which somebody usually is there")
    longest: SpanOut | None


class HourOut(Camel):
    starts_at: datetime
    on_duty: int
    """The fewest at any instant of the hour."""


class OutlookOut(Camel):
    open: int
    capacity: int
    opens: float
    closes: float
    expected: float
    low: float
    high: float
    """95% range of what is open at the end."""


class NamedDayOut(Camel):
    day: date
    name: str
    team_id: str | None


class PreflightOut(Camel):
    since: datetime
    until: datetime
    timezone: str
    """The house's: by its clock it is day or night."""
    people: int
    covered: bool
    """Nothing to do: at most notes."""
    findings: list[FindingOut]
    """The most serious first."""
    areas: list[AreaOut]
    hours: list[HourOut]
    outlook: OutlookOut | None
    holidays: list[NamedDayOut]


@router.get(
    "/routing/preflight", summary="What will go wrong in the days to come: hours, areas and skills nobody covers"
)
def preflight(
    viewer: Manager,
    runtime: RuntimeOf,
    state: RoutingState,
    now: Now,
    days: Annotated[int, Query(ge=1, le=MOST_DAYS, description="today included")] = DAYS,
) -> PreflightOut:
    """An admin sees the house, a manager their teams. Worked out at most once a minute."""
    found = preflights.report(runtime.database, runtime.settings, state, viewer, days=days, now=now)
    return _report_out(found, viewer.timezone)


def _report_out(found: Report, timezone: str) -> PreflightOut:
    return PreflightOut(
        since=found.since,
        until=found.until,
        timezone=found.zone,
        people=found.people,
        covered=found.is_covered,
        findings=[_finding_out(one, timezone) for one in found.findings],
        areas=[_area_out(one) for one in found.areas],
        hours=[HourOut(starts_at=at, on_duty=number) for at, number in found.hours],
        outlook=None
        if found.outlook is None
        else OutlookOut(**{name: getattr(found.outlook, name) for name in OutlookOut.model_fields}),
        holidays=[NamedDayOut(day=one.day, name=one.name, team_id=one.team_id) for one in found.holidays],
    )


def _finding_out(one: Finding, timezone: str) -> FindingOut:
    return FindingOut(
        id=one.id,
        kind=one.kind,
        severity=one.severity.value,
        text=one.text,
        todo=one.todo,
        link=LinkOut(path=one.link.path(), label=one.link.label) if one.link else None,
        when=when(one.spans, clock.zone(timezone)),
        spans=_spans(one.spans),
        night_spans=_spans(one.night),
        agent_ids=list(one.agent_ids),
        team_ids=list(one.team_ids),
        territories=list(one.territories),
    )


def _area_out(one: Area) -> AreaOut:
    return AreaOut(
        kind=one.kind,
        id=one.id,
        name=one.name,
        people=one.people,
        day_hours=round(one.day, 2),
        night_hours=round(one.night, 2),
        missed_hours=round(one.missed, 2),
        longest=_spans([one.longest])[0] if one.longest else None,
    )


def _spans(spans: Iterable[Span]) -> list[SpanOut]:
    return [SpanOut(starts_at=begins, ends_at=ends) for begins, ends in spans]

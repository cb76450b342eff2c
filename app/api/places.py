"""The house over HTTP: holidays, territories with their ZIPs, and teams."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import date
from typing import Annotated

from fastapi import APIRouter, Query, Response
from pydantic import Field, StringConstraints

from app.api.deps import Admin, Caller, Camel, Db, Manager, Now
from app.api.routing import Id, PathId
from core.routing import holidays, teams, territories

router = APIRouter(tags=["people"])

Name = Annotated[str, StringConstraints(min_length=1, max_length=120, pattern=r"^[^\x00]*[^\s\x00][^\x00]*$")]
Zip = Annotated[str, StringConstraints(max_length=20, pattern=r"^[^\x00]*$")]
Zips = Annotated[list[Zip], Field(max_length=territories.MOST_ZIPS)]


class HolidayIn(Camel):
    name: Name
    day: date
    team_id: Id | None = None
    """Left out: everybody's (admin)."""


class HolidayChange(Camel):
    name: Name | None = None
    day: date | None = None
    team_id: Id | None = None


class HolidayOut(Camel):
    id: str
    name: str
    day: date
    team_id: str | None


class HolidayList(Camel):
    items: list[HolidayOut]


class FederalIn(Camel):
    year: int = Field(ge=1970, le=2200)
    team_id: Id | None = None


class TerritoryIn(Camel):
    name: Name
    id: Id | None = None
    """Made of the name where left out."""
    parent_id: Id | None = None
    """The territory around it."""
    zips: Zips = Field(default_factory=list)
    """"78701", "78701-78799" or "787*"."""


class TerritoryChange(Camel):
    name: Name | None = None
    parent_id: Id | None = None
    zips: Zips | None = None


class TerritoryOut(Camel):
    id: str
    name: str
    parent_id: str | None
    zips: list[str]
    agents: int
    """How many cover exactly this one."""
    doubts: list[str]
    """ZIPs that another territory holds too, and who gets them."""


class TerritoryList(Camel):
    items: list[TerritoryOut]


class TeamIn(Camel):
    name: Name
    manager_id: Id | None = None
    default_strategy: Id = "territory"
    fallbacks: list[Id] = Field(default_factory=list, max_length=20)
    """Strategies tried after the default one, in this order."""
    agent_ids: list[Id] = Field(default_factory=list, max_length=10_000)
    """Its members; they leave their other team."""


class TeamChange(Camel):
    name: Name | None = None
    manager_id: Id | None = None
    default_strategy: Id | None = None
    fallbacks: list[Id] | None = Field(default=None, max_length=20)
    agent_ids: list[Id] | None = Field(default=None, max_length=10_000)
    """All members from now on: whom it leaves out is in no team then."""


class TeamOut(Camel):
    id: str
    name: str
    manager_id: str | None
    default_strategy: str
    fallbacks: list[str]
    agent_ids: list[str]


@router.get("/holidays", summary="Days off of everybody and of the caller's teams")
def list_holidays(
    viewer: Caller, db: Db, since: Annotated[date | None, Query(description="from this day on")] = None
) -> HolidayList:
    with db.read() as session:
        return _holidays(holidays.list_holidays(session, viewer, since=since))


@router.post("/holidays", status_code=201, summary="Add a holiday")
def add_holiday(body: HolidayIn, viewer: Manager, db: Db, now: Now) -> HolidayOut:
    """An admin for everybody or any team, a manager for their own teams. It is no working time for whom it covers."""
    with db.write() as session:
        return HolidayOut(**asdict(holidays.add(session, body.model_dump(), viewer=viewer, now=now)))


@router.post("/holidays/federal", status_code=201, summary="Add the U.S. federal holidays of a year")
def add_federal(body: FederalIn, viewer: Manager, db: Db, now: Now) -> HolidayList:
    """With observed days; those that are there already are left out. Answers with the added ones."""
    with db.write() as session:
        return _holidays(holidays.add_federal(session, body.year, team_id=body.team_id, viewer=viewer, now=now))


@router.patch("/holidays/{holiday_id}", summary="Change a holiday")
def change_holiday(holiday_id: PathId, body: HolidayChange, viewer: Manager, db: Db, now: Now) -> HolidayOut:
    changes = body.model_dump(exclude_unset=True)
    with db.write() as session:
        return HolidayOut(**asdict(holidays.change(session, holiday_id, changes, viewer=viewer, now=now)))


@router.delete("/holidays/{holiday_id}", status_code=204, summary="Delete a holiday")
def remove_holiday(holiday_id: PathId, viewer: Manager, db: Db, now: Now) -> Response:
    with db.write() as session:
        holidays.remove(session, holiday_id, viewer=viewer, now=now)
    return Response(status_code=204)


@router.get("/territories", summary="The territories, by name")
def list_territories(_viewer: Caller, db: Db) -> TerritoryList:
    with db.read() as session:
        odd, covered = territories.overlaps(session), territories.coverage(session)
        found = territories.list_territories(session)
    return TerritoryList(items=[_territory(one, covered, odd) for one in found])


@router.post("/territories", status_code=201, summary="Add a territory")
def add_territory(body: TerritoryIn, viewer: Admin, db: Db, now: Now) -> TerritoryOut:
    """Contacts, homes and open alerts that had no territory get it where it is the smallest that holds their ZIP."""
    with db.write() as session:
        placed = territories.add(session, body.model_dump(exclude_none=True), actor_id=viewer.user_id, now=now)
        return _territory(placed.territory, {}, territories.overlaps(session))


@router.patch("/territories/{territory_id}", summary="Change a territory")
def change_territory(territory_id: PathId, body: TerritoryChange, viewer: Admin, db: Db, now: Now) -> TerritoryOut:
    changes = body.model_dump(exclude_unset=True)
    with db.write() as session:
        placed = territories.change(session, territory_id, changes, actor_id=viewer.user_id, now=now)
        return _territory(placed.territory, territories.coverage(session), territories.overlaps(session))


@router.delete("/territories/{territory_id}", status_code=204, summary="Delete a territory")
def remove_territory(territory_id: PathId, viewer: Admin, db: Db, now: Now) -> Response:
    """Refused (409) while another lies in it or an agent covers it."""
    with db.write() as session:
        territories.remove(session, territory_id, actor_id=viewer.user_id, now=now)
    return Response(status_code=204)


@router.post("/teams", status_code=201, summary="Add a team")
def add_team(body: TeamIn, viewer: Admin, db: Db, now: Now) -> TeamOut:
    with db.write() as session:
        return TeamOut(**asdict(teams.add(session, body.model_dump(), actor_id=viewer.user_id, now=now)))


@router.patch("/teams/{team_id}", summary="Change a team")
def change_team(team_id: PathId, body: TeamChange, viewer: Admin, db: Db, now: Now) -> TeamOut:
    changes = body.model_dump(exclude_unset=True)
    with db.write() as session:
        return TeamOut(**asdict(teams.change(session, team_id, changes, actor_id=viewer.user_id, now=now)))


@router.delete("/teams/{team_id}", status_code=204, summary="Delete a team without members")
def remove_team(team_id: PathId, viewer: Admin, db: Db, now: Now) -> Response:
    with db.write() as session:
        teams.remove(session, team_id, actor_id=viewer.user_id, now=now)
    return Response(status_code=204)


def _holidays(found: Sequence[holidays.StoredHoliday]) -> HolidayList:
    return HolidayList(items=[HolidayOut(**asdict(one)) for one in found])


def _territory(one: territories.StoredTerritory, covered: dict[str, int], odd: dict[str, list[str]]) -> TerritoryOut:
    return TerritoryOut(**asdict(one), agents=covered.get(one.id, 0), doubts=odd.get(one.id, []))

"""Small houses for the tests of the preflight check, as values."""

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from core.delivery.channel import ACCOUNT_EMAIL
from core.delivery.planning import Way
from core.preflight import Finding, check
from core.preflight.coverage import Coverage
from core.preflight.facts import Facts, Person
from core.routing.directory import Agent, Directory, Team
from core.routing.rules import RuleSet, compile_rule
from core.routing.schedule import ALWAYS, DAYS, parse
from core.routing.state import House

CHICAGO = ZoneInfo("America/Chicago")
MAIL = (Way(id=None, address=ACCOUNT_EMAIL),)
OFFICE = parse({day: [["09:00", "12:30"], ["13:30", "18:00"]] for day in DAYS[:5]})
Off = tuple[datetime, datetime, str | None]


def at(text: str, zone: ZoneInfo = CHICAGO) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=zone).astimezone(UTC)


def off(first: str, last: str, cover: str | None = None, zone: ZoneInfo = CHICAGO) -> Off:
    return at(first, zone), at(last, zone), cover


def agent(name: str, **values: Any) -> dict[str, Any]:
    """An agent who is always there, in Chicago; `house` gives the place."""
    return {
        "id": name, "name": name.title(), "active": True, "available": True, "auto_assign": True, "capacity": 10,
        "team_id": None, "primary_territory": None, "territories": (), "skills": {}, "specializations": frozenset(),
        "preferred": frozenset(), "week": ALWAYS, "zone": CHICAGO, "time_off": (), **values,
    }  # fmt: skip


def house(
    agents: Sequence[Mapping[str, Any]], *, teams: Sequence[Team] = (), parents: Mapping[str, str | None] | None = None
) -> Directory:
    made = [Agent(position=number, **values) for number, values in enumerate(agents)]
    parents = parents or {}
    return Directory(made, teams=teams, parents=parents, names={one: one.replace("-", " ").title() for one in parents})


def team(team_id: str, manager_id: str | None = "mia") -> Team:
    return Team(id=team_id, name=team_id.title(), manager_id=manager_id, default_strategy="territory")


def coverage(directory: Directory, since: str = "2026-03-02T00:00", until: str = "2026-03-16T00:00") -> Coverage:
    return Coverage(directory, since=at(since), until=at(until), zone=CHICAGO)


def days(*texts: str) -> frozenset[date]:
    return frozenset(map(date.fromisoformat, texts))


def facts(directory: Directory, *, rules: Sequence[Mapping[str, Any]] = (), **values: Any) -> Facts:
    """With a manager, an admin, working mail, and every agent a person."""
    people = {one.id: Person(name=one.name, role="agent", active=one.active, ways=MAIL) for one in directory.agents}  # fmt: skip
    people["mia"] = Person(name="Mia", ways=MAIL, role="manager", active=True)
    people["ada"] = Person(name="Ada", ways=MAIL, role="admin", active=True)
    compiled = [compile_rule(f"r{n}", name=rule["name"], version=1, conditions=[], actions=rule["actions"]) for n, rule in enumerate(rules)]  # fmt: skip
    plain = {"people": people, "channels": frozenset({"email"}), "places": frozenset(directory.parents)}
    return Facts(house=House(version=1, directory=directory, rules=RuleSet(compiled), zone=CHICAGO), **(plain | values))


def found(made: Facts, *, team_ids: frozenset[str] | None = None, now: str = "2026-03-02T00:00") -> dict[str, Finding]:
    """What the check finds, by kind."""
    report = check(made, team_ids=team_ids, zone=CHICAGO, now=at(now))
    return {one.kind: one for one in report.findings}

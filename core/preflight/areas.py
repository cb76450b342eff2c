"""Hours without anybody: of the house, of a team, of a territory; and areas that hang on one person."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal
from zlib import crc32

from core.preflight.coverage import DAY, Coverage, Gaps, hours
from core.preflight.finding import Finding, Severity, counted, listed, people, tab, why_away
from core.preflight.scope import Scope
from core.preflight.spans import Span, length, minus

Kind = Literal["house", "team", "territory"]
_ORDER: dict[Kind, int] = {"house": 0, "team": 1, "territory": 2}
LEAST_HOURS = 0.5
"""Less than this missing is a meeting, not a finding."""
SERIOUS_HOURS = 4.0
"""Half a working day of an area: its alerts go to strangers or wait."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Area:
    """Some people who answer together, and the hours in which none of them is there."""

    kind: Kind
    id: str
    name: str
    people: int
    """Those meant to get alerts."""
    day: float
    """Hours without anybody between 8 and 20 in the house's zone."""
    night: float
    missed: float
    """Of `day`: in which somebody usually is there."""
    longest: Span | None
    """The longest stretch by day."""


def areas(scope: Scope) -> list[Area]:
    """The house (for who sees all of it), the teams with members, and the territories somebody covers, worst first."""
    directory, found = scope.facts.house.directory, []
    if scope.is_whole and directory.agents:
        found.append(_area(scope.coverage, "house", "", "The whole house", everybody(scope)))
    for team in directory.teams.values():
        members = frozenset(directory.in_team(team.id))
        if members and scope.sees_team(team.id):
            found.append(_area(scope.coverage, "team", team.id, team.name, members))
    for place in sorted(scope.facts.places):
        who = covering(scope, place)
        if who and not who.isdisjoint(scope.members):
            found.append(_area(scope.coverage, "territory", place, directory.place(place), who))
    return sorted(found, key=lambda one: (_ORDER[one.kind], -one.missed, -one.day, -one.night, one.name))


def check(scope: Scope) -> Iterator[Finding]:
    directory = scope.facts.house.directory
    coverage = scope.coverage
    house = coverage.gaps(everybody(scope))
    if not directory.agents or not coverage.regular:
        if scope.is_whole:
            yield _nobody_at_all()
        return
    if scope.is_whole:
        yield from _of_house(scope, house)
    for team in directory.teams.values():
        members = frozenset(directory.in_team(team.id))
        if scope.sees_team(team.id) and members & coverage.regular:
            gaps = coverage.gaps(members)
            yield from _of_team(scope, team.id, team.name, members, gaps, house)
    yield from _of_territories(scope, house)


def everybody(scope: Scope) -> frozenset[int]:
    return frozenset(range(len(scope.facts.house.directory.agents)))


def covering(scope: Scope, place: str) -> frozenset[int]:
    """Who covers a territory or what is around it, as far as they are meant to get alerts."""
    directory = scope.facts.house.directory
    found = (one for around in directory.around(place) for one in directory.covering(around))
    return frozenset(found) & scope.coverage.regular


def _area(coverage: Coverage, kind: Kind, area_id: str, name: str, positions: frozenset[int]) -> Area:
    gaps = coverage.gaps(positions)
    return Area(
        kind=kind,
        id=area_id,
        name=name,
        people=len(positions & coverage.regular),
        day=hours(gaps.day),
        night=hours(gaps.night),
        missed=hours(gaps.missed),
        longest=max(gaps.day, key=lambda span: span[1] - span[0], default=None),
    )


def _nobody_at_all() -> Finding:
    return Finding(
        id="house-empty",
        kind="house_empty",
        severity=Severity.SERIOUS,
        text="There is nobody to give an alert to: no active agent takes alerts.",
        todo="Put people into a team, and let them take alerts by themselves.",
        link=tab("agents", "Teams", "Teams"),
        causes=frozenset({"empty"}),
        weight=1e6,
    )


def _of_house(scope: Scope, gaps: Gaps) -> Iterator[Finding]:
    missed, day, night = hours(gaps.missed), hours(gaps.day), hours(gaps.night)
    between = f"{DAY[0]}:00 and {DAY[1]}:00"
    away = why_away(scope.agents(scope.coverage.regular), gaps.missed)
    link = tab("agents", "People", "Hours and time off")
    if missed >= LEAST_HOURS:
        yield Finding(
            id="house-away",
            kind="house_away",
            severity=Severity.SERIOUS,
            text=f"Nobody at all is on duty for {_hours(missed)} in which somebody usually is{_and_nights(gaps)}.",
            todo="Ask somebody to work then, or move a time off; until then alerts wait in the pool.",
            link=link,
            spans=_worst_first(gaps.missed),
            night=_worst_first(gaps.missed_at_night),
            causes=away,
            weight=1000 + missed,
        )
    rest = minus(gaps.day, gaps.missed)
    if hours(rest) >= LEAST_HOURS:
        more = f" (and {_hours(night)} outside {DAY[0]}-{DAY[1]} h)" if night else ""
        yield Finding(
            id="house-day",
            kind="house_day",
            severity=Severity.ATTENTION,
            text=f"Between {between} there are {_hours(hours(rest))} in which nobody works{more}.",
            todo="Set somebody's hours so that days and weekends are answered, or leave it: alerts wait in the pool.",
            link=link,
            spans=_worst_first(rest),
            night=_worst_first(gaps.night),
            weight=hours(rest),
        )
    elif night and not day:
        yield Finding(
            id="house-night",
            kind="house_night",
            severity=Severity.NOTE,
            text=f"Only outside {DAY[0]}-{DAY[1]} h is nobody on duty: {_hours(night)}.",
            todo="Nothing has to be done. Somebody on call hears of alerts at night: a policy names them.",
            link=tab("rules", "When nobody answers", "When nobody answers"),
            night=_worst_first(gaps.night),
            weight=night,
        )


def _of_team(
    scope: Scope, team_id: str, name: str, members: frozenset[int], gaps: Gaps, house: Gaps
) -> Iterator[Finding]:
    directory, coverage = scope.facts.house.directory, scope.coverage
    if members == everybody(scope) and scope.is_whole:
        return  # said of the house
    told = house.missed if scope.is_whole else []
    missed = minus(gaps.missed, told)
    if hours(missed) < LEAST_HOURS:
        return
    is_empty = not coverage.covered(members)
    text = (
        f"Nobody of {name} is there at all: everybody is away, paused or switched off."
        if is_empty
        else f"Nobody of {name} is on duty for {_hours(hours(missed))} in which somebody usually is{_and_nights(gaps)}."
    )
    yield Finding(
        id=f"team-away:{team_id}",
        kind="team_away",
        severity=Severity.SERIOUS if hours(missed) >= SERIOUS_HOURS else Severity.ATTENTION,
        text=text,
        todo="Move a time off, name a cover, or lend them somebody: until then their alerts go to other teams or wait.",
        link=people(label="Hours and time off"),
        spans=_worst_first(missed),
        night=_worst_first(gaps.missed_at_night),
        agent_ids=scope.ids(members & coverage.regular),
        team_ids=(team_id,),
        causes=why_away((directory.agents[one] for one in members), missed),
        weight=hours(missed),
    )


def _of_territories(scope: Scope, house: Gaps) -> Iterator[Finding]:
    directory, coverage = scope.facts.house.directory, scope.coverage
    by_people: dict[frozenset[int], list[str]] = {}
    for place in sorted(scope.facts.places):
        by_people.setdefault(covering(scope, place), []).append(place)
    teams = {frozenset(directory.in_team(team)) & coverage.regular for team in directory.teams}
    for who, places in by_people.items():
        if not who:
            if scope.is_whole:
                yield _uncovered(scope, places)
        elif not who.isdisjoint(scope.members) and (len(who) == 1 or who not in teams):  # a whole team's is said of it
            yield from _of_some(scope, who, places, minus(coverage.gaps(who).missed, house.missed))


def _uncovered(scope: Scope, places: list[str]) -> Finding:
    names = [scope.facts.house.directory.place(one) for one in places]
    is_one = len(names) == 1
    return Finding(
        id="territories-uncovered",
        kind="territory_uncovered",
        severity=Severity.SERIOUS,
        text=f"Nobody covers {listed(names)}, nor what is around {'it' if is_one else 'them'}.",
        todo="Give each to somebody on their profile: until then alerts from there go to whoever has room.",
        link=tab("agents", "Territories", "Territories"),
        territories=tuple(places),
        causes=frozenset(places),
        weight=10 + len(places),
    )


def _of_some(scope: Scope, who: frozenset[int], places: list[str], missed: list[Span]) -> Iterator[Finding]:
    lost = hours(missed)
    if lost < LEAST_HOURS:
        return
    directory = scope.facts.house.directory
    where = listed([directory.place(one) for one in places])
    is_one, nobody = len(who) == 1, not scope.coverage.covered(who)
    only = f"Only {scope.named(who)} {'covers' if is_one else 'cover'} {where}"
    if nobody:
        text = f"{only}, and {'is' if is_one else 'all of them are'} away, paused or switched off all the time."
    elif is_one:
        text = f"{only}, and is away for {_hours(lost)} of working time with nobody on duty standing in."
    else:
        text = f"{only}, and none of them is there for {_hours(lost)} in which somebody usually is."
    yield Finding(
        id=f"territory-away:{crc32('|'.join(sorted(directory.agents[one].id for one in who)).encode()):08x}",
        kind="single_point" if is_one else "territory_away",
        severity=Severity.SERIOUS if lost >= SERIOUS_HOURS else Severity.ATTENTION,
        text=text,
        todo="Name a cover in the time off, or give the territory to one more person.",
        link=people(agent_id=next(iter(scope.ids(who)), ""), label="Time off and cover"),
        spans=_worst_first(missed),
        agent_ids=scope.ids(who),
        team_ids=scope.teams_of(who),
        territories=tuple(places),
        causes=why_away(scope.agents(who), missed),
        weight=lost,
    )


def _worst_first(spans: list[Span]) -> tuple[Span, ...]:
    return tuple(sorted(spans, key=lambda span: (-length([span]), span[0])))


def _and_nights(gaps: Gaps) -> str:
    night = hours(gaps.missed_at_night)
    return f" (and for {_hours(night)} outside {DAY[0]}-{DAY[1]} h)" if night >= LEAST_HOURS else ""


def _hours(number: float) -> str:
    return counted(round(number), "hour") if number >= 1 else f"{number * 60:.0f} minutes"

"""The audit itself: every area beside all the others, small areas hidden, differences named only beyond chance."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import numpy as np
from numpy.typing import NDArray
from sqlalchemy.orm import Session

from core import audit as trail
from core.errors import Forbidden
from core.fair_audit import measures, proxies, reading
from core.fair_audit.measures import FOUR_FIFTHS, Mean, Ratio
from core.fair_audit.proxies import Proxy
from core.fair_audit.reading import UNKNOWN, By, Compared, Person, Rung
from core.viewer import Viewer
from core.views.days import check_period
from core.views.intervals import Quantile, Share, quantile, share
from core.words import Role

FEWEST_CONTACTS = 10
"""Areas with fewer active contacts are shown together, or not at all: a rate of five people tells of persons."""
FEWEST_ALERTS = 5
"""Below that many alerts nothing is said of how they were worked."""
MOST_AREAS = 60
WORTH_NAMING = 0.1
"""A mean place among waits this far from the others': about 60% of the alerts of the others were faster."""
Floats = NDArray[np.float64]
SMALL = "small areas"


@dataclass(frozen=True, kw_only=True)
class Area:
    """One area beside all the others."""

    area: str
    name: str
    contacts: int
    """Active in the period."""
    alerts: int
    alerted: Share
    """Contacts with at least one alert, of the active ones."""
    per_hundred: float
    """Alerts per 100 active contacts."""
    impact: Ratio | None
    """The alerted share over that of all other areas."""
    of_highest: float | None
    """The alerted share over that of the area where it is highest: the four-fifths rule as written."""
    confidence: Mean | None
    """Mean confidence of the latest scores."""
    probability: Mean | None
    touched: Share | None
    """Alerts somebody acknowledged or contacted; None below five alerts, as are the following."""
    wait: Quantile | None
    """Median seconds until then."""
    place: Mean | None
    """Mean place of the waits among all alerts of the same priority: 0 is fastest, 1 slowest, 0.5 is like everybody."""
    contacted: Share | None
    contacted_impact: Ratio | None
    findings: tuple[str, ...] = ()
    """Named differences: fewer_alerts, more_alerts, lower_scores, higher_scores, slower, faster, contacted_less, contacted_more."""


@dataclass(frozen=True, kw_only=True)
class Audit:
    since: datetime
    until: datetime
    by: By
    at: datetime
    whose: str
    """all, or teams."""
    areas: tuple[Area, ...]
    """Largest first; the merged small ones and the unknown last."""
    contacts: int
    alerts: int
    merged: int
    """Small areas shown together."""
    hidden: int
    """Contacts in small areas that could not be shown even together."""
    comparisons: int
    models: tuple[str, ...]
    proxies: tuple[Proxy, ...] = ()
    """How well each feature tells the area, strongest first."""

    @property
    def adverse(self) -> tuple[Area, ...]:
        """Areas with less than four fifths of the others' alerts or contacts, beyond chance, or that wait longer."""
        bad = {"fewer_alerts", "contacted_less", "slower"}
        return tuple(area for area in self.areas if bad & set(area.findings))


def audit(
    session: Session, viewer: Viewer, *, since: datetime, until: datetime, by: By = "territory", now: datetime
) -> Audit:
    """Compare the areas of a period; reads only.

    Raises:
        Forbidden: an agent asks.
        Invalid: the period is empty or longer than three years.
    """
    if viewer.role is Role.AGENT:
        raise Forbidden("The fair housing audit is for managers and admins.")
    check_period(since, until)
    found = reading.read(session, viewer, since=since, until=until, by=by, now=now)
    whose = "all" if viewer.role is Role.ADMIN else "teams"
    compared = compare(found, since=since, until=until, by=by, whose=whose, now=now)
    areas = {person.contact_id: person.area for person in found.people}
    return replace(compared, proxies=tuple(proxies.of_scores(session, areas, since=since)))


def record_download(session: Session, found: Audit, *, viewer: Viewer, kind: str, now: datetime) -> None:
    """Leave a trace of who took the report away.

    Args:
        kind: csv or html.
    """
    trail.record(
        session,
        "fair_housing.downloaded",
        subject_type="report",
        subject_id="fair_housing",
        actor_id=viewer.user_id or None,
        after={"since": found.since.isoformat(), "until": found.until.isoformat(), "by": found.by, "kind": kind},
        now=now,
    )


def compare(found: Compared, *, since: datetime, until: datetime, by: By, whose: str, now: datetime) -> Audit:
    """The audit of what was read."""
    people, merged, hidden = grouped(found.people)
    groups = _groups(people, found.alerts)
    rows, p_values = [], list[float | None]()
    highest = max((group.rate for group in groups if group.is_named), default=0.0)
    for place, group in enumerate(groups):
        others = [other for other in groups[:place] + groups[place + 1 :] if other.area != UNKNOWN]
        row, tests = _beside(group, others, name=_name(group.area, found.names), highest=highest)
        rows.append((row, tests))
        p_values += [p for p, _ in tests]
    flags = iter(measures.surprising(p_values))
    areas = tuple(
        replace(
            row, findings=tuple(finding for (_, finding), flag in [(t, next(flags)) for t in tests] if flag and finding)
        )
        for row, tests in rows
    )
    return Audit(
        since=since,
        until=until,
        by=by,
        at=now,
        whose=whose,
        areas=areas,
        contacts=len(found.people),
        alerts=sum(area.alerts for area in areas),
        merged=merged,
        hidden=hidden,
        comparisons=sum(p is not None for p in p_values),
        models=found.models,
    )


def grouped(people: Sequence[Person]) -> tuple[dict[str, list[Person]], int, int]:
    """People by area, the small ones merged; how many areas were merged; how many people are hidden."""
    groups: dict[str, list[Person]] = defaultdict(list)
    for person in people:
        groups[person.area].append(person)
    named = sorted((area for area in groups if area != UNKNOWN), key=lambda area: (-len(groups[area]), area))
    shown = [area for area in named if len(groups[area]) >= FEWEST_CONTACTS][:MOST_AREAS]
    small = [area for area in named if area not in set(shown)]
    found = {area: groups[area] for area in shown}
    rest = [person for area in small for person in groups[area]]
    unknown = groups.get(UNKNOWN, [])
    hidden = 0
    for area, members in ((SMALL, rest), (UNKNOWN, unknown)):
        if len(members) >= FEWEST_CONTACTS:
            found[area] = members
        else:
            hidden += len(members)
    return found, len(small) if SMALL in found else 0, hidden


@dataclass(frozen=True, kw_only=True)
class _Group:
    """What is counted of one area."""

    area: str
    contacts: int
    opened: int
    """Alerts."""
    alerted: int
    """Contacts with one."""
    confidence: Floats
    probability: Floats
    alerts: list[Rung]
    """Those the viewer answers for: how they were worked."""
    places: Floats

    @property
    def rate(self) -> float:
        return self.alerted / self.contacts

    @property
    def is_named(self) -> bool:
        return self.area not in (UNKNOWN, SMALL)

    @property
    def contacted(self) -> int:
        return sum(one.contacted for one in self.alerts)


def _groups(people: Mapping[str, Sequence[Person]], alerts: Sequence[Rung]) -> list[_Group]:
    area_of = {person.contact_id: area for area, members in people.items() for person in members}
    opened: dict[str, list[str]] = defaultdict(list)
    for one in alerts:
        if one.contact_id in area_of:
            opened[area_of[one.contact_id]].append(one.contact_id)
    known = [one for one in alerts if one.contact_id in area_of and one.is_theirs]
    places = measures.places([one.wait for one in known], [one.priority for one in known])
    of_area: dict[str, list[int]] = defaultdict(list)
    for number, one in enumerate(known):
        of_area[area_of[one.contact_id]].append(number)
    return [
        _Group(
            area=area,
            contacts=len(members),
            opened=len(opened[area]),
            alerted=len(set(opened[area])),
            confidence=np.array([one.confidence for one in members if one.confidence is not None], dtype=np.float64),
            probability=np.array([one.probability for one in members if one.probability is not None], dtype=np.float64),
            alerts=[known[number] for number in of_area[area]],
            places=places[of_area[area]],
        )
        for area, members in people.items()
    ]


_Test = tuple[float | None, str]
"""A p-value, and what it would be called if it is more than chance and large enough to matter."""


def _beside(group: _Group, others: Sequence[_Group], *, name: str, highest: float) -> tuple[Area, list[_Test]]:
    """One area beside the others; what was tested is what is shown."""
    contacts, alerted = sum(one.contacts for one in others), sum(one.alerted for one in others)
    alerts, contacted = sum(len(one.alerts) for one in others), sum(one.contacted for one in others)
    enough = len(group.alerts) >= FEWEST_ALERTS
    impact = measures.ratio(group.alerted, group.contacts, alerted, contacts)
    reached = measures.ratio(group.contacted, len(group.alerts), contacted, alerts) if enough else None
    sure, place = measures.mean(group.confidence), measures.mean(group.places) if enough else None
    other_sure, other_places = _joined(one.confidence for one in others), _joined(one.places for one in others)
    area = Area(
        area=group.area,
        name=name,
        contacts=group.contacts,
        alerts=group.opened,
        alerted=share(group.alerted, group.contacts),
        per_hundred=100 * group.opened / group.contacts,
        impact=impact,
        of_highest=group.rate / highest if highest else None,
        confidence=sure,
        probability=measures.mean(group.probability),
        touched=share(sum(one.touched for one in group.alerts), len(group.alerts)) if enough else None,
        wait=quantile(sorted(one.wait for one in group.alerts), 0.5) if enough else None,
        place=place,
        contacted=share(group.contacted, len(group.alerts)) if enough else None,
        contacted_impact=reached,
    )
    if group.area == UNKNOWN or not others:
        return area, []
    usual = float(other_sure.mean()) if len(other_sure) else 0.0
    slow = place.value - float(other_places.mean()) if place and len(other_places) else 0.0
    tests: list[_Test] = [
        (
            measures.shares_differ(group.alerted, group.contacts, alerted, contacts),
            _ratio_word(impact, "{}_alerts", "fewer", "more"),
        ),
        (
            measures.means_differ(group.confidence, other_sure),
            _score_word(sure.value / usual if sure and usual else 1.0),
        ),
        (measures.means_differ(group.places, other_places) if enough else None, _wait_word(slow)),
        (
            measures.shares_differ(group.contacted, len(group.alerts), contacted, alerts) if enough else None,
            _ratio_word(reached, "contacted_{}", "less", "more"),
        ),
    ]
    return area, tests


def _joined(arrays: Iterable[Floats]) -> Floats:
    return np.concatenate([np.zeros(0), *arrays])


def _ratio_word(found: Ratio | None, word: str, low: str, high: str) -> str:
    if found is None or FOUR_FIFTHS <= found.value <= 1 / FOUR_FIFTHS:
        return ""
    return word.format(low if found.value < FOUR_FIFTHS else high)


def _score_word(times: float) -> str:
    return "" if FOUR_FIFTHS <= times <= 1 / FOUR_FIFTHS else "lower_scores" if times < FOUR_FIFTHS else "higher_scores"


def _wait_word(slower_by: float) -> str:
    return "" if abs(slower_by) < WORTH_NAMING else "slower" if slower_by > 0 else "faster"


def _name(area: str, names: Mapping[str, str]) -> str:
    if area in ("", SMALL):
        return "Area not known" if area == UNKNOWN else "Small areas together"
    return names.get(area, area)

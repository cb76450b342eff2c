"""The fair housing audit: a planted bias is found, none is not made up, small areas stay hidden, roles have limits."""

from datetime import datetime, timedelta

import numpy as np
import pytest
from sqlalchemy import insert, update
from sqlalchemy.orm import Session

from core import fair_audit
from core.db import Database
from core.db.tables import Agent, LatestScore
from core.errors import Forbidden, Invalid
from core.fair_audit import Audit, measures
from core.fair_audit.proxies import proxies
from core.fair_audit.reading import Compared, Person, Rung
from core.viewer import SYSTEM
from core.words import Intent, Priority
from tests import factories


def a_town(
    *,
    seed: int,
    people: int = 300,
    areas: int = 6,
    unfair: str = "",
    rate: float = 0.3,
    less: float = 1.0,
    slower: float = 1.0,
) -> Compared:
    """Areas alike in behaviour; in the unfair one alerts are opened `less` often and wait `slower` times as long."""
    rng = np.random.default_rng(seed)
    found, rung = [], []
    for number in range(people * areas):
        area = f"area-{number % areas}"
        is_unfair = area == unfair
        sure = float(rng.beta(2, 18))
        found.append(Person(contact_id=str(number), area=area, confidence=sure, probability=sure / 3))
        if rng.random() < rate * (less if is_unfair else 1.0):
            urgent = rng.random() < (0.8 if number % 2 else 0.2)  # odd areas have more urgent alerts
            wait = float(rng.exponential(600 if urgent else 7_200)) * (slower if is_unfair else 1.0)
            priority = Priority.CRITICAL if urgent else Priority.MEDIUM
            contacted = bool(rng.random() < 0.6)
            rung.append(Rung(contact_id=str(number), priority=priority, wait=wait, touched=True, contacted=contacted))
    return Compared(people=found, alerts=rung, names={}, models=())


def audited(town: Compared, now: datetime) -> Audit:
    return fair_audit.compare(town, since=now - timedelta(days=90), until=now, by="territory", whose="all", now=now)


def test_a_planted_bias_of_rate_is_found_and_named(now: datetime) -> None:
    found = audited(a_town(seed=8, unfair="area-2", less=0.5), now)
    assert [area.area for area in found.adverse] == ["area-2"]
    (unfair,) = found.adverse
    assert unfair.findings == ("fewer_alerts",)
    assert unfair.impact is not None
    assert unfair.impact.low < 0.5 < unfair.impact.high < 0.8
    assert "area-2 (fewer alerts)" in fair_audit.sentence(found)


def test_a_planted_delay_is_found_although_urgent_alerts_differ_between_areas(now: datetime) -> None:
    found = audited(a_town(seed=2, unfair="area-3", slower=2.5), now)
    assert [(area.area, area.findings) for area in found.adverse] == [("area-3", ("slower",))]


def test_without_bias_there_is_rarely_an_alarm(now: datetime) -> None:
    """At most one in twenty is promised; 40 towns with up to 5 alarms would still fit that promise at 1 in 100."""
    alarms = [bool(audited(a_town(seed=seed, people=80), now).adverse) for seed in range(100, 140)]
    assert sum(alarms) <= 5


def test_an_area_with_more_urgent_alerts_is_no_finding(now: datetime) -> None:
    found = audited(a_town(seed=4), now)
    waits = {area.area: area.wait.value for area in found.areas if area.wait}
    assert waits["area-1"] < waits["area-2"] / 2
    assert not any({"slower", "faster"} & set(area.findings) for area in found.areas)


def test_tiny_areas_are_shown_together_or_not_at_all(now: datetime) -> None:
    town = a_town(seed=5, areas=2)
    tiny = [Person(contact_id=f"t{n}", area=f"hamlet-{n % 3}", confidence=0.1, probability=0.03) for n in range(12)]
    together = audited(Compared(people=[*town.people, *tiny], alerts=town.alerts, names={}, models=()), now)
    assert [area.name for area in together.areas] == ["area-0", "area-1", "Small areas together"]
    assert (together.merged, together.hidden) == (3, 0)
    alone = audited(Compared(people=[*town.people, *tiny[:9]], alerts=town.alerts, names={}, models=()), now)
    assert [area.name for area in alone.areas] == ["area-0", "area-1"]
    assert alone.hidden == 9
    assert "hamlet" not in fair_audit.to_csv(alone) + fair_audit.to_html(alone, timezone="UTC", prepared_for="Ada")


def test_little_is_said_of_few_alerts(now: datetime) -> None:
    town = a_town(seed=6, areas=2)
    few = [one for one in town.alerts if int(one.contact_id) % 2] + [
        one for one in town.alerts if not int(one.contact_id) % 2
    ][:4]
    row = next(
        area
        for area in audited(Compared(people=town.people, alerts=few, names={}, models=()), now).areas
        if area.alerts == 4
    )
    assert (row.wait, row.place, row.contacted) == (None, None, None)


def test_a_cell_of_the_table_is_never_a_formula(now: datetime) -> None:
    town = a_town(seed=7, areas=1)
    evil = [
        Person(contact_id=f"e{n}", area='=HYPERLINK("http://evil","x")', confidence=0.1, probability=0.1)
        for n in range(20)
    ]
    found = audited(Compared(people=[*town.people, *evil], alerts=town.alerts, names={}, models=()), now)
    lines = fair_audit.to_csv(found).splitlines()
    assert any("'=HYPERLINK" in line for line in lines)
    assert not any(cell.strip('"').startswith("=") for line in lines for cell in line.split(","))
    page = fair_audit.to_html(found, timezone="America/Chicago", prepared_for="<script>alert(1)</script>")
    assert "<script>" not in page
    assert "What is refused" in page
    assert "the area, a proxy of race and origin" in page


def test_ratios_have_katz_intervals_and_survive_zeros() -> None:
    found = measures.ratio(20, 100, 40, 100)
    assert found is not None
    assert (found.value, round(found.low, 3), round(found.high, 3)) == (0.5, 0.316, 0.792)
    nothing = measures.ratio(0, 50, 10, 50)
    assert nothing is not None
    assert nothing.value == 0
    assert 0 < nothing.low < nothing.high < 1
    assert measures.ratio(0, 50, 0, 50) is None


def test_benjamini_and_hochberg_name_what_survives_many_comparisons() -> None:
    assert measures.surprising([0.001, 0.012, 0.02, 0.5, None]) == [True, True, True, False, False]
    assert measures.surprising([0.04] + [0.5] * 9) == [False] * 10


def test_a_feature_that_tells_the_area_is_a_warning_and_noise_is_not() -> None:
    rng = np.random.default_rng(3)
    codes = rng.integers(0, 4, 800)
    values = np.column_stack([codes * 1.0 + rng.normal(0, 0.3, 800), rng.normal(size=800), np.full(800, np.nan)])
    strongest, *others = proxies(values, [f"a{code}" for code in codes], ["home_value", "noise", "never_known"])
    assert (strongest.feature, strongest.is_warning) == ("home_value", True)
    assert strongest.tells > 0.4
    assert all(one.tells < 0.02 and not one.is_warning for one in others)


def a_contact(session: Session, area: str, *, alerts: int = 0, agent_id: str | None = None, now: datetime) -> None:
    who = factories.contact(session, territory=area, last_human_event_at=now - timedelta(days=1), now=now)
    factories.home(session, who, zip="60302" if area == "north" else "60601", now=now)
    scored = {"contact_id": who, "intent": Intent.LIKELY_TO_SELL, "probability": 0.03, "confidence": 0.1, "lift": 1.0}
    session.execute(insert(LatestScore).values(**scored, scored_at=now))
    for _ in range(alerts):
        factories.alert(
            session, contact_id=who, agent_id=agent_id, opened_at=now - timedelta(hours=3), acknowledged_at=now, now=now
        )


@pytest.fixture
def house(database: Database, now: datetime) -> Database:
    """North, where Ann of Mia's team works, and south, where Cal of another team does; 12 contacts each, a third alerted."""
    with database.write() as session:
        factories.admin(session, "ada", now=now)
        for team in ("north", "south"):
            factories.team(session, team, now=now)
            factories.territory(session, team, name=team.title())
        factories.manager(session, "mia", of=["north"], now=now)
        factories.agent(session, "ann", team_id="north", territories=["north"], capacity=50, now=now)
        factories.agent(session, "cal", team_id="south", territories=["south"], capacity=50, now=now)
        for area, agent_id in (("north", "ann"), ("south", "cal")):
            for number in range(12):
                a_contact(session, area, alerts=number % 3 == 0, agent_id=agent_id, now=now)
    return database


def test_an_admin_sees_all_areas_with_their_numbers(house: Database, now: datetime) -> None:
    with house.read() as session:
        found = fair_audit.audit(session, SYSTEM, since=now - timedelta(days=90), until=now, now=now)
        zips = fair_audit.audit(session, SYSTEM, since=now - timedelta(days=90), until=now, by="zip3", now=now)
    assert [(area.name, area.contacts, area.alerts) for area in found.areas] == [("North", 12, 4), ("South", 12, 4)]
    assert found.adverse == ()
    assert found.areas[0].confidence is not None
    assert found.areas[0].confidence.value == pytest.approx(0.1)
    assert [area.name for area in zips.areas] == ["603", "606"]


def test_an_area_that_another_team_works_does_not_seem_left_out(house: Database, now: datetime) -> None:
    """Ann covers both areas now, but Cal's team got the alerts of the south: no fewer alerts, and no word of how they went."""
    with house.write() as session:
        session.execute(update(Agent).where(Agent.id == "ann").values(territories=["north", "south"]))
    with house.read() as session:
        mia = factories.viewer(session, "mia")
        found = fair_audit.audit(session, mia, since=now - timedelta(days=90), until=now, now=now)
    assert [(area.area, area.alerts, area.findings) for area in found.areas] == [("north", 4, ()), ("south", 4, ())]
    assert found.areas[1].wait is None


def test_a_manager_sees_the_areas_and_alerts_of_their_teams_only(house: Database, now: datetime) -> None:
    with house.read() as session:
        mia = factories.viewer(session, "mia")
        found = fair_audit.audit(session, mia, since=now - timedelta(days=90), until=now, now=now)
    assert [(area.area, area.alerts) for area in found.areas] == [("north", 4)]
    assert "not enough areas" in fair_audit.sentence(found)


def test_agents_and_empty_periods_are_refused(house: Database, now: datetime) -> None:
    with house.read() as session:
        ann = factories.viewer(session, "ann")
        with pytest.raises(Forbidden):
            fair_audit.audit(session, ann, since=now - timedelta(days=9), until=now, now=now)
        with pytest.raises(Invalid):
            fair_audit.audit(session, SYSTEM, since=now, until=now, now=now)

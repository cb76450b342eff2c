"""What is found in a house, how bad it is, and what it says; and that a house in order has nothing to tell."""

from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from core.delivery.planning import Way
from core.escalation.policy import MANAGER, NEXT, REMIND, Policy, Step, Wait
from core.preflight import Severity, check
from core.preflight.facts import Flow, NamedDay, Person
from core.preflight.words import when
from tests.preflight.houses import CHICAGO, OFFICE, agent, at, facts, found, house, off, team

SKILL = {"name": "Luxury", "actions": [{"type": "assign_by_skill", "params": {"requiredSkills": ["luxury"], "minLevel": 3}}]}  # fmt: skip
FIVE = Wait("minutes", 5)
GONE = Person(name="Gus", role="agent", active=False)
WEEK = off("2026-03-09T00:00", "2026-03-14T00:00")
DAY = off("2026-03-04T00:00", "2026-03-05T00:00")
HOURS = off("2026-03-04T16:00", "2026-03-04T17:00")


def policy(*steps: Step, **values: Any) -> Policy:
    return Policy(id="p1", name="Ours", steps=steps, **values)


def two(**ann: Any) -> list[dict[str, Any]]:
    return [agent("ann", **ann), agent("bob")]


def test_a_house_in_order_is_covered() -> None:
    directory = house([agent("ann"), agent("bob")], teams=[])
    report = check(facts(directory), zone=CHICAGO, now=at("2026-03-02T10:00"))
    assert report.is_covered
    assert {one.kind for one in report.findings} <= {"escalation_hours"}
    assert (report.people, len(report.hours)) == (2, 14 * 24 - 10 - 1)  # on 8 March the clock skips an hour


def test_a_house_without_anybody_says_one_thing() -> None:
    alone = found(facts(house([])))
    assert (list(alone), alone["house_empty"].severity) == (["house_empty"], Severity.SERIOUS)


def test_hours_nobody_works_are_told_by_day_and_by_night() -> None:
    told = found(facts(house([agent("ann", week=OFFICE), agent("bob", week=OFFICE)])))
    assert told["house_day"].severity is Severity.ATTENTION
    assert told["house_day"].text == (
        "Between 8:00 and 20:00 there are 88 hours in which nobody works (and 167 hours outside 8-20 h)."
    )
    assert when(told["house_day"].spans, CHICAGO).startswith("Sat 7 to Sun 8 Mar, 08:00-20:00")
    assert "house_away" not in told


def test_when_everybody_is_away_at_once_it_is_serious_and_says_when() -> None:
    told = found(facts(house([agent(name, week=OFFICE, time_off=(WEEK,)) for name in ("ann", "bob")])))
    away = told["house_away"]
    assert (away.severity, away.text) == (
        Severity.SERIOUS,
        "Nobody at all is on duty for 40 hours in which somebody usually is.",
    )
    assert when(away.spans, CHICAGO) == "Mon 9 to Fri 13 Mar, 13:30-18:00; Mon 9 to Fri 13 Mar, 09:00-12:30"
    assert len(away.causes) == 2


def test_a_holiday_of_the_office_is_no_alarm_and_is_named() -> None:
    closed = frozenset({date(2026, 3, 4)})
    made = facts(
        house([agent("ann", week=OFFICE, holidays=closed)]),
        holidays=[NamedDay(day=date(2026, 3, 4), name="Founders' day", team_id=None), NamedDay(day=date(2026, 5, 25), name="Memorial Day", team_id=None)],
    )  # fmt: skip
    report = check(made, zone=CHICAGO, now=at("2026-03-02T10:00"))
    assert [one.name for one in report.holidays] == ["Founders' day"]
    assert "house_away" not in {one.kind for one in report.findings}


@pytest.mark.parametrize(
    ("away", "severity"), [(WEEK, "serious"), (DAY, "serious"), (HOURS, "attention"), (None, None)]
)
def test_an_area_that_hangs_on_one_person(away: Any, severity: str | None) -> None:
    ann = agent("ann", week=OFFICE, territories=("oak-park",), time_off=(away,) if away else ())
    told = found(facts(house([ann, agent("bob", week=OFFICE)], parents={"oak-park": None})))
    if severity is None:
        assert "single_point" not in told
        return
    assert told["single_point"].severity == severity
    assert told["single_point"].text.startswith("Only Ann covers Oak Park, and is away for ")
    assert told["single_point"].link is not None
    assert told["single_point"].link.path() == "/agents?view=People&agent=ann"


def test_with_a_cover_who_is_there_it_hangs_on_nobody() -> None:
    covered = (*WEEK[:2], "bob")
    ann = agent("ann", week=OFFICE, territories=("oak-park",), time_off=(covered,))
    assert "single_point" not in found(facts(house([ann, agent("bob", week=OFFICE)], parents={"oak-park": None})))


def test_territories_nobody_covers_are_one_finding_and_what_is_around_them_counts() -> None:
    parents = {"oak-park": "chicago", "river": "chicago", "elm": None, "chicago": None}
    made = facts(house([agent("ann", territories=("chicago",))], parents=parents), places=frozenset({"oak-park", "river", "elm"}))  # fmt: skip
    told = found(made)["territory_uncovered"]
    assert (told.severity, told.territories) == (Severity.SERIOUS, ("elm",))
    assert told.text == "Nobody covers Elm, nor what is around it."


@pytest.mark.parametrize("switch", [{"paused": "The last 3 messages did not arrive."}, {"available": False}])
def test_a_territory_only_of_people_who_are_off_or_paused(switch: dict[str, Any]) -> None:
    ann = agent("ann", week=OFFICE, territories=("elm",), **switch)
    told = found(facts(house([ann, agent("bob")], parents={"elm": None})))
    assert told["single_point"].text == "Only Ann covers Elm, and is away, paused or switched off all the time."
    assert ("paused" in told) is ("paused" in switch)


@pytest.mark.parametrize("switch", [{"active": False}, {"capacity": 0}, {"auto_assign": False}])
def test_a_territory_of_people_who_are_given_nothing_is_nobodys(switch: dict[str, Any]) -> None:
    told = found(facts(house([agent("ann", territories=("elm",), **switch), agent("bob")], parents={"elm": None})))
    assert told["territory_uncovered"].territories == ("elm",)


def test_a_team_that_is_away_together() -> None:
    people = [agent(name, team_id="north", week=OFFICE, time_off=(WEEK,)) for name in ("ann", "bob")]
    directory = house([*people, agent("cal", week=OFFICE, team_id="south")], teams=[team("north"), team("south")])
    told = found(facts(directory))["team_away"]
    assert (told.severity, told.team_ids, told.agent_ids) == (Severity.SERIOUS, ("north",), ("ann", "bob"))
    assert told.text == "Nobody of North is on duty for 40 hours in which somebody usually is."


def test_a_skill_that_a_rule_asks_for_and_nobody_has() -> None:
    told = found(facts(house(two(skills={"luxury": 2})), rules=[SKILL]))["skill_nobody"]
    assert told.severity is Severity.SERIOUS
    assert told.text == "Nobody has the skill “luxury” at level 3 or more that the rule “Luxury” asks for."


def test_a_skill_that_is_away_on_some_days() -> None:
    told = found(facts(house(two(skills={"luxury": 4}, week=OFFICE, time_off=(WEEK,))), rules=[SKILL]))["skill_away"]
    assert (told.severity, told.agent_ids) == (Severity.ATTENTION, ("ann",))
    assert told.text.startswith("On 5 days nobody with the skill “luxury” at level 3 or more is there")


def test_a_type_that_nobody_lists() -> None:
    types = {"LIKELY_TO_SELL": "likely to sell", "LIKELY_TO_BUY": "likely to buy"}
    sellers = [agent(name, preferred=frozenset({"LIKELY_TO_SELL"})) for name in ("ann", "bob")]
    assert "likely to buy" in found(facts(house(sellers), alert_types=types))["type_unwanted"].text
    assert "type_unwanted" not in found(facts(house([*sellers, agent("cal")]), alert_types=types))


def test_people_who_cannot_be_reached() -> None:
    made = facts(house(two()))
    assert found(replace(made, channels=frozenset()))["unreachable"].text == (
        "Nobody can be reached outside the app: neither e-mail nor another channel is set up."
    )
    phone = Way(id="a1", address="phone", verified=False)
    people = {**made.people, "ann": Person(name="Ann", role="agent", active=True, ways=(phone,))}
    told = found(replace(made, people=people))["unreachable"]
    assert (told.agent_ids, told.severity) == (("ann",), Severity.SERIOUS)
    assert told.text.startswith("Ann cannot be reached outside the app")


def test_teams_without_a_head_or_members() -> None:
    directory = house([agent("ann", team_id="north"), agent("bob", team_id="south")], teams=[team("north", None), team("south", "gus"), team("west")])  # fmt: skip
    made = facts(directory)
    report = check(replace(made, people={**made.people, "gus": GONE}), zone=CHICAGO, now=at("2026-03-02T10:00"))
    said = {one.id: one.text for one in report.findings}
    assert "nobody manages it" in said["team-manager:north"]
    assert "Gus, who managed it, is no longer active" in said["team-manager:south"]
    assert said["team-empty:west"] == "West has no members."


@pytest.mark.parametrize(
    ("made", "kind", "severity"),
    [
        (policy(), "policy_empty", "serious"),
        (policy(Step(FIVE, "cover", "gus"), Step(FIVE, MANAGER)), "policy_cover", "attention"),
        (policy(Step(FIVE, NEXT), on_call=("gus",)), "policy_on_call", "serious"),
        (policy(Step(FIVE, NEXT), on_call=("gus", "mia")), "policy_on_call", "attention"),
        (policy(Step(FIVE, MANAGER), team_id="south"), "policy_manager", "attention"),
        (policy(Step(FIVE, REMIND)), "policy_owner_only", "attention"),
        (policy(Step(FIVE, "webhook", endpoint_id="gone"), Step(FIVE, MANAGER)), "policy_system", "attention"),
        (policy(Step(FIVE, NEXT), Step(FIVE, MANAGER)), None, None),
        (policy(Step(FIVE, REMIND), enabled=False), None, None),
    ],
)
def test_steps_that_reach_nobody(made: Policy, kind: str | None, severity: str | None) -> None:
    directory = house(
        [agent("ann", team_id="north"), agent("bob", team_id="south")], teams=[team("north"), team("south", None)]
    )
    whole = facts(directory, policies=[made])
    told = found(replace(whole, people={**whole.people, "gus": GONE}))
    policies = {name: one.severity for name, one in told.items() if name.startswith("policy")}
    assert policies == ({kind: severity} if kind else {})


def test_a_managers_step_reaches_nobody_where_there_is_no_administrator_either() -> None:
    directory = house([agent("ann", team_id="south"), agent("bob")], teams=[team("south", None)])
    made = facts(directory, policies=[policy(Step(FIVE, MANAGER))])
    nobody = {one: person for one, person in made.people.items() if one != "ada"}
    assert found(replace(made, people=nobody))["policy_manager"].severity is Severity.SERIOUS


def test_the_default_steps_of_a_single_agent_go_nowhere() -> None:
    told = found(facts(house([agent("ann", team_id="north")], teams=[team("north")])))
    assert told["escalation_alone"].text == (
        "Ann is the only agent: what Ann does not answer has nobody to go on to, and its manager is told instead."
    )
    assert told["escalation_hours"].severity is Severity.NOTE


@pytest.mark.parametrize(
    ("open_now", "opened", "closed", "severity"),
    [(5, 2, 3, None), (12, 1, 2, "attention"), (30, 6, 2, "serious"), (40, 0, 0, "serious"), (9, 0, 0, None)],
)
def test_more_alerts_than_people_can_hold(open_now: int, opened: int, closed: int, severity: str | None) -> None:
    flow = Flow(open=open_now, opened=(opened, opened + 2 if opened else 0) * 14, closed=(closed, closed) * 14)
    told = found(facts(house(two(capacity=8)), flows={None: flow}))
    assert (told["capacity"].severity if "capacity" in told else None) == severity


def test_a_manager_hears_of_their_team_by_name_and_of_others_by_number() -> None:
    people = [agent("ann", team_id="north", week=OFFICE, territories=("elm",), time_off=(WEEK,)), agent("bob", team_id="south", week=OFFICE, territories=("elm",), time_off=(WEEK,)), agent("cal", team_id="south", week=OFFICE)]  # fmt: skip
    directory = house(people, teams=[team("north"), team("south", None)], parents={"elm": None, "oak": None})
    north = check(facts(directory), team_ids=frozenset({"north"}), zone=CHICAGO, now=at("2026-03-02T10:00"))
    said = " ".join(one.text for one in north.findings)
    assert "Only Ann and 1 person of another team cover Elm" in said
    assert not any(word in said for word in ("Bob", "South", "Oak"))
    assert {one.kind for one in north.areas} == {"team", "territory"}
    assert (north.people, max(number for _, number in north.hours)) == (1, 1)


def test_times_of_days_in_a_row_are_said_once_and_in_the_readers_zone() -> None:
    spans = [(at(f"2026-03-0{day}T09:00"), at(f"2026-03-0{day}T18:00")) for day in (2, 3, 4, 6)]
    assert when(spans, CHICAGO) == "Mon 2 to Wed 4 Mar, 09:00-18:00; Fri 6 Mar, 09:00-18:00"
    night = [(at("2026-03-02T22:00"), at("2026-03-03T06:00")), (at("2026-03-05T00:00"), at("2026-03-06T00:00"))]
    assert when(night, CHICAGO) == "Mon 2 Mar, 22:00 to Tue 3 Mar, 06:00; Thu 5 Mar, the whole day"

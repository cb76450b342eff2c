"""Each strategy ranks as it says, every one keeps to the same contract, and turns are fair whoever comes and goes."""

from collections import Counter
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.routing.capacity import Load
from core.routing.choosing import Choice, choose
from core.routing.directory import Agent, Directory, Team
from core.routing.queues import Queues
from core.routing.roster import roster
from core.routing.rules import RuleSet, compile_rule
from core.routing.schedule import ALWAYS
from core.routing.state import House
from core.routing.strategies import STRATEGIES
from core.routing.strategy import BY_LOAD, BY_TURN, Case, Pool

NOW = datetime(2026, 3, 2, 15, 0, tzinfo=UTC)
SELL = "LIKELY_TO_SELL"


def person(agent_id: str, **values: Any) -> dict[str, Any]:
    return {"id": agent_id, "name": agent_id.title(), **values}


def directory(*people: dict[str, Any], **values: Any) -> Directory:
    plain: dict[str, Any] = {
        "active": True,
        "available": True,
        "auto_assign": True,
        "capacity": 10,
        "team_id": "north",
        "primary_territory": None,
        "territories": (),
        "skills": {},
        "specializations": frozenset(),
        "preferred": frozenset(),
        "week": ALWAYS,
        "zone": ZoneInfo("UTC"),
        "time_off": (),
    }
    teams = [
        Team(id=one, name=one.title(), manager_id=f"boss-{one}", default_strategy="territory")
        for one in ("north", "south")
    ]
    return Directory(
        [Agent(**plain | one, position=position) for position, one in enumerate(people)], teams=teams, **values
    )


def have(open_alerts: int, turn: float = 0.0) -> Load:
    return Load(open=open_alerts, turn=turn, units=float(open_alerts))


def case(**values: Any) -> Case:
    territory = values.get("territory", "riverside")
    facts = {
        "alert": {"type": SELL, "territory": territory, "priority": "HIGH"},
        "contact": {"attributes": {}},
        "property": {"count": 0},
        "signals": [],
        "metadata": values.pop("metadata", {}),
        "time": {},
    }
    return Case(
        **{
            "alert_id": "alert",
            "contact_id": "contact",
            "alert_type": SELL,
            "priority": "HIGH",
            "priority_rank": 1,
            "confidence": 0.7,
            "territory": territory,
            "owner_id": None,
            "previous_agent_id": None,
            "opened_at": NOW,
            "facts": facts,
            **values,
        }
    )


def pick(
    house: Directory,
    one: Case,
    *,
    strategy: str | None = None,
    loads: dict[str, Load] | None = None,
    rules: list[dict[str, Any]] | None = None,
    trigger: str = "opened",
    seed: int | None = None,
) -> Choice:
    compiled = [
        compile_rule(f"r{n}", name=f"r{n}", version=1, conditions=rule.get("conditions", []), actions=rule["actions"])
        for n, rule in enumerate(rules or [])
    ]
    queues = Queues(house, roster(house, NOW), loads or {})
    whole = House(version=1, directory=house, rules=RuleSet(compiled), admin_ids=("root",))
    return choose(one, house=whole, queues=queues, trigger=trigger, strategy=strategy, seed=seed)


def chosen(house: Directory, one: Case, **values: Any) -> str | None:
    position = pick(house, one, **values).position
    return house.agents[position].id if position is not None else None


def test_territory_prefers_the_smallest_area_then_skill_then_room() -> None:
    house = directory(
        person("far", skills={"seller": 5}),
        person("city", territories=("city",), skills={"seller": 5}),
        person("here", territories=("riverside",), skills={"seller": 2}),
        person("best", territories=("riverside",), skills={"seller": 4}),
        parents={"riverside": "city", "city": None},
    )
    assert chosen(house, case(), strategy="territory") == "best"
    full = {"best": have(10)}
    assert chosen(house, case(), strategy="territory", loads=full) == "here"
    full["here"] = have(10)
    assert chosen(house, case(), strategy="territory", loads=full) == "city"
    assert chosen(house, case(territory=None), strategy="territory") in ("far", "city")


def test_skill_prefers_the_specialist_then_the_near_one() -> None:
    house = directory(
        person("near", territories=("riverside",), skills={"seller": 3}),
        person("special", skills={"listing": 5}),
        person("special-near", territories=("riverside",), skills={"seller": 5}),
    )
    assert chosen(house, case(), strategy="skill") == "special-near"
    assert chosen(house, case(), strategy="skill", loads={"special-near": have(10)}) == "special"


def test_workload_takes_the_smallest_share_of_capacity() -> None:
    house = directory(person("small", capacity=2), person("large", capacity=20))
    assert chosen(house, case(), strategy="workload", loads={"small": have(1), "large": have(5)}) == "large"


def test_confidence_ranking_gives_the_surest_alert_to_the_best_agent() -> None:
    house = directory(person("good", skills={"seller": 5}), person("poor", skills={"seller": 1}))
    order = STRATEGIES["confidence_ranking"].order
    assert (
        sorted([case(alert_id="b", confidence=0.6), case(alert_id="a", confidence=0.9)], key=order)[0].confidence == 0.9
    )
    assert chosen(house, case(), strategy="confidence_ranking") == "good"


def test_stale_alerts_go_to_a_colleague_of_the_owner() -> None:
    house = directory(
        person("owner"), person("mate", skills={"seller": 1}), person("other", team_id="south", skills={"seller": 5})
    )
    queues = Queues(house, roster(house, NOW), {})
    whole = House(version=1, directory=house, rules=RuleSet([]))
    choice = choose(case(owner_id="owner"), house=whole, queues=queues, trigger="stale", exclude=frozenset({0}), seed=1)
    assert choice.position == 1
    assert choice.reason == "It waited with Owner; you know sellers; 0 of 10 open."


def test_a_preferred_type_wins_between_equals() -> None:
    house = directory(
        person("buyers", territories=("riverside",), preferred=frozenset({"LIKELY_TO_BUY"})),
        person("sellers", territories=("riverside",), preferred=frozenset({SELL})),
    )
    assert {chosen(house, case(), seed=seed) for seed in range(20)} == {"sellers"}


@pytest.mark.parametrize("name", sorted(STRATEGIES))
def test_every_strategy_reaches_everybody_and_explains_itself(name: str) -> None:
    house = directory(*(person(f"a{n}", team_id=None, territories=(f"t{n}",)) for n in range(12)))
    loads = {f"a{n}": have(10) for n in range(11)}
    choice = pick(house, case(territory="nowhere"), strategy=name, loads=loads)
    assert choice.position == 11
    assert choice.reason.endswith("; 0 of 10 open.")
    assert choice.trace["candidates"][0]["agentId"] == "a11"
    assert choice.trace["excluded"]["at_capacity"] == 11
    assert STRATEGIES[name].title
    assert STRATEGIES[name].about.endswith(".")


@pytest.mark.parametrize("name", sorted(STRATEGIES))
def test_what_is_said_does_not_depend_on_what_was_asked_before(name: str) -> None:
    people = [person(f"a{n}", territories=("riverside",), skills={"seller": n % 3}) for n in range(6)]
    fresh, used = directory(*people), directory(*people)
    for territory in ("riverside", "elsewhere"):
        for number in range(6):
            pick(used, case(alert_id=f"b{number}", alert_type="LIKELY_TO_BUY", territory=territory), strategy=name)
        one = case(territory=territory)
        assert pick(used, one, strategy=name) == pick(fresh, one, strategy=name)


def test_turns_below_zero_count_as_none() -> None:
    house = directory(person("ann"), person("bob"))
    loads = {"ann": have(0, -3.0), "bob": have(0, 0.0)}
    both = {chosen(house, case(), strategy="round_robin", loads=loads, seed=seed) for seed in range(20)}
    assert both == {"ann", "bob"}


@pytest.mark.parametrize("name", sorted(STRATEGIES))
def test_every_strategy_is_deterministic_and_spreads_ties_by_seed(name: str) -> None:
    house = directory(*(person(f"a{n}", territories=("riverside",)) for n in range(8)))
    by_seed = [chosen(house, case(), strategy=name, seed=seed) for seed in range(60)]
    assert by_seed == [chosen(house, case(), strategy=name, seed=seed) for seed in range(60)]
    assert len(set(by_seed)) >= 4


@pytest.mark.parametrize("name", sorted(STRATEGIES))
def test_the_queues_agree_with_a_plain_scan_after_many_hand_outs(name: str) -> None:
    people = [
        person(f"a{n}", capacity=1 + n % 4, territories=(f"t{n % 3}",), skills={"seller": n % 6}) for n in range(20)
    ]
    house = directory(*people)
    whole = House(version=1, directory=house, rules=RuleSet([]))
    queues = Queues(house, roster(house, NOW), {})
    for number in range(40):
        one = case(alert_id=f"x{number}", territory=f"t{number % 4}")
        loads = {agent.id: have(queues.open[agent.position], queues.turn[agent.position]) for agent in house.agents}
        fresh = choose(
            one, house=whole, queues=Queues(house, roster(house, NOW), loads), trigger="opened", strategy=name
        )
        kept = choose(one, house=whole, queues=queues, trigger="opened", strategy=name)
        assert (kept.position, kept.overflow, kept.reason) == (fresh.position, fresh.overflow, fresh.reason)
        if kept.position is not None:
            queues.hand(kept.position)


def test_assign_to_agent_waits_for_nobody_and_the_next_rule_is_tried() -> None:
    house = directory(person("ann"), person("bob"))
    rules = [
        {"actions": [{"type": "assign_to_agent", "params": {"agentId": "${metadata.previousAgentId}"}}]},
        {"actions": [{"type": "assign_to_agent", "params": {"agentId": "bob"}}]},
    ]
    assert chosen(house, case(metadata={"previousAgentId": "ann"}), rules=rules) == "ann"
    choice = pick(house, case(metadata={"previousAgentId": "ann"}), rules=rules, loads={"ann": have(10)})
    assert choice.position == 1
    assert [one["outcome"] for one in choice.trace["rules"]] == ["nobody_free", "assigned"]
    assert chosen(house, case(metadata={}), rules=rules) == "bob"


def test_assign_to_territory_and_by_skill_stay_inside_what_they_ask() -> None:
    house = directory(
        person("ann", territories=("hilltop",)), person("bob", territories=("riverside",), skills={"luxury": 4})
    )
    to_hilltop = [{"actions": [{"type": "assign_to_territory", "params": {"territory": "hilltop"}}]}]
    assert chosen(house, case(), rules=to_hilltop) == "ann"
    luxury = [{"actions": [{"type": "assign_by_skill", "params": {"requiredSkills": ["luxury"], "minLevel": 4}}]}]
    assert chosen(house, case(territory="hilltop"), rules=luxury) == "bob"
    too_high = [{"actions": [{"type": "assign_by_skill", "params": {"requiredSkills": ["luxury"], "minLevel": 5}}]}]
    assert pick(house, case(), rules=too_high).rule is None
    anybody = [{"actions": [{"type": "assign_by_skill", "params": {"requiredSkills": []}}]}]
    assert pick(house, case(), rules=anybody).rule is not None


def test_escalate_moves_it_from_the_owner_and_tells_the_manager() -> None:
    house = directory(person("owner"), person("mate"))
    choice = pick(house, case(owner_id="owner"), rules=[{"actions": [{"type": "escalate"}]}])
    assert choice.position == 1
    assert choice.notify == ["boss-north"]


def test_notify_never_ends_the_matching() -> None:
    house = directory(person("ann"))
    rules = [
        {"actions": [{"type": "notify", "params": {"userIds": ["watcher"], "roles": ["admin"]}}]},
        {
            "actions": [
                {"type": "assign_to_agent", "params": {"agentId": "ann"}},
                {"type": "notify", "params": {"roles": ["manager"]}},
            ]
        },
    ]
    choice = pick(house, case(), rules=rules)
    assert choice.position == 0
    assert choice.notify == ["watcher", "root", "boss-north"]
    assert [one["outcome"] for one in choice.trace["rules"]] == ["notified", "assigned"]


def test_a_circle_of_territories_does_not_hang() -> None:
    house = directory(person("ann", territories=("b",)), parents={"a": "b", "b": "a"})
    assert chosen(house, case(territory="a")) == "ann"


presences = st.lists(st.sets(st.integers(0, 4), min_size=1), min_size=1, max_size=40)


@settings(max_examples=60)
@given(presences, st.integers(1, 4))
def test_turns_are_fair_and_absence_earns_no_credit(presences: list[set[int]], each: int) -> None:
    """Whoever is there is never more than one unit behind another who is there, however people come and go."""
    turns = {f"a{n}": 0.0 for n in range(5)}
    for number, present in enumerate(presences):
        house = directory(*(person(f"a{n}", available=n in present, capacity=10_000) for n in range(5)))
        queues = Queues(house, roster(house, NOW), {agent: have(0, turn) for agent, turn in turns.items()})
        whole = House(version=1, directory=house, rules=RuleSet([]))
        given_out: Counter[int] = Counter()
        for alert in range(each * len(present)):
            choice = choose(
                case(alert_id=f"{number}-{alert}"), house=whole, queues=queues, trigger="opened", strategy="round_robin"
            )
            assert choice.position is not None
            queues.hand(choice.position)
            given_out[choice.position] += 1
        assert max(given_out.values()) - min(given_out[position] for position in present) <= 2
        turns |= {agent.id: queues.turn[agent.position] for agent in house.agents}
        turns |= queues.absent()
        here = [turns[f"a{n}"] for n in present]
        assert max(here) - min(here) <= 1
        assert min(turns.values()) >= min(here)


def test_coming_back_brings_no_flood() -> None:
    away = directory(
        person("ann", available=False, capacity=1000), person("bob", capacity=1000), person("cleo", capacity=1000)
    )
    whole = House(version=1, directory=away, rules=RuleSet([]))
    queues = Queues(away, roster(away, NOW), {})
    for number in range(100):
        choice = choose(
            case(alert_id=str(number)), house=whole, queues=queues, trigger="opened", strategy="round_robin"
        )
        assert choice.position is not None
        queues.hand(choice.position)
    turns = {agent.id: queues.turn[agent.position] for agent in away.agents} | queues.absent()

    back = directory(person("ann", capacity=1000), person("bob", capacity=1000), person("cleo", capacity=1000))
    queues = Queues(back, roster(back, NOW), {agent: have(0, turn) for agent, turn in turns.items()})
    first = Counter[str]()
    for number in range(30):
        choice = choose(
            case(alert_id=str(number)),
            house=House(version=1, directory=back, rules=RuleSet([])),
            queues=queues,
            trigger="opened",
            strategy="round_robin",
        )
        assert choice.position is not None
        queues.hand(choice.position)
        first[back.agents[choice.position].id] += 1
    assert first == {"ann": 10, "bob": 10, "cleo": 10}


floats = st.floats(0, 1e9, allow_nan=False)


@settings(max_examples=60)
@given(st.lists(st.tuples(st.integers(0, 3), floats, floats), min_size=2, max_size=12), st.booleans())
def test_rows_stand_in_the_order_of_their_numbers(each: list[tuple[int, float, float]], by_load: bool) -> None:
    house = directory(*(person(f"a{n}", skills={"seller": level}) for n, (level, _, _) in enumerate(each)))
    loads = {f"a{n}": Load(turn=turn, units=units) for n, (_, turn, units) in enumerate(each)}
    queues = Queues(house, roster(house, NOW), loads)
    pool = Pool(
        ("all",),
        range(len(each)),
        lambda agent: (-agent.level(SELL),),
        BY_LOAD if by_load else BY_TURN,
        lambda agent: "You are here",
    )

    def stands(position: int) -> tuple[float, ...]:
        agent, share, turn = house.agents[position], queues.share(position), queues.turn[position]
        return (-agent.level(SELL), *((share, turn) if by_load else (turn, share)), agent.token)

    assert queues.line("test", pool, None, 0) == sorted(range(len(each)), key=stands)

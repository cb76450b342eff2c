"""What a house works out once, so that no alert waits for it: who stands in which pool, and how they rank there.

Anything left out here is worked out when it is first asked for; the answers are the same.
"""

from collections.abc import Iterator
from itertools import islice

from core.routing.actions import Action
from core.routing.choosing import skill_pools
from core.routing.directory import SKILLS_OF_TYPE
from core.routing.queues import standing_of
from core.routing.rules import Compiled
from core.routing.state import House
from core.routing.strategies import LEAVE, STRATEGIES
from core.routing.strategy import Case, Pool

MOST = 2_000
"""Pools at most: a hundred milliseconds."""
_Named = tuple[str, Pool]


def prepare(house: House) -> None:
    """Rank the pools that an alert of each area and type comes to first, by the house's strategies and by its rules."""
    for strategy_id, pool in islice(_pools(house), MOST):
        standing_of(house.directory, strategy_id, pool)


def _pools(house: House) -> Iterator[_Named]:
    places = sorted(house.directory.places)
    for territory in places:
        for kind in SKILLS_OF_TYPE:
            yield from _of_chain(_case(kind, territory), house)
    for rule in house.rules.rules:
        for action in rule.actions:
            if action.kind == "assign_by_skill":
                yield from _of_rule(rule, action, house, places)


def _of_chain(case: Case, house: House) -> Iterator[_Named]:
    """The first pool that has anybody."""
    for name in house.chain_for(case.territory):
        if name == LEAVE:
            return
        strategy = STRATEGIES[name]
        ways = (
            strategy.ways(case, house.directory) if strategy.ways else ((1.0, strategy.pools(case, house.directory)),)
        )
        first = [next((pool for pool in pools if pool.members), None) for _, pools in ways]
        yield from ((name, pool) for pool in first if pool is not None)
        if any(first):
            return


def _of_rule(rule: Compiled, action: Action, house: House, places: list[str]) -> Iterator[_Named]:
    """The nearest pool of those who know what a rule asks, for every area and type that it names."""
    kinds = rule.only(("alert", "type")) or SKILLS_OF_TYPE
    for territory in sorted(rule.only(("alert", "territory")) or places):
        for kind in kinds:
            case = _case(kind, territory)
            wish = action.wish(case.facts)
            if wish.skills and wish.territory is None:
                yield from (("skill", pool) for pool in islice(skill_pools(wish, case, house), 1))


def _case(kind: str, territory: str) -> Case:
    """An alert of which nothing is known but its type and area."""
    facts = {"alert": {"type": kind, "territory": territory}, "contact": {}, "property": {}, "signals": []}
    return Case(
        alert_id="",
        contact_id="",
        alert_type=kind,
        priority="",
        priority_rank=0,
        confidence=0.0,
        territory=territory,
        owner_id=None,
        previous_agent_id=None,
        opened_at=None,
        facts=facts | {"metadata": {}, "time": {}},
    )

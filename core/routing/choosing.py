"""One routing decision, pure: rules first, then the team's strategy, then overflow; with the whole reason.

Values in, values out: the same case, house, loads and seed give the same answer.
"""

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from hashlib import blake2b
from typing import Any

from core.routing import covers
from core.routing import roster as why
from core.routing.actions import Wish
from core.routing.directory import Agent
from core.routing.queues import Key, Queues
from core.routing.refusals import DECLINED
from core.routing.rules import Compiled, Promising, first_miss
from core.routing.state import House
from core.routing.strategies import LEAVE, STRATEGIES
from core.routing.strategy import BY_LOAD, KNOWS, PREFERS, Case, Pool, spoken
from core.words import PoolReason

MOST_CANDIDATES = 10
MOST_RULES = 20
LEFT = PoolReason.LEFT_TO_CLAIM
NOBODY_ON_DUTY = PoolReason.NOBODY_ON_DUTY
NOBODY_ELSE = PoolReason.NOBODY_ELSE
NO_AGENTS = PoolReason.NO_AGENTS
POOL_WORDS = {
    NOBODY_ON_DUTY: "Nobody is on duty; it waits in the pool.",
    NOBODY_ELSE: "Nobody else on duty can take it.",
    NO_AGENTS: "There are no agents yet; it waits in the pool.",
    LEFT: "Nobody it is meant for is free; whoever takes it from the pool has it.",
}
STALE_TRIGGERS = frozenset({"stale", "escalated"})
AWAY = "away"
"""Its owner is away or cannot be reached, and has not touched it."""
REROUTED = "rerouted"
"""A person had routing find somebody else for it."""
NO_OVERFLOW = frozenset({"stale", "returned", AWAY, DECLINED, REROUTED})
"""A late alert has an owner, a backlog drains into free places, and what one said no to need not go to who is full."""


@dataclass(slots=True)
class Choice:
    """Who gets the alert, and everything there is to say about it."""

    position: int | None = None
    strategy: str = ""
    rule: Compiled | None = None
    overflow: bool = False
    reason: str = ""
    unassigned_reason: PoolReason | None = None
    notify: list[str] = field(default_factory=list)
    in_line: bool = False
    """Chosen from a line of candidates: not named by a rule, matched in a batch, or given as overflow."""
    escalated: bool = False
    """A rule had it begin at the second step of its escalation policy."""
    waits: bool = False
    """It is to be matched together with the others of its batch first (core.routing.matching)."""
    trace: dict[str, Any] = field(default_factory=dict)


@dataclass(slots=True)
class _Found:
    position: int
    strategy: str
    why: str
    candidates: list[dict[str, Any]]
    reachable: int
    """How many free agents the pool that decided had."""
    in_line: bool = False
    level: int = 0
    """How many stood level, of whom the lot fell on one; 0 where nobody stood in a line."""
    by_rule: bool = False
    asked: Case | None = None
    """The alert as a chain of strategies was asked for it; None where a rule asked a pool of its own."""


def choose(
    case: Case,
    *,
    house: House,
    queues: Queues,
    trigger: str,
    exclude: frozenset[int] = frozenset(),
    seed: int | None = None,
    strategy: str | None = None,
    instead: str | None = None,
    arms: Sequence[tuple[float, str | None]] = (),
    planned: int | None = None,
    together: bool = False,
) -> Choice:
    """Choose the agent of one alert. Does not count the alert for the agent: `queues.hand` does.

    Args:
        exclude: positions of agents who must not get it.
        seed: fixes the order of equals; made from the alert's id when left out.
        strategy: skips rules and the team's default.
        instead: stands for the team's default, where an experiment says so; rules come first.
        arms: the strategies that the experiment could have said, None for the team's default, each with its share.
        planned: the position that the matching of its batch found; rules were tried before.
        together: one of a batch: where the team's default matches batches, the choice waits for `planned`.
    """
    case = _with_cover(case, queues)
    ring = _lot(case.alert_id if seed is None else f"{seed}:{case.alert_id}")
    choice = Choice()
    queues.looked.clear()
    queues.also.clear()
    tried: dict[int, dict[str, Any]] = {}
    chain = _chain(case, house, trigger=trigger, strategy=strategy, instead=instead)
    heavy = queues.too_heavy(case.units)
    out = exclude | heavy if heavy else exclude
    promising = house.rules.promising(case.facts)
    found = None if strategy else _by_rules(case, house, queues, out, ring, choice, tried, promising)
    if found is None and together and STRATEGIES[chain[0]].matches_batches:
        choice.waits = True
        return choice
    if found is None and planned is not None:
        found = _planned(case, chain[0], planned, queues)
    if found is None:
        found = _by_chain(case, chain, queues, out, ring)
    if found is not None:
        agent = house.directory.agents[found.position]
        choice.position, choice.strategy, choice.in_line = found.position, found.strategy, found.in_line
        choice.reason = f"{found.why}; {queues.open[found.position]} of {agent.capacity} open."
    else:
        choice.strategy = chain[0]
        _overflow_or_pool(queues, exclude, heavy, choice, chain, may_overflow=trigger not in NO_OVERFLOW)
    choice.trace = _trace(house, queues, exclude, heavy, found, choice, tried, promising, ring)
    if instead:
        choice.trace["experiment"] = {"strategy": instead}
    if found is not None and (chance := _propensity(found, chain, arms, house, queues, out)) is not None:
        choice.trace["propensity"] = chance
    return choice


def _lot(text: str) -> int:
    """32 bits that say with whom of equals it begins: even also for ids that are much alike, and apart from any other draw."""
    return int.from_bytes(blake2b(text.encode(), digest_size=4, key=b"equals").digest())


def _with_cover(case: Case, queues: Queues) -> Case:
    """What would go to the previous agent, who is away, goes to who covers for them."""
    directory, now = queues.directory, queues.roster.since
    before = directory.by_id.get(case.previous_agent_id or "")
    if before is None or not before.time_off or not covers.is_away(before, now):
        return case
    cover = covers.stand_in(directory, before, now)
    return replace(case, previous_agent_id=cover.id, covered=before.name) if cover else case


def _chain(case: Case, house: House, *, trigger: str, strategy: str | None, instead: str | None) -> tuple[str, ...]:
    """The strategies to try, in order."""
    if strategy:
        return (strategy,)
    if trigger in STALE_TRIGGERS:
        return ("stale_escalation",)
    return (instead,) if instead else house.chain_for(case.territory)


def _by_chain(case: Case, chain: Sequence[str], queues: Queues, exclude: frozenset[int], ring: int) -> _Found | None:
    """The first strategy that finds somebody; only the last one looks where it would rather not."""
    for number, name in enumerate(chain):
        if name == LEAVE:
            return None
        pools = STRATEGIES[name].pools(case, queues.directory)
        if number < len(chain) - 1:
            pools = (pool for pool in pools if not pool.last_resort)
        found = _walk(name, pools, queues, None, exclude, ring)
        if found is not None:
            found.asked = case
            return found
    return None


def _planned(case: Case, name: str, position: int, queues: Queues) -> _Found | None:
    """Who the batch's matching found, unless they have become full since."""
    if not queues.free(position) or position in queues.too_heavy(case.units):
        return None
    agent = queues.directory.agents[position]
    because = f"{spoken(agent, case.alert_type, place=None)}, and it suits the whole batch best"
    return _Found(
        position=position,
        strategy=name,
        why=because,
        candidates=[queues.describe(position, because, [])],
        reachable=1,
    )


def _propensity(
    found: _Found,
    chain: Sequence[str],
    arms: Sequence[tuple[float, str | None]],
    house: House,
    queues: Queues,
    exclude: frozenset[int],
) -> float | None:
    """How likely this agent was to be chosen before any lot was drawn; None where a batch was matched or a rule named them."""
    if found.level == 0:
        return None
    case = found.asked
    if case is None:
        return 1 / found.level
    if found.by_rule:
        chain, arms = house.chain_for(case.territory), ()
    if not arms and not any(name != LEAVE and STRATEGIES[name].ways for name in chain):
        return 1 / found.level
    return mixed(case, chain, arms, house, queues, exclude).get(found.position, 0.0)


def mixed(
    case: Case,
    chain: Sequence[str],
    arms: Sequence[tuple[float, str | None]],
    house: House,
    queues: Queues,
    exclude: frozenset[int],
) -> dict[int, float]:
    """`chances` of what an experiment could have said, by its shares; of the chain where there is none."""
    found: dict[int, float] = {}
    for share, arm in arms or ((1.0, None),):
        way = chain if not arms else (arm,) if arm else house.chain_for(case.territory)
        for position, chance in chances(case, way, queues, exclude).items():
            found[position] = found.get(position, 0.0) + share * chance
    return found


def chances(case: Case, chain: Sequence[str], queues: Queues, exclude: frozenset[int]) -> dict[int, float]:
    """Position -> how likely the chain is to choose this agent, before its lots are drawn; together 1, less where it may find nobody."""
    found: dict[int, float] = {}

    def walk(number: int, share: float) -> None:
        if number == len(chain) or chain[number] == LEAVE:
            return
        strategy, is_last = STRATEGIES[chain[number]], number == len(chain) - 1
        ways: Sequence[tuple[float, Iterable[Pool]]] = [(1.0, strategy.pools(case, queues.directory))]
        if strategy.ways:
            ways = strategy.ways(case, queues.directory)
        for part, pools in ways:
            tried = (queues.heads(strategy.id, pool, exclude) for pool in pools if is_last or not pool.last_resort)
            heads = next(filter(None, tried), None)
            if heads is None:
                walk(number + 1, share * part)
                continue
            for position in heads:
                found[position] = found.get(position, 0.0) + share * part / len(heads)

    walk(0, 1.0)
    return found


def _by_rules(
    case: Case,
    house: House,
    queues: Queues,
    exclude: frozenset[int],
    ring: int,
    choice: Choice,
    tried: dict[int, dict[str, Any]],
    promising: Promising,
) -> _Found | None:
    """The first rule that holds and whose action finds somebody; every rule that holds gets to notify until then."""
    rules = house.rules.rules
    for position, untold in zip(promising.positions, promising.untold, strict=True):
        rule = rules[position]
        miss = first_miss(untold, case.facts)
        if miss is not None:
            tried[position] = miss
            continue
        found: _Found | None = None
        for action in rule.actions:
            wish = action.wish(case.facts)
            if wish.kind == "notify":
                choice.notify += _told(wish, case, house, found)
            elif found is None:
                found = _grant(wish, case, house, queues, exclude, ring)
                if found is not None:
                    choice.escalated = wish.kind == "escalate"
                    choice.notify += _told(wish, case, house, found)
        if found is not None:
            tried[position] = {"id": rule.id, "name": rule.name, "outcome": "assigned"}
            choice.rule = rule
            found.by_rule = True
            found.why = f"Rule “{rule.name}”: {found.why[0].lower()}{found.why[1:]}"
            return found
        outcome = "nobody_free" if rule.assigns else "notified"
        tried[position] = {"id": rule.id, "name": rule.name, "outcome": outcome}
    return None


def _grant(wish: Wish, case: Case, house: House, queues: Queues, exclude: frozenset[int], ring: int) -> _Found | None:
    directory = house.directory
    if wish.kind == "assign_to_agent":
        return _named(wish, house, queues, exclude)
    if wish.kind == "assign_to_territory":
        if wish.territory is None:
            return None
        people: set[int] = set()
        for territory in directory.around(wish.territory):
            people.update(directory.covering(territory))
        among = (("territory", wish.territory), frozenset(people))
        return _by_strategy(replace(case, territory=wish.territory), "territory", queues, among, exclude, ring)
    if wish.kind == "escalate":
        before = {directory.by_id[one].position for one in (case.owner_id,) if one in directory.by_id}
        return _by_strategy(case, "stale_escalation", queues, None, exclude | before, ring)
    where = replace(case, territory=wish.territory) if wish.territory else case
    if not wish.skills:
        return _by_chain(where, house.chain_for(where.territory), queues, exclude, ring)
    return _walk("skill", _skill_pools(wish, where, house), queues, None, exclude, ring)


def _skill_pools(wish: Wish, case: Case, house: House) -> Iterator[Pool]:
    """Those who know what is asked: near ones first, then everywhere."""
    directory, kind = house.directory, case.alert_type
    named = " and ".join(skill for skill, _ in wish.skills)
    asked = tuple(f"{skill}>={least}" for skill, least in wish.skills)
    able = directory.able(wish.skills)

    def rank(agent: Agent) -> tuple[float, ...]:
        return (-sum(agent.level(skill) for skill, _ in wish.skills), not agent.prefers(kind))

    for territory in directory.around(case.territory):
        here = f"You cover {directory.place(territory)} and know {named}"
        yield Pool(
            ("asked", kind, territory, *asked),
            directory.covering(territory),
            rank,
            BY_LOAD,
            lambda agent, here=here: here,  # type: ignore[misc]
            able,
            said=(KNOWS, PREFERS),
        )
    everywhere = f"You know {named}"
    yield Pool(
        ("asked", kind, *asked), tuple(able), rank, BY_LOAD, lambda agent: everywhere, able, said=(KNOWS, PREFERS)
    )


def _named(wish: Wish, house: House, queues: Queues, exclude: frozenset[int]) -> _Found | None:
    """The first named agent who is free; somebody on time off is answered for by their cover."""
    directory = house.directory
    for agent_id in wish.agent_ids:
        named = directory.by_id.get(agent_id)
        agent = covers.stand_in(directory, named, queues.roster.since) if named else None
        if agent is None:
            continue
        because = "You are named in it" if agent is named else f"You cover for {named.name}"  # type: ignore[union-attr]
        if agent.position not in exclude and queues.free(agent.position):
            return _Found(
                position=agent.position,
                strategy="assign_to_agent",
                why=because,
                candidates=[queues.describe(agent.position, because, [])],
                reachable=1,
            )
    return None


def _by_strategy(
    case: Case,
    name: str,
    queues: Queues,
    among: tuple[Key, frozenset[int]] | None,
    exclude: frozenset[int],
    ring: int,
) -> _Found | None:
    return _walk(name, STRATEGIES[name].pools(case, queues.directory), queues, among, exclude, ring)


def _walk(
    name: str,
    pools: Iterable[Pool],
    queues: Queues,
    among: tuple[Key, frozenset[int]] | None,
    exclude: frozenset[int],
    ring: int,
) -> _Found | None:
    for pool in pools:
        best = queues.line(name, pool, among, ring, exclude, most=MOST_CANDIDATES)
        if best:
            candidates = queues.described(best)
            return _Found(
                position=best[0],
                strategy=name,
                why=candidates[0]["why"],
                candidates=candidates,
                reachable=queues.length(exclude),
                in_line=True,
                level=queues.level,
            )
    return None


def _overflow_or_pool(
    queues: Queues,
    exclude: frozenset[int],
    heavy: frozenset[int],
    choice: Choice,
    chain: Sequence[str],
    *,
    may_overflow: bool,
) -> None:
    eligible = queues.roster.eligible
    no_room = queues.full | heavy
    if chain[-1] == LEAVE and eligible:
        choice.unassigned_reason = LEFT
        choice.reason = POOL_WORDS[LEFT]
        return
    if may_overflow and eligible and len(no_room) == len(eligible):  # overflow is only ever explicit
        position = queues.least_loaded(no_room - exclude)
        if position is not None:
            agent = queues.directory.agents[position]
            choice.position, choice.overflow = position, True
            choice.reason = (
                f"Everybody on duty is full and you have the least; {queues.open[position]} of {agent.capacity} open."
            )
            return
    choice.unassigned_reason = NOBODY_ELSE if eligible else NOBODY_ON_DUTY if queues.directory.agents else NO_AGENTS
    choice.reason = POOL_WORDS[choice.unassigned_reason]


def _told(wish: Wish, case: Case, house: House, found: _Found | None) -> list[str]:
    users = list(wish.user_ids)
    if "manager" in wish.roles:
        agents, teams = house.directory.agents, house.directory.teams
        owner = agents[found.position] if found else house.directory.by_id.get(case.owner_id or "")
        team = teams.get(owner.team_id or "") if owner else house.directory.team_of(case.territory)
        if team and team.manager_id:
            users.append(team.manager_id)
    if "admin" in wish.roles:
        users += house.admin_ids
    return users


def _trace(
    house: House,
    queues: Queues,
    exclude: frozenset[int],
    heavy: frozenset[int],
    found: _Found | None,
    choice: Choice,
    tried: dict[int, dict[str, Any]],
    promising: Promising,
    ring: int,
) -> dict[str, Any]:
    excluded = dict(queues.roster.excluded)
    no_room = len(queues.full) + len(heavy)
    if no_room:
        spent = queues.spent()
        excluded |= {
            reason: number for reason, number in ((why.AT_CAPACITY, no_room - spent), (why.DAY_FULL, spent)) if number
        }
    left_out = len(exclude & queues.roster.eligible - queues.full - heavy) if exclude else 0
    if left_out:
        excluded[why.LEFT_OUT] = left_out
    if found is not None:
        elsewhere = len(queues.roster.eligible) - no_room - left_out - found.reachable
        if elsewhere > 0:
            excluded[why.OUT_OF_REACH] = elsewhere
    last = max(tried) + 1 if choice.rule else len(house.rules)
    return {
        "rules": _rule_entries(promising, tried, last),
        "rulesTried": last,
        "excluded": excluded,
        "candidates": found.candidates if found else [],
        "seed": ring,
        "versions": {"routing": house.version, "rule": choice.rule.version if choice.rule else None},
    }


def _rule_entries(promising: Promising, tried: dict[int, dict[str, Any]], last: int) -> list[dict[str, Any]]:
    """Every rule that was looked at, and the first few that the index passed over: all can be recomputed on request."""
    looked_at = list(tried)[:MOST_RULES]
    others = promising.first_others
    shown = min(MOST_RULES - len(looked_at), bisect_left(others, last))
    entries = list(promising.first_misses[:shown])
    for position in reversed(looked_at):  # tried in order: from the back, so that the places before stay true
        entries.insert(bisect_left(others, position, 0, shown), tried[position])
    return entries

"""The ledger: what each decision rested on, kept small, from which the whole decision is worked out again when asked.

A row per candidate of every decision would drown the database. Kept are the case with its facts, the loads of those who
were looked at, and (once for all decisions in it) the house; the decision is a pure function of these.
"""

import zlib
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from operator import itemgetter
from typing import Any, NamedTuple

import orjson
from sqlalchemy import select
from sqlalchemy.orm import Session

from core.db.base import table_of
from core.db.dialect import upsert
from core.db.tables import Alert, Decision, RoutingHouse
from core.errors import NotFound
from core.routing import roster as why
from core.routing import snapshot
from core.routing.capacity import Load
from core.routing.choosing import Choice, choose
from core.routing.queues import Queues, Today
from core.routing.roster import roster
from core.routing.state import House, State
from core.routing.strategy import Case, Trial
from core.viewer import Viewer, alert_scope
from core.words import Role

_LARGE = 2_048
"""Bytes from which inputs are compressed."""
_ZIPPED = b"\x78"
_SMALL = 50
"""Agents up to whom everybody's load is kept, so that it can be asked what any other strategy would have done."""
_WRITTEN = "routing.houses"


@dataclass(frozen=True, slots=True, kw_only=True)
class Considered:
    """One agent of the house in one decision."""

    agent_id: str
    name: str
    outcome: str
    """chosen, candidate (was free, came after) or excluded."""
    place: int | None
    """1 is who was chosen; None for who was not in the line that decided."""
    reason: str | None
    """Why excluded, a word of core.routing.roster."""
    text: str
    """For the chosen one the sentence they were told, for candidates what put the one before them ahead, else the reason."""
    open_alerts: int | None
    """Where it was looked at."""
    capacity: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Recomputed:
    """A decision worked out again, with everybody in it."""

    decision_id: str
    decided_at: datetime
    agrees: bool
    """The same agent, strategy, rule, sentence and trace as stored."""
    differences: tuple[str, ...]
    """The parts that differ; empty where it agrees."""
    everybody: tuple[Considered, ...]
    """Who was chosen, then the candidates in order, then the excluded by name; of them those this viewer may compare."""
    others: dict[str, int]
    """How many more there were, by outcome or reason."""
    rules: tuple[dict[str, Any], ...]
    """Every rule of the house, in the order tried, with its outcome."""


def keep_house(session: Session, state: State, *, now: datetime) -> str:
    """Store the house as it is, once; the id under which decisions name it."""
    house = state.house
    if state.kept is None or state.kept[0] is not house:
        state.kept = (house, *snapshot.dump(house))
    _, house_id, content = state.kept
    if content is None:
        return house_id
    ours = _written(session)
    if session.scalar(select(RoutingHouse.id).where(RoutingHouse.id == house_id)) is not None:
        if house_id not in ours:
            state.kept = (house, house_id, None)  # somebody's commit: it can no longer be rolled back
        return house_id
    ours.add(house_id)
    session.execute(
        upsert(session, RoutingHouse)
        .values(id=house_id, content=content, created_at=now)
        .on_conflict_do_nothing(index_elements=["id"])
    )
    return house_id


def _written(session: Session) -> set[str]:
    """Houses that this transaction has stored: a rollback would take them along."""
    transaction = session.get_transaction()
    if (found := session.info.get(_WRITTEN)) is None or found[0] is not transaction:
        found = session.info[_WRITTEN] = (transaction, set())
    ours: set[str] = found[1]
    return ours


def pack(
    case: Case,
    choice: Choice,
    queues: Queues,
    *,
    exclude: frozenset[int],
    trigger: str,
    seed: int | None,
    trial: Trial,
    planned: int | None,
) -> bytes:
    """What a choice rested on besides the house; to be called before the alert is counted for its agent."""
    looked_at = queues.looked_at()
    if len(queues.open) <= _SMALL:
        looked_at.update(range(len(queues.open)))
    if choice.position is not None:
        looked_at.add(choice.position)
    plain = {
        "case": {name: getattr(case, name) for name in Case.__slots__},
        "trigger": trigger,
        "seed": seed,
        "instead": trial.strategy,
        "arms": trial.arms,
        "planned": planned,
        "exclude": sorted(exclude),
        "refused": sorted(queues.refused),
        "loads": _columns(queues, looked_at),
    }
    text = orjson.dumps(plain)
    return zlib.compress(text, 1) if len(text) > _LARGE else text


def recompute(session: Session, viewer: Viewer, alert_id: str, *, decision_id: str | None = None) -> Recomputed:
    """Work a decision out again from what was kept: the newest one of the alert, or the named one.

    Raises:
        NotFound: no such alert for this viewer, no such decision, or nothing was kept for it (a person decided).
    """
    table = table_of(Decision).c
    statement = (
        select(table.id, *(table[name] for name in _STORED), RoutingHouse.content)
        .join(Alert, Alert.id == table.alert_id)
        .join(RoutingHouse, RoutingHouse.id == table.house_id)
        .where(table.alert_id == alert_id, table.inputs.is_not(None), alert_scope(viewer))
        .order_by(table.decided_at.desc(), table.id.desc())
        .limit(1)
    )
    if decision_id is not None:
        statement = statement.where(table.id == decision_id)
    row = session.execute(statement).one_or_none()
    if row is None:
        raise NotFound("There is no decision of the product on this alert that could be worked out again.")
    house = snapshot.load(row.content, version=row.trace["versions"]["routing"])
    case, choice, queues, exclude, *_ = again(row.inputs, house, at=row.decided_at)
    found = {
        "agent_id": house.directory.agents[choice.position].id if choice.position is not None else None,
        "strategy": choice.strategy,
        "rule_id": choice.rule.id if choice.rule else None,
        "overflow": choice.overflow,
        "reason": choice.reason,
        "trace": orjson.loads(orjson.dumps(choice.trace)),
    }
    if "propensity" not in row.trace:  # older decisions told it for some strategies alone
        found["trace"].pop("propensity", None)
    everybody = list(_everybody(case, choice, queues, exclude, viewer))
    differences = tuple(name for name, value in found.items() if value != getattr(row, name))
    return Recomputed(
        decision_id=row.id,
        decided_at=row.decided_at,
        agrees=not differences,
        differences=differences,
        everybody=tuple(one for one, seen in everybody if seen),
        others=dict(Counter(one.reason or one.outcome for one, seen in everybody if not seen)),
        rules=tuple(_rules(case, house, choice)),
    )


def seen_by(
    viewer: Viewer, trace: Mapping[str, Any], teams: Mapping[str, str | None], *, chosen: str | None
) -> dict[str, Any]:
    """A trace as this viewer may read it: whom they may not compare is counted (`otherCandidates`), not named.

    Args:
        teams: agent id -> team id.
        chosen: who got it.
    """
    candidates = trace.get("candidates", [])
    seen = [one for one in candidates if one["agentId"] == chosen or _sees(viewer, teams.get(one["agentId"]))]
    if len(seen) == len(candidates):
        return dict(trace)
    return {**trace, "candidates": seen, "otherCandidates": len(candidates) - len(seen)}


def _sees(viewer: Viewer, team_id: str | None) -> bool:
    """An admin compares everybody, others their own teams."""
    return viewer.role is Role.ADMIN or team_id in viewer.team_ids


def _columns(queues: Queues, looked_at: Collection[int]) -> dict[str, Any]:
    """The loads of those who were looked at, a column each: a row each cost a tenth of what handing out costs."""
    positions = sorted(looked_at)
    if len(positions) < 2:  # of one, `itemgetter` gives no tuple
        some = {name: [column[one] for one in positions] for name, column in _loads_of(queues)}
    else:
        pick = itemgetter(*positions)
        some = {name: pick(column) for name, column in _loads_of(queues)}
    left = {str(one): queues.left[one] for one in positions if one in queues.left} if queues.left else {}
    return {"of": positions, **some, "left": left}


def _loads_of(queues: Queues) -> tuple[tuple[str, Sequence[float]], ...]:
    return ("open", queues.open), ("turn", queues.turn), ("units", queues.units)


def _rows(loads: Any) -> list[tuple[int, int, float, float, int | None]]:
    """(position, open alerts, turn, units, how many more today) of each whose load was kept; older decisions kept them so."""
    if isinstance(loads, list):
        return [tuple(one) for one in loads]
    left = loads["left"]
    rows = zip(loads["of"], loads["open"], loads["turn"], loads["units"], strict=True)
    return [(position, *load, left.get(str(position))) for position, *load in rows]


class Again(NamedTuple):
    """A decision made anew from what was kept."""

    case: Case
    choice: Choice
    queues: Queues
    """With the loads as they were."""
    exclude: frozenset[int]
    """Whom it left out."""
    known: frozenset[int]
    """Those whose loads were kept; all others count as idle."""
    trial: Trial


def again(inputs: bytes, house: House, *, at: datetime) -> Again:
    """The decision of these inputs in this house, made anew."""
    plain = orjson.loads(zlib.decompress(inputs) if inputs[:1] == _ZIPPED else inputs)
    agents = house.directory.agents
    today = Today(at)
    loads, at_most = {}, {}
    kept = _rows(plain["loads"])
    for position, open_alerts, turn, units, left in kept:
        agent = agents[position]
        if left is not None:
            at_most[agent.id] = left
        given = agent.max_per_day - left if left is not None and agent.max_per_day is not None else 0
        loads[agent.id] = Load(open_alerts, turn, units, today(agent), given)
    queues = Queues(house.directory, roster(house.directory, at), loads, at_most=at_most)
    for position in plain["refused"]:
        queues.refuse(position)
    raw = plain["case"]
    case = Case(**raw | {"opened_at": datetime.fromisoformat(raw["opened_at"])})
    exclude = frozenset(plain["exclude"])
    trial = Trial(plain["instead"], tuple((share, arm) for share, arm in plain.get("arms", ())))
    choice = choose(
        case,
        house=house,
        queues=queues,
        trigger=plain["trigger"],
        exclude=exclude,
        seed=plain["seed"],
        instead=trial.strategy,
        arms=trial.arms,
        planned=plain["planned"],
    )
    return Again(case, choice, queues, exclude, frozenset(one[0] for one in kept), trial)


def _everybody(
    case: Case, choice: Choice, queues: Queues, exclude: frozenset[int], viewer: Viewer
) -> Iterator[tuple[Considered, bool]]:
    """Everybody of the house, and whether this viewer may see them by name: whoever got it, and whom they may compare."""
    agents = queues.directory.agents

    def named(position: int) -> str:
        seen = position == choice.position or _sees(viewer, agents[position].team_id)
        return agents[position].name if seen else "Somebody of another team"

    heavy = queues.too_heavy(case.units)
    line = queues.last_line(choice.trace["seed"], exclude | heavy) if choice.in_line else []
    line = [one for one in line if one != choice.position]
    if choice.position is not None:
        line.insert(0, choice.position)
    for place, position in enumerate(line, start=1):
        agent = agents[position]
        text = choice.reason if place == 1 else f"{named(line[place - 2])} {queues.behind(line[place - 2], position)}"
        one = Considered(
            agent_id=agent.id,
            name=agent.name,
            outcome="chosen" if place == 1 else "candidate",
            place=place,
            reason=None,
            text=text,
            open_alerts=queues.open[position],
            capacity=agent.capacity,
        )
        yield one, place == 1 or _sees(viewer, agent.team_id)
    rest = sorted(set(range(len(agents))) - set(line), key=lambda one: (agents[one].name, agents[one].id))
    for position in rest:
        agent = agents[position]
        reason = _why_not(position, queues, exclude, heavy)
        known = reason not in queues.roster.excluded and reason != why.OUT_OF_REACH
        one = Considered(
            agent_id=agent.id,
            name=agent.name,
            outcome="excluded",
            place=None,
            reason=reason,
            text=why.WORDS[reason],
            open_alerts=queues.open[position] if known else None,
            capacity=agent.capacity,
        )
        yield one, _sees(viewer, agent.team_id)


def _why_not(position: int, queues: Queues, exclude: frozenset[int], heavy: frozenset[int]) -> str:
    reason = queues.roster.reasons.get(position)
    if reason is not None:
        return reason
    if position in queues.full:
        return why.DAY_FULL if queues.left.get(position, 1) <= 0 else why.AT_CAPACITY
    if position in heavy:
        return why.AT_CAPACITY
    return why.LEFT_OUT if position in exclude else why.OUT_OF_REACH


def _rules(case: Case, house: House, choice: Choice) -> Iterator[dict[str, Any]]:
    """Every rule as it was or would have been tried: those after the one that decided were not looked at."""
    tried = {one["id"]: one for one in choice.trace["rules"]}
    decided = False
    for rule in house.rules.rules:
        if decided:
            yield {"id": rule.id, "name": rule.name, "outcome": "not_reached"}
            continue
        miss = rule.miss(case.facts)
        entry = tried.get(rule.id, miss or {"id": rule.id, "outcome": "nobody_free"})
        yield {**entry, "name": rule.name}
        decided = choice.rule is not None and rule.id == choice.rule.id


_STORED = ("decided_at", "agent_id", "strategy", "rule_id", "overflow", "reason", "trace", "inputs")

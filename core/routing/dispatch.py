"""ROUTE: alerts to agents, in one transaction: read, choose, reserve, write the decision, hand over, tell."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, datetime
from functools import partial
from typing import Any

from sqlalchemy import insert, select, update
from sqlalchemy.orm import Session

from core import feed
from core.db.base import table_of
from core.db.tables import Alert, Decision, User
from core.ids import new_id
from core.routing import capacity, cases, ledger, matching, refusals, shadowing
from core.routing.capacity import Handover, Load, Reading
from core.routing.choosing import AWAY, Choice, choose
from core.routing.queues import Queues, Today
from core.routing.state import House, State
from core.routing.strategies import STRATEGIES
from core.routing.strategy import Case, Trial
from core.words import ChangeKind

OPENED = "opened"
"""The one trigger whose assignment the feed is not told here: the pipeline tells the new alert with its owner."""
RETURNED = "returned"
"""A backlog that drains: somebody may be back."""
_MOST_AT_ONCE = 2_000
_NO_TRIAL = Trial(None)
_LARGE = 200
"""Agents from which it is cheaper for a single alert to read the loads of some than of all; the ledger keeps everybody's of far
smaller houses alone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Routed:
    """What became of one alert."""

    alert_id: str
    agent_id: str | None
    """None: nobody (new) was found; an alert that had an owner keeps it."""
    decision_id: str
    strategy: str
    rule_id: str | None
    reason: str
    """One plain sentence for the agent."""
    overflow: bool
    notify_user_ids: tuple[str, ...]
    """Whom rules want told besides the owner."""
    user_ids: tuple[str, ...]
    """The owner and those: everybody to tell."""


def route(
    session: Session,
    alert_ids: Sequence[str],
    *,
    state: State,
    trigger: str,
    now: datetime,
    exclude: frozenset[str] = frozenset(),
    seed: int | None = None,
    strategies: Mapping[str, Trial] | None = None,
) -> list[Routed]:
    """Give each open alert to the right agent, or leave it where it is with the reason; in the order of `alert_ids`.

    Closed and unknown alerts are left out. Writes one decision an alert, takes capacity atomically, and tells
    `alert:assigned` to the new owner and the one who lost it (not for new alerts; see `OPENED`).

    Args:
        trigger: opened, escalated, released, manual, declined, stale, returned or away; the last three skip alerts nobody
            can take.
        exclude: agents who must not get these; who refused one is left out of it anyway.
        seed: fixes the order of equals for a replay.
        strategies: alert id -> what stands for the team's default strategy, where an experiment says so, and what else it could
            have been.
    """
    wanted = dict.fromkeys(alert_ids, exclude)
    return route_each(session, wanted, state=state, trigger=trigger, seed=seed, strategies=strategies, now=now)


def route_each(
    session: Session,
    exclude: Mapping[str, frozenset[str]],
    *,
    state: State,
    trigger: str,
    seed: int | None = None,
    by: str | None = None,
    strategies: Mapping[str, Trial] | None = None,
    now: datetime,
) -> list[Routed]:
    """`route` with the excluded agents of each alert: alert id -> agent ids."""
    alert_ids = list(exclude)
    found: dict[str, Routed] = {}
    held = state.held(session)
    for start in range(0, len(alert_ids), _MOST_AT_ONCE):
        some = alert_ids[start : start + _MOST_AT_ONCE]
        shadow = shadowing.of(session, held)
        known = cases.load(session, some, house=held.house, also=shadow.house if shadow else None, now=now, lock=True)
        if capacity.take_turn(session) and held.refresh(session, again=True):  # changed while this one waited
            shadow = shadowing.of(session, held)
            known = cases.load(session, some, house=held.house, also=shadow.house if shadow else None, now=now)
        batch = _Batch(session, held, number=len(known), trigger=trigger, seed=seed, by=by, now=now)
        batch.strategies = strategies or {}
        said_no = {} if trigger == OPENED else refusals.of(session, some, now=now)
        found |= batch.route({key: (case, exclude[key] | said_no.get(key, frozenset())) for key, case in known.items()})
        if trigger != RETURNED:  # which limits what each may get
            batch.queues.rest()
            state.queues.append(batch.queues)
    state.keep(held)
    return [found[alert_id] for alert_id in alert_ids if alert_id in found]


def _few(session: Session, state: State, *, now: datetime) -> Queues | None:
    """The queues of the last batch for one alert more: of a large house only those are read who are looked at."""
    if not state.queues or len(state.house.directory.agents) <= _LARGE:
        return None
    with suppress(IndexError):  # another thread was faster
        kept: Queues = state.queues.pop()
        if kept.directory is state.house.directory and len(kept.full) <= _LARGE:
            limited = capacity.read_some(session, kept.full_ids(), limited=True)
            if kept.read_as_asked(state.roster(now), limited, partial(capacity.read_some, session)):
                return kept
    return None


def _queues(state: State, loads: Sequence[Reading], *, at_most: Mapping[str, int] | None, now: datetime) -> Queues:
    """The queues of the last batch where they still serve, with the loads as they were read just now."""
    roster = state.roster(now)
    if at_most is None and state.queues:
        with suppress(IndexError):  # another thread was faster
            kept: Queues = state.queues.pop()
            if kept.directory is state.house.directory and kept.read_again(roster, loads):
                return kept
    return Queues(state.house.directory, roster, _by_id(loads), at_most=at_most)


def _by_id(loads: Sequence[Reading]) -> dict[str, Load]:
    return {row[0]: Load(*row[1:]) for row in loads}


class _Batch:
    """One pass over alerts that were read and locked together."""

    def __init__(
        self,
        session: Session,
        state: State,
        *,
        number: int,
        trigger: str,
        seed: int | None,
        by: str | None,
        now: datetime,
    ) -> None:
        """`number` is how many alerts come."""
        self.session, self.house, self.trigger, self.seed, self.by, self.now = (
            session,
            state.house,
            trigger,
            seed,
            by,
            now,
        )
        self.strategies: Mapping[str, Trial] = {}
        """Alert id -> what an experiment says about it."""
        at_most = capacity.untouched_room(session) if trigger == RETURNED else None
        shadow = shadowing.of(session, state)
        few = _few(session, state, now=now) if number == 1 and shadow is None and at_most is None else None
        loads = [] if few else capacity.read(session)
        self.queues = few or _queues(state, loads, at_most=at_most, now=now)
        self.beside = (
            shadowing.Beside(shadow, _by_id(loads), trigger=trigger, at_most=at_most, now=now) if shadow else None
        )
        self.shadows: dict[str, dict[str, Any]] = {}
        """Alert id -> what the policy in shadow would have done."""
        self.today = Today(now)
        self.inputs: dict[str, bytes] = {}
        """Alert id -> what its choice rested on."""
        self.house_id = ledger.keep_house(session, state, now=now)

    def route(self, wanted: Mapping[str, tuple[Case, frozenset[str]]]) -> dict[str, Routed]:
        chosen = self._choose(wanted)
        if self.trigger in ("stale", RETURNED, AWAY):
            chosen = {key: choice for key, choice in chosen.items() if choice.position is not None}
        decision_ids = {alert_id: new_id() for alert_id in chosen}
        self._write_decisions(chosen, decision_ids)
        self._hand_over(wanted, chosen, decision_ids)
        self._leave(wanted, chosen)
        self._tell(wanted, chosen)
        known = _users(self.session, {user for choice in chosen.values() for user in choice.notify})
        return {
            alert_id: routed(self.house, alert_id, choice, decision_ids[alert_id], known=known)
            for alert_id, choice in chosen.items()
        }

    def _choose(self, wanted: Mapping[str, tuple[Case, frozenset[str]]]) -> dict[str, Choice]:
        """Choose and reserve until everybody chosen had the place: usually once, again where a release was undone."""
        chosen: dict[str, Choice] = {}
        pending = sorted((case for case, _ in wanted.values()), key=self._order)
        while pending:
            picked = self._pick_all(
                pending, {case.alert_id: self._left_out(wanted[case.alert_id][1]) for case in pending}
            )
            chosen |= {case.alert_id: choice for case, choice in picked}
            pending = self._reserve(picked)
        return chosen

    def _order(self, case: Case) -> tuple[Any, ...]:
        """A backlog drains oldest first; otherwise the house's strategy says who comes first."""
        if self.trigger == RETURNED:
            return (case.opened_at, case.alert_id)
        return STRATEGIES[self.house.default_strategy].order(case)

    def _pick_all(self, cases: Sequence[Case], left_out: Mapping[str, frozenset[int]]) -> list[tuple[Case, Choice]]:
        """One after the other; those whose strategy matches whole batches together, after the others."""
        together = len(cases) > 1
        picked = [(case, self._pick(case, left_out[case.alert_id], together=together)) for case in cases]
        waiting = [case for case, choice in picked if choice.waits]
        if not waiting:
            return picked
        plan = matching.match(waiting, self.queues, exclude=left_out)
        late = {
            case.alert_id: self._pick(case, left_out[case.alert_id], planned=plan.get(case.alert_id))
            for case in waiting
        }
        return [(case, late.get(case.alert_id, choice)) for case, choice in picked]

    def _pick(
        self, case: Case, exclude: frozenset[int], *, together: bool = False, planned: int | None = None
    ) -> Choice:
        trial = self.strategies.get(case.alert_id, _NO_TRIAL)
        choice = choose(
            case,
            house=self.house,
            queues=self.queues,
            trigger=self.trigger,
            exclude=exclude,
            seed=self.seed,
            instead=trial.strategy,
            arms=trial.arms,
            together=together,
            planned=planned,
        )
        if not choice.waits:
            self.inputs[case.alert_id] = ledger.pack(
                case,
                choice,
                self.queues,
                exclude=exclude,
                trigger=self.trigger,
                seed=self.seed,
                trial=trial,
                planned=planned,
            )
            if self.beside:
                self.shadows[case.alert_id] = self.beside.note(case, exclude=exclude, seed=self.seed)
        if self._moves(case, choice):
            assert choice.position is not None
            self.queues.hand(choice.position, case.units)
            if self.beside:
                self.beside.follow(case, choice)
        return choice

    def _left_out(self, agent_ids: frozenset[str]) -> frozenset[int]:
        by_id = self.house.directory.by_id
        return frozenset(by_id[agent_id].position for agent_id in agent_ids if agent_id in by_id)

    def _moves(self, case: Case, choice: Choice) -> bool:
        return choice.position is not None and self._agent_id(choice) != case.owner_id

    def _reserve(self, picked: Sequence[tuple[Case, Choice]]) -> list[Case]:
        """Take the places in the database; the cases whose agent turned out to be full."""
        moving = [(case, choice) for case, choice in picked if self._moves(case, choice)]
        plain, over = (
            _by_agent(moving, self._agent_id, overflow=False),
            _by_agent(moving, self._agent_id, overflow=True),
        )
        losing = {case.owner_id for case, _ in moving if case.owner_id}
        lifted = self.queues.absent()
        capacity.lock(self.session, {*plain, *over, *losing, *lifted})
        granted = capacity.reserve(self.session, plain, today=self._today)
        capacity.reserve(self.session, over, today=self._today, overflow=True)
        refused = []
        for case, choice in moving:
            if not choice.overflow and not granted[self._agent_id(choice)].pop(0):
                assert choice.position is not None
                self.queues.mark_full(choice.position, case.units)
                if self.beside:
                    self.beside.queues.mark_full(choice.position, case.units)
                refused.append(case)
        return refused

    def _today(self, agent_id: str) -> date:
        return self.today(self.house.directory.by_id[agent_id])

    def _write_decisions(self, chosen: Mapping[str, Choice], decision_ids: Mapping[str, str]) -> None:
        if not chosen:
            return
        self.session.connection().execute(
            insert(table_of(Decision)),
            [
                {
                    "id": decision_ids[alert_id],
                    "alert_id": alert_id,
                    "decided_at": self.now,
                    "trigger": self.trigger,
                    "agent_id": self._agent_id(choice) or None,
                    "strategy": choice.strategy,
                    "rule_id": choice.rule.id if choice.rule else None,
                    "overflow": choice.overflow,
                    "reason": choice.reason,
                    "trace": choice.trace,
                    "house_id": self.house_id,
                    "inputs": self.inputs[alert_id],
                    "shadow": self.shadows.get(alert_id),
                }
                for alert_id, choice in chosen.items()
            ],
        )

    def _hand_over(
        self,
        wanted: Mapping[str, tuple[Case, frozenset[str]]],
        chosen: Mapping[str, Choice],
        decision_ids: Mapping[str, str],
    ) -> None:
        moved = {key: choice for key, choice in chosen.items() if self._moves(wanted[key][0], choice)}
        capacity.hand_over(
            self.session,
            [
                Handover(
                    alert_id=alert_id,
                    agent_id=self._agent_id(choice),
                    decision_id=decision_ids[alert_id],
                    reason=choice.reason,
                    by=self.by,
                    units=wanted[alert_id][0].units,
                )
                for alert_id, choice in moved.items()
            ],
            ended=refusals.DECLINED if self.trigger == refusals.DECLINED else "reassigned",
            now=self.now,
        )
        if escalated := [alert_id for alert_id, choice in moved.items() if choice.escalated]:
            alerts = table_of(Alert)
            self.session.connection().execute(
                update(alerts).where(alerts.c.id.in_(escalated)).values(escalation_step=1)
            )
        if moved:
            served = {choice.position for choice in moved.values() if choice.position is not None}
            agents = self.house.directory.agents
            turns = {agents[position].id: self.queues.turn[position] for position in served}
            capacity.set_turns(self.session, self.queues.absent() | turns)

    def _leave(self, wanted: Mapping[str, tuple[Case, frozenset[str]]], chosen: Mapping[str, Choice]) -> None:
        """Say why alerts without an owner have none."""
        reasons: dict[str, list[str]] = {}
        for alert_id, choice in chosen.items():
            if choice.unassigned_reason and wanted[alert_id][0].owner_id is None:
                reasons.setdefault(choice.unassigned_reason, []).append(alert_id)
        alerts = table_of(Alert)
        for reason, alert_ids in reasons.items():
            self.session.connection().execute(
                update(alerts)
                .where(alerts.c.id.in_(alert_ids), alerts.c.assigned_agent_id.is_(None))
                .values(unassigned_reason=reason)
            )

    def _tell(self, wanted: Mapping[str, tuple[Case, frozenset[str]]], chosen: Mapping[str, Choice]) -> None:
        if self.trigger == OPENED:
            return
        moved = [key for key, choice in chosen.items() if self._moves(wanted[key][0], choice)]
        if moved:
            lost = {key: wanted[key][0].owner_id for key in moved}
            feed.tell_alerts(self.session, ChangeKind.ALERT_ASSIGNED, moved, lost=lost, now=self.now)

    def _agent_id(self, choice: Choice) -> str:
        return self.house.directory.agents[choice.position].id if choice.position is not None else ""


def _by_agent(
    moving: Sequence[tuple[Case, Choice]], agent_id: Callable[[Choice], str], *, overflow: bool
) -> dict[str, list[float]]:
    """Agent id -> the units of the alerts chosen for them, in order."""
    units: dict[str, list[float]] = {}
    for case, choice in moving:
        if choice.overflow is overflow:
            units.setdefault(agent_id(choice), []).append(case.units)
    return units


def _users(session: Session, user_ids: set[str]) -> frozenset[str]:
    """Those that exist and are active: a rule may name anybody."""
    if not user_ids:
        return frozenset()
    return frozenset(session.scalars(select(User.id).where(User.id.in_(user_ids), User.active)))


def routed(house: House, alert_id: str, choice: Choice, decision_id: str, *, known: frozenset[str]) -> Routed:
    """The answer in the callers' words."""
    agent_id = house.directory.agents[choice.position].id if choice.position is not None else None
    told = tuple(dict.fromkeys(user for user in choice.notify if user in known and user != agent_id))
    return Routed(
        alert_id=alert_id,
        agent_id=agent_id,
        decision_id=decision_id,
        strategy=choice.strategy,
        rule_id=choice.rule.id if choice.rule else None,
        reason=choice.reason,
        overflow=choice.overflow,
        notify_user_ids=told,
        user_ids=(*([agent_id] if agent_id else []), *told),
    )

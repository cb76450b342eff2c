"""Plans that are kept: approved by id by whoever may, done as far as they still hold, and taken back within ten minutes."""

import hashlib
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime, timedelta
from typing import Any

import orjson
from sqlalchemy import delete, func, insert, select, update
from sqlalchemy.orm import Session, aliased

from core import audit, clock
from core.db.base import table_of
from core.db.tables import Agent, Alert, Assignment, Contact, Rebalance, User
from core.errors import Conflict, DoorbellError, Forbidden, Invalid, NotFound
from core.ids import new_id
from core.routing import capacity, moves
from core.routing.dispatch import Routed
from core.routing.rebalancing import reading
from core.routing.rebalancing.planning import Load, Plan, PlannedMove
from core.routing.rebalancing.problem import Gap
from core.routing.rebalancing.reading import Held, Options
from core.routing.roster import WORDS, why_not
from core.routing.state import State
from core.viewer import Viewer, alert_scope
from core.words import Role

PLANNED, APPLIED, UNDONE = "planned", "applied", "undone"
VALID = timedelta(minutes=15)
UNDO = timedelta(minutes=10)
_KEPT = timedelta(days=1)
"""How long a plan that nobody approved is kept."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """A plan as it is kept."""

    id: str
    state: str
    fingerprint: str
    options: Options
    plan: Plan
    asked_by: str | None
    asked_by_name: str | None
    asked_at: datetime
    expires_at: datetime
    applied_by_name: str | None
    applied_at: datetime | None
    undo_until: datetime | None
    """Until when it can be taken back; None where it was not done, or was taken back."""
    done: tuple[dict[str, Any], ...]
    """What was moved: {alertId, fromId, toId, assignmentId, status, acknowledgedAt}."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What became of one move: `routed`, or the error that kept the alert where it is."""

    alert_id: str
    agent_id: str
    """Whom it was meant for."""
    routed: Routed | None = None
    error: DoorbellError | None = None


def keep(session: Session, plan: Plan, options: Options, *, viewer: Viewer, now: datetime) -> Kept:
    """Store a plan, for a quarter of an hour. Older ones that nobody approved are forgotten."""
    table = table_of(Rebalance)
    session.execute(delete(table).where(table.c.state == PLANNED, table.c.expires_at < now - _KEPT))
    plan_id = new_id()
    plain = asdict(plan)
    session.execute(
        insert(table).values(
            id=plan_id,
            asked_by=viewer.user_id or None,
            asked_at=now,
            expires_at=now + VALID,
            request=asdict(options),
            plan=plain,
            fingerprint=_fingerprint(plan),
            state=PLANNED,
            done=[],
        )
    )
    _note(session, "rebalance.plan", plan_id, after={"moves": len(plan.moves), **asdict(options)}, by=viewer, now=now)
    return get(session, plan_id, viewer=viewer)


def get(session: Session, plan_id: str, *, viewer: Viewer) -> Kept:
    """One plan.

    Raises:
        NotFound: there is none, or it has people whom this viewer does not manage.
    """
    row = session.execute(_statement().where(table_of(Rebalance).c.id == plan_id)).one_or_none()
    found = None if row is None else _kept(row)
    if found is None or not _may(session, found, viewer):
        raise NotFound("There is no such plan; it may be too old.")
    return found


def current(session: Session, viewer: Viewer, *, now: datetime) -> tuple[Kept | None, Kept | None]:
    """What this viewer may approve now (the newest plan, unless something was done since), and what they may take back."""
    table = table_of(Rebalance).c
    rows = session.execute(
        _statement()
        .where(table.asked_at > now - VALID - UNDO)
        .order_by(table.asked_at.desc(), table.id.desc())
        .limit(50)
    )
    theirs = [one for one in map(_kept, rows) if _may(session, one, viewer)]
    newest = theirs[0] if theirs and theirs[0].state == PLANNED and theirs[0].expires_at > now else None
    done = [one for one in theirs if one.undo_until is not None and one.undo_until > now]
    return newest, max(done, key=lambda one: one.applied_at or one.asked_at, default=None)


def apply(
    session: Session,
    plan_id: str,
    *,
    state: State,
    viewer: Viewer,
    fingerprint: str | None = None,
    alert_ids: Collection[str] | None = None,
    whole: bool = False,
    now: datetime,
) -> list[Result]:
    """Do the plan, or these alerts of it. What no longer holds stays where it is and says why; the rest is done.

    Each move only ever goes into room that was there before any move, so any part of a plan is as safe as the whole.

    Args:
        fingerprint: of the plan that was looked at.
        whole: do all of it or nothing.

    Raises:
        NotFound: no such plan for this viewer.
        Invalid: alerts that the plan does not have.
        Conflict: it is too old, was done already, is another than was looked at, or (`whole`) no longer holds.
    """
    found = _take(session, plan_id, viewer=viewer)
    if found.state != PLANNED:
        raise Conflict("This plan was done already.")
    if found.expires_at <= now:
        raise Conflict("This plan is too old; make it again.")
    if fingerprint is not None and fingerprint != found.fingerprint:
        raise Conflict("This is not the plan that was looked at.")
    wanted = _chosen(found.plan.moves, alert_ids)
    state.refresh(session)
    ids = [one.alert_id for one in wanted]
    held = reading.locked(session, ids, found.options, units=state.house.units, now=now)
    errors = {one.alert_id: _changed(one, held.get(one.alert_id), state, now=now) for one in wanted}
    going = {one.alert_id: (one.to_id, one.told) for one in wanted if errors[one.alert_id] is None}
    moved = moves.give_planned(session, going, how=moves.EVENED, viewer=viewer, now=now)
    results = [
        Result(
            alert_id=one.alert_id,
            agent_id=one.to_id,
            routed=moved[one.alert_id].routed if one.alert_id in moved else None,
            error=moved[one.alert_id].error if one.alert_id in moved else errors[one.alert_id],
        )
        for one in wanted
    ]
    refused = {one.alert_id: one.error.detail for one in results if one.error is not None}
    if whole and refused:
        raise Conflict("Some of it no longer holds, so nothing was moved.", fields=refused)
    done = [one for one in results if one.routed is not None]
    if done:
        _write_down(session, plan_id, wanted, done, held, viewer=viewer, now=now)
    after = {"moved": [one.alert_id for one in done], "refused": refused}
    _note(session, "rebalance.apply", plan_id, after=after, by=viewer, now=now)
    return results


def undo(session: Session, plan_id: str, *, viewer: Viewer, now: datetime) -> list[Result]:
    """Bring back what nobody has touched since, also past the capacity of who had it (marked as overflow).

    Raises:
        NotFound: no such plan for this viewer.
        Conflict: it was not done, was taken back already, or the ten minutes are over.
    """
    found = _take(session, plan_id, viewer=viewer)
    if found.state == UNDONE:
        raise Conflict("This was taken back already.")
    if found.applied_at is None:
        raise Conflict("This plan was not done, so there is nothing to take back.")
    if found.applied_at + UNDO <= now:
        raise Conflict("This was done more than ten minutes ago; give alerts back by hand.")
    ids = [one["alertId"] for one in found.done]
    held = {one.alert_id: one for one in _as_they_stand(session, ids)}
    errors = {one["alertId"]: _touched(one, held.get(one["alertId"])) for one in found.done}
    names, teams = {one.agent_id: one.name for one in found.plan.loads}, _teams(session, found)
    going = {
        one["alertId"]: (
            one["fromId"],
            f"Back from {names[one['toId']] if teams[one['toId']] == teams[one['fromId']] else 'a colleague'}: "
            "the move was taken back.",
        )
        for one in found.done
        if errors[one["alertId"]] is None
    }
    moved = moves.give_planned(session, going, how=moves.EVENED_BACK, viewer=viewer, overflow=True, now=now)
    results = [
        Result(
            alert_id=one["alertId"],
            agent_id=one["fromId"],
            routed=moved[one["alertId"]].routed if one["alertId"] in moved else None,
            error=moved[one["alertId"]].error if one["alertId"] in moved else errors[one["alertId"]],
        )
        for one in found.done
    ]
    _uncount(session, found, results, now=now)
    table = table_of(Rebalance)
    session.execute(update(table).where(table.c.id == plan_id).values(state=UNDONE, undone_at=now))
    after = {
        "back": [one.alert_id for one in results if one.routed is not None],
        "refused": {one.alert_id: one.error.detail for one in results if one.error is not None},
    }
    _note(session, "rebalance.undo", plan_id, after=after, by=viewer, now=now)
    return results


def contacts(session: Session, plan: Plan, *, viewer: Viewer) -> dict[str, Any]:
    """Alert id -> (contact_id, name, alert_type, priority) of a plan's alerts that this viewer may see."""
    rows = session.execute(
        select(Alert.id, Alert.contact_id, Contact.name, Alert.alert_type, Alert.priority)
        .join(Contact, Contact.id == Alert.contact_id)
        .where(Alert.id.in_([one.alert_id for one in plan.moves]), alert_scope(viewer))
    )
    return {row.id: row for row in rows}


def _take(session: Session, plan_id: str, *, viewer: Viewer) -> Kept:
    """The plan, kept from anybody else who would do it or take it back now."""
    table = table_of(Rebalance).c
    session.execute(select(table.id).where(table.id == plan_id).with_for_update())
    return get(session, plan_id, viewer=viewer)


def _may(session: Session, found: Kept, viewer: Viewer) -> bool:
    if viewer.role is Role.ADMIN:
        return True
    if viewer.role is Role.AGENT:
        raise Forbidden("A manager or an admin evens out the work.")
    people = [one.agent_id for one in found.plan.loads]
    theirs = select(func.count()).where(Agent.id.in_(people), Agent.team_id.in_(viewer.team_ids))
    return session.scalar(theirs) == len(people)


def _chosen(planned: Sequence[PlannedMove], alert_ids: Collection[str] | None) -> list[PlannedMove]:
    if alert_ids is None:
        return list(planned)
    unknown = set(alert_ids) - {one.alert_id for one in planned}
    if unknown:
        raise Invalid("The plan does not have all of these alerts.", fields={"alertIds": ", ".join(sorted(unknown))})
    return [one for one in planned if one.alert_id in alert_ids]


def _changed(move: PlannedMove, held: Held | None, state: State, *, now: datetime) -> DoorbellError | None:
    """Why a move does not hold any more."""
    if held is None or held.assignment_id != move.assignment_id:
        return Conflict("It was closed or given to somebody else meanwhile.")
    if held.kept is not None:
        return Conflict(f"It is {reading.KEPT[held.kept]} by now.")
    agent = state.house.directory.by_id.get(move.to_id)
    reason = why_not(agent, now) if agent is not None else "inactive"
    if reason is not None:
        return Conflict(f"{agent.name if agent else 'Who should get it'} is {_IS.get(reason, WORDS[reason])} by now.")
    return None


_IS = {"no_auto_assign": "taking alerts by hand only", "no_capacity": "taking no alerts"}


def _write_down(
    session: Session,
    plan_id: str,
    wanted: Sequence[PlannedMove],
    done: Sequence[Result],
    held: dict[str, Held],
    *,
    viewer: Viewer,
    now: datetime,
) -> None:
    assigned = table_of(Assignment).c
    decisions = [one.routed.decision_id for one in done if one.routed is not None]
    now_held = dict(
        session.execute(select(assigned.alert_id, assigned.id).where(assigned.decision_id.in_(decisions))).all()
    )
    before = {one.alert_id: one.from_id for one in wanted}
    table = table_of(Rebalance)
    session.execute(
        update(table)
        .where(table.c.id == plan_id)
        .values(
            state=APPLIED,
            applied_by=viewer.user_id or None,
            applied_at=now,
            done=[
                {
                    "alertId": one.alert_id,
                    "fromId": before[one.alert_id],
                    "toId": one.agent_id,
                    "assignmentId": now_held[one.alert_id],
                    "status": held[one.alert_id].status,
                    "acknowledgedAt": _iso(held[one.alert_id].acknowledged_at),
                }
                for one in done
            ],
        )
    )


def _as_they_stand(session: Session, alert_ids: Sequence[str]) -> Sequence[Any]:
    alert, assigned = table_of(Alert).c, table_of(Assignment).c
    session.execute(select(alert.id).where(alert.id.in_(alert_ids)).order_by(alert.id).with_for_update())
    return session.execute(
        select(
            alert.id.label("alert_id"),
            alert.status,
            alert.acknowledged_at,
            alert.snoozed_until,
            assigned.id.label("assignment_id"),
        )
        .join(table_of(Assignment), (assigned.alert_id == alert.id) & assigned.ended_at.is_(None))
        .where(alert.id.in_(alert_ids), alert.closed_at.is_(None))
    ).all()


def _touched(done: dict[str, Any], held: Any) -> DoorbellError | None:
    if held is None or held.assignment_id != done["assignmentId"]:
        return Conflict("It was closed or given to somebody else since.")
    same = held.status == done["status"] and _iso(held.acknowledged_at) == done["acknowledgedAt"]
    if not same or held.snoozed_until is not None:
        return Conflict("Its new owner is at it already.")
    return None


def _teams(session: Session, found: Kept) -> dict[str, str | None]:
    """Agent id -> team: agents see nobody of other teams by name."""
    people = [one.agent_id for one in found.plan.loads]
    return dict(session.execute(select(Agent.id, Agent.team_id).where(Agent.id.in_(people))).all())


def _uncount(session: Session, found: Kept, results: Sequence[Result], *, now: datetime) -> None:
    """Neither who had them for these minutes nor who has them again was given anything by it."""
    back = {one.alert_id for one in results if one.routed is not None}
    gone = [one for one in found.done if one["alertId"] in back]
    number = Counter(one["toId"] for one in gone) + Counter(one["fromId"] for one in gone)
    rows = session.execute(select(User.id, User.timezone).where(User.id.in_(number)))
    zones = {user_id: clock.zone(timezone) for user_id, timezone in rows}

    def today(agent_id: str) -> date:
        return now.astimezone(zones[agent_id]).date()

    capacity.uncount(session, number, today=today)


def _iso(at: datetime | None) -> str | None:
    return at.isoformat() if at is not None else None


def _fingerprint(plan: Plan) -> str:
    seen = sorted((one.alert_id, one.assignment_id, one.to_id) for one in plan.moves)
    return hashlib.sha256(orjson.dumps(seen)).hexdigest()


def _statement() -> Any:
    by, applied = aliased(User), aliased(User)
    return (
        select(*table_of(Rebalance).c, by.name.label("asked_by_name"), applied.name.label("applied_by_name"))
        .outerjoin(by, by.id == table_of(Rebalance).c.asked_by)
        .outerjoin(applied, applied.id == table_of(Rebalance).c.applied_by)
    )


def _kept(row: Any) -> Kept:
    plain = row.plan
    return Kept(
        id=row.id,
        state=row.state,
        fingerprint=row.fingerprint,
        options=Options(**row.request),
        plan=Plan(
            moves=tuple(PlannedMove(**one) for one in plain["moves"]),
            loads=tuple(Load(**one) for one in plain["loads"]),
            notes=tuple(plain["notes"]),
            proven=plain["proven"],
            gaps=tuple(Gap(**one) for one in plain.get("gaps", ())),
        ),
        asked_by=row.asked_by,
        asked_by_name=row.asked_by_name,
        asked_at=row.asked_at,
        expires_at=row.expires_at,
        applied_by_name=row.applied_by_name,
        applied_at=row.applied_at,
        undo_until=row.applied_at + UNDO if row.state == APPLIED else None,
        done=tuple(row.done),
    )


def _note(session: Session, action: str, plan_id: str, *, after: dict[str, Any], by: Viewer, now: datetime) -> None:
    audit.record(
        session,
        action,
        subject_type="rebalance",
        subject_id=plan_id,
        actor_id=by.user_id or None,
        after=after,
        now=now,
    )

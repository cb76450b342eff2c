"""Moving many open alerts at once by hand: to an agent, to whom routing finds, or into the pool; and taking the last move back.

A move is one row of the audit with what it changed, which is also what undoing reads; each alert has its own row as always.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import Select, exists, func, select
from sqlalchemy.orm import Session

from core import assignments, audit, feed
from core.db.tables import Alert, Assignment, AuditRow
from core.errors import Conflict, Forbidden, Invalid, NotFound
from core.ids import new_id
from core.routing import moves
from core.routing.choosing import REROUTED
from core.routing.dispatch import Routed, route_each
from core.routing.state import State
from core.viewer import Viewer, alert_scope
from core.words import ChangeKind, PoolReason, Role

UNDO = timedelta(minutes=10)
_BULK = "bulk"
_MOVED, _UNDONE = "alerts.move", "alerts.move_undone"


class To(StrEnum):
    AGENT = "agent"
    ROUTING = "routing"
    POOL = "pool"


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What became of one alert."""

    alert_id: str
    agent_id: str | None = None
    """Who has it now, where it moved; None is the pool."""
    routed: Routed | None = None
    error: str | None = None
    """Why it stayed where it was."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bulk:
    id: str
    results: tuple[Result, ...]

    @property
    def routed(self) -> list[Routed]:
        """Those with a new owner, who is to be told."""
        return [one.routed for one in self.results if one.routed is not None and one.error is None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Last:
    """A move that can still be taken back."""

    id: str
    number: int
    until: datetime


def move(
    session: Session,
    alert_ids: Sequence[str],
    *,
    to: To,
    agent_id: str | None = None,
    reason: str = "",
    overflow: bool = False,
    bulk_id: str | None = None,
    viewer: Viewer,
    state: State,
    now: datetime,
) -> Bulk:
    """Move open alerts; one result each. What cannot be moved says why and leaves the others alone.

    Args:
        bulk_id: of the move that these are another part of, done in a transaction of its own.

    Raises:
        Forbidden: the viewer is an agent.
        Invalid: too many, or no agent named.
    """
    if viewer.role is Role.AGENT:
        raise Forbidden("Only managers and admins move alerts.")
    ids = list(dict.fromkeys(alert_ids))
    if not 0 < len(ids) <= moves.MOST_AT_ONCE:
        raise Invalid("Name the alerts.", fields={"alertIds": f"1 to {moves.MOST_AT_ONCE}"})
    if to is To.AGENT and agent_id is None:
        raise Invalid("Say to whom.", fields={"agentId": "needed"})
    before = _standing(session, ids, viewer=viewer)
    if to is To.AGENT:
        results = _to_agent(session, ids, agent_id or "", reason, overflow, viewer=viewer, now=now)
    elif to is To.ROUTING:
        results = _to_routing(session, ids, before, viewer=viewer, state=state, now=now)
    else:
        results = _to_pool(session, ids, before, reason, viewer=viewer, now=now)
    moved = [one for one in results if one.error is None]
    bulk_id = bulk_id or new_id()
    if moved:
        _note(session, _MOVED, bulk_id, {"to": to, "moves": [_memory(one, before) for one in moved]}, viewer, now=now)
    return Bulk(id=bulk_id, results=tuple(results))


def route_now(
    session: Session,
    exclude: Mapping[str, frozenset[str]],
    *,
    seed: int | None = None,
    viewer: Viewer,
    state: State,
    now: datetime,
) -> list[Routed]:
    """Route these alerts again because somebody asked; each leaves a row in the audit.

    Args:
        exclude: alert id -> agents who do not get it.
    """
    before = _standing(session, list(exclude), viewer=viewer)
    by = viewer.user_id or None
    routed = route_each(session, exclude, state=state, trigger="manual", seed=seed, by=by, now=now)
    for one in routed:
        was = before[one.alert_id].assigned_agent_id
        _audit(session, one.alert_id, was, one.agent_id, one.reason, viewer=viewer, action="alert.route", now=now)
    return routed


def last(session: Session, viewer: Viewer, *, now: datetime) -> Last | None:
    """The viewer's newest move of the last ten minutes that was not taken back."""
    row = session.scalars(
        select(AuditRow)
        .where(
            AuditRow.action == _MOVED,
            AuditRow.subject_type == _BULK,
            AuditRow.actor_id == viewer.user_id,
            AuditRow.at > now - UNDO,
        )
        .order_by(AuditRow.at.desc(), AuditRow.id.desc())
        .limit(1)
    ).one_or_none()
    left = [] if row is None else _left(session, row.subject_id, viewer)
    if row is None or not left:
        return None
    return Last(id=row.subject_id, number=sum(number for _, number in left), until=row.at + UNDO)


def parts(session: Session, bulk_id: str, *, viewer: Viewer, now: datetime) -> list[tuple[int, int]]:
    """(part, how many alerts) of a move that can be taken back: each as it was done, in a transaction of its own.

    Raises:
        NotFound: the viewer made no such move.
        Conflict: it is too late, or all of it was taken back already.
    """
    at = session.scalar(_parts_of(bulk_id, viewer).with_only_columns(func.min(AuditRow.at)))
    if at is None:
        raise NotFound("There is no such move of yours.")
    if at <= now - UNDO:
        raise Conflict("A move can be taken back for 10 minutes.")
    left = _left(session, bulk_id, viewer)
    if not left:
        raise Conflict("This move was taken back already.")
    return left


def undo(session: Session, bulk_id: str, *, part: int | None = None, viewer: Viewer, now: datetime) -> Bulk:
    """Give every alert back to whom it was taken from, past their capacity if need be; what was touched since stays.

    Args:
        part: only this one of `parts`.

    Raises:
        NotFound: the viewer made no such move.
        Conflict: it is too late, or it was taken back already.
    """
    session.execute(_parts_of(bulk_id, viewer).with_only_columns(AuditRow.id).order_by(AuditRow.id).with_for_update())
    left = [one for one, _ in parts(session, bulk_id, viewer=viewer, now=now) if part is None or one == part]
    if not left:
        raise Conflict("This move was taken back already.")
    results = [one for each in left for one in _undo(session, bulk_id, each, viewer=viewer, now=now)]
    return Bulk(id=bulk_id, results=tuple(results))


def _parts_of(bulk_id: str, viewer: Viewer) -> Select[Any]:
    return select(AuditRow).where(
        AuditRow.subject_type == _BULK,
        AuditRow.subject_id == bulk_id,
        AuditRow.action == _MOVED,
        AuditRow.actor_id == viewer.user_id,
    )


def _left(session: Session, bulk_id: str, viewer: Viewer) -> list[tuple[int, int]]:
    """(part, how many alerts) of what was not taken back."""
    undone = session.scalars(
        select(AuditRow.after).where(
            AuditRow.subject_type == _BULK, AuditRow.subject_id == bulk_id, AuditRow.action == _UNDONE
        )
    ).all()
    gone = {(one or {}).get("part") for one in undone}
    rows = session.scalars(_parts_of(bulk_id, viewer).order_by(AuditRow.id))
    return [] if None in gone else [(row.id, len((row.after or {})["moves"])) for row in rows if row.id not in gone]


def _undo(session: Session, bulk_id: str, part: int, *, viewer: Viewer, now: datetime) -> list[Result]:
    row = session.get_one(AuditRow, part)
    wanted: dict[str, dict[str, Any]] = {one["alertId"]: one for one in (row.after or {})["moves"]}
    standing = _standing(session, list(wanted), viewer=viewer)
    results: list[Result] = []
    owners: list[tuple[str, str]] = []
    pool: list[str] = []
    for alert_id, memory in wanted.items():
        alert = standing.get(alert_id)
        if alert is None or not _untouched(session, alert, memory, since=row.at):
            results.append(Result(alert_id=alert_id, error="Something has happened to it since."))
        elif memory["from"] is not None:
            owners.append((alert_id, memory["from"]))
        else:
            pool.append(alert_id)
    given = moves.bulk_reassign(
        session, owners, viewer=viewer, reason="You have it back: it was moved by mistake.", overflow=True, now=now
    )
    results += [
        Result(
            alert_id=one.alert_id,
            agent_id=one.agent_id,
            routed=one.routed,
            error=one.error.detail if one.error else None,
        )
        for one in given
    ]
    for alert_id in pool:
        reason = PoolReason(wanted[alert_id]["reason"] or PoolReason.PUT_BACK)
        _release(session, alert_id, reason, viewer=viewer, said="moved by mistake", now=now)
        results.append(Result(alert_id=alert_id))
    number = sum(one.error is None for one in results)
    after = {"part": part, "back": number, "stayed": len(results) - number}
    _note(session, _UNDONE, bulk_id, after, viewer, now=now)
    return results


def _standing(session: Session, alert_ids: Sequence[str], *, viewer: Viewer) -> dict[str, Any]:
    """The alerts this viewer may see, locked in the order of their ids."""
    rows = session.execute(
        select(
            Alert.id,
            Alert.assigned_agent_id,
            Alert.unassigned_reason,
            Alert.status,
            Alert.closed_at,
            Alert.claimed_until,
        )
        .where(Alert.id.in_(alert_ids), alert_scope(viewer))
        .order_by(Alert.id)
        .with_for_update()
    )
    return {row.id: row for row in rows}


def _to_agent(
    session: Session,
    alert_ids: Sequence[str],
    agent_id: str,
    reason: str,
    overflow: bool,
    *,
    viewer: Viewer,
    now: datetime,
) -> list[Result]:
    wanted = [(alert_id, agent_id) for alert_id in alert_ids]
    held = set(
        session.scalars(select(Alert.id).where(Alert.id.in_(alert_ids), Alert.assigned_agent_id == agent_id)).all()
    )
    moved = moves.bulk_reassign(session, wanted, viewer=viewer, reason=reason, overflow=overflow, now=now)
    return [
        Result(
            alert_id=one.alert_id,
            agent_id=one.agent_id,
            routed=one.routed,
            error=one.error.detail if one.error else "They have it already." if one.alert_id in held else None,
        )
        for one in moved
    ]


def _to_routing(
    session: Session, alert_ids: Sequence[str], before: dict[str, Any], *, viewer: Viewer, state: State, now: datetime
) -> list[Result]:
    exclude = {
        alert_id: frozenset(filter(None, [before[alert_id].assigned_agent_id]))
        for alert_id in alert_ids
        if alert_id in before
    }
    found = route_each(session, exclude, state=state, trigger=REROUTED, by=viewer.user_id or None, now=now)
    routed = {one.alert_id: one for one in found}
    results = []
    for alert_id in alert_ids:
        one, was = routed.get(alert_id), before.get(alert_id)
        if one is None or was is None:
            error = "This alert is closed." if was is not None else "There is no such alert."
            results.append(Result(alert_id=alert_id, error=error))
        elif one.agent_id is None or one.agent_id == was.assigned_agent_id:
            results.append(Result(alert_id=alert_id, error="Nobody else has room for it."))
        else:
            _audit(session, alert_id, was.assigned_agent_id, one.agent_id, one.reason, viewer=viewer, now=now)
            results.append(Result(alert_id=alert_id, agent_id=one.agent_id, routed=one))
    return results


def _to_pool(
    session: Session, alert_ids: Sequence[str], before: dict[str, Any], reason: str, *, viewer: Viewer, now: datetime
) -> list[Result]:
    results = []
    for alert_id in alert_ids:
        was = before.get(alert_id)
        if was is None:
            results.append(Result(alert_id=alert_id, error="There is no such alert."))
        elif was.closed_at is not None:
            results.append(Result(alert_id=alert_id, error="This alert is closed."))
        elif was.assigned_agent_id is None:
            results.append(Result(alert_id=alert_id, error="It is in the pool already."))
        else:
            _release(session, alert_id, PoolReason.PUT_BACK, viewer=viewer, said=reason.strip(), now=now)
            results.append(Result(alert_id=alert_id))
    return results


def _release(session: Session, alert_id: str, reason: PoolReason, *, viewer: Viewer, said: str, now: datetime) -> None:
    lost = assignments.release(session, alert_id, reason=reason, now=now)
    _audit(session, alert_id, lost, None, said or reason, viewer=viewer, now=now)
    feed.tell_alerts(session, ChangeKind.ALERT_ASSIGNED, [alert_id], lost={alert_id: lost}, now=now)


def _untouched(session: Session, alert: Any, memory: dict[str, Any], *, since: datetime) -> bool:
    """Whether it is still exactly where the move put it."""
    if alert.closed_at is not None or alert.status != memory["status"] or alert.assigned_agent_id != memory["to"]:
        return False
    later = exists().where(Assignment.alert_id == alert.id, Assignment.assigned_at > since)
    return not session.scalar(select(later))


def _memory(one: Result, before: dict[str, Any]) -> dict[str, Any]:
    was = before[one.alert_id]
    return {
        "alertId": one.alert_id,
        "from": was.assigned_agent_id,
        "to": one.agent_id,
        "reason": was.unassigned_reason,
        "status": was.status,
    }


def _note(session: Session, action: str, bulk_id: str, after: dict[str, Any], viewer: Viewer, *, now: datetime) -> None:
    audit.record(
        session,
        action,
        subject_type=_BULK,
        subject_id=bulk_id,
        actor_id=viewer.user_id or None,
        before=None,
        after=after,
        now=now,
    )


def _audit(
    session: Session,
    alert_id: str,
    lost: str | None,
    agent_id: str | None,
    reason: str,
    *,
    viewer: Viewer,
    action: str = "alert.assign",
    now: datetime,
) -> None:
    audit.record(
        session,
        action,
        subject_type="alert",
        subject_id=alert_id,
        actor_id=viewer.user_id or None,
        before={"agentId": lost},
        after={"agentId": agent_id, "reason": reason},
        now=now,
    )

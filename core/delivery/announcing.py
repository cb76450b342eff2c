"""The change feed told to other systems: each subscribed endpoint gets every change once into the outbox, from its start on.

An endpoint's cursor moves in the transaction that queues its deliveries, under a lock on its row: a process killed at any
instant has queued all of it or nothing, and any number of processes share the work. Writers of changes do nothing for it.
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from core import changes, ids, wire
from core.changes import Told
from core.db import dialect
from core.db.tables.acting import Delivery
from core.db.tables.deciding import Alert
from core.db.tables.people import Agent, Contact
from core.db.tables.reaching import Endpoint
from core.db.tables.running import Change
from core.delivery.endpoints import ESCALATED, EVENT_TYPES
from core.words import DeliveryState, Priority

BATCH = 500
"""Changes a transaction."""
_FED = tuple(kind for kind in EVENT_TYPES if kind != ESCALATED)


def waits(session: Session) -> bool:
    """Whether anything is to be announced: two looks at indexes, cheap enough for every wake-up."""
    since = session.scalar(select(func.min(Endpoint.cursor)).where(Endpoint.enabled))
    if since is None:
        return False
    news = select(Change.id).where(Change.id > since, Change.kind.in_(_FED)).limit(1)
    return session.scalar(news) is not None


def announce(session: Session, *, now: datetime, limit: int = BATCH) -> int:
    """Queue the next changes for every endpoint that wants them, and move the cursors; how many changes were looked at."""
    endpoints = session.scalars(select(Endpoint).where(Endpoint.enabled).order_by(Endpoint.id).with_for_update()).all()
    if not endpoints:
        return 0
    news = changes.since(session, min(endpoint.cursor for endpoint in endpoints), limit=limit)
    if not news:
        return 0
    lost_by = _teams_of_losers(session, endpoints, news)
    known = set(session.scalars(select(Alert.id).where(Alert.id.in_({one.subject_id for one in news}))))
    rows = [
        _row(
            endpoint,
            one.kind,
            event,
            f"change-{one.id}:{endpoint.id}",
            alert_id=one.subject_id if one.subject_id in known else None,
            now=now,
        )
        for one in news
        for endpoint in endpoints
        if one.id > endpoint.cursor
        and one.kind in (endpoint.event_types or _FED)
        and (event := event_of(one, endpoint.team_id, lost_by)) is not None
    ]
    _queue(session, rows)
    session.execute(
        update(Endpoint)
        .where(Endpoint.id.in_([endpoint.id for endpoint in endpoints]), Endpoint.cursor < news[-1].id)
        .values(cursor=news[-1].id)
        .execution_options(synchronize_session=False)
    )
    return len(news)


def event_of(told: Told, team_id: str | None, lost_by: Mapping[str, str | None]) -> dict[str, Any] | None:
    """A change as it goes to an endpoint of this team (None: of everybody); None where it is none of its business.

    A team whose alert went to another team or into the pool learns the id of what it lost and nothing more, as people do.

    Args:
        lost_by: who lost an alert to the team they are in.
    """
    if told.kind not in _FED or told.audience.users:
        return None
    if team_id is None or team_id in told.audience.teams:
        return event(told.kind, {**told.payload, "changeId": told.id}, at=told.at)
    if any(lost_by.get(agent_id) == team_id for agent_id in told.audience.lost):
        return event(told.kind, {"id": told.subject_id, "changeId": told.id}, at=told.at)
    return None


def event(kind: str, data: Mapping[str, Any], *, at: datetime) -> dict[str, Any]:
    """The body of a webhook."""
    return {"type": str(kind), "timestamp": wire.to_iso(at), "data": dict(data)}


def tell_of_alert(
    session: Session,
    endpoint_id: str,
    kind: str,
    alert_id: str,
    *,
    occasion: str,
    also: Mapping[str, Any] | None = None,
    now: datetime,
) -> bool:
    """Tell one endpoint of one alert as it stands, whatever it subscribes to; whether it is there, on, and may hear of it.

    Args:
        occasion: what makes it itself and no other: the same again is queued once.
        also: what its data say beside the alert.
    """
    endpoint = session.get(Endpoint, endpoint_id)
    if endpoint is None or not endpoint.enabled:
        return False
    session.flush()
    row = session.execute(
        select(Alert, Contact, Agent.team_id)
        .outerjoin(Contact, Contact.id == Alert.contact_id)
        .outerjoin(Agent, Agent.id == Alert.assigned_agent_id)
        .where(Alert.id == alert_id)
        .execution_options(populate_existing=True)
    ).one()
    if endpoint.team_id not in (None, row.team_id):
        return False
    told = event(kind, {**wire.alert(row.Alert, row.Contact), **(also or {})}, at=now)
    _queue(session, [_row(endpoint, kind, told, f"{occasion}:{endpoint_id}", alert_id=alert_id, now=now)])
    return True


def _teams_of_losers(session: Session, endpoints: Sequence[Endpoint], news: Sequence[Told]) -> Mapping[str, str | None]:
    if not any(endpoint.team_id for endpoint in endpoints):
        return {}
    return _teams(session, {agent_id for one in news for agent_id in one.audience.lost})


def _teams(session: Session, agent_ids: Collection[str]) -> Mapping[str, str | None]:
    if not agent_ids:
        return {}
    return dict(session.execute(select(Agent.id, Agent.team_id).where(Agent.id.in_(agent_ids))).all())


def _row(
    endpoint: Endpoint, kind: str, event: Mapping[str, Any], key: str, *, alert_id: str | None, now: datetime
) -> dict[str, Any]:
    return {
        "id": ids.new_id(),
        "alert_id": alert_id,
        "endpoint_id": endpoint.id,
        "channel": endpoint.channel,
        "kind": str(kind),
        "priority": event["data"].get("priority") or Priority.MEDIUM,
        "state": DeliveryState.QUEUED,
        "idempotency_key": key,
        "payload": {"event": event, "team": endpoint.team_id},
        "due_at": now,
        "attempts": 0,
        "created_at": now,
    }


def _queue(session: Session, rows: Sequence[Mapping[str, Any]]) -> None:
    if rows:
        session.execute(
            dialect.upsert(session, Delivery).on_conflict_do_nothing(index_elements=["idempotency_key"]), list(rows)
        )
        dialect.wake(session, "deliveries")

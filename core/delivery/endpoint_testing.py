""" "Tell it a test": one event to one endpoint on the ordinary way out, and what its system answered."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from core import audit, ids
from core.db import dialect
from core.db.tables.acting import Delivery
from core.delivery import endpoint_book
from core.delivery.announcing import event
from core.delivery.endpoints import TEST
from core.errors import NotFound
from core.viewer import Viewer
from core.words import DeliveryState, Priority

_UNDERWAY = (DeliveryState.QUEUED, DeliveryState.LEASED)


@dataclass(frozen=True, kw_only=True)
class Standing:
    """How a test stands, for whoever waits for it."""

    id: str
    state: str
    said: str
    """One sentence: what the other system answered, or what is waited for."""
    done: bool
    ok: bool
    attempts: int
    created_at: datetime


def send(session: Session, viewer: Viewer, endpoint_id: str, *, now: datetime) -> str:
    """Queue a test, also to an endpoint that is off; the delivery's id. While one is under way it is that one.

    Raises:
        NotFound: there is no such endpoint for this viewer.
    """
    endpoint = endpoint_book.get(session, viewer, endpoint_id, lock=True)
    underway = session.scalar(
        select(Delivery.id).where(
            Delivery.endpoint_id == endpoint_id, Delivery.kind == TEST, Delivery.state.in_(_UNDERWAY)
        )
    )
    if underway is not None:
        return underway
    delivery_id = ids.new_id()
    data = {"endpointId": endpoint_id, "name": endpoint.name, "by": viewer.name}
    session.add(
        Delivery(
            id=delivery_id,
            endpoint_id=endpoint_id,
            channel=endpoint.channel,
            kind=TEST,
            priority=Priority.HIGH,
            state=DeliveryState.QUEUED,
            idempotency_key=f"test-{delivery_id}:{endpoint_id}",
            payload={"event": event(TEST, data, at=now), "test": True},
            due_at=now,
            attempts=0,
            created_at=now,
        )
    )
    session.flush()
    audit.record(
        session,
        "endpoint.test",
        subject_type="endpoint",
        subject_id=endpoint_id,
        actor_id=viewer.user_id or None,
        after={"delivery": delivery_id},
        now=now,
    )
    dialect.wake(session, "deliveries")
    return delivery_id


def standing(session: Session, viewer: Viewer, endpoint_id: str, delivery_id: str) -> Standing:
    """What became of a test.

    Raises:
        NotFound: there is no such endpoint for this viewer, or no such test of it.
    """
    endpoint_book.get(session, viewer, endpoint_id)
    found = session.get(Delivery, delivery_id, populate_existing=True)
    if found is None or found.endpoint_id != endpoint_id or found.kind != TEST:
        raise NotFound("There is no such test.")
    done = found.state not in _UNDERWAY
    return Standing(
        id=found.id,
        state=found.state,
        said=_said(found),
        done=done,
        ok=done and found.state in (DeliveryState.SENT, DeliveryState.DELIVERED),
        attempts=found.attempts,
        created_at=found.created_at,
    )


def _said(found: Delivery) -> str:
    match found.state:
        case DeliveryState.SENT | DeliveryState.DELIVERED:
            return f"It was taken: {found.reason}." if found.reason else "It was taken."
        case DeliveryState.DEAD | DeliveryState.SUPPRESSED | DeliveryState.BOUNCED:
            return f"It was not taken: {found.reason}."
        case _ if found.reason:
            return f"Not yet: {found.reason}. It is tried again."
        case _:
            return "On its way."

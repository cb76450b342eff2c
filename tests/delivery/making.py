"""Messages and deliveries for the tests of this folder."""

from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from core import delivery
from core.db.tables import Delivery
from core.delivery import Claimed, Message, Notice
from core.delivery.content import Story
from core.delivery.endpoints import Endpoint, Secret
from core.words import Priority
from tests import factories

LEASE = timedelta(minutes=2)


def story(**values: Any) -> Story:
    return Story(
        **{
            "alert_id": "a1",
            "contact": "Rosa Diaz",
            "what": "is likely to sell",
            "factors": ("Checked the value of the home 10 times in 30 days",),
            "confidence": "82%",
            "confidence_range": "71 to 89%",
            "chance_label": "Chance of a sale within 180 days",
            "chance": "14%",
            "lift": "5.7 times the usual",
            "phone": "+1 312 555 0142",
            "email": "rosa@example.com",
            "home": "12 Elm Street, Oak Park, 60302",
            "value": "about $450,000",
            "since": "Mon 2 Mar, 9:00 AM CST",
            "why_you": "You cover Oak Park.",
            **values,
        }
    )


def message(**values: Any) -> Message:
    return Message(
        **{
            "key": "a1:alert_new:s1:agent-1:email",
            "kind": "alert_new",
            "priority": "HIGH",
            "title": "Rosa Diaz is likely to sell",
            "text": "",
            "recipient_name": "Agent One",
            "to": "agent-1@doorbell.test",
            "link": "http://127.0.0.1:8501/feed?alert=a1",
            "story": story(),
            "at": datetime(2026, 3, 2, 15, 0, tzinfo=UTC),
            **values,
        }
    )


SECRET = "whsec_" + "c2VjcmV0IG9mIHRoZSBlbmRwb2ludCE="


def endpoint(url: str, *secrets: Secret, **config: Any) -> Endpoint:
    """As a channel gets it, with one secret unless others are given."""
    return Endpoint(
        id="hook-1", name="Hook", url=url, config=config, secrets=secrets or (Secret(value=SECRET, until=None),)
    )


def owned_alert(session: Session, *, now: datetime, **values: Any) -> tuple[str, str]:
    """An alert and the agent who owns it."""
    agent_id = factories.agent(session, now=now)
    return factories.alert(session, agent_id=agent_id, now=now, **values), agent_id


def told(session: Session, *, priority: Priority = Priority.HIGH, now: datetime, **values: Any) -> tuple[str, str]:
    """An alert whose owner has been enqueued to be told."""
    alert_id, agent_id = owned_alert(session, priority=priority, now=now, **values)
    delivery.enqueue(
        session, [Notice(alert_id=alert_id, user_id=agent_id, kind="alert_new", priority=priority)], now=now
    )
    return alert_id, agent_id


def claim_one(session: Session, *, worker: str = "w1", now: datetime) -> Claimed:
    (claimed,) = delivery.claim(session, worker=worker, limit=10, lease=LEASE, now=now)
    return claimed


def row(session: Session, delivery_id: str) -> Delivery:
    return session.get_one(Delivery, delivery_id, populate_existing=True)


def by_channel(session: Session, alert_id: str) -> dict[str, Delivery]:
    return {one.channel: one for one in session.scalars(select(Delivery).where(Delivery.alert_id == alert_id))}

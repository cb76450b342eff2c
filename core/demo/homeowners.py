"""The demo's contacts and homes, and user-123: behaviour that is recorded and absorbed, but that nobody has scored."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy.orm import Session

from core import events, history, traffic
from core.db.dialect import upsert
from core.db.tables import Contact, Property
from core.demo.brokerage import agent_ids
from core.generator import World
from core.words import EventCategory, EventType

UNSCORED = "user-123"
_OWN_CLIENTS = 17
"""Every so many contacts one has a standing relation with an agent of the house."""


def seed(session: Session, world: World, *, now: datetime) -> None:
    """Write every contact of the world with their homes; those already there are left as they are."""
    agents = agent_ids()
    contacts = [
        {
            "id": person.id,
            "name": person.name,
            "email": person.email,
            "phone": person.phone,
            "territory": person.territory,
            "owner_agent_id": agents[number * 7 % len(agents)] if number % _OWN_CLIENTS == 5 else None,
            "attributes": {"source": "demo"},
            "first_seen_at": world.time(max(float(world.population.joined[number]), 0.0)),
            "updated_at": now,
        }
        for number, person in enumerate(world.contacts)
    ]
    homes = [
        {
            "id": home.id,
            "contact_id": person.id,
            "address": home.address,
            "city": home.city,
            "zip": home.zip,
            "territory": home.territory,
            "estimated_value": home.estimated_value,
            "mortgage_balance": home.mortgage_balance,
            "purchased_on": home.purchased_on,
            "attributes": {},
            "updated_at": now,
        }
        for person in world.contacts
        for home in person.homes
    ]
    _insert(session, Contact, contacts)
    _insert(session, Property, homes)


def seed_unscored(session: Session, *, now: datetime) -> None:
    """Contact `user-123`: two weeks of a seller's behaviour, in the rollups, but the contact was never scored.

    The line's DECIDE absorbs and scores in one go; here only its first half is done (absorb, finish), which leaves no
    event waiting and no time to look again. So nothing scores this contact until somebody asks (`score-user`) or the
    contact does something more.
    """
    _insert(
        session,
        Contact,
        [
            {
                "id": UNSCORED,
                "name": "Marisol Hallowmere",
                "email": "marisol.hallowmere@mail.example",
                "phone": "+1 555 0123 0123",
                "territory": "larkfield",
                "attributes": {"source": "demo"},
                "first_seen_at": now - timedelta(days=390),
                "updated_at": now,
            }
        ],
    )
    _insert(
        session,
        Property,
        [
            {
                "id": "p-user-123-1",
                "contact_id": UNSCORED,
                "address": "18 Heron Court",
                "city": "Port Halden",
                "zip": "00121",
                "territory": "larkfield",
                "estimated_value": 548_000.0,
                "mortgage_balance": 171_000.0,
                "purchased_on": (now - timedelta(days=3180)).date(),
                "attributes": {},
                "updated_at": now,
            }
        ],
    )
    parsed = [events.parse(raw, now=now) for raw in _visits(now)]
    if not events.record(session, parsed, now=now).accepted:
        return
    claimed = events.claim_contact(session, UNSCORED)
    doubts = traffic.doubts(claimed, session)
    history.absorb(session, claimed, doubts)
    events.finish(session, [event.id for event in claimed], doubts, now=now)


def _visits(now: datetime) -> list[dict[str, Any]]:
    """Fourteen value checks and eight comparables in seven evenings, market reports, the papers: plain at any threshold."""
    shapes = {
        "value_check": (EventType.PAGE_VIEW, EventCategory.PLATFORM_BEHAVIOR),
        "comparable_view": (EventType.PROPERTY_VIEW, EventCategory.PROPERTY_RESEARCH),
        "market_report_view": (EventType.PAGE_VIEW, EventCategory.PLATFORM_BEHAVIOR),
        "profile_update": (EventType.FORM_SUBMIT, EventCategory.ACCOUNT_MANAGEMENT),
        "document_access": (EventType.DOCUMENT_ACCESS, EventCategory.DOCUMENT_ACTIVITY),
        "document_download": (EventType.DOCUMENT_DOWNLOAD, EventCategory.DOCUMENT_ACTIVITY),
        "document_share": (EventType.DOCUMENT_SHARE, EventCategory.DOCUMENT_ACTIVITY),
    }
    evenings = {
        15: ("market_report_view", "value_check", "value_check"),
        12: ("value_check", "value_check", "comparable_view", "profile_update"),
        9: ("value_check", "market_report_view", "value_check", "comparable_view", "document_access"),
        6: ("value_check", "comparable_view", "value_check", "comparable_view", "document_download"),
        4: ("document_access", "value_check", "comparable_view", "value_check"),
        2: ("value_check", "comparable_view", "value_check", "market_report_view", "profile_update"),
        1: ("value_check", "comparable_view", "comparable_view", "value_check", "document_share"),
    }
    found = []
    for days_ago, names in evenings.items():
        for step, name in enumerate(names):
            event_type, category = shapes[name]
            found.append(
                {
                    "eventId": f"demo-{UNSCORED}-{days_ago}-{step}",
                    "userId": UNSCORED,
                    "eventType": event_type,
                    "eventCategory": category,
                    "eventName": name,
                    "occurredAt": now - timedelta(days=days_ago) + timedelta(minutes=2 * step),
                    "sessionId": f"demo-{UNSCORED}-{days_ago}",
                    "device": "desktop",
                    "properties": {"propertyId": "p-user-123-1"},
                }
            )
    return found


def _insert(session: Session, table: type[Contact] | type[Property], rows: Sequence[dict[str, Any]]) -> None:
    statement = upsert(session, table).on_conflict_do_nothing(index_elements=["id"])
    for start in range(0, len(rows), 1000):
        session.execute(statement, list(rows[start : start + 1000]))

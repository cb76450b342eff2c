"""Rows for tests, made with as little said as possible: each function inserts one and returns its id."""

import itertools
from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import insert, update
from sqlalchemy.orm import Session

from core.assignments import taken
from core.db.base import table_of
from core.db.tables import (
    Agent,
    Alert,
    AlertOutcome,
    Assignment,
    Contact,
    Event,
    Notification,
    Property,
    Rule,
    Signal,
    Team,
    Territory,
    User,
)
from core.delivery import preferences
from core.ids import new_id
from core.viewer import Viewer, load
from core.words import Intent, Outcome, Priority, Role, Status

LONG_AGO = timedelta(days=400)
AT_ONCE = {
    "digests": {"MEDIUM": "off", "LOW": "off"},
    "matrix": {"MEDIUM": {"email": 0}},
    "gatherAfter": 0,
}
_numbers = itertools.count(1)


def _next() -> int:
    return next(_numbers)


def user(
    session: Session,
    user_id: str | None = None,
    *,
    name: str | None = None,
    email: str | None = None,
    role: Role = Role.AGENT,
    password_hash: str | None = None,
    timezone: str = "America/Chicago",
    active: bool = True,
    now: datetime,
) -> str:
    user_id = user_id or f"user-{_next()}"
    session.execute(
        insert(User).values(
            id=user_id,
            email=email or f"{user_id}@doorbell.test",
            name=name or user_id.replace("-", " ").title(),
            role=role,
            password_hash=password_hash,
            timezone=timezone,
            active=active,
            created_at=now - LONG_AGO,
        )
    )
    return user_id


def told_at_once(session: Session, *user_ids: str, now: datetime) -> None:
    """These people want each e-mail by itself, whatever the priority."""
    for user_id in user_ids:
        preferences.save(session, user_id, AT_ONCE, actor_id=user_id, now=now)


def admin(session: Session, user_id: str = "admin", *, now: datetime, **values: Any) -> str:
    return user(session, user_id, role=Role.ADMIN, now=now, **values)


def team(
    session: Session,
    team_id: str | None = None,
    *,
    name: str | None = None,
    manager_id: str | None = None,
    default_strategy: str = "territory",
    now: datetime,
) -> str:
    team_id = team_id or f"team-{_next()}"
    session.execute(
        insert(Team).values(
            id=team_id,
            name=name or team_id.replace("-", " ").title(),
            manager_id=manager_id,
            default_strategy=default_strategy,
            created_at=now - LONG_AGO,
        )
    )
    return team_id


def manager(
    session: Session, user_id: str | None = None, *, of: Sequence[str] = (), now: datetime, **values: Any
) -> str:
    """A manager, of these teams."""
    user_id = user(session, user_id or f"manager-{_next()}", role=Role.MANAGER, now=now, **values)
    if of:
        session.execute(update(Team).where(Team.id.in_(of)).values(manager_id=user_id))
    return user_id


def agent(
    session: Session,
    agent_id: str | None = None,
    *,
    team_id: str | None = None,
    name: str | None = None,
    email: str | None = None,
    timezone: str = "America/Chicago",
    password_hash: str | None = None,
    capacity: int = 10,
    territories: Sequence[str] = (),
    skills: Mapping[str, int] | None = None,
    schedule: Mapping[str, Any] | None = None,
    available: bool = True,
    auto_assign: bool = True,
    now: datetime,
    **profile: Any,
) -> str:
    """A user who is an agent, always on duty unless a schedule is given."""
    agent_id = user(
        session,
        agent_id or f"agent-{_next()}",
        name=name,
        email=email,
        timezone=timezone,
        password_hash=password_hash,
        now=now,
    )
    session.execute(
        insert(Agent).values(
            id=agent_id,
            team_id=team_id,
            available=available,
            auto_assign=auto_assign,
            max_concurrent_alerts=capacity,
            open_alerts=0,
            primary_territory=territories[0] if territories else None,
            territories=list(territories),
            skills=dict(skills or {}),
            schedule=dict(schedule or {}),
            updated_at=now,
            **profile,
        )
    )
    return agent_id


def viewer(session: Session, user_id: str) -> Viewer:
    """The viewer behind a user that a factory made."""
    found = load(session, user_id)
    assert found is not None
    return found


def territory(session: Session, territory_id: str, *, name: str | None = None, zips: Sequence[str] = ()) -> str:
    session.execute(insert(Territory).values(id=territory_id, name=name or territory_id, zips=list(zips)))
    return territory_id


def contact(
    session: Session,
    contact_id: str | None = None,
    *,
    name: str | None = "Rosa Diaz",
    email: str | None = None,
    phone: str | None = "+1 312 555 0142",
    territory: str | None = None,
    now: datetime,
    **values: Any,
) -> str:
    contact_id = contact_id or f"contact-{_next()}"
    session.execute(
        insert(Contact).values(
            id=contact_id,
            name=name,
            email=email or f"{contact_id}@example.com",
            phone=phone,
            territory=territory,
            attributes={},
            first_seen_at=now - LONG_AGO,
            updated_at=now,
            **values,
        )
    )
    return contact_id


def home(session: Session, contact_id: str, *, value: float = 450_000, now: datetime, **values: Any) -> str:
    """A property of a contact."""
    property_id = values.pop("property_id", None) or f"property-{_next()}"
    session.execute(
        insert(Property).values(
            {
                "id": property_id,
                "contact_id": contact_id,
                "address": "12 Elm Street",
                "city": "Oak Park",
                "zip": "60302",
                "estimated_value": value,
                "mortgage_balance": value / 3,
                "purchased_on": date(2014, 5, 1),
                "attributes": {},
                "updated_at": now,
                **values,
            }
        )
    )
    return property_id


def event(
    session: Session,
    contact_id: str,
    *,
    event_type: str = "PAGE_VIEW",
    at: datetime,
    processed: bool = True,
    **values: Any,
) -> str:
    """One stored event; `processed=False` leaves it for the line to decide on."""
    event_id = values.pop("event_id", None) or f"event-{_next()}"
    session.execute(
        insert(Event).values(
            {
                "event_id": event_id,
                "contact_id": contact_id,
                "event_type": event_type,
                "event_category": "PLATFORM_BEHAVIOR",
                "occurred_at": at,
                "received_at": at,
                "properties": {},
                "is_machine": False,
                "processed_at": at if processed else None,
                **values,
            }
        )
    )
    return event_id


def signal(
    session: Session,
    contact_id: str,
    *,
    type: str = "FREQUENT_VALUE_CHECKS",
    category: str = "PLATFORM_BEHAVIOR",
    strength: float = 0.8,
    confidence: float = 0.9,
    now: datetime,
    **values: Any,
) -> str:
    """One open signal."""
    signal_id = new_id()
    session.execute(
        insert(Signal).values(
            {
                "id": signal_id,
                "contact_id": contact_id,
                "type": type,
                "subtype": "",
                "category": category,
                "source": "events",
                "strength": strength,
                "confidence": confidence,
                "event_count": 8,
                "event_ids": [],
                "evidence": {"count": 8, "expected": 1.1, "days": 30},
                "window_start": now - timedelta(days=30),
                "window_end": now,
                "first_seen_at": now - timedelta(days=2),
                "last_seen_at": now,
                **values,
            }
        )
    )
    return signal_id


def alert(
    session: Session,
    *,
    contact_id: str | None = None,
    agent_id: str | None = None,
    alert_type: str = Intent.LIKELY_TO_SELL,
    status: Status = Status.NEW,
    priority: Priority = Priority.HIGH,
    confidence: float = 0.75,
    probability: float = 0.2,
    opened_at: datetime | None = None,
    unassigned_reason: str | None = None,
    now: datetime,
    **values: Any,
) -> str:
    """One alert with its assignment and its capacity, as the line would leave it; closed ones give the capacity back."""
    alert_id = values.pop("alert_id", None) or new_id()
    contact_id = contact_id or contact(session, now=now)
    opened_at = opened_at or now
    row = {
        "id": alert_id,
        "contact_id": contact_id,
        "alert_type": alert_type,
        "status": status,
        "priority": priority,
        "confidence": confidence,
        "confidence_low": max(confidence - 0.1, 0),
        "confidence_high": min(confidence + 0.1, 1),
        "probability": probability,
        "probability_low": probability / 2,
        "probability_high": min(probability * 1.5, 1),
        "lift": probability / 0.025,
        "signal_strength": 0.8,
        "signal_count": 2,
        "model_version": f"{alert_type}-test-1",
        "explanation": {
            "base": -3.5,
            "contributions": [
                {"feature": "value_checks_30d", "label": "Value checks", "value": 10, "contribution": 2.1},
                {"feature": "days_since_visit", "label": "Days since last visit", "value": 1, "contribution": 0.4},
            ],
            "logOdds": -1.0,
            "text": "Checked the value of the home 10 times in 30 days.",
        },
        "top_factors": [
            {
                "feature": "value_checks_30d",
                "label": "Value checks",
                "value": 10,
                "contribution": 2.1,
                "text": "Checked the value of the home 10 times in 30 days",
            }
        ],
        "assigned_agent_id": agent_id,
        "unassigned_reason": None if agent_id else unassigned_reason or "nobody_on_duty",
        "opened_at": opened_at,
        "scored_at": opened_at,
        "valid_until": opened_at + timedelta(days=30),
        "closed_at": None if status.is_open else now,
        "escalation_step": 0,
        "metadata": {},
        "updated_at": now,
        **values,
    }
    session.execute(insert(table_of(Alert)).values(row))
    if agent_id:
        session.execute(
            insert(Assignment).values(
                id=new_id(),
                alert_id=alert_id,
                agent_id=agent_id,
                reason="works this territory",
                assigned_at=opened_at,
                ended_at=row["closed_at"],
                ended_reason=None if status.is_open else status.lower(),
            )
        )
        if status.is_open:
            session.execute(update(Agent).where(Agent.id == agent_id).values(**taken(1, 1.0)))
    return alert_id


def outcome(
    session: Session,
    alert_id: str,
    outcome: Outcome = Outcome.TRUE_POSITIVE,
    *,
    converted: bool = False,
    now: datetime,
    **values: Any,
) -> None:
    session.execute(
        insert(AlertOutcome).values(
            {
                "alert_id": alert_id,
                "outcome": outcome,
                "converted": converted,
                "contact_methods": [],
                "recorded_at": now,
                **values,
            }
        )
    )


def notification(
    session: Session, user_id: str, *, title: str = "Likely to sell: Rosa Diaz", at: datetime, **values: Any
) -> str:
    """One item of a user's inbox."""
    notification_id = new_id()
    session.execute(
        insert(Notification).values(
            {
                "id": notification_id,
                "user_id": user_id,
                "title": title,
                "body": "Checked the value of the home 10 times.",
                "created_at": at,
                **values,
            }
        )
    )
    return notification_id


def rule(
    session: Session,
    *,
    conditions: Sequence[Mapping[str, Any]] = (),
    actions: Sequence[Mapping[str, Any]],
    priority: int = 100,
    enabled: bool = True,
    now: datetime,
    **values: Any,
) -> str:
    """One routing rule."""
    rule_id = values.pop("rule_id", None) or f"rule-{_next()}"
    session.execute(
        insert(Rule).values(
            {
                "id": rule_id,
                "name": rule_id,
                "priority": priority,
                "enabled": enabled,
                "conditions": [dict(condition) for condition in conditions],
                "actions": [dict(action) for action in actions],
                "updated_at": now,
                **values,
            }
        )
    )
    return rule_id

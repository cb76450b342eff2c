"""What a CRM is told of an alert: our facts by name, and which of its fields takes which of them."""

import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from core import wire
from core.db.tables.deciding import Alert
from core.db.tables.learning import AlertType
from core.db.tables.people import Agent, Contact, Property, User
from core.delivery import content
from core.delivery.content import one_line
from core.settings import Settings
from core.words import Priority, Status

SOURCES = {
    "contact.id": "the contact's id in Doorbell",
    "contact.name": "the contact's whole name",
    "contact.firstName": "all of the name but its last word",
    "contact.lastName": "the last word of the name; without a name, who else it can be told by",
    "contact.email": "the e-mail address, where it is one",
    "contact.phone": "the phone number",
    "home.street": "street and number of the dearest home",
    "home.city": "its city",
    "home.zip": "its ZIP",
    "home.value": "its estimated value in US dollars",
    "alert.id": "the alert's id in Doorbell",
    "alert.headline": 'as in "Rosa Diaz is likely to sell"',
    "alert.type": "as in LIKELY_TO_SELL",
    "alert.priority": "CRITICAL, HIGH, MEDIUM or LOW",
    "alert.status": "as it is now, as in NEW or CONTACTED",
    "alert.confidence": "in percent",
    "alert.probability": "in percent",
    "alert.lift": "how many times the usual chance",
    "alert.territory": "the territory",
    "alert.openedAt": "when it opened, in UTC",
    "alert.summary": "why, how sure, the home and the link, a line each",
    "alert.link": "where to open it",
    "agent.name": "who owns it",
    "agent.email": "the owner's e-mail address",
}
"""Every fact that a field may take."""
Mapped = Mapping[str, str]
"""CRM field to the name of a fact, or to a text that starts with = and is taken as it is."""

DUE = {
    Priority.CRITICAL: timedelta(hours=1),
    Priority.HIGH: timedelta(hours=4),
    Priority.MEDIUM: timedelta(days=1),
    Priority.LOW: timedelta(days=3),
}
"""When the task is due after the alert opened."""
OPEN = frozenset({Status.NEW, Status.ACKNOWLEDGED})
WORKED = frozenset({Status.IN_PROGRESS, Status.CONTACTED})
"""Statuses in which the task is being worked on; in all others but OPEN it is done."""

_FIELD = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,99}")
_EMAIL = re.compile(r"[^\s@,;<>\"]{1,64}@[^\s@,;<>\"]+\.[A-Za-z0-9-]{2,63}")
_MOST_FIELDS = 60
_LONGEST_TEXT = 255


def facts(session: Session, alert_id: str, team_id: str | None, settings: Settings) -> dict[str, Any] | None:
    """The alert as it is now, by the names of SOURCES, with `due` (UTC) beside them; None where there is none.

    Read at the moment of sending: whichever message of an alert goes last leaves the CRM with what holds. An alert that is
    not (or not any more) this team's is its id and nothing more, as `is_lost` tells.
    """
    row = session.execute(
        select(Alert, Contact, User, AlertType.name, Agent.team_id)
        .join(Contact, Contact.id == Alert.contact_id)
        .outerjoin(Agent, Agent.id == Alert.assigned_agent_id)
        .outerjoin(User, User.id == Agent.id)
        .outerjoin(AlertType, AlertType.id == Alert.alert_type)
        .where(Alert.id == alert_id)
    ).one_or_none()
    if row is None:
        return None
    alert, contact, owner, type_name, owners_team = row
    if team_id is not None and owners_team != team_id:
        return {"alert.id": alert.id}
    home = session.scalars(
        select(Property)
        .where(Property.contact_id == contact.id)
        .order_by(Property.estimated_value.desc().nulls_last(), Property.id)
        .limit(1)
    ).first()
    known: dict[str, Any] = {
        **_person(contact),
        "home.street": _line(home.address if home else None),
        "home.city": _line(home.city if home else None),
        "home.zip": _line(home.zip if home else None),
        "home.value": (home.estimated_value if home else None) or alert.property_value,
        "alert.id": alert.id,
        "alert.headline": content.headline(
            "alert_new", alert.alert_type, contact.name or contact.id, type_name=type_name
        ),
        "alert.type": alert.alert_type,
        "alert.priority": str(alert.priority),
        "alert.status": str(alert.status),
        "alert.confidence": round(alert.confidence * 100),
        "alert.probability": round(alert.probability * 100),
        "alert.lift": round(alert.lift, 1),
        "alert.territory": _line(alert.territory),
        "alert.openedAt": wire.to_iso(alert.opened_at),
        "alert.link": f"{settings.origin}/feed?alert={alert.id}",
        "agent.name": _line(owner.name if owner else None),
        "agent.email": owner.email if owner else None,
    }
    due: datetime = alert.opened_at + DUE[Priority(alert.priority)]
    return {**known, "alert.summary": _summary(known, content.factors(alert.top_factors)), "due": due}


def is_lost(known: Mapping[str, Any]) -> bool:
    """Whether the alert is another team's by now: its task is closed where there is one, and nothing else is told."""
    return set(known) == {"alert.id"}


def fill(mapped: Mapped, known: Mapping[str, Any], *, lengths: Mapping[str, int]) -> dict[str, Any]:
    """Each field with its value, cut to its length. What is unknown is left out: it never empties a field of the CRM."""
    filled = {}
    for field, source in mapped.items():
        value = source[1:] if source.startswith("=") else known[source]
        if value is None or value == "":
            continue
        filled[field] = value[: lengths.get(field, _LONGEST_TEXT)] if isinstance(value, str) else value
    return filled


def merged(defaults: Mapped, own: Mapping[str, str | None]) -> dict[str, str]:
    """The defaults with an endpoint's own fields over them; an own field without a source drops the default."""
    return {field: source for field, source in {**defaults, **own}.items() if source}


def wrong(own: Any, *, where: str, reserved: frozenset[str], required: frozenset[str]) -> dict[str, str]:
    """What is wrong with an endpoint's own fields, by the path of each; empty where nothing is.

    Args:
        reserved: fields that Doorbell sets itself.
        required: fields the CRM refuses a record without.
    """
    if not isinstance(own, Mapping):
        return {where: 'use fields and what each takes, as in {"Phone": "contact.phone"}'}
    if len(own) > _MOST_FIELDS:
        return {where: f"use at most {_MOST_FIELDS} fields"}
    found = {}
    for field, source in own.items():
        path = f"{where}.{field}"[:200]
        if not isinstance(field, str) or not _FIELD.fullmatch(field):
            found[path] = "use the field's API name: letters, digits and underscores"
        elif field in reserved:
            found[path] = "Doorbell sets this field itself"
        elif not source:
            if field in required:
                found[path] = "the CRM takes no record without this field"
        elif not isinstance(source, str) or not (source.startswith("=") or source in SOURCES):
            found[path] = "use one of " + ", ".join(SOURCES) + ', or a fixed text after "=", as in "=Homeowner"'
    return found


def _person(contact: Contact) -> dict[str, Any]:
    name = _line(contact.name)
    email = contact.email if contact.email and _EMAIL.fullmatch(contact.email) else None
    first, _, last = (name or "").rpartition(" ")
    return {
        "contact.id": contact.id,
        "contact.name": name,
        "contact.firstName": first or None,
        "contact.lastName": last or (email or "").partition("@")[0] or one_line(f"Contact {contact.id}"),
        "contact.email": email,
        "contact.phone": _line(contact.phone),
    }


def _line(text: str | None) -> str | None:
    return one_line(text) or None if text else None


def _summary(known: Mapping[str, Any], why: tuple[str, ...]) -> str:
    home = ", ".join(known[part] for part in ("home.street", "home.city", "home.zip") if known[part])
    value = f", about ${known['home.value']:,.0f}" if home and known["home.value"] else ""
    lines = [
        f"{known['alert.headline']} ({known['alert.priority']})",
        *why,
        f"Confidence {known['alert.confidence']}%, chance {known['alert.probability']}%",
        f"Home: {home}{value}" if home else "",
        f"Phone: {known['contact.phone']}" if known["contact.phone"] else "",
        f"Open in Doorbell: {known['alert.link']}",
    ]
    return "\n".join(line for line in lines if line)


def wrong_owners(owners: Any, *, pattern: str) -> dict[str, str]:
    """What is wrong with who owns tasks there: an agent's e-mail address to the CRM's id of a person."""
    if not isinstance(owners, Mapping) or len(owners) > 2_000:
        return {"config.owners": 'use agents\' e-mail addresses and their ids in the CRM, as in {"ana@x.com": "..."}'}
    return {
        f"config.owners.{email}"[:200]: "this is no id of a person in the CRM"
        for email, owner in owners.items()
        if not isinstance(owner, str) or not re.fullmatch(pattern, owner)
    }

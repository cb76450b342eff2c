"""What HubSpot is to hold of an alert, a contact, a task and a note in its own properties, and what an endpoint may say about it."""

import hashlib
import html
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from core.delivery import crm_mapping
from core.delivery.crm_client import mapping
from core.settings import Settings
from core.words import ChangeKind, Priority

HOME = "https://api.hubapi.com"
CONTACT_ID, TASK_ID, NOTE_ID = "doorbell_contact_id", "doorbell_alert_id", "doorbell_event_id"
CONTACT = {
    "firstname": "contact.firstName",
    "lastname": "contact.lastName",
    "email": "contact.email",
    "phone": "contact.phone",
    "address": "home.street",
    "city": "home.city",
    "zip": "home.zip",
}
TASK = {"hs_task_subject": "alert.headline", "hs_task_body": "alert.summary"}
LENGTHS = {"hs_task_body": 20_000}
RICH = frozenset({"hs_task_body", "hs_note_body"})
"""Properties that HubSpot shows as HTML: text goes in escaped."""
RESERVED = {
    "contact": frozenset({"hs_object_id", CONTACT_ID}),
    "task": frozenset(
        {"hs_object_id", TASK_ID, "hs_timestamp", "hs_task_status", "hs_task_priority", "hubspot_owner_id"}
    ),
}
REQUIRED = {"contact": frozenset[str](), "task": frozenset({"hs_task_subject"})}
NOTED = {ChangeKind.ALERT_NEW: "New alert", ChangeKind.ALERT_CONVERTED: "Converted"}
"""What is worth a line on the timeline."""
_PRIORITY = {Priority.CRITICAL: "HIGH", Priority.HIGH: "HIGH", Priority.MEDIUM: "MEDIUM", Priority.LOW: "LOW"}
_CONFIG = frozenset({"mapping", "notes", "owners", "perSecond"})


@dataclass(frozen=True, kw_only=True)
class Written:
    """What HubSpot is to hold of one alert; every value a text, as its API wants."""

    contact_id: str
    alert_id: str
    note_id: str
    contact: Mapping[str, str]
    task: Mapping[str, str]
    changes: Mapping[str, str]
    """Of the task, what an alert's later life changes."""
    note: Mapping[str, str] | None


def written(known: Mapping[str, Any], config: Mapping[str, Any], *, event: str, at: datetime) -> Written:
    """Our facts as HubSpot's properties, by the endpoint's own mapping over the defaults."""
    own = mapping(config.get("mapping"))
    contact = crm_mapping.merged(CONTACT, mapping(own.get("contact")))
    task = crm_mapping.merged(TASK, mapping(own.get("task")))
    changes = {
        "hs_task_status": "NOT_STARTED"
        if known["alert.status"] in crm_mapping.OPEN | crm_mapping.WORKED
        else "COMPLETED",
        "hs_task_priority": _PRIORITY[Priority(known["alert.priority"])],
    }
    owner = mapping(config.get("owners")).get(known["agent.email"] or "")
    if owner:
        changes["hubspot_owner_id"] = owner
    note = None
    if event in NOTED and config.get("notes", True):
        line = f"Doorbell: {NOTED[ChangeKind(event)]}\n{known['alert.summary']}"
        note = _texts({"hs_note_body": line, "hs_timestamp": _millis(at)})
    due: datetime = known["due"]
    return Written(
        contact_id=known["contact.id"],
        alert_id=known["alert.id"],
        note_id=hashlib.sha256(f"{known['alert.id']}:{event}".encode()).hexdigest()[:40],
        contact=_texts(crm_mapping.fill(contact, known, lengths=LENGTHS)),
        task={
            **_texts(crm_mapping.fill(task, known, lengths=LENGTHS)),
            **changes,
            "hs_timestamp": _millis(due),
            "hs_task_type": "CALL" if known["contact.phone"] else "TODO",
        },
        changes=changes,
        note=note,
    )


def preview(known: Mapping[str, Any], config: Mapping[str, Any], settings: Settings) -> dict[str, Any]:
    parts = written(known, config, event=ChangeKind.ALERT_NEW, at=known["due"])
    shown: dict[str, Any] = {
        "contacts": {CONTACT_ID: parts.contact_id, **parts.contact},
        "tasks": {TASK_ID: parts.alert_id, **parts.task},
    }
    return shown | ({"notes": {NOTE_ID: parts.note_id, **parts.note}} if parts.note else {})


def check_config(url: str, config: Mapping[str, Any], settings: Settings) -> dict[str, str]:
    """What is wrong with an endpoint's address and settings, by field; empty where nothing is."""
    found: dict[str, str] = {}
    if url and url.rstrip("/") != HOME and not settings.allow_private_urls:
        found["url"] = f"leave it empty: HubSpot's address is always {HOME}"
    found |= {f"config.{name}": "there is no such setting of HubSpot" for name in config if name not in _CONFIG}
    if not isinstance(config.get("notes", True), bool):
        found["config.notes"] = "use true or false"
    own = config.get("mapping", {})
    if not isinstance(own, Mapping) or set(own) - {"contact", "task"}:
        found["config.mapping"] = 'use {"contact": {...}, "task": {...}}'
    else:
        for part in sorted(own):
            found |= crm_mapping.wrong(
                own[part], where=f"config.mapping.{part}", reserved=RESERVED[part], required=REQUIRED[part]
            )
    return found | crm_mapping.wrong_owners(config.get("owners", {}), pattern=r"[0-9]{1,20}")


def _millis(at: datetime) -> str:
    return str(round(at.timestamp() * 1000))


def _texts(values: Mapping[str, Any]) -> dict[str, str]:
    """Every value a text; in rich ones a name stays a name."""
    return {
        name: html.escape(str(value)).replace("\n", "<br>") if name in RICH else str(value)
        for name, value in values.items()
    }

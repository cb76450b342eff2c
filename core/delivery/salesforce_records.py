"""What Salesforce is to hold of an alert, a lead and a task in its own fields, and what an endpoint may say about it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from core.delivery import crm_mapping
from core.delivery.crm_client import mapping
from core.settings import Settings
from core.words import Priority

LEAD_ID, TASK_ID = "Doorbell_Contact_Id__c", "Doorbell_Alert_Id__c"
LEAD = {
    "FirstName": "contact.firstName",
    "LastName": "contact.lastName",
    "Company": "=Homeowner",
    "Email": "contact.email",
    "Phone": "contact.phone",
    "Street": "home.street",
    "City": "home.city",
    "PostalCode": "home.zip",
    "LeadSource": "=Doorbell",
}
"""No Status: an upsert would put back what people have moved on. A new lead gets the status Salesforce gives new leads."""
TASK = {"Subject": "alert.headline", "Description": "alert.summary"}
LENGTHS = {
    "FirstName": 40,
    "LastName": 80,
    "Email": 80,
    "Phone": 40,
    "City": 40,
    "PostalCode": 20,
    "Description": 32_000,
}
RESERVED = {
    "lead": frozenset({"Id", LEAD_ID}),
    "task": frozenset({"Id", TASK_ID, "WhoId", "OwnerId", "Status", "Priority", "ActivityDate"}),
}
REQUIRED = {"lead": frozenset({"LastName", "Company"}), "task": frozenset({"Subject"})}
_PRIORITY = {Priority.CRITICAL: "High", Priority.HIGH: "High", Priority.MEDIUM: "Normal", Priority.LOW: "Low"}
_CONFIG = frozenset({"clientId", "mapping", "owners", "perSecond"})
_HOMES = (".my.salesforce.com", ".my.salesforce.mil", ".my.sfcrmproducts.cn")


@dataclass(frozen=True, kw_only=True)
class Written:
    """What Salesforce is to hold of one alert."""

    contact_id: str
    alert_id: str
    lead: Mapping[str, Any]
    task: Mapping[str, Any]
    changes: Mapping[str, Any]
    """Of the task, what an alert's later life changes."""


def written(known: Mapping[str, Any], config: Mapping[str, Any], *, timezone: str) -> Written:
    """Our facts as Salesforce's fields, by the endpoint's own mapping over the defaults."""
    own = mapping(config.get("mapping"))
    lead = crm_mapping.merged(LEAD, mapping(own.get("lead")))
    task = crm_mapping.merged(TASK, mapping(own.get("task")))
    status = known["alert.status"]
    changes: dict[str, Any] = {
        "Status": "Not Started"
        if status in crm_mapping.OPEN
        else "In Progress"
        if status in crm_mapping.WORKED
        else "Completed",
        "Priority": _PRIORITY[Priority(known["alert.priority"])],
    }
    owner = mapping(config.get("owners")).get(known["agent.email"] or "")
    if owner:
        changes["OwnerId"] = owner
    due: datetime = known["due"]
    return Written(
        contact_id=known["contact.id"],
        alert_id=known["alert.id"],
        lead=crm_mapping.fill(lead, known, lengths=LENGTHS),
        task={
            **crm_mapping.fill(task, known, lengths=LENGTHS),
            **changes,
            "ActivityDate": due.astimezone(ZoneInfo(timezone)).date().isoformat(),
        },
        changes=changes,
    )


def preview(known: Mapping[str, Any], config: Mapping[str, Any], settings: Settings) -> dict[str, Any]:
    parts = written(known, config, timezone=settings.timezone)
    return {
        "Lead": {LEAD_ID: parts.contact_id, **parts.lead},
        "Task": {TASK_ID: parts.alert_id, **parts.task},
    }


def check_config(url: str, config: Mapping[str, Any], settings: Settings) -> dict[str, str]:
    """What is wrong with an endpoint's address and settings, by field; empty where nothing is."""
    found: dict[str, str] = {}
    why = not_a_home(url, private=settings.allow_private_urls)
    if why:
        found["url"] = why
    client_id = config.get("clientId")
    if not isinstance(client_id, str) or not 10 <= len(client_id) <= 255 or not client_id.isprintable():
        found["config.clientId"] = "enter the consumer key of the external client app"
    found |= {f"config.{name}": "there is no such setting of Salesforce" for name in config if name not in _CONFIG}
    own = config.get("mapping", {})
    if not isinstance(own, Mapping) or set(own) - {"lead", "task"}:
        found["config.mapping"] = 'use {"lead": {...}, "task": {...}}'
    else:
        for part in sorted(own):
            found |= crm_mapping.wrong(
                own[part], where=f"config.mapping.{part}", reserved=RESERVED[part], required=REQUIRED[part]
            )
    return found | crm_mapping.wrong_owners(config.get("owners", {}), pattern=r"005[A-Za-z0-9]{12}([A-Za-z0-9]{3})?")


def not_a_home(url: str, *, private: bool) -> str:
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
    except ValueError:
        return "it is not a web address"
    if private:
        return "" if parts.scheme in ("http", "https") and host else "it is not a web address"
    if parts.scheme != "https":
        return "it has to begin with https://"
    if not host.endswith(_HOMES) or parts.username or parts.port not in (None, 443) or parts.path not in ("", "/"):
        return "use your organization's own address (My Domain), as in https://yourcompany.my.salesforce.com"
    return ""

"""HubSpot on loopback, as its developer documentation has it: unique properties, upserts in batches, associations, errors.

    with hubspot.serving() as account: ...   # account.url, account.contacts, account.tasks, account.notes

It refuses what the published interface refuses. `account.faults` are behaviours for the next requests whose path holds a
word.
"""

import itertools
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from tests.hostile import Behaviour, HostileServer, Request, answer, hang

TOKEN = "pat-na1-0123abcd-doorbell-test"
PROPERTIES = {
    "contacts": {"firstname", "lastname", "email", "phone", "address", "city", "zip", "doorbell_contact_id"},
    "tasks": {
        "hs_task_subject",
        "hs_task_body",
        "hs_task_status",
        "hs_task_priority",
        "hs_task_type",
        "hs_timestamp",
        "hubspot_owner_id",
        "doorbell_alert_id",
    },
    "notes": {"hs_note_body", "hs_timestamp", "hubspot_owner_id", "doorbell_event_id"},
}
REQUIRED = {"contacts": (), "tasks": ("hs_timestamp",), "notes": ("hs_timestamp",)}
OPTIONS = {
    "hs_task_status": {"NOT_STARTED", "COMPLETED"},
    "hs_task_priority": {"LOW", "MEDIUM", "HIGH"},
    "hs_task_type": {"EMAIL", "CALL", "TODO"},
}
TYPES = {("tasks", "contacts"): 204, ("notes", "contacts"): 202}
LONGEST = 65_536


@dataclass
class Account:
    server: HostileServer
    unique: dict[str, set[str]] = field(
        default_factory=lambda: {
            "contacts": {"email", "doorbell_contact_id"},
            "tasks": {"doorbell_alert_id"},
            "notes": {"doorbell_event_id"},
        }
    )
    rows: dict[str, dict[str, dict[str, str]]] = field(default_factory=lambda: {name: {} for name in PROPERTIES})
    """Kind to record id to properties."""
    associations: set[tuple[str, str, str, str, int]] = field(default_factory=set)
    faults: list[tuple[str, Behaviour]] = field(default_factory=list)
    silent_once: str = ""
    """The next request whose path holds this is done and never answered; `fell_silent` says when."""
    fell_silent: threading.Event = field(default_factory=threading.Event)
    _numbers: Iterator[int] = field(default_factory=lambda: itertools.count(101))

    @property
    def url(self) -> str:
        return self.server.url

    @property
    def contacts(self) -> list[dict[str, str]]:
        return list(self.rows["contacts"].values())

    @property
    def tasks(self) -> list[dict[str, str]]:
        return list(self.rows["tasks"].values())

    @property
    def notes(self) -> list[dict[str, str]]:
        return list(self.rows["notes"].values())

    def add(self, kind: str, **properties: str) -> str:
        record_id = str(next(self._numbers))
        self.rows[kind][record_id] = properties
        return record_id

    def judge(self, request: Request) -> Behaviour:
        for number, (word, fault) in enumerate(self.faults):
            if word in request.path:
                del self.faults[number]
                return fault
        done = self._done(request)
        if self.silent_once and self.silent_once in request.path:
            self.silent_once = ""
            self.fell_silent.set()
            return hang
        return done

    def _done(self, request: Request) -> Behaviour:
        if request.headers["Authorization"] != f"Bearer {TOKEN}":
            return refuse(
                401, "INVALID_AUTHENTICATION", "Authentication credentials not found. This API supports OAuth 2.0"
            )
        if request.method in ("POST", "PATCH", "PUT") and request.headers.get_content_type() != "application/json":
            return refuse(415, "VALIDATION_ERROR", "Unsupported Media Type")
        path = [unquote(part) for part in request.path.strip("/").split("/")]
        match (request.method, path):
            case ("GET", ["account-info", "v3", "details"]):
                return answer(body={"portalId": 123456, "accountType": "STANDARD", "timeZone": "US/Eastern"})
            case ("GET", ["crm", "v3", "properties", kind, name]) if kind in PROPERTIES:
                if name not in PROPERTIES[kind]:
                    return refuse(404, "OBJECT_NOT_FOUND", f"Property {name} does not exist")
                return answer(body={"name": name, "type": "string", "hasUniqueValue": name in self.unique[kind]})
            case ("POST", ["crm", "v3", "objects", kind, "batch", "upsert"]) if kind in PROPERTIES:
                return self._upsert(kind, request.json)
            case ("GET", ["crm", "v3", "objects", kind, key]) if kind in PROPERTIES:
                record_id = self._find(kind, key, _query(request, "idProperty"))
                if record_id is None:
                    return refuse(404, "OBJECT_NOT_FOUND", "Object not found.")
                return answer(body=self._shown(kind, record_id))
            case ("PATCH", ["crm", "v3", "objects", kind, key]) if kind in PROPERTIES:
                record_id = self._find(kind, key, _query(request, "idProperty"))
                if record_id is None:
                    return refuse(404, "OBJECT_NOT_FOUND", "Object not found.")
                return self._write(kind, record_id, request.json["properties"]) or answer(
                    body=self._shown(kind, record_id)
                )
            case ("PUT", ["crm", "v4", "objects", kind, key, "associations", to, other]):
                return self._associate(kind, key, to, other, request.json)
        return refuse(404, "OBJECT_NOT_FOUND", "resource not found")

    def _upsert(self, kind: str, body: Any) -> Behaviour:
        results = []
        for one in body["inputs"]:
            name, key = one.get("idProperty"), one.get("id")
            if name not in self.unique[kind]:
                return refuse(400, "VALIDATION_ERROR", f"Unable to perform update/upsert by non-unique {name} property")
            record_id = self._find(kind, key, name)
            wrong = self._write(kind, record_id, one["properties"], new=record_id is None, taken={name: key})
            if wrong is not None:
                return wrong
            new = record_id is None
            record_id = record_id or next(
                found for found, properties in self.rows[kind].items() if properties.get(name) == key
            )
            results.append({**self._shown(kind, record_id), "new": new})
        return answer(body={"status": "COMPLETE", "results": results})

    def _write(
        self,
        kind: str,
        record_id: str | None,
        properties: dict[str, Any],
        *,
        new: bool = False,
        taken: dict[str, str] | None = None,
    ) -> Behaviour | None:
        for name, value in properties.items():
            if name not in PROPERTIES[kind]:
                return refuse(
                    400, "VALIDATION_ERROR", f'Property values were not valid: Property "{name}" does not exist'
                )
            if not isinstance(value, str) or len(value) > LONGEST:
                return refuse(400, "VALIDATION_ERROR", f"{name} is not a text of at most {LONGEST} characters")
            if name in OPTIONS and value not in OPTIONS[name]:
                return refuse(400, "VALIDATION_ERROR", f"{value} was not one of the allowed options of {name}")
            if name == "hs_timestamp" and not re.fullmatch(r"\d{13}|\d{4}-\d\d-\d\dT.+Z", value):
                return refuse(400, "VALIDATION_ERROR", f"{value} was not a valid long")
            if name == "email" and not re.fullmatch(r"[^@\s]+@[^@\s]+\.[^@\s]+", value):
                return refuse(400, "VALIDATION_ERROR", f"Email address {value} is invalid")
            other = self._find(kind, value, name) if name in self.unique[kind] else None
            if other is not None and other != record_id:
                return refuse(409, "CONFLICT", f"Contact already exists. Existing ID: {other}")
        missing = [name for name in REQUIRED[kind] if new and not properties.get(name)]
        if missing:
            return refuse(400, "VALIDATION_ERROR", f"Error creating {kind}. Some required properties were not set.")
        if record_id is None:
            self.add(kind, **{**(taken or {}), **properties})
        else:
            self.rows[kind][record_id].update(properties)
        return None

    def _find(self, kind: str, key: str, name: str | None) -> str | None:
        if name is None:
            return key if key in self.rows[kind] else None
        return next((found for found, row in self.rows[kind].items() if row.get(name) == key), None)

    def _shown(self, kind: str, record_id: str) -> dict[str, Any]:
        return {
            "id": record_id,
            "properties": dict(self.rows[kind][record_id]),
            "createdAt": "2026-03-02T15:00:00.000Z",
            "updatedAt": "2026-03-02T15:00:00.000Z",
            "archived": False,
        }

    def _associate(self, kind: str, key: str, to: str, other: str, body: Any) -> Behaviour:
        if key not in self.rows.get(kind, {}) or other not in self.rows.get(to, {}):
            return refuse(400, "VALIDATION_ERROR", "One or more associations are not valid")
        for spec in body:
            known = spec.get("associationCategory") == "HUBSPOT_DEFINED"
            if not known or spec.get("associationTypeId") != TYPES.get((kind, to)):
                return refuse(400, "VALIDATION_ERROR", "associationTypeId is not valid for these objects")
            self.associations.add((kind, key, to, other, spec["associationTypeId"]))
        return answer(201, body={"fromObjectId": key, "toObjectId": other, "labels": []})


def refuse(status: int, category: str, message: str, headers: dict[str, str] | None = None, **more: Any) -> Behaviour:
    body = {"status": "error", "message": message, "correlationId": "aeb5f871-7f07-4993", "category": category, **more}
    return answer(status, headers, body)


def _query(request: Request, name: str) -> str | None:
    return parse_qs(urlsplit(request.target).query).get(name, [None])[0]


@contextmanager
def serving() -> Iterator[Account]:
    server = HostileServer()
    account = Account(server=server)
    server.judge = account.judge
    try:
        yield account
    finally:
        server.close()

"""Salesforce on loopback, as its REST API guide has it: sign-in, external ids, required fields, picklists, lengths, errors.

    with salesforce.serving() as org: ...   # org.url, org.leads, org.tasks

It refuses what the published interface refuses. `org.faults` are behaviours for the next requests whose path holds a word.
"""

import base64
import itertools
import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from tests.hostile import Behaviour, HostileServer, Request, answer, hang

CLIENT_ID = "3MVG9doorbell.test.consumer.key"
SECRET = "F00DSECRET0123456789"
WRITABLE: dict[str, dict[str, int]] = {
    "Lead": {
        "FirstName": 40,
        "LastName": 80,
        "Company": 255,
        "Email": 80,
        "Phone": 40,
        "Street": 255,
        "City": 40,
        "PostalCode": 20,
        "LeadSource": 255,
        "Status": 255,
        "Description": 32_000,
        "Home_Value__c": 18,
    },
    "Task": {
        "Subject": 255,
        "Description": 32_000,
        "Status": 255,
        "Priority": 255,
        "ActivityDate": 10,
        "WhoId": 18,
        "OwnerId": 18,
    },
}
REQUIRED = {"Lead": ("LastName", "Company"), "Task": ()}
PICKLISTS = {
    "Status": {"Not Started", "In Progress", "Completed", "Waiting on someone else", "Deferred"},
    "Priority": {"High", "Normal", "Low"},
}
PREFIX = {"Lead": "00Q", "Task": "00T"}


@dataclass
class Org:
    server: HostileServer
    fields: dict[str, dict[str, int]] = field(default_factory=lambda: {name: dict(of) for name, of in WRITABLE.items()})
    external: dict[str, str] = field(
        default_factory=lambda: {"Lead": "Doorbell_Contact_Id__c", "Task": "Doorbell_Alert_Id__c"}
    )
    rows: dict[str, dict[str, list[dict[str, Any]]]] = field(default_factory=lambda: {"Lead": {}, "Task": {}})
    """Object to external id to the records that have it."""
    tokens: set[str] = field(default_factory=set)
    sign_ins: int = 0
    used: int = 10
    silent_updates: bool = False
    """Update answers 204 without a body, as before version 46."""
    faults: list[tuple[str, Behaviour]] = field(default_factory=list)
    silent_once: str = ""
    """The next request whose path holds this is done and never answered; `fell_silent` says when."""
    fell_silent: threading.Event = field(default_factory=threading.Event)
    _numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    @property
    def url(self) -> str:
        return self.server.url

    @property
    def leads(self) -> list[dict[str, Any]]:
        return [row for rows in self.rows["Lead"].values() for row in rows]

    @property
    def tasks(self) -> list[dict[str, Any]]:
        return [row for rows in self.rows["Task"].values() for row in rows]

    @property
    def writes(self) -> list[Request]:
        return [request for request in self.server.requests if request.method == "PATCH"]

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
        if request.path == "/services/oauth2/token":
            return self._token(request)
        found = re.fullmatch(r"/services/data/v(\d+)\.0/(.+)", request.path)
        if not found or not 31 <= int(found[1]) <= 68:
            return refuse(404, "NOT_FOUND", "The requested resource does not exist")
        if request.headers["Authorization"] not in {f"Bearer {token}" for token in self.tokens}:
            return refuse(401, "INVALID_SESSION_ID", "Session expired or invalid")
        self.used += 1
        return self._resource(request, [unquote(part) for part in found[2].strip("/").split("/")])

    def _token(self, request: Request) -> Behaviour:
        if request.method != "POST" or request.headers.get_content_type() != "application/x-www-form-urlencoded":
            return answer(400, body={"error": "invalid_request", "error_description": "must use HTTP POST"})
        if request.form.get("grant_type") != "client_credentials":
            return answer(
                400, body={"error": "unsupported_grant_type", "error_description": "grant type not supported"}
            )
        scheme, _, basic = (request.headers["Authorization"] or "").partition(" ")
        client_id, _, secret = base64.b64decode(basic).decode().partition(":") if scheme == "Basic" else ("", "", "")
        if unquote(client_id) != CLIENT_ID:
            return answer(400, body={"error": "invalid_client_id", "error_description": "client identifier invalid"})
        if unquote(secret) != SECRET:
            return answer(400, body={"error": "invalid_client", "error_description": "invalid client credentials"})
        self.sign_ins += 1
        token = f"00D!token{self.sign_ins}"
        self.tokens.add(token)
        return answer(
            body={
                "access_token": token,
                "signature": "c2lnbmF0dXJl",
                "instance_url": self.url,
                "id": "https://login.salesforce.com/id/00D/005",
                "token_type": "Bearer",
                "issued_at": "1772464800000",
                "scope": "api",
            }
        )

    def _resource(self, request: Request, path: list[str]) -> Behaviour:
        match (request.method, path):
            case ("GET", ["limits"]):
                left = {"Max": 15000, "Remaining": 15000 - self.used}
                return self._ok(200, {"DailyApiRequests": left, "DailyBulkApiBatches": {"Max": 1, "Remaining": 1}})
            case ("GET", ["sobjects", name, "describe"]) if name in self.fields:
                described = [{"name": one, "externalId": False} for one in self.fields[name]]
                if name in self.external:
                    described.append({"name": self.external[name], "externalId": True})
                return self._ok(200, {"name": name, "fields": described})
            case ("GET", ["sobjects", name, by, key]) if name in self.fields:
                rows = self.rows[name].get(key, []) if self.external.get(name) == by else []
                wanted = parse_qs(urlsplit(request.target).query).get("fields", [""])[0].split(",")
                if not rows:
                    return refuse(404, "NOT_FOUND", "The requested resource does not exist")
                return self._ok(200, {one: rows[0].get(one) for one in wanted})
            case ("PATCH", ["sobjects", name, by, key]) if name in self.fields:
                return self._upsert(request, name, by, key)
        return refuse(404, "NOT_FOUND", "The requested resource does not exist")

    def _upsert(self, request: Request, name: str, by: str, key: str) -> Behaviour:
        if request.headers.get_content_type() != "application/json":
            return refuse(
                415, "UNSUPPORTED_MEDIA_TYPE", "Content-Type header specified in HTTP request is not supported"
            )
        if self.external.get(name) != by:
            return refuse(404, "NOT_FOUND", f"Provided external ID field does not exist or is not accessible: {by}")
        values = request.json
        if {"Id", by} & set(values):
            return refuse(400, "INVALID_FIELD", f"The {by} field should not be specified in the sobject data.")
        rows = self.rows[name].get(key, [])
        if len(rows) > 1:
            return answer(300, body=[f"/services/data/v64.0/sobjects/{name}/{row['Id']}" for row in rows])
        if not rows and "updateOnly=true" in request.target:
            return refuse(404, "NOT_FOUND", "The requested resource does not exist")
        if rows and rows[0].get("IsConverted"):
            return refuse(400, "CANNOT_UPDATE_CONVERTED_LEAD", "cannot reference converted lead")
        wrong = self._wrong(name, values, new=not rows)
        if wrong is not None:
            return wrong
        if rows:
            rows[0].update(values)
            if self.silent_updates:
                return self._ok(204, None)
            return self._ok(200, {"id": rows[0]["Id"], "success": True, "errors": [], "created": False})
        made = {"Id": f"{PREFIX[name]}{next(self._numbers):015d}", **values}
        self.rows[name][key] = [made]
        return self._ok(201, {"id": made["Id"], "success": True, "errors": [], "created": True})

    def _wrong(self, name: str, values: dict[str, Any], *, new: bool) -> Behaviour | None:
        for one, value in values.items():
            if one not in self.fields[name]:
                return refuse(400, "INVALID_FIELD", f"No such column '{one}' on sobject of type {name}")
            if isinstance(value, str) and len(value) > self.fields[name][one]:
                return refuse(400, "STRING_TOO_LONG", f"{one}: data value too large: {value[:20]}", one)
            if name == "Task" and one in PICKLISTS and value not in PICKLISTS[one]:
                return refuse(
                    400, "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST", f"{one}: bad value for restricted picklist", one
                )
        missing = [one for one in REQUIRED[name] if new and not values.get(one)]
        if missing:
            return refuse(
                400, "REQUIRED_FIELD_MISSING", f"Required fields are missing: [{', '.join(missing)}]", *missing
            )
        email = values.get("Email")
        if email is not None and not re.fullmatch(r"[^@\s]+@[^@\s]+\.[^@\s]+", email):
            return refuse(400, "INVALID_EMAIL_ADDRESS", f"Email: invalid email address: {email}", "Email")
        due = values.get("ActivityDate")
        if due is not None and not re.fullmatch(r"\d{4}-\d\d-\d\d", due):
            return refuse(
                400, "JSON_PARSER_ERROR", f"Cannot deserialize instance of date from VALUE_STRING value {due}"
            )
        who = values.get("WhoId")
        if who is not None and not who.startswith("003") and who not in {row["Id"] for row in self.leads}:
            return refuse(400, "INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id")
        return None

    def _ok(self, status: int, body: Any) -> Behaviour:
        headers = {
            "Sforce-Limit-Info": f"api-usage={self.used}/15000",
            "Content-Type": "application/json;charset=UTF-8",
        }
        return answer(status, headers, "" if body is None else json.dumps(body))


def refuse(status: int, code: str, message: str, *fields: str) -> Behaviour:
    return answer(status, body=[{"message": message, "errorCode": code, "fields": list(fields)}])


@contextmanager
def serving() -> Iterator[Org]:
    server = HostileServer()
    org = Org(server=server)
    server.judge = org.judge
    try:
        yield org
    finally:
        server.close()

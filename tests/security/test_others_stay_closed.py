"""Every path of the API, asked by an agent and by a manager of another team: whose things they are stays theirs.

Driven by the OpenAPI document: a new path is asked too, and one with a new kind of id fails until it is said here whose it is.
"""

import json
import re
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

import pytest
from fastapi import Request
from sqlalchemy import func, select
from starlette.testclient import TestClient

from app import server
from app.api import application, deps
from app.runtime import Runtime
from app.security.limits import Buckets, Limits
from core import delivery, routing, scoring
from core.clock import FakeClock
from core.db import Database
from core.db.tables import AuditRow, Delivery
from core.delivery import Kind, Notice, addresses
from core.settings import Settings
from core.viewer import Viewer, load
from core.words import Priority
from tests import factories as make

HIDDEN = re.compile(r"Hidden|hid-|\b(?:977|987,?654)\b")
"""Names, ids and numbers of the other team."""
HOUSE = {"rule_id", "version_id", "other_id", "experiment_id", "type_id", "territory_id"}
"""Ids of what is everybody's: managers may read it, so only what an answer says of the others matters."""
OPEN = {f"/alerts/routing/policies/{{policy_id}}{more}" for more in ("", "/comparison")}
"""Drafts of how the house hands out are every manager's to read, but for the people of others in them."""
WRITES = ("POST", "PUT", "PATCH", "DELETE")
Call = tuple[str, str, Mapping[str, Any]]


class World:
    """The API in process, called as anybody; and the other team's things by the name of their id."""

    def __init__(
        self, client: TestClient, document: dict[str, Any], settings: Settings, database: Database, now: datetime
    ) -> None:
        self.client, self.database, self.now = client, database, now
        self.document, self.settings = document, settings
        self.ids: dict[str, str] = {}

    def send(self, who: str, method: str, path: str, body: object = None) -> Any:
        return self.client.request(method, path, headers={"x-test-user": who}, json=body)

    def made(self, who: str, method: str, path: str, body: object = None) -> Any:
        answer = self.send(who, method, path, body)
        assert answer.is_success, (path, answer.text)
        return answer.json()

    def calls(self) -> list[Call]:
        return [
            (method.upper(), path, operation)
            for path, methods in self.document["paths"].items()
            for method, operation in methods.items()
            if not path.startswith("/auth/")
        ]

    def at(self, path: str) -> str:
        """The path with the other team's ids in it."""
        kind = "escalation/" if path.startswith("/escalation-policies") else ""
        return re.sub(r"\{(\w+)\}", lambda found: self.ids[kind + found[1]], path)

    def body(self, operation: Mapping[str, Any]) -> Any:
        """One that the shape allows, naming the other team wherever it names somebody."""
        content = operation.get("requestBody", {}).get("content", {})
        return self._example("", content["application/json"]["schema"]) if "application/json" in content else None

    def _example(self, name: str, schema: Mapping[str, Any]) -> Any:
        if "$ref" in schema:
            schema = self.document["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
        options = schema.get("anyOf") or schema.get("oneOf")
        if options:
            return self._example(name, next(one for one in options if one.get("type") != "null"))
        known = {
            "agentId": "agent_id",
            "alertId": "alert_id",
            "teamId": "team_id",
            "userId": "contact_id",
            "planId": "plan_id",
        }
        if schema.get("type") == "array":
            item = name.removesuffix("s") if name in ("alertIds", "agentIds") else ""
            return [self._example(item, schema.get("items", {}))]
        if schema.get("type") == "object" or "properties" in schema:
            needed = set(schema.get("required", ())) | {*known, "alertIds", "notes"}
            parts = schema.get("properties", {})
            return {part: self._example(part, parts[part]) for part in parts if part in needed}
        if name in known:
            return self.ids[known[name]]
        if "const" in schema or "enum" in schema:
            return schema.get("const", (schema.get("enum") or [None])[0])
        if name == "occurredAt":
            return self.now.isoformat()
        if schema.get("format") in ("date-time", "date"):
            later = self.now + timedelta(days=2)
            return later.isoformat() if schema["format"] == "date-time" else later.date().isoformat()
        if schema.get("type") in ("integer", "number"):
            return max(schema.get("minimum", 1), 0.5 if "exclusiveMinimum" in schema else 1)
        return {"string": "other", "boolean": True}.get(schema.get("type", ""), {})


@pytest.fixture
def world(database: Database, clock: FakeClock, now: datetime, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    monkeypatch.setenv("DOORBELL_ALLOW_PRIVATE_URLS", "true")
    settings = Settings(secret_key="k" * 40, database_url=database.url)
    runtime = Runtime(settings=settings, database=database, clock=clock)
    plenty = Buckets(per_second=1e6, burst=1_000_000)
    app = application.build(runtime, Limits(calls=plenty, strangers=plenty), server.routers())

    def caller(request: Request) -> Viewer:
        with database.read() as session:
            found = load(session, request.headers["x-test-user"])
        assert found is not None
        return found

    app.dependency_overrides[deps.caller] = caller
    with TestClient(app, raise_server_exceptions=False) as client:
        found = World(client, app.openapi(), settings, database, now)
        _near(found)
        _far(found)
        yield found


def _near(world: World) -> None:
    """Ada, and the team of those who ask: Mia, Ann and Bob."""
    now = world.now
    with world.database.write() as session:
        scoring.install(session, now=now)
        make.admin(session, "ada", now=now)
        make.team(session, "north", name="North", now=now)
        make.manager(session, "mia", of=["north"], name="Mia", now=now)
        for name in ("ann", "bob"):
            make.agent(session, name, team_id="north", name=name.title(), now=now)


def _far(world: World) -> None:
    """The other team, each thing of theirs made as their manager or the admin would, and what is everybody's."""
    now, ids = world.now, world.ids
    ids["name"] = "alert"
    day = (now + timedelta(days=3)).date().isoformat()
    with world.database.write() as session:
        make.territory(session, "riverside", name="Riverside")
        make.team(session, "hid-team", name="Hidden Team", now=now)
        make.manager(session, "hid-boss", of=["hid-team"], name="Hidden Boss", now=now)
        for name in ("hid-agent", "hid-other"):
            make.agent(session, name, team_id="hid-team", name=f"Hidden {name}", capacity=977, now=now)
        contact = make.contact(session, "hid-contact", name="Hidden Client", owner_agent_id="hid-agent", now=now)
        make.home(session, contact, value=987_654, now=now)
        alert = make.alert(session, alert_id="hid-alert", contact_id=contact, priority=Priority.HIGH, now=now)
        routing.route(
            session,
            [alert],
            state=routing.State.load(session),
            trigger="opened",
            exclude=frozenset({"ann", "bob"}),
            now=now,
        )
        for number in range(2):
            other = make.contact(
                session, f"hid-contact-{number}", name=f"Hidden Client {number}", owner_agent_id="hid-agent", now=now
            )
            make.alert(session, alert_id=f"hid-alert-{number}", contact_id=other, agent_id="hid-agent", now=now)
        ids["rule_id"] = make.rule(
            session, rule_id="first", actions=[{"type": "notify", "params": {"roles": ["manager"]}}], now=now
        )
        told = Notice(alert_id="hid-alert-1", user_id="hid-agent", kind=Kind.ALERT_NEW, priority=Priority.HIGH)
        delivery.enqueue(session, [told], now=now)
        phone = addresses.add(
            session,
            "hid-agent",
            kind="phone",
            value="+15125550977",
            label="Hidden phone",
            actor_id="hid-agent",
            settings=world.settings,
            now=now,
        )
        ids["address_id"] = phone.id
        ids["delivery_id"] = session.scalars(select(Delivery.id).limit(1)).one()
    ids |= {"team_id": "hid-team", "agent_id": "hid-agent", "contact_id": "hid-contact", "user_id": "hid-contact"}
    ids |= {"alert_id": "hid-alert", "territory_id": "riverside"}
    boss = "hid-boss"
    away = {"firstDay": day, "lastDay": day, "coverAgentId": "hid-other"}
    ids["time_off_id"] = world.made(boss, "POST", "/agents/hid-agent/time-off", away)["id"]
    holiday = {"name": "Hidden Day", "day": day, "teamId": "hid-team"}
    ids["holiday_id"] = world.made(boss, "POST", "/holidays", holiday)["id"]
    steps = [{"after": {"minutes": 977}, "do": "cover", "params": {"agentId": "hid-agent"}}]
    escalation = {"name": "Hidden escalation", "teamId": "hid-team", "steps": steps}
    ids["escalation/policy_id"] = world.made(boss, "POST", "/escalation-policies", escalation)["id"]
    content = {"agents": [{"agentId": "hid-agent", "maxPerDay": 977}]}
    content["teams"] = [{"teamId": "hid-team", "defaultStrategy": "skill", "fallbacks": []}]
    ids["policy_id"] = world.made("ada", "POST", "/alerts/routing/policies", {"name": "A draft", "content": content})[
        "id"
    ]
    ids["rehearsal_id"] = world.made(boss, "POST", "/alerts/routing/simulate", {"days": 30})["id"]
    ids["plan_id"] = world.made(boss, "POST", "/alerts/routing/rebalance/plan", {})["id"]
    move = {"alertIds": ["hid-alert-0"], "to": "agent", "agentId": "hid-other"}
    ids["move_id"] = world.made(boss, "POST", "/alerts/routing/bulk-move", move)["id"]
    hook = {"name": "Hidden hook", "teamId": "hid-team", "url": "http://127.0.0.1:977/"}
    ids["endpoint_id"] = world.made(boss, "POST", "/webhook-endpoints", hook)["id"]
    ids["test_id"] = world.made(boss, "POST", f"/webhook-endpoints/{ids['endpoint_id']}/test")["id"]
    version = world.made("ada", "GET", "/models")["items"][0]["id"]
    ids |= {"version_id": version, "other_id": version}
    ids["type_id"] = world.made("ada", "GET", "/alert-types")["items"][0]["id"]
    plan = {"effect": 0.1, "baseline": 0.3}
    variants = [{"name": "As today", "share": 0.5}, {"name": "Other", "share": 0.5, "config": {"strategy": "skill"}}]
    experiment = {"name": "Other way", "kind": "routing", "metric": "right_share", "variants": variants, "plan": plan}
    ids["experiment_id"] = world.made("ada", "POST", "/experiments", experiment)["id"]


@pytest.mark.parametrize("who", ["ann", "mia"])
def test_what_is_another_teams_is_not_found_and_not_told(who: str, world: World) -> None:
    with world.database.read() as session:
        before = session.scalar(select(func.max(AuditRow.id)))
    wrong = {}
    for method, path, operation in world.calls():
        body = world.body(operation) if method in WRITES else None
        answer = world.send(who, method, world.at(path), body)
        said = _news(answer.text, f"{world.at(path)} {json.dumps(body)}")
        if answer.status_code >= 500:
            wrong[method, path] = f"{answer.status_code} {said[:200]}"
        elif told := HIDDEN.search(said):
            wrong[method, path] = f"{answer.status_code} tells {said[max(told.start() - 90, 0) :][:200]}"
        elif set(re.findall(r"\{(\w+)\}", path)) - HOUSE and path not in OPEN and answer.status_code not in (403, 404):
            wrong[method, path] = f"{answer.status_code} {said[:200]}"
    assert not wrong, "\n".join(f"{method} {path}: {why}" for (method, path), why in wrong.items())
    with world.database.read() as session:
        theirs = select(AuditRow.action).where(AuditRow.id > before, AuditRow.actor_id == who)
        assert session.scalars(theirs.where(AuditRow.subject_id.in_(world.ids.values()))).all() == []


def _news(said: str, asked: str) -> str:
    """An answer without the ids of the question: those are no news."""
    for one in set(re.findall(r"hid-[\w-]+", asked)):
        said = re.sub(rf"\b{one}\b(?!-)", "", said)
    return said

"""The API in process, called as one of the brokerage's people."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import httpx2
import pytest
from fastapi import Request
from starlette.testclient import TestClient

from app.api import alerts, application, deliveries, deps, notifications, preferences
from app.runtime import Runtime
from app.security.limits import Limits
from core import scoring
from core.clock import FakeClock
from core.db import Database
from core.settings import Settings
from core.viewer import Viewer, load
from tests.views.brokerage import open_brokerage


@dataclass(frozen=True, kw_only=True)
class Caller:
    """One person's way to call."""

    client: TestClient
    user_id: str

    def send(self, method: str, path: str, **values: Any) -> httpx2.Response:
        return self.client.request(method, path, headers={"x-test-user": self.user_id}, **values)

    def get(self, path: str, **params: Any) -> httpx2.Response:
        return self.send("GET", path, params=params)

    def post(self, path: str, body: Any = None) -> httpx2.Response:
        return self.send("POST", path, json=body)

    def put(self, path: str, body: Any) -> httpx2.Response:
        return self.send("PUT", path, json=body)

    def patch(self, path: str, body: Any) -> httpx2.Response:
        return self.send("PATCH", path, json=body)

    def ids(self, path: str = "/alerts", **params: Any) -> list[str]:
        answer = self.get(path, **params)
        assert answer.status_code == 200, answer.text
        return [item["id"] for item in answer.json()["items"]]


@dataclass(frozen=True, kw_only=True)
class Api:
    client: TestClient

    def __getattr__(self, user_id: str) -> Caller:
        return Caller(client=self.client, user_id=user_id)


@pytest.fixture
def api(database: Database, clock: FakeClock, now: datetime) -> Iterator[Any]:
    """`api.ann.get("/alerts")`: Ada admin, Mia and Max managers, Ann, Bob and Cal agents."""
    with database.write() as session:
        open_brokerage(session, now=now)
        scoring.install(session, now=now)
    settings = Settings(secret_key="k" * 40, database_url=database.url)  # type: ignore[arg-type]
    runtime = Runtime(settings=settings, database=database, clock=clock)
    app = application.build(
        runtime, Limits(), [deliveries.router, alerts.router, notifications.router, preferences.router]
    )

    def caller(request: Request) -> Viewer:
        with database.read() as session:
            found = load(session, request.headers["x-test-user"])
        assert found is not None
        return found

    app.dependency_overrides[deps.caller] = caller
    with TestClient(app) as client:
        yield Api(client=client)

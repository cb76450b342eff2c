"""The real API application on both databases, with a signed-in admin, manager and agent."""

from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from app.api import application, contacts, group_commit, ingest
from app.runtime import Runtime
from app.security import sessions, tokens
from app.security.limits import Limits
from core.clock import FakeClock
from core.db import Database
from core.settings import Settings
from tests import factories


@pytest.fixture
def runtime(database: Database, clock: FakeClock, tmp_path: Path) -> Iterator[Runtime]:
    runtime = Runtime(settings=Settings(data_dir=tmp_path), database=database, clock=clock)
    yield runtime
    group_commit.close(runtime)


@pytest.fixture
def people(database: Database, now: datetime) -> None:
    with database.write() as session:
        factories.admin(session, now=now)
        for name in ("north", "south"):
            factories.team(session, name, now=now)
        factories.manager(session, "manager", of=["north"], now=now)
        factories.agent(session, "agent", team_id="north", now=now)
        factories.agent(session, "southerner", team_id="south", now=now)


@pytest.fixture
def sign_in(runtime: Runtime, people: None, now: datetime) -> Iterator[Callable[[str], TestClient]]:
    """A client with the token of that user."""
    api = application.build(runtime, Limits(), [ingest.router, contacts.router])
    clients: list[TestClient] = []

    def client_of(user_id: str) -> TestClient:
        with runtime.database.write() as session:
            sid, _ = sessions.open_token(session, user_id, user_agent=None, now=now)
        token = tokens.issue(user_id, sid, role="", key=runtime.settings.signing_key, minutes=60, now=now)
        client = TestClient(api, headers={"Authorization": f"Bearer {token}"}, raise_server_exceptions=False)
        clients.append(client)
        return client

    yield client_of
    for client in clients:
        client.close()


@pytest.fixture
def manager(sign_in: Callable[[str], TestClient]) -> TestClient:
    return sign_in("manager")


@pytest.fixture
def agent(sign_in: Callable[[str], TestClient]) -> TestClient:
    return sign_in("agent")


@pytest.fixture
def admin(sign_in: Callable[[str], TestClient]) -> TestClient:
    return sign_in("admin")

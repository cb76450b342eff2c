"""A real web process for tests: uvicorn on a free port in a thread, without Streamlit's pages, and people to sign in."""

import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import httpx2
from sqlalchemy import insert, select

from app import serving
from app.runtime import Runtime
from app.security import sessions, tokens
from app.security.limits import Limits
from app.server import Frame, Web, bare
from core import changes, log, passwords
from core.changes import Audience
from core.clock import Clock
from core.db import Database
from core.db.tables import Agent, Team, User
from core.settings import Settings
from core.words import ChangeKind, Role

PASSWORD = "correct horse battery"
HASH = passwords.hash_password(PASSWORD)
KEY = "k" * 40
_PATIENT = {"verify": ssl.create_default_context(), "timeout": 60.0}
"""Without a context at hand each call would read all certificates, 20 ms; and a busy machine answers late."""
request = partial(httpx2.request, **_PATIENT)
"""Plain HTTP in a connection of its own."""
client = partial(httpx2.Client, **_PATIENT)


@dataclass(frozen=True, kw_only=True)
class Running:
    url: str
    web: Web
    runtime: Runtime
    stop: Callable[[], None]
    """Ask it to stop, as SIGTERM does."""

    def token(self, email: str) -> str:
        """Of somebody who has signed in: what `tokens` gives, without the tenth of a second that a password takes."""
        now, settings = self.runtime.clock.now(), self.runtime.settings
        with self.runtime.database.write() as session:
            user_id, role = session.execute(select(User.id, User.role).where(User.email == email)).one()
            sid, _ = sessions.open_token(session, user_id, user_agent=None, now=now)
        return tokens.issue(
            user_id, sid, role=str(role), key=settings.signing_key, minutes=settings.token_minutes, now=now
        )

    def tokens(self, email: str) -> dict[str, str]:
        """Signed in with the password, over HTTP."""
        answer = request("POST", f"{self.url}/api/v1/auth/token", data={"username": email, "password": PASSWORD})
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    def cookie(self, email: str) -> str:
        answer = request(
            "POST",
            f"{self.url}/session/login",
            json={"email": email, "password": PASSWORD},
            headers={"origin": self.url},
        )
        assert answer.status_code == 204, answer.text
        return str(answer.cookies["doorbell"])


@contextmanager
def serving_web(
    database: Database,
    clock: Clock,
    *,
    limits: Limits | None = None,
    frame: Frame = bare,
    public_url: str = "",
    **values: Any,
) -> Iterator[Running]:
    """Serve until the block ends; `values` are further settings."""
    log.configure(level="error", json=False)
    settings = Settings(secret_key=KEY, database_url=database.url, public_url=public_url, **values)  # type: ignore[arg-type]
    runtime = Runtime(settings=settings, database=database, clock=clock)
    web = Web(runtime, limits=limits, frame=frame)
    bound = serving.bind("127.0.0.1", 0)
    up = threading.Event()

    async def after_start() -> None:
        up.set()

    server = serving.Server(web.app, after_start=after_start, before_stop=web.stopping)
    thread = threading.Thread(target=server.serve_on, args=(bound,), daemon=True)
    thread.start()
    assert up.wait(60), "the server did not start"

    def stop() -> None:
        server.should_exit = True

    try:
        yield Running(url=f"http://127.0.0.1:{bound.getsockname()[1]}", web=web, runtime=runtime, stop=stop)
    finally:
        stop()
        thread.join(60)
        bound.close()
        assert not thread.is_alive(), "the server did not stop"


def people(database: Database, now: datetime) -> None:
    """Ada (admin), Mia (manages team north), Ann and Bob (agents of north), Cal (agent of south)."""

    def user(name: str, role: Role) -> dict[str, object]:
        return {
            "id": name,
            "email": f"{name}@doorbell.test",
            "name": name.title(),
            "role": role.value,
            "password_hash": HASH,
            "timezone": "UTC",
            "active": True,
            "created_at": now,
        }

    roles = {"ada": Role.ADMIN, "mia": Role.MANAGER, "ann": Role.AGENT, "bob": Role.AGENT, "cal": Role.AGENT}
    with database.write() as session:
        session.execute(insert(User), [user(name, role) for name, role in roles.items()])
        session.add_all(
            [
                Team(id="north", name="North", manager_id="mia", created_at=now),
                Team(id="south", name="South", manager_id=None, created_at=now),
            ]
        )
        session.flush()
        for agent, team in (("ann", "north"), ("bob", "north"), ("cal", "south")):
            session.add(Agent(id=agent, team_id=team, updated_at=now))


def ring(
    database: Database,
    alert_id: str,
    audience: Audience,
    *,
    now: datetime,
    kind: ChangeKind = ChangeKind.ALERT_NEW,
) -> None:
    """Put one alert's change into the feed, as the line does."""
    payload = {"id": alert_id, "alertType": "LIKELY_TO_SELL", "priority": "HIGH", "status": "NEW"}
    with database.write() as session:
        changes.tell(session, kind, subject_id=alert_id, audience=audience, payload=payload, now=now)


def later(now: datetime, **delta: float) -> datetime:
    return now + timedelta(**delta)

"""A Doorbell of its own for a replay: a fresh data directory, an agent for every handler, a free port."""

import os
import secrets
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from sqlalchemy import insert, select

from app.wire_client import Client
from core import passwords, scoring, versions
from core.clock import SystemClock
from core.db import Database
from core.db.migrate import upgrade
from core.db.tables import Agent, Team, User
from core.errors import BadSetting
from core.replay import Mapping
from core.words import Role

EMAIL = "replay@doorbell.test"
_LOG = "server.log"
_START_SECONDS = 90.0
_STOP_SECONDS = 8.0


@dataclass(frozen=True, kw_only=True)
class Served:
    url: str
    database_url: str
    email: str
    password: str
    process: subprocess.Popen[bytes]

    def client(self) -> Client:
        client = Client(self.url)
        client.sign_in(self.email, self.password)
        return client

    def wait(self) -> None:
        self.process.wait()

    def stop(self) -> None:
        self.process.terminate()
        try:
            self.process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def serve(folder: Path, mapping: Mapping, handlers: Sequence[str], *, password: str) -> Served:
    """Make the database, the admin and the agents, and start the product on it.

    Raises:
        BadSetting: it did not start.
    """
    folder = folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    database_url = f"sqlite:///{folder / 'doorbell.db'}"
    database = Database(database_url)
    upgrade(database)
    _people(database, mapping, handlers, password=password, now=SystemClock().now())
    database.dispose()
    port = _free_port()
    process = _start(
        folder,
        {
            "DOORBELL_DATA_DIR": str(folder),
            "DOORBELL_DATABASE_URL": database_url,
            "DOORBELL_HOST": "127.0.0.1",
            "DOORBELL_PORT": str(port),
            "DOORBELL_DEMO": "off",
            "DOORBELL_SMTP_URL": "",
            "DOORBELL_PUBLIC_URL": "",
            "DOORBELL_SECRET_KEY": secrets.token_hex(32),
        },
    )
    served = Served(
        url=f"http://127.0.0.1:{port}", database_url=database_url, email=EMAIL, password=password, process=process
    )
    probe, until = Client(served.url), time.monotonic() + _START_SECONDS
    while not probe.is_up():
        if process.poll() is not None or time.monotonic() > until:
            probe.close()
            served.stop()
            raise BadSetting(f"Doorbell did not start: {_last_line(folder / _LOG)}")
        time.sleep(0.2)
    probe.close()
    return served


def _start(folder: Path, settings: dict[str, str]) -> "subprocess.Popen[bytes]":
    """The product, as a child that ends with us; what it says goes to a file beside its data."""
    environment = {**os.environ, **settings}  # noqa: TID251  a child inherits ours, no setting is read
    with (folder / _LOG).open("ab") as file:
        return subprocess.Popen(
            [sys.executable, "-m", "app.child", str(os.getpid()), "app"],
            env=environment,
            stdout=file,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # Ctrl-C reaches us alone, and we stop it
        )


def _last_line(path: Path) -> str:
    lines = path.read_text(errors="replace").strip().splitlines()
    return lines[-1] if lines else "it said nothing"


def _people(database: Database, mapping: Mapping, handlers: Sequence[str], *, password: str, now: datetime) -> None:
    """The admin who posts (with this run's password), one team, and an agent for every handler not there yet."""
    with database.write() as session:
        known = set(session.scalars(select(User.id)))
        hashed = passwords.hash_password(password)
        if "replay" in known:
            session.get_one(User, "replay").password_hash = hashed
        else:
            admin = {"id": "replay", "email": EMAIL, "name": "Replay", "role": Role.ADMIN, "password_hash": hashed}
            session.execute(insert(User), [{**admin, "timezone": "UTC", "active": True, "created_at": now}])
            team = {"id": "handlers", "name": "Handlers", "default_strategy": "workload", "created_at": now}
            session.execute(insert(Team), [team])
        new = [name for name in handlers if f"{mapping.agents.prefix}{name}" not in known]
        if new:
            session.execute(insert(User), [_user(mapping, name, now) for name in new])
            session.execute(insert(Agent), [_agent(mapping, name, now) for name in new])
        scoring.install(session, now=now)
        versions.bump(session, "routing")


def _user(mapping: Mapping, name: str, now: datetime) -> dict[str, object]:
    key = f"{mapping.agents.prefix}{name}"
    return {
        "id": key,
        "email": f"{key.lower()}@replay.doorbell.test",
        "name": f"Handler {name}",
        "role": Role.AGENT,
        "password_hash": None,
        "timezone": "UTC",
        "active": True,
        "created_at": now,
    }


def _agent(mapping: Mapping, name: str, now: datetime) -> dict[str, object]:
    return {
        "id": f"{mapping.agents.prefix}{name}",
        "team_id": "handlers",
        "available": True,
        "auto_assign": True,
        "max_concurrent_alerts": mapping.agents.capacity,
        "open_alerts": 0,
        "territories": [],
        "skills": {},
        "specializations": [],
        "preferred_alert_types": [],
        "schedule": {},
        "round_robin_at": 0.0,
        "updated_at": now,
    }


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])

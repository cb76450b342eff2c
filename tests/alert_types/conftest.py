"""A house with one team, and the line to run through it."""

from collections.abc import Callable
from datetime import datetime

import pytest
from sqlalchemy.orm import Session

from core import scoring, signals
from core.alert_types import book
from core.db import Database
from core.pipeline import Decided, World, decide
from core.signals import PostedSignal
from tests import factories
from tests.alert_types.writing import a_type

Run = Callable[[], Decided]


@pytest.fixture
def world(database: Database, now: datetime) -> World:
    with database.write() as session:
        scoring.install(session, now=now)
        factories.team(session, "north", now=now)
        factories.agent(session, "ann", team_id="north", now=now)
        factories.admin(session, "ada", now=now)
        factories.contact(session, "rosa", now=now, last_human_event_at=now)
    with database.read() as session:
        return World.load(session)


def an_active_type(session: Session, *, now: datetime, **values: object) -> str:
    stored, _ = book.add(session, a_type(**values), actor_id="ada", now=now)
    book.activate(session, stored.id, actor_id="ada", now=now)
    return stored.id


def claim(session: Session, contact_id: str = "rosa", *, strength: float = 0.8, now: datetime) -> None:
    """An insurance says that the home was damaged."""
    signals.post(
        session,
        PostedSignal(
            contact_id=contact_id,
            type="INSURANCE_CLAIM",
            strength=strength,
            confidence=0.9,
            occurred_at=now,
            source="insurer",
        ),
        now=now,
    )


def visit(session: Session, name: str, contact_id: str = "rosa", *, times: int = 1, at: datetime) -> None:
    for _ in range(times):
        factories.event(session, contact_id, event_name=name, event_type="BUTTON_CLICK", processed=False, at=at)


def run(database: Database, world: World, *, now: datetime) -> Decided:
    with database.write() as session:
        return decide(session, world=world, now=now)

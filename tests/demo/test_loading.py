"""The demo's history: played through the real line, complete after any kill, agreeing with the truth, and silent."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select

from core import demo, pipeline
from core.db import Database
from core.db.tables import (
    Agent,
    Alert,
    AlertOutcome,
    Assignment,
    Change,
    Contact,
    Delivery,
    Event,
    JobRun,
    Notification,
    Rule,
    Team,
    User,
)
from core.demo import Size
from core.errors import Invalid
from core.generator import generate
from core.settings import Settings
from core.words import HORIZON_DAYS, ChangeKind, Intent, Outcome

pytestmark = pytest.mark.long

SMALL = Size(contacts=160, days=30, first=60, cohort=100)
SEED = 4  # with it, this little a demo has alerts of several ends


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(data_dir=tmp_path, demo="small", demo_seed=SEED, demo_password="ring-the-bell-1")


def alerts_of(database: Database) -> list[tuple[Any, ...]]:
    """All but the owner: equals are told apart by the alert's id, which is never the same twice."""
    with database.read() as session:
        rows = session.execute(
            select(Alert.contact_id, Alert.alert_type, Alert.status, Alert.opened_at, Alert.priority)
        )
        return sorted(tuple(row) for row in rows)


def count(database: Database, model: type[Any]) -> int:
    with database.read() as session:
        return session.scalar(select(func.count()).select_from(model)) or 0


def test_the_whole_house_and_its_history_are_there(database: Database, settings: Settings, now: datetime) -> None:
    told: list[tuple[int, int]] = []
    assert demo.load(database, settings, now, lambda done, total, _: told.append((done, total)), size=SMALL)
    assert told == [(60, 160), (160, 160)]
    assert count(database, Agent) == 24
    assert count(database, Team) == 4
    assert count(database, Rule) == 5
    assert count(database, Contact) == SMALL.contacts + 1
    with database.read() as session:
        assert session.scalar(select(func.count()).where(Event.processed_at.is_(None))) == 0
        job = session.get_one(JobRun, demo.JOB)
        assert (job.done, job.total) == (160, 160)
        assert job.finished_at is not None
        signs_in = set(session.scalars(select(User.email).where(User.password_hash.is_not(None))))
    assert signs_in == {demo.ADMIN, demo.MANAGER, demo.AGENT}


def test_every_open_alert_has_an_owner_within_capacity_or_says_why(
    database: Database, settings: Settings, now: datetime
) -> None:
    demo.load(database, settings, now, size=SMALL)
    assert alerts_of(database)
    with database.read() as session:
        for alert in session.scalars(select(Alert).where(Alert.closed_at.is_(None))):
            assert alert.assigned_agent_id or alert.unassigned_reason
        held = dict(
            session.execute(
                select(Assignment.agent_id, func.count())
                .where(Assignment.ended_at.is_(None))
                .group_by(Assignment.agent_id)
            ).all()
        )
        for agent in session.scalars(select(Agent)):
            assert agent.open_alerts == held.get(agent.id, 0) <= agent.max_concurrent_alerts


def test_the_past_mails_nobody_and_rings_no_screen(database: Database, settings: Settings, now: datetime) -> None:
    demo.load(database, settings, now, size=SMALL)
    with database.read() as session:
        assert set(session.scalars(select(Delivery.channel).distinct())) <= {"in_app"}
        assert set(session.scalars(select(Delivery.state).distinct())) <= {"delivered"}
        assert set(session.scalars(select(Change.kind).distinct())) == {ChangeKind.STATS_UPDATED}
        old = select(Notification).where(Notification.created_at < now - timedelta(days=2))
        assert all(note.read_at for note in session.scalars(old))


def test_the_same_seed_tells_the_same_story(
    database: Database, sqlite_template: Path, settings: Settings, now: datetime, tmp_path: Path
) -> None:
    demo.load(database, settings, now, size=SMALL)
    (tmp_path / "again.db").write_bytes(sqlite_template.read_bytes())
    again = Database(f"sqlite:///{tmp_path / 'again.db'}")
    demo.load(again, settings, now, size=SMALL)
    assert alerts_of(database) == alerts_of(again)
    again.dispose()


def test_a_load_stopped_anywhere_ends_as_if_it_had_not_been(
    database: Database, sqlite_template: Path, settings: Settings, now: datetime, tmp_path: Path
) -> None:
    (tmp_path / "straight.db").write_bytes(sqlite_template.read_bytes())
    straight = Database(f"sqlite:///{tmp_path / 'straight.db'}")
    demo.load(straight, settings, now, size=SMALL)
    days: Iterator[int] = iter(range(45))  # inside the second cohort
    assert not demo.load(database, settings, now, stop=lambda: next(days, None) is None, size=SMALL)
    later = now + timedelta(hours=3)
    assert demo.load(database, settings, later, size=SMALL)
    assert alerts_of(database) == alerts_of(straight)
    assert count(database, Event) == count(straight, Event)
    assert demo.load(database, settings, later, size=SMALL)
    assert count(database, Event) == count(straight, Event)
    straight.dispose()


def test_outcomes_agree_with_the_truth(database: Database, settings: Settings, now: datetime) -> None:
    demo.load(database, settings, now, size=SMALL)
    world = generate(settings.demo_seed, SMALL.contacts, SMALL.days, now)
    with database.read() as session:
        rows = session.execute(
            select(Alert.contact_id, Alert.alert_type, Alert.opened_at, AlertOutcome.outcome, AlertOutcome.converted)
            .join(AlertOutcome, AlertOutcome.alert_id == Alert.id)
            .where(AlertOutcome.outcome != Outcome.PENDING)
        ).all()
    assert rows
    for contact_id, kind, opened_at, outcome, converted in rows:
        truth = world.truth(contact_id, Intent(kind), opened_at)
        assert truth.right == (outcome == Outcome.TRUE_POSITIVE)
        assert truth.transacts or not converted
    assert HORIZON_DAYS[Intent.REFINANCE_OPPORTUNITY] == 90


def test_the_first_score_of_user_123_opens_one_alert(database: Database, settings: Settings, now: datetime) -> None:
    demo.load(database, settings, now, size=Size(contacts=5, days=3, first=5, cohort=5))
    with database.write() as session:
        line = pipeline.World.load(session)
        assert not pipeline.decide(session, world=line, now=now).opened
        assert session.get_one(Contact, demo.UNSCORED).scored_at is None
    with database.write() as session:
        first = pipeline.score_contact(session, demo.UNSCORED, world=line, now=now)
        second = pipeline.score_contact(session, demo.UNSCORED, world=line, now=now)
        assert len(first.opened) == 1
        assert not second.opened
        alert = session.get_one(Alert, first.opened[0])
        assert alert.alert_type == Intent.LIKELY_TO_SELL
        assert alert.confidence > 0.8  # above the threshold however much of the year's budget is used
        assert alert.assigned_agent_id is not None


def test_a_database_with_people_in_it_is_left_alone(database: Database, settings: Settings, now: datetime) -> None:
    with database.write() as session:
        session.add(User(id="u", email="u@x.test", name="U", role="admin", timezone="UTC", active=True, created_at=now))
    with pytest.raises(Invalid, match="empty"):
        demo.load(database, settings, now, size=SMALL)
    assert count(database, Contact) == 0


def test_without_a_demo_nothing_happens(database: Database, settings: Settings, now: datetime) -> None:
    off = settings.model_copy(update={"demo": "off"})
    assert demo.load(database, off, now)
    assert count(database, User) == 0

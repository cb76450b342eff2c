"""One turn of each kind of work, driven by hand."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from core import delivery, pipeline, scoring
from core.clock import FakeClock
from core.db import Database
from core.db.tables import Alert, Attempt, Delivery, Event
from core.delivery import Accepted, Message
from core.delivery.channel import DeliveryFailed
from core.delivery.providers import Pace
from core.pipeline import Decided, World
from core.settings import Settings
from core.words import Status
from jobs import work
from jobs.parking import Parking
from tests import factories
from tests.delivery.making import told


class Phone:
    """A channel that keeps what it is given; `broken_for` names recipients it cannot reach."""

    def __init__(self, *, broken_for: Sequence[str] = ()) -> None:
        self.got: list[Message] = []
        self.broken_for = broken_for

    pace: Pace | None = None

    def send(self, message: Message) -> Accepted:
        if message.to in self.broken_for:
            raise DeliveryFailed("no such number", retryable=False)
        if "poison" in message.title:
            raise ZeroDivisionError
        self.got.append(message)
        return Accepted(provider_id=f"id-{len(self.got)}")

    def close(self) -> None: ...


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(data_dir=tmp_path)


@pytest.fixture
def world(database: Database, now: datetime) -> World:
    with database.write() as session:
        scoring.install(session, now=now)
    with database.read() as session:
        return World.load(session)


def states(database: Database) -> list[str]:
    with database.read() as session:
        query = select(Delivery.state).where(Delivery.channel == "email").order_by(Delivery.created_at, Delivery.id)
        return list(session.scalars(query))


def unprocessed(database: Database) -> set[str]:
    with database.read() as session:
        return set(session.scalars(select(Event.contact_id).where(Event.processed_at.is_(None))))


def test_nothing_to_do_is_none(database: Database, clock: FakeClock, world: World, settings: Settings) -> None:
    assert work.decide_once(database, world, clock) is None
    assert work.send_once(database, {}, clock, "w", settings) == 0
    assert work.sweep_once(database, clock) == 0


def test_waiting_events_are_decided_once(database: Database, clock: FakeClock, world: World) -> None:
    now = clock.now()
    with database.write() as session:
        for contact_id in ("c1", "c2"):
            factories.contact(session, contact_id, now=now)
            factories.event(session, contact_id, at=now, processed=False)
    decided = work.decide_once(database, world, clock)
    assert decided is not None
    assert (decided.events, decided.contacts) == (2, 2)
    assert unprocessed(database) == set()
    assert work.decide_once(database, world, clock) is None


def test_a_contact_that_breaks_the_line_holds_up_nobody_else(
    database: Database, clock: FakeClock, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = clock.now()
    with database.write() as session:
        for number in range(5):
            contact_id = factories.contact(session, f"c{number}", now=now)
            factories.event(session, contact_id, at=now, processed=False)
    honest = pipeline._run

    def run(session: Session, batch: object, contact_ids: Sequence[str], **rest: object) -> Decided:
        if "c3" in contact_ids:
            raise ValueError("a history nobody thought of")
        return honest(session, batch, contact_ids, **rest)  # type: ignore[arg-type]

    monkeypatch.setattr(pipeline, "_run", run)
    parking = Parking()
    decided = work.decide_once(database, world, clock, parking=parking)
    assert decided is not None
    assert decided.contacts == 4
    assert unprocessed(database) == {"c3"}
    assert work.decide_once(database, world, clock, parking=parking) is None, "not at once again"

    for _ in range(3):
        clock.set(clock.now() + timedelta(minutes=2))
        work.decide_once(database, world, clock, parking=parking)
    assert "1 contacts are set aside" in (parking.report() or "")

    with database.write() as session:
        factories.event(session, "c1", at=now, processed=False)
    work.decide_once(database, world, clock, parking=parking)
    assert unprocessed(database) == {"c3"}, "others go on meanwhile"

    monkeypatch.setattr(pipeline, "_run", honest)
    clock.set(clock.now() + timedelta(hours=2))
    work.decide_once(database, world, clock, parking=parking)
    assert unprocessed(database) == set(), "nothing was dropped"
    assert parking.report() is None
    assert not parking.holds()


def test_a_queued_mail_is_sent_once_with_its_key(database: Database, clock: FakeClock, settings: Settings) -> None:
    with database.write() as session:
        alert_id, agent_id = told(session, now=clock.now())
    phone = Phone()
    assert work.send_once(database, {"email": phone}, clock, "w", settings) == 1
    assert work.send_once(database, {"email": phone}, clock, "w", settings) == 0
    (message,) = phone.got
    assert message.key.startswith(f"{alert_id}:alert_new:")
    assert message.key.endswith(f":{agent_id}:email")
    assert states(database) == ["sent"]


def test_without_mail_settings_the_delivery_says_so(database: Database, clock: FakeClock, settings: Settings) -> None:
    with database.write() as session:
        told(session, now=clock.now())
    work.send_once(database, delivery.open_channels(settings), clock, "w", settings)
    with database.read() as session:
        assert session.scalar(select(Delivery.reason).where(Delivery.channel == "email")) == "e-mail is not set up"


def test_a_poisoned_message_blocks_nobody_and_ends_as_a_dead_letter(
    database: Database, clock: FakeClock, settings: Settings
) -> None:
    with database.write() as session:
        contact_id = factories.contact(session, name="poison", now=clock.now())
        told(session, contact_id=contact_id, now=clock.now())
        for _ in range(3):
            told(session, now=clock.now())
    phone = Phone()
    work.send_once(database, {"email": phone}, clock, "w", settings)
    assert len(phone.got) == 3
    assert states(database) == ["queued", "sent", "sent", "sent"]
    for _ in range(20):
        clock.set(clock.now() + timedelta(minutes=11))
        work.send_once(database, {"email": phone}, clock, "w", settings)
    assert states(database) == ["dead", "sent", "sent", "sent"]
    with database.read() as session:
        outcomes = session.scalars(select(Attempt.outcome).order_by(Attempt.delivery_id, Attempt.number)).all()
        assert outcomes.count("retry") == 9
        assert outcomes.count("failed") == 1


def test_an_agent_with_a_dead_address_does_not_stop_the_rest(
    database: Database, clock: FakeClock, settings: Settings
) -> None:
    with database.write() as session:
        _, unreachable = told(session, now=clock.now())
        told(session, now=clock.now())
    phone = Phone(broken_for=[f"{unreachable}@doorbell.test"])
    work.send_once(database, {"email": phone}, clock, "w", settings)
    assert states(database) == ["dead", "sent"]


def test_alerts_run_out(database: Database, clock: FakeClock) -> None:
    with database.write() as session:
        agent_id = factories.agent(session, capacity=20, now=clock.now())
        for _ in range(7):
            factories.alert(session, agent_id=agent_id, now=clock.now())
    clock.set(clock.now() + timedelta(days=31))
    assert work.sweep_once(database, clock, limit=3) == 7
    with database.read() as session:
        assert set(session.scalars(select(Alert.status))) == {Status.EXPIRED}

"""At the moment of sending everything is checked again, and what is not sent says why."""

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from sqlalchemy import update
from sqlalchemy.orm import Session

from core import alerts, assignments, delivery
from core.db import Database
from core.db.tables import Alert, User
from core.delivery import Accepted, Claimed, DeliveryFailed, Failed, Message, Notice, Sent, Suppressed
from core.delivery.ledger import Rule
from core.settings import Settings
from core.words import Priority, Role
from tests import factories
from tests.delivery.making import claim_one, message, owned_alert, told

ORIGIN = "https://bell.example.com"
SETTINGS = Settings(public_url=ORIGIN)


class Accepting:
    def __init__(self) -> None:
        self.got: list[Message] = []

    pace = None

    def send(self, message: Message) -> Accepted:
        self.got.append(message)
        return Accepted(provider_id="id-1")

    def close(self) -> None: ...


class Refusing(Accepting):
    def send(self, message: Message) -> Accepted:
        raise DeliveryFailed("slow down", retryable=True, retry_after=30)


def close_it(session: Session, alert_id: str, now: datetime) -> None:
    session.execute(update(Alert).where(Alert.id == alert_id).values(status="DISMISSED", closed_at=now))


def give_it_away(session: Session, alert_id: str, now: datetime) -> None:
    other = factories.agent(session, now=now)
    assert assignments.take(session, alert_id, other, decision_id=None, reason="moved", by=None, now=now)


def snooze_it(session: Session, alert_id: str, now: datetime) -> None:
    session.execute(update(Alert).where(Alert.id == alert_id).values(snoozed_until=now + timedelta(hours=1)))


def act(session: Session, alert_id: str, now: datetime) -> None:
    session.execute(update(Alert).where(Alert.id == alert_id).values(acknowledged_at=now + timedelta(seconds=1)))


def leave(session: Session, _alert_id: str, _now: datetime) -> None:
    session.execute(update(User).values(active=False))


@pytest.mark.parametrize(
    ("happens", "rule"),
    [
        (close_it, Rule.ALERT_CLOSED),
        (give_it_away, Rule.NOT_THE_OWNER),
        (snooze_it, Rule.SNOOZED),
        (act, Rule.ACTED_ALREADY),
        (leave, Rule.ACCOUNT_INACTIVE),
    ],
)
def test_what_changed_since_it_was_queued_suppresses_it(
    database: Database, now: datetime, happens: Callable[[Session, str, datetime], None], rule: Rule
) -> None:
    with database.write() as session:
        alert_id, _ = told(session, now=now)
        claimed = claim_one(session, now=now)
        happens(session, alert_id, now)
    with database.read() as session:
        assert delivery.prepare(session, claimed, settings=SETTINGS, now=now) == Suppressed(rule=rule)


def _escalated(session: Session, now: datetime, *, acknowledged: bool = False) -> tuple[str, str, Claimed]:
    """An alert, its owner, and a message that tells a manager how it stands with it."""
    alert_id, agent_id = owned_alert(session, now=now - timedelta(hours=1))
    if acknowledged:
        alerts.acknowledge(session, alert_id, viewer=factories.viewer(session, agent_id), now=now - timedelta(hours=1))
    boss = factories.user(session, "boss", role=Role.MANAGER, now=now)
    notice = Notice(alert_id=alert_id, user_id=boss, kind="alert_escalated", priority=Priority.HIGH, occasion="step-2")
    delivery.enqueue(session, [notice], now=now)
    return alert_id, agent_id, claim_one(session, now=now)


@pytest.mark.parametrize("step", [alerts.acknowledge, alerts.start, alerts.contact])
def test_nobody_is_told_that_nobody_answered_once_somebody_has(
    database: Database, now: datetime, step: Callable[..., object]
) -> None:
    later = now + timedelta(minutes=1)
    with database.write() as session:
        alert_id, agent_id, claimed = _escalated(session, now)
        assert isinstance(delivery.prepare(session, claimed, settings=SETTINGS, now=later), Message)
        step(session, alert_id, viewer=factories.viewer(session, agent_id), now=later)
        assert delivery.prepare(session, claimed, settings=SETTINGS, now=later) == Suppressed(rule=Rule.ACTED_ALREADY)


def test_what_was_acknowledged_and_forgotten_is_told_until_it_is_begun(database: Database, now: datetime) -> None:
    later = now + timedelta(minutes=1)
    with database.write() as session:
        alert_id, agent_id, claimed = _escalated(session, now, acknowledged=True)
        assert isinstance(delivery.prepare(session, claimed, settings=SETTINGS, now=later), Message)
        alerts.contact(session, alert_id, viewer=factories.viewer(session, agent_id), now=later)
        assert delivery.prepare(session, claimed, settings=SETTINGS, now=later) == Suppressed(rule=Rule.ACTED_ALREADY)


def test_a_snooze_that_is_over_suppresses_nothing(database: Database, now: datetime) -> None:
    with database.write() as session:
        alert_id, _ = told(session, now=now)
        claimed = claim_one(session, now=now)
        snooze_it(session, alert_id, now - timedelta(hours=2))
    with database.read() as session:
        assert isinstance(delivery.prepare(session, claimed, settings=SETTINGS, now=now), Message)


def test_the_message_says_who_what_why_and_how_sure(database: Database, now: datetime) -> None:
    with database.write() as session:
        contact_id = factories.contact(session, name="Ana\nLopez", now=now)
        factories.home(session, contact_id, now=now)
        alert_id, agent_id = told(session, contact_id=contact_id, now=now)
        claimed = claim_one(session, now=now)
    with database.read() as session:
        message = delivery.prepare(session, claimed, settings=SETTINGS, now=now)
    assert isinstance(message, Message)
    assert message.story is not None
    assert (message.title, message.link) == ("Ana Lopez is likely to sell", f"{ORIGIN}/feed?alert={alert_id}")
    assert message.to == f"{agent_id}@doorbell.test"
    assert message.key == claimed.key
    assert (message.story.confidence, message.story.confidence_range) == ("75%", "65 to 85%")
    assert (message.story.chance, message.story.lift) == ("20%", "8.0 times the usual")
    assert (message.story.home, message.story.value) == ("12 Elm Street, Oak Park, 60302", "about $450,000")
    assert message.story.since == "Mon 2 Mar, 9:00 AM CST"


def test_a_channel_that_is_not_set_up_says_so(database: Database, now: datetime) -> None:
    with database.write() as session:
        told(session, now=now)
        claimed = claim_one(session, now=now)
    assert delivery.send(claimed, message(), {}) == Suppressed(rule=Rule.NOT_SET_UP, detail="e-mail is not set up")


def test_sending_answers_with_what_the_provider_said(database: Database, now: datetime) -> None:
    with database.write() as session:
        told(session, now=now)
        claimed = claim_one(session, now=now)
    assert delivery.send(claimed, message(), {"email": Accepting()}) == Sent(provider_id="id-1")
    assert delivery.send(claimed, message(), {"email": Refusing()}) == Failed(
        reason="slow down", retryable=True, retry_after=30, provider_at_fault=True
    )

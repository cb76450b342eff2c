"""What a reader of Spanish gets is Spanish: what escalation adds, notices to admins, codes and tests, by every channel."""

import re
from datetime import UTC, date, datetime, timedelta

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from core import delivery
from core.clock import FakeClock
from core.db import Database
from core.db.tables import Decision, Delivery, Notification
from core.delivery import Message, Notice, preferences, providers, trying, watching
from core.delivery.previewing import parts
from core.delivery.saying import kept, read, saying, several
from core.delivery.speaking import Voice
from core.escalation import book
from core.settings import Settings
from core.viewer import SYSTEM
from core.words import Priority
from tests import factories
from tests.delivery.making import claim_one
from tests.escalation.test_escalation import MINUTE, escalate, told

SETTINGS = Settings(secret_key="k" * 40, public_url="https://bell.example.com")  # type: ignore[arg-type]
ENGLISH = re.compile(r"\b(the|you|your|and|is|are|not|sure|high|critical|nobody|answer\w*|it|why)\b", re.IGNORECASE)
NOT_YET = "Usted todavía no ha respondido"


def agent(session: Session, *, now: datetime) -> str:
    user_id = factories.agent(session, "ann", now=now)
    preferences.save(session, user_id, {"language": "es"}, actor_id=user_id, now=now)
    return user_id


def ready(session: Session, *, now: datetime) -> Message:
    """The one message that is due, as it would go out."""
    found = delivery.prepare(session, claim_one(session, now=now), settings=SETTINGS, now=now)
    assert isinstance(found, Message)
    return found


def words(channel: str, message: Message) -> str:
    """What is read of it by this channel."""
    text = re.sub(r"<style.*?</style>", " ", " ".join(parts(channel, message).values()), flags=re.DOTALL)
    return re.sub(r"https?://\S+|<[^>]*>", " ", text)


def test_an_alert_nobody_answered_is_told_in_spanish_by_every_channel(database: Database, clock: FakeClock) -> None:
    now = clock.now()
    with database.write() as session:
        agent_id = agent(session, now=now)
        step = {"after": {"minutes": 5}, "do": "remind"}
        book.add(session, {"name": "Ours", "steps": [step]}, viewer=SYSTEM, now=now)
        alert_id = told(session, agent_id, priority=Priority.HIGH, now=now)
        session.add(
            Decision(
                id="d1",
                alert_id=alert_id,
                decided_at=now,
                trigger="opened",
                agent_id=agent_id,
                strategy="territory",
                reason="You cover Oak Park; 3 of 10 are open.",
                trace={},
            )
        )
        session.execute(update(Delivery).values(state="sent"))
    clock.set(now + 5 * MINUTE)
    assert escalate(database, clock) == 1
    with database.write() as session:
        body = session.scalars(select(Notification.body).order_by(Notification.created_at.desc())).first()
        assert body is not None
        assert body.startswith(NOT_YET)
        message = ready(session, now=clock.now())
    assert message.text == NOT_YET
    for channel in ("email", "sms", "push", "chat", "voice"):
        said = words(channel, message)
        assert ENGLISH.findall(said) == [], channel
        assert "Rosa" in said
    assert "Está en su zona." in words("email", message)


def test_news_gathered_into_a_digest_keep_their_sentences(database: Database, now: datetime) -> None:
    with database.write() as session:
        agent_id = agent(session, now=now)
        for number in range(2):
            alert_id = factories.alert(session, agent_id=agent_id, now=now)
            notice = Notice(
                alert_id=alert_id,
                user_id=agent_id,
                kind="alert_escalated",
                priority="MEDIUM",
                occasion=f"s{number}",
                text=saying("You have not answered it yet"),
            )
            delivery.enqueue(session, [notice], now=now)
        message = ready(session, now=now + timedelta(hours=1))
    assert [item.text for item in message.items] == [NOT_YET, NOT_YET]
    assert ENGLISH.findall(words("email", message)) == []


def test_admins_hear_of_delivery_each_in_their_language(database: Database, now: datetime) -> None:
    with database.write() as session:
        for user_id, language in (("ada", "es"), ("bea", "en")):
            factories.admin(session, user_id, now=now)
            preferences.save(session, user_id, {"language": language}, actor_id=user_id, now=now)
        for second in range(providers.THRESHOLD):
            at = now + timedelta(seconds=second)
            providers.failed(session, "email", error="421 busy", since=at, now=at)
        assert watching.watch(session, now=now) == [
            "Sending by e-mail is paused because it fails; it is tried again by itself. It said: 421 busy"
        ]
        providers.worked(session, "email", now=now)
    with database.write() as session:  # what is said when it is over was kept meanwhile
        assert watching.watch(session, now=now + timedelta(minutes=1)) == ["Sending by e-mail works again."]
        told = select(Notification.user_id, Notification.body).order_by(Notification.created_at)
        bodies = [(user_id, body) for user_id, body in session.execute(told) if user_id == "ada"]
    assert bodies == [
        (
            "ada",
            "El envío por correo electrónico está en pausa porque falla; se vuelve a intentar solo. Respondió: 421 busy",
        ),
        ("ada", "El envío por correo electrónico vuelve a funcionar."),
    ]


def test_a_test_is_in_the_language_of_whoever_gets_it(database: Database, now: datetime) -> None:
    with database.write() as session:
        user_id = agent(session, now=now)
        trying.send_test(session, user_id, channel="email", actor_id=user_id, now=now)
        assert ready(session, now=now).text == "Esto es una prueba de Doorbell. Sus alertas le llegarán por aquí."


def test_what_was_queued_by_an_older_version_is_told_as_it_was_written(database: Database, now: datetime) -> None:
    with database.write() as session:
        agent_id = agent(session, now=now)
        alert_id = factories.alert(session, agent_id=agent_id, now=now)
        notice = Notice(alert_id=alert_id, user_id=agent_id, kind="alert_escalated", priority="HIGH", text="As it was")
        delivery.enqueue(session, [notice], now=now)
        assert ready(session, now=now).text == "As it was"


def test_a_saying_comes_back_as_it_was_kept_and_values_are_never_texts() -> None:
    inner = saying("{first} to {last}", first=date(2026, 3, 2), last=datetime(2026, 3, 3, 15, tzinfo=UTC))
    made = saying("You no longer cover for {name}, {when}.", name="{when} {0.__class__}", when=inner)
    again = read(kept(made))
    assert again == made
    assert str(again) == "You no longer cover for {when} {0.__class__}, Mon 2 Mar 2026 to Tue 3 Mar, 3:00 PM UTC."
    assert again.by(Voice("es", "America/Chicago")) == (
        "Usted ya no sustituye a {when} {0.__class__}, lun 2 mar 2026 a mar 3 mar, 9:00 a.m. CST."
    )
    counted = read(kept(several("{number} thing to look at", "{number} things to look at", 2)))
    assert str(counted) == "2 things to look at"
    assert counted.by(Voice("es")) != str(counted)

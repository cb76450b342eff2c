""" "Send me a test": at once, to one's own address, and in words what came of it."""

from datetime import datetime, timedelta

import pytest
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from core.clock import FakeClock
from core.db import Database
from core.db.tables.acting import Delivery
from core.db.tables.reaching import Address, Preference
from core.db.tables.running import AuditRow
from core.delivery import addresses, open_channels, trying
from core.errors import Conflict, Invalid, NotFound, TooMany
from core.settings import Settings
from jobs import work
from tests import factories
from tests.mail import MailServer


def ask(session: Session, user_id: str, now: datetime, channel: str = "email", address_id: str | None = None) -> str:
    return trying.send_test(session, user_id, channel=channel, address_id=address_id, actor_id=user_id, now=now)


def send(database: Database, settings: Settings, clock: FakeClock) -> None:
    channels = open_channels(settings)
    work.send_once(database, channels, clock, "w1", settings)
    for sender in channels.values():
        sender.close()


def push_address(session: Session, user_id: str, settings: Settings, now: datetime, **values: object) -> Address:
    return addresses.add(
        session,
        user_id,
        kind="push",
        value=f"https://push.example/{now.timestamp()}",
        label="Chrome",
        actor_id=user_id,
        settings=settings,
        now=now,
        **{"verified": True, **values},  # type: ignore[arg-type]
    )


def test_a_test_goes_out_at_once_in_quiet_hours_too_and_says_what_the_provider_said(
    database: Database, settings: Settings, mail_server: MailServer, clock: FakeClock
) -> None:
    now = clock.now()
    with database.write() as session:
        user_id = factories.agent(session, now=now)
        session.add(
            Preference(
                user_id=user_id, value={"quietHours": {"from": "00:00", "until": "23:59"}}, version=1, updated_at=now
            )
        )
        made = ask(session, user_id, now)
        assert trying.standing(session, user_id, made).said == "On its way."
        assert session.scalars(select(AuditRow).where(AuditRow.action == "delivery.test")).one().actor_id == user_id
    send(database, settings, clock)
    (mail,) = mail_server.mails
    assert "test" in mail["Subject"]
    with database.read() as session:
        found = trying.standing(session, user_id, made)
    assert (found.done, found.ok, found.said) == (True, True, "The provider took it.")


@pytest.mark.parametrize(
    ("answer", "done", "said"),
    [("550 No such mailbox", True, "It was not sent"), ("421 Not now", False, "It is tried again")],
)
def test_a_refusal_is_told_in_the_providers_words(
    answer: str,
    done: bool,
    said: str,
    database: Database,
    settings: Settings,
    mail_server: MailServer,
    clock: FakeClock,
) -> None:
    mail_server.rcpt = answer
    with database.write() as session:
        user_id = factories.agent(session, now=clock.now())
        made = ask(session, user_id, clock.now())
    send(database, settings, clock)
    with database.read() as session:
        found = trying.standing(session, user_id, made)
    assert (found.done, found.ok) == (done, False)
    assert said in found.said
    assert answer in found.said


def test_it_goes_to_the_address_asked_for_or_else_to_the_newest_that_works(
    database: Database, settings: Settings, now: datetime
) -> None:
    with database.write() as session:
        user_id = factories.user(session, now=now)
        first, second, third = (
            push_address(session, user_id, settings, now + timedelta(seconds=number)).id for number in range(3)
        )
        addresses.disable(session, third, "gone", now=now)
        made = ask(session, user_id, now, "push"), ask(session, user_id, now, "push", first)
        to = [session.get_one(Delivery, one).address_id for one in made]
        assert to == [second, first]
        with pytest.raises(Conflict, match="switched off: gone"):
            ask(session, user_id, now, "push", third)


def test_what_cannot_be_tested_says_why(database: Database, settings: Settings, now: datetime) -> None:
    with database.write() as session:
        user_id, other = factories.user(session, "ann", now=now), factories.user(session, "bob", now=now)
        theirs = push_address(session, other, settings, now)
        waiting = push_address(session, user_id, settings, now, verified=False)
        for channel in ("in_app", "pigeon"):
            with pytest.raises(Invalid):
                ask(session, user_id, now, channel)
        with pytest.raises(Conflict, match="no confirmed address"):
            ask(session, user_id, now, "push")
        with pytest.raises(Conflict, match="Confirm"):
            ask(session, user_id, now, "push", waiting.id)
        with pytest.raises(NotFound):
            ask(session, user_id, now, "push", theirs.id)
        made = ask(session, other, now, "push")
        with pytest.raises(NotFound):
            trying.standing(session, user_id, made)


def test_the_sixth_test_in_ten_minutes_waits(database: Database, now: datetime) -> None:
    with database.write() as session:
        user_id = factories.user(session, now=now)
        for _ in range(trying.MOST):
            ask(session, user_id, now)
        with pytest.raises(TooMany) as caught:
            ask(session, user_id, now + timedelta(minutes=4))
        assert 350 < caught.value.retry_after < 370
        assert ask(session, user_id, now + trying.WINDOW)


def test_a_test_that_came_back_is_no_success(database: Database, now: datetime) -> None:
    with database.write() as session:
        user_id = factories.user(session, now=now)
        made = ask(session, user_id, now)
        session.execute(update(Delivery).where(Delivery.id == made).values(state="bounced", reason="mailbox full"))
        assert trying.standing(session, user_id, made).said == "It came back: mailbox full."

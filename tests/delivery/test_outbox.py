"""The outbox: what is enqueued is told once, leases run out, and every end has its reason."""

from datetime import datetime, timedelta

import pytest
from sqlalchemy import func, select

from core import changes, delivery
from core.clock import FakeClock
from core.db import Database
from core.db.tables import Alert, Attempt, AuditRow, Delivery, DeliveryEvent, Notification
from core.delivery import Failed, Message, Notice, Sent, Suppressed, Word, consent
from core.delivery.callbacks import Said
from core.delivery.ledger import Rule
from core.delivery.notices import idempotency_key
from core.errors import Conflict
from core.settings import Settings
from core.words import Priority
from tests import factories
from tests.delivery.making import LEASE, by_channel, claim_one, owned_alert, row, told


def test_a_critical_alert_is_in_the_inbox_at_once_and_queued_for_mail(database: Database, now: datetime) -> None:
    with database.write() as session:
        alert_id, agent_id = told(session, priority=Priority.CRITICAL, now=now)
    with database.read() as session:
        found = by_channel(session, alert_id)
        (note,) = session.scalars(select(Notification).where(Notification.user_id == agent_id))
        (change,) = changes.since(session, 0)
    assert {name: one.state for name, one in found.items()} == {"in_app": "delivered", "email": "queued"}
    assert note.title == "Rosa Diaz is likely to sell"
    assert note.body == "Checked the value of the home 10 times in 30 days"
    assert (change.kind, change.audience.users, change.payload["alertId"]) == (
        "notification:new",
        (agent_id,),
        alert_id,
    )


def test_the_inbox_speaks_in_sentences(database: Database, now: datetime) -> None:
    with database.write() as session:
        alert_id, agent_id = owned_alert(session, now=now)
        alert = session.get_one(Alert, alert_id)
        alert.top_factors = [{"text": "checked the home's value twice"}, {"text": "opened a mail"}]
        notice = Notice(
            alert_id=alert_id, user_id=agent_id, kind="alert_escalated", priority="HIGH", text="it is yours now"
        )
        delivery.enqueue(session, [notice], now=now)
        (note,) = session.scalars(select(Notification))
    assert note.body == "It is yours now. Checked the home's value twice; opened a mail"


@pytest.mark.parametrize(("priority", "waits"), [(Priority.MEDIUM, "hourly"), (Priority.LOW, "daily")])
def test_what_is_not_urgent_waits_for_the_next_digest(
    database: Database, now: datetime, priority: Priority, waits: str
) -> None:
    with database.write() as session:
        alert_id, _ = told(session, priority=priority, now=now)
        found = by_channel(session, alert_id)
        assert set(found) == {"in_app", "email"}
        assert found["email"].due_at > now
        assert (found["email"].bundle or "").startswith(waits)


def test_history_loaded_later_is_told_in_the_app_only(database: Database, now: datetime) -> None:
    with database.write() as session:
        alert_id, agent_id = owned_alert(session, now=now)
        notice = Notice(alert_id=alert_id, user_id=agent_id, kind="alert_new", priority="CRITICAL")
        delivery.enqueue(session, [notice], quiet=True, now=now)
        assert set(by_channel(session, alert_id)) == {"in_app"}


def test_the_same_notice_twice_is_told_once(database: Database, now: datetime) -> None:
    with database.write() as session:
        alert_id, agent_id = told(session, now=now)
    with database.write() as session:
        again = Notice(alert_id=alert_id, user_id=agent_id, kind="alert_new", priority=Priority.HIGH)
        delivery.enqueue(session, [again, again], now=now)
    with database.read() as session:
        assert session.scalar(select(func.count()).select_from(Delivery)) == 2
        assert session.scalar(select(func.count()).select_from(Notification)) == 1
        assert len(changes.since(session, 0)) == 1


def test_an_owner_who_gets_it_again_is_told_again(database: Database, now: datetime) -> None:
    with database.write() as session:
        alert_id, agent_id = owned_alert(session, now=now)
        for occasion in ("first", "second"):
            notice = Notice(
                alert_id=alert_id, user_id=agent_id, kind="alert_assigned", priority="LOW", occasion=occasion
            )
            delivery.enqueue(session, [notice], now=now)
        assert session.scalar(select(func.count()).select_from(Notification)) == 2


def test_a_claimed_message_is_nobody_elses_until_its_lease_runs_out(
    database: Database, clock: FakeClock, now: datetime
) -> None:
    with database.write() as session:
        told(session, now=now)
    with database.write() as session:
        first = claim_one(session, worker="w1", now=now)
    with database.write() as session:
        assert delivery.claim(session, worker="w2", limit=10, lease=LEASE, now=now) == []
        assert not delivery.has_due(session, now=now)
    later = now + LEASE + timedelta(seconds=1)
    with database.write() as session:
        second = claim_one(session, worker="w2", now=later)
    assert (second.id, second.key, second.attempt) == (first.id, first.key, 2)
    with database.write() as session:
        assert delivery.record(session, [(first, Sent(provider_id="late"))], now=later) == []
        assert row(session, first.id).state == "leased"
        outcomes = session.scalars(select(Attempt.outcome).order_by(Attempt.number)).all()
    assert outcomes == ["sent", "started"]


def test_a_try_that_died_with_its_process_is_recorded_as_lost(database: Database, now: datetime) -> None:
    with database.write() as session:
        told(session, now=now)
        claim_one(session, worker="gone", now=now)
    with database.write() as session:
        assert delivery.return_leases(session, lambda worker: worker == "gone", now=now) == 1
        assert delivery.return_leases(session, lambda worker: worker == "gone", now=now) == 0
    with database.write() as session:
        assert session.scalars(select(Attempt.outcome)).all() == ["lost"]
        assert claim_one(session, worker="new", now=now).attempt == 2


def test_what_was_claimed_and_not_tried_goes_back_as_if_untouched(database: Database, now: datetime) -> None:
    with database.write() as session:
        told(session, now=now)
        delivery.release(session, [claim_one(session, now=now)], now=now)
    with database.write() as session:
        claimed = claim_one(session, now=now)
        assert row(session, claimed.id).attempts == 1


def test_sent_reaches_the_owner_and_says_so_once(database: Database, now: datetime) -> None:
    with database.write() as session:
        alert_id, _ = told(session, now=now)
        claimed = claim_one(session, now=now)
        assert delivery.record(session, [(claimed, Sent(provider_id="<1@x>"))], now=now) == [alert_id]
        assert delivery.record(session, [(claimed, Sent(provider_id="<1@x>"))], now=now) == []
        found = row(session, claimed.id)
    assert (found.state, found.provider_id, found.sent_at, found.leased_by) == ("sent", "<1@x>", now, None)


def test_a_failure_waits_and_comes_back(database: Database, now: datetime) -> None:
    with database.write() as session:
        told(session, now=now)
        claimed = claim_one(session, now=now)
        failure = Failed(reason="the mail server said 451 later", retryable=True)
        delivery.record(session, [(claimed, failure)], now=now, fraction=lambda: 0.5)
        found = row(session, claimed.id)
        assert (found.state, found.due_at, found.reason) == ("queued", now + timedelta(seconds=1), failure.reason)
        assert delivery.claim(session, worker="w", limit=9, lease=LEASE, now=now) == []
        assert claim_one(session, now=now + timedelta(seconds=1)).attempt == 2


def test_a_final_failure_is_a_dead_letter_that_can_be_replayed_once(database: Database, now: datetime) -> None:
    with database.write() as session:
        factories.admin(session, now=now)
        told(session, now=now)
        claimed = claim_one(session, now=now)
        delivery.record(session, [(claimed, Failed(reason="550 no such user", retryable=False))], now=now)
        assert (row(session, claimed.id).state, row(session, claimed.id).reason) == ("dead", "550 no such user")
        delivery.replay(session, claimed.id, actor_id="admin", now=now)
        again = claim_one(session, now=now)
        assert (again.key, again.attempt) == (claimed.key, 2)
        delivery.record(session, [(again, Failed(reason="busy", retryable=True))], now=now, fraction=lambda: 0.999999)
        assert (row(session, claimed.id).due_at - now) < timedelta(seconds=2), "its tries are counted anew"
        with pytest.raises(Conflict):
            delivery.replay(session, claimed.id, actor_id="admin", now=now)


def test_a_bounce_counts_after_sent_and_only_once(database: Database, now: datetime) -> None:
    bounce = Word(provider_id="<1@x>", said=Said.BOUNCED, at=now, detail="mailbox full")
    with database.write() as session:
        told(session, now=now)
        claimed = claim_one(session, now=now)
        assert delivery.heard(session, bounce, now=now) is None
        delivery.record(session, [(claimed, Sent(provider_id="<1@x>"))], now=now)
        for _ in range(2):
            assert delivery.heard(session, bounce, now=now) is not None
        assert (row(session, claimed.id).state, row(session, claimed.id).reason) == ("bounced", "mailbox full")
        told_of = session.scalars(select(DeliveryEvent.what).where(DeliveryEvent.delivery_id == claimed.id)).all()
    assert list(told_of) == ["provider", "ignored"]


def test_a_suppressed_message_keeps_its_reason(database: Database, now: datetime) -> None:
    with database.write() as session:
        told(session, now=now)
        claimed = claim_one(session, now=now)
        delivery.record(session, [(claimed, Suppressed(rule=Rule.NOT_SET_UP, detail="e-mail is not set up"))], now=now)
        found = row(session, claimed.id)
    assert (found.state, found.reason) == ("suppressed", "e-mail is not set up")


def test_two_workers_on_postgresql_never_hold_the_same_message(database: Database, now: datetime) -> None:
    if database.is_sqlite:
        pytest.skip("a SQLite writer is alone")
    with database.write() as session:
        for _ in range(6):
            told(session, now=now)
    with database.write() as one, database.write() as other:
        first = delivery.claim(one, worker="w1", limit=4, lease=LEASE, now=now)
        second = delivery.claim(other, worker="w2", limit=4, lease=LEASE, now=now)
    assert (len(first), len(second)) == (4, 2)
    assert not {claimed.id for claimed in first} & {claimed.id for claimed in second}


def test_a_provider_that_is_down_for_a_day_costs_a_message_none_of_its_tries(database: Database, now: datetime) -> None:
    with database.write() as session:
        alert_id, _ = told(session, now=now)
    away = Failed(reason="no connection", retryable=True, provider_at_fault=True)
    at, tries = now, 0
    while at < now + timedelta(days=5):
        at += timedelta(hours=2)
        with database.write() as session:
            for claimed in delivery.claim(session, worker="w1", limit=10, lease=LEASE, now=at):
                delivery.record(session, [(claimed, away)], now=at, fraction=lambda: 0.5)
                tries = claimed.attempt
            if at < now + timedelta(days=3):
                assert by_channel(session, alert_id)["email"].state == "queued"
    assert tries > 40, "it was looked for again and again"
    with database.read() as session:
        left = by_channel(session, alert_id)["email"]
    assert (left.state, left.reason) == ("dead", "gave up after 10 tries: no connection"), "but not for ever"


def test_a_row_that_was_queued_before_the_fields_of_today_is_still_sent(database: Database, now: datetime) -> None:
    with database.write() as session:
        alert_id, _ = told(session, now=now)
        mail = by_channel(session, alert_id)["email"]
        mail.payload = {}
        session.flush()
        claimed = claim_one(session, now=now)
        message = delivery.prepare(session, claimed, settings=Settings(), now=now)
        assert isinstance(message, Message)
        delivery.record(session, [(claimed, Sent(provider_id="p"))], now=now)
        assert row(session, claimed.id).state == "sent"


def test_giving_back_and_taking_again_writes_each_try_once(database: Database, now: datetime) -> None:
    with database.write() as session:
        told(session, now=now)
        delivery.release(session, [claim_one(session, now=now)], now=now)
        delivery.record(session, [(claim_one(session, now=now), Sent(provider_id="p"))], now=now)
        assert session.scalars(select(Attempt.outcome).order_by(Attempt.id)).all() == ["released", "sent"]


def test_who_lost_the_lease_writes_no_end_into_the_ledger(database: Database, now: datetime) -> None:
    later = now + LEASE + timedelta(seconds=1)
    with database.write() as session:
        told(session, now=now)
        first = claim_one(session, worker="w1", now=now)
        claim_one(session, worker="w2", now=later)
        delivery.record(session, [(first, Suppressed(rule=Rule.ALERT_CLOSED))], now=later)
        assert session.scalar(select(func.count()).select_from(DeliveryEvent)) == 0


def test_a_replay_is_audited_with_who_did_it(database: Database, now: datetime) -> None:
    with database.write() as session:
        factories.admin(session, now=now)
        told(session, now=now)
        claimed = claim_one(session, now=now)
        delivery.record(session, [(claimed, Failed(reason="550 no", retryable=False))], now=now)
        delivery.replay(session, claimed.id, actor_id="admin", now=now)
        (entry,) = session.scalars(select(AuditRow).where(AuditRow.action == "delivery.replay"))
        assert (entry.actor_id, entry.subject_id) == ("admin", claimed.id)


@pytest.mark.parametrize("length", [1, 32, 64, 300])
def test_keys_fit_whatever_the_ids_and_differ_by_address(length: int) -> None:
    notice = Notice(alert_id="a" * length, user_id="u" * length, kind="alert_escalated", priority="HIGH")
    keys = {
        idempotency_key(notice, "o" * length, channel, address_id=address)
        for channel in delivery.CHANNELS
        for address in (None, "a1" * 16, "a2" * 16)
    }
    assert len(keys) == 3 * len(delivery.CHANNELS)
    assert max(map(len, keys)) <= 128


def test_opting_out_counts_however_the_address_is_written(database: Database, now: datetime) -> None:
    with database.write() as session:
        user_id = factories.user(session, email="Rosa@Doorbell.TEST", now=now)
        key = consent.key("email", "Rosa@Doorbell.TEST", "")
        consent.record(session, channel="email", address=key, given=False, source=consent.Source.ONE_CLICK, now=now)
        notice = Notice(
            alert_id=None, user_id=user_id, kind="admin_notice", priority="HIGH", occasion="x", text="Hello"
        )
        delivery.enqueue(session, [notice], now=now)
        assert session.scalars(select(Delivery.channel)).all() == ["in_app"]

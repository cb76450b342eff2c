"""Bundles: told once, whoever takes them; what was tried tells the same again; what became pointless is left out."""

from datetime import datetime, timedelta

from sqlalchemy import func, insert, select, update
from sqlalchemy.orm import Session

from core import delivery
from core.clock import FakeClock
from core.db import Database
from core.db.tables import Alert, Delivery, Notification
from core.db.tables.acting import DeliveryEvent
from core.delivery import Claimed, Deferred, Failed, Message, Notice, Sent, Suppressed, preferences
from core.delivery.consent import Scope, Source, record
from core.delivery.ledger import WORDS, Rule, What
from core.settings import Settings
from core.views.delivery_story import stories
from core.words import DeliveryState, Priority
from jobs import work
from tests import factories
from tests.delivery.making import LEASE, claim_one, row
from tests.mail import MailServer

SETTINGS = Settings(public_url="https://bell.example.com")
HOUR = timedelta(hours=1)


def news(session: Session, agent_id: str, *, priority: Priority = Priority.MEDIUM, now: datetime) -> str:
    alert_id = factories.alert(session, agent_id=agent_id, priority=priority, now=now)
    delivery.enqueue(
        session, [Notice(alert_id=alert_id, user_id=agent_id, kind="alert_new", priority=priority)], now=now
    )
    return alert_id


def digest(session: Session, number: int = 3, *, now: datetime) -> tuple[str, list[str]]:
    """An agent with so much news for the hour's digest."""
    agent_id = factories.agent(session, now=now)
    return agent_id, [news(session, agent_id, now=now + timedelta(seconds=one)) for one in range(number)]


def prepared(session: Session, claimed: Claimed, *, now: datetime) -> Message:
    found = delivery.prepare(session, claimed, settings=SETTINGS, now=now)
    assert isinstance(found, Message)
    return found


def send_all(database: Database, settings: Settings, clock: FakeClock, at: datetime) -> None:
    clock.set(at)
    channels = delivery.open_channels(settings)
    work.send_once(database, channels, clock, "w1", settings)
    for sender in channels.values():
        sender.close()


def states(session: Session) -> list[str]:
    return sorted(session.scalars(select(Delivery.state).where(Delivery.channel == "email")))


def test_an_hours_news_is_one_message_and_the_others_are_merged_into_it(database: Database, now: datetime) -> None:
    later = now + HOUR
    with database.write() as session:
        _, alert_ids = digest(session, now=now)
        claimed = claim_one(session, now=later)
        assert len(prepared(session, claimed, now=later).items) == 3
        started = delivery.record(session, [(claimed, Sent(provider_id="p"))], now=later)
        assert started == sorted(alert_ids), "the clocks of all it told start"
        assert states(session) == ["sent", "suppressed", "suppressed"]
        merged = session.scalars(select(Delivery.merged_into).where(Delivery.merged_into.is_not(None))).all()
        assert set(merged) == {claimed.id}
        assert not delivery.has_due(session, now=later)


def test_what_came_after_a_try_waits_for_a_message_of_its_own(database: Database, now: datetime) -> None:
    later = now + HOUR
    with database.write() as session:
        agent_id, _ = digest(session, now=now)
        first = claim_one(session, now=later)
        news(session, agent_id, now=later - timedelta(seconds=1))
        again = later + LEASE + timedelta(seconds=1)  # the provider may have taken it before the process died
        by_id = {one.id: one for one in delivery.claim(session, worker="w2", limit=9, lease=LEASE, now=again)}
        assert len(by_id[first.id].payload["items"]) == 3, "the same key tells the same"
        assert len(by_id) == 2


def test_what_was_tried_is_merged_into_nothing(database: Database, now: datetime) -> None:
    later = now + HOUR
    with database.write() as session:
        agent_id, _ = digest(session, 1, now=now)
        first = claim_one(session, now=later)
        delivery.record(session, [(first, Failed(reason="busy", retryable=True))], now=later, fraction=lambda: 0.0)
        news(session, agent_id, now=later - timedelta(seconds=1))
        second = delivery.claim(session, worker="w", limit=9, lease=LEASE, now=later)
        assert {one.id for one in second} > {first.id}
        assert not any("items" in one.payload for one in second)


def test_a_dead_digest_is_replayed_with_all_it_told(database: Database, now: datetime) -> None:
    later = now + HOUR
    with database.write() as session:
        factories.admin(session, now=now)
        agent_id, _ = digest(session, now=now)
        claimed = claim_one(session, now=later)
        delivery.record(session, [(claimed, Failed(reason="550 no", retryable=False))], now=later)
        news(session, agent_id, now=now)
        delivery.replay(session, claimed.id, actor_id="admin", now=later)
        by_id = {one.id: one for one in delivery.claim(session, worker="w", limit=9, lease=LEASE, now=later)}
        assert len(prepared(session, by_id[claimed.id], now=later).items) == 3


def test_what_became_pointless_is_left_out_and_a_bundle_of_nothing_is_not_sent(
    database: Database, now: datetime
) -> None:
    later = now + HOUR
    with database.write() as session:
        _, alert_ids = digest(session, now=now)
        claimed = claim_one(session, now=later)
        session.execute(update(Alert).where(Alert.id == alert_ids[0]).values(closed_at=later, status="DISMISSED"))
        assert len(prepared(session, claimed, now=later).items) == 2
        session.execute(update(Alert).values(closed_at=later, status="DISMISSED"))
        session.expire_all()
        nothing = delivery.prepare(session, claimed, settings=SETTINGS, now=later)
        assert isinstance(nothing, Suppressed)
        assert (nothing.rule, set(nothing.left_out.values())) == (Rule.ALERT_CLOSED, {Rule.ALERT_CLOSED})


def test_of_later_steps_told_together_only_what_was_read_is_left_out(database: Database, now: datetime) -> None:
    with database.write() as session:
        agent_id = factories.agent(session, now=now)
        wish = {"matrix": {"HIGH": {"email": 600}}, "quietHours": {"from": "09:00", "until": "10:00"}}
        preferences.save(session, agent_id, wish, actor_id=agent_id, now=now)
        read, unread = (news(session, agent_id, priority=Priority.HIGH, now=now) for _ in range(2))
        session.execute(update(Notification).where(Notification.alert_id == read).values(read_at=now))
        later = now + HOUR
        claimed = claim_one(session, now=later)
        assert len(claimed.payload["items"]) == 2
        story = prepared(session, claimed, now=later).story
        assert story is not None
        assert story.alert_id == unread


def test_who_wants_no_digests_still_hears_what_the_night_held_back(database: Database, now: datetime) -> None:
    with database.write() as session:
        agent_id = factories.agent(session, now=now)
        wish = {"quietHours": {"from": "09:00", "until": "10:00"}}
        preferences.save(session, agent_id, wish, actor_id=agent_id, now=now)
        for _ in range(2):
            news(session, agent_id, priority=Priority.HIGH, now=now)
        mail = f"{agent_id}@doorbell.test"
        record(
            session, channel="email", address=mail, given=False, source=Source.ONE_CLICK, scope=Scope.DIGESTS, now=now
        )
        claimed = claim_one(session, now=now + HOUR)
        assert len(prepared(session, claimed, now=now + HOUR).items) == 2


def test_a_digest_that_somebody_opted_out_of_meanwhile_is_not_sent(database: Database, now: datetime) -> None:
    later = now + HOUR
    with database.write() as session:
        agent_id, _ = digest(session, 1, now=now)
        mail = f"{agent_id}@doorbell.test"
        record(
            session, channel="email", address=mail, given=False, source=Source.ONE_CLICK, scope=Scope.DIGESTS, now=now
        )
        claimed = claim_one(session, now=later)
        assert delivery.prepare(session, claimed, settings=SETTINGS, now=later) == Suppressed(rule=Rule.OPTED_OUT)


def test_what_is_critical_in_a_bundle_takes_it_through_quiet_hours(database: Database, now: datetime) -> None:
    with database.write() as session:
        agent_id = factories.agent(session, now=now)
        ids = [news(session, agent_id, priority=one, now=now) for one in (Priority.HIGH, Priority.CRITICAL)]
        session.execute(update(Delivery).where(Delivery.channel == "email").values(bundle="storm:x"))
        wish = {"quietHours": {"from": "09:00", "until": "10:00"}}
        preferences.save(session, agent_id, wish, actor_id=agent_id, now=now)
        session.expire_all()
        claimed = claim_one(session, now=now)
        assert len(prepared(session, claimed, now=now).items) == len(ids)


def test_a_storm_that_goes_on_is_one_message_in_five_minutes(database: Database, now: datetime) -> None:
    with database.write() as session:
        agent_id = factories.agent(session, now=now)
        for second in range(60):
            news(session, agent_id, priority=Priority.HIGH, now=now + timedelta(seconds=second))
        at = now + timedelta(minutes=1)
        assert len(delivery.claim(session, worker="w", limit=99, lease=LEASE, now=at)) == 8
        at = now + timedelta(minutes=5, seconds=8)
        claimed = [
            one for one in delivery.claim(session, worker="w2", limit=99, lease=LEASE, now=at) if one.attempt == 1
        ]
        assert [len(one.payload["items"]) for one in claimed] == [52]


def test_ten_thousand_in_one_bundle_are_each_told_once(database: Database, now: datetime) -> None:
    with database.write() as session:
        user_id = factories.user(session, now=now)
        session.execute(
            insert(Delivery),
            [
                {
                    "id": f"d{number}",
                    "user_id": user_id,
                    "channel": "email",
                    "kind": "admin_notice",
                    "priority": "LOW",
                    "state": "queued",
                    "idempotency_key": f"k{number}",
                    "payload": {"text": f"Notice {number}"},
                    "bundle": "daily:x",
                    "due_at": now,
                    "attempts": 0,
                    "created_at": now,
                }
                for number in range(10_000)
            ],
        )
    told: list[str] = []
    while True:
        with database.write() as session:
            claimed = delivery.claim(session, worker="w", limit=20, lease=LEASE, now=now)
            for one in claimed:
                delivery.record(session, [(one, Sent(provider_id=one.id))], now=now)
        if not claimed:
            break
        told += [item["id"] for one in claimed for item in one.payload["items"]]
    assert len(told) == len(set(told)) == 10_000
    with database.read() as session:
        sent = session.scalar(select(func.count()).where(Delivery.state == DeliveryState.SENT))
    assert sent == 50


def test_two_workers_tell_a_bundle_once(database: Database, now: datetime) -> None:
    later = now + HOUR
    with database.write() as session:
        digest(session, 30, now=now)
    with database.write() as session:
        first = delivery.claim(session, worker="w1", limit=1, lease=LEASE, now=later)
        if not database.is_sqlite:  # a SQLite writer is alone
            with database.write() as other:
                second = delivery.claim(other, worker="w2", limit=9, lease=LEASE, now=later)
            assert second == []
    assert len(first[0].payload["items"]) == 30


def test_put_off_is_not_tried_and_gathers_what_came_meanwhile(database: Database, now: datetime) -> None:
    later = now + HOUR
    with database.write() as session:
        agent_id, _ = digest(session, 2, now=now)
        claimed = claim_one(session, now=later)
        put_off = Deferred(until=later + HOUR, rule=Rule.QUIET_HOURS, bundle=claimed.bundle)
        delivery.record(session, [(claimed, put_off)], now=later)
        news(session, agent_id, now=later)
        again = claim_one(session, now=later + HOUR)
        assert (again.id, len(again.payload["items"]), again.attempt) == (claimed.id, 3, 2)
        delivery.record(session, [(again, Failed(reason="busy", retryable=True))], now=later, fraction=lambda: 0.999999)
        assert row(session, claimed.id).due_at - later < timedelta(seconds=2), "its first real try"


def test_what_is_left_out_says_so_in_its_own_row_and_starts_no_clock(
    database: Database, settings: Settings, mail_server: MailServer, clock: FakeClock
) -> None:
    now, later = clock.now(), clock.now() + HOUR
    with database.write() as session:
        _, alert_ids = digest(session, 4, now=now)
        closed, snoozed = alert_ids[0], alert_ids[2]
        first = update(Delivery).where(Delivery.alert_id == closed, Delivery.channel == "email")
        session.execute(first.values(due_at=later - timedelta(seconds=1)))  # it becomes the message
        session.execute(update(Alert).where(Alert.id == closed).values(closed_at=later, status="DISMISSED"))
        session.execute(update(Alert).where(Alert.id == snoozed).values(snoozed_until=later + HOUR))
    send_all(database, settings, clock, later)
    assert len(mail_server.mails) == 1
    with database.read() as session:
        rows = {one.alert_id: one for one in session.scalars(select(Delivery).where(Delivery.channel == "email"))}
        lead = rows[closed]
        assert lead.state == DeliveryState.SENT
        assert (rows[snoozed].state, rows[snoozed].reason, rows[snoozed].merged_into) == (
            DeliveryState.SUPPRESSED,
            WORDS[Rule.SNOOZED],
            None,
        )
        for alert_id in (alert_ids[1], alert_ids[3]):
            assert (rows[alert_id].reason, rows[alert_id].merged_into) == (WORDS[Rule.MERGED], lead.id)
        told = stories(session, list(rows.values()))
        assert told[rows[snoozed].id][-1].text == "Not sent: the alert was snoozed before it could be sent"
        assert not any(step.rule == Rule.MERGED and "tells it" in step.text for step in told[rows[snoozed].id])
        assert [step.text for step in told[lead.id] if step.rule == Rule.ALERT_CLOSED] == [
            "Went out without its own news: the alert was closed before it could be sent"
        ]
        told_of = session.scalars(select(Alert.id).where(Alert.notified_at.is_not(None))).all()
        assert set(told_of) == {alert_ids[1], alert_ids[3]}, "what nobody was told of has no clock"


def test_a_bundle_of_which_nothing_is_left_says_of_each_why(
    database: Database, settings: Settings, mail_server: MailServer, clock: FakeClock
) -> None:
    now, later = clock.now(), clock.now() + HOUR
    with database.write() as session:
        _, alert_ids = digest(session, 2, now=now)
        session.execute(update(Alert).where(Alert.id == alert_ids[0]).values(closed_at=later, status="DISMISSED"))
        session.execute(update(Alert).where(Alert.id == alert_ids[1]).values(snoozed_until=later + HOUR))
    send_all(database, settings, clock, later)
    assert mail_server.mails == []
    with database.read() as session:
        found = session.execute(select(Delivery.alert_id, Delivery.reason).where(Delivery.channel == "email")).all()
        assert dict(found) == {alert_ids[0]: WORDS[Rule.ALERT_CLOSED], alert_ids[1]: WORDS[Rule.SNOOZED]}
        rules = session.scalars(select(DeliveryEvent.rule).where(DeliveryEvent.what == What.SUPPRESSED)).all()
        assert sorted(rules) == [Rule.ALERT_CLOSED, Rule.SNOOZED], "each has one line"


def test_what_a_message_that_was_put_off_had_gathered_is_told_by_the_one_that_takes_it_in(
    database: Database, now: datetime
) -> None:
    later = now + HOUR
    with database.write() as session:
        agent_id, _ = digest(session, 2, now=now)
        put_off = claim_one(session, now=later)
        until = later + HOUR + timedelta(minutes=1)
        result = Deferred(until=until, rule=Rule.QUIET_HOURS, bundle=put_off.bundle)
        delivery.record(session, [(put_off, result)], now=later)
        news(session, agent_id, now=later)
        lead = claim_one(session, now=later + HOUR)
        assert (lead.id != put_off.id, len(lead.payload["items"])) == (True, 3)
        merged = session.scalars(select(Delivery.merged_into).where(Delivery.merged_into.is_not(None))).all()
        assert merged == [lead.id, lead.id]


def test_a_bundle_that_may_not_be_sent_says_so_in_the_row_of_each(database: Database, now: datetime) -> None:
    later = now + HOUR
    with database.write() as session:
        agent_id, _ = digest(session, 3, now=now)
        mail = f"{agent_id}@doorbell.test"
        claimed = claim_one(session, now=later)
        record(session, channel="email", address=mail, given=False, source=Source.BOUNCE, now=later)
        result = delivery.prepare(session, claimed, settings=SETTINGS, now=later)
        assert result == Suppressed(rule=Rule.OPTED_OUT)
        delivery.record(session, [(claimed, result)], now=later)
        rows = session.execute(
            select(Delivery.state, Delivery.reason, Delivery.merged_into).where(Delivery.channel == "email")
        ).all()
        assert set(rows) == {(DeliveryState.SUPPRESSED, WORDS[Rule.OPTED_OUT], None)}
        lines = session.scalars(select(DeliveryEvent.rule).where(DeliveryEvent.what == What.SUPPRESSED)).all()
        assert lines == [Rule.OPTED_OUT] * 3, "one line each"

"""Consent: an append-only ledger that every message is held against, when it is planned and when it is sent."""

from datetime import datetime, timedelta

import pytest
from sqlalchemy import delete, select, update
from sqlalchemy.exc import DatabaseError

from core import delivery
from core.db import Database
from core.db.migrate import downgrade, upgrade
from core.db.tables import Delivery
from core.db.tables.reaching import Consent
from core.delivery import Suppressed, consent
from core.delivery.ledger import Rule
from core.errors import Invalid, NotFound
from core.settings import Settings
from tests import factories
from tests.delivery.making import by_channel, claim_one, told


def say(session: object, address: str, *, given: bool, scope: str = "all", now: datetime) -> None:
    consent.record(
        session,  # type: ignore[arg-type]
        channel="email",
        address=address,
        given=given,
        source=consent.Source.ONE_CLICK,
        scope=consent.Scope(scope),
        proof={"link": "in the mail of 2 March"},
        now=now,
    )


def test_a_no_holds_when_planning_and_the_newest_counts(database: Database, now: datetime) -> None:
    with database.write() as session:
        agent_id = factories.agent(session, now=now)
        say(session, f"{agent_id}@doorbell.test", given=False, now=now)
        alert_id = factories.alert(session, agent_id=agent_id, now=now)
        notice = delivery.Notice(alert_id=alert_id, user_id=agent_id, kind="alert_new", priority="HIGH")
        delivery.enqueue(session, [notice], now=now)
        rows = by_channel(session, alert_id)
        assert rows.keys() == {"in_app"}
        assert rows["in_app"].payload["skipped"]["email"] == Rule.OPTED_OUT
        say(session, f"{agent_id}@doorbell.test", given=True, now=now)
        other = factories.alert(session, agent_id=agent_id, now=now)
        again = delivery.Notice(alert_id=other, user_id=agent_id, kind="alert_new", priority="HIGH")
        delivery.enqueue(session, [again], now=now)
        assert "email" in by_channel(session, other)


def test_a_no_that_comes_while_it_waits_holds_too(database: Database, now: datetime) -> None:
    with database.write() as session:
        _, agent_id = told(session, now=now)
        claimed = claim_one(session, now=now)
        say(session, f"{agent_id}@doorbell.test", given=False, now=now)
    with database.read() as session:
        found = delivery.prepare(session, claimed, settings=Settings(), now=now)
        assert found == Suppressed(rule=Rule.OPTED_OUT)


def test_a_no_to_digests_is_not_a_no_to_alerts(database: Database, now: datetime) -> None:
    with database.write() as session:
        agent_id = factories.agent(session, now=now)
        say(session, f"{agent_id}@doorbell.test", given=False, scope="digests", now=now)
        for priority in ("HIGH", "MEDIUM"):
            alert_id = factories.alert(session, agent_id=agent_id, priority=priority, now=now)
            notice = delivery.Notice(alert_id=alert_id, user_id=agent_id, kind="alert_new", priority=priority)
            delivery.enqueue(session, [notice], now=now)
        mails = session.scalars(select(Delivery.priority).where(Delivery.channel == "email")).all()
        assert mails == ["HIGH"], "the hour's digest is not planned"


def test_the_database_refuses_to_change_or_delete_a_row(database: Database, now: datetime) -> None:
    with database.write() as session:
        say(session, "ann@doorbell.test", given=False, now=now)
    for statement in (update(Consent).values(given=True), delete(Consent)):
        with pytest.raises(DatabaseError, match="only added to"), database.write() as session:
            session.execute(statement)
    with database.read() as session:
        assert session.scalars(select(Consent.given)).all() == [False]


def test_the_ledger_survives_the_way_down_and_up(database: Database, now: datetime) -> None:
    with database.write() as session:
        say(session, "ann@doorbell.test", given=False, now=now)
    downgrade(database, "0016")
    upgrade(database)
    with database.read() as session:
        assert session.scalars(select(Consent.given)).all() == [False]
    with pytest.raises(DatabaseError, match="only added to"), database.write() as session:
        session.execute(delete(Consent))


def test_what_somebody_said_elsewhere_is_written_down_with_proof(database: Database, now: datetime) -> None:
    with database.write() as session:
        user_id, other = factories.user(session, now=now), factories.user(session, now=now)

        def write(channel: str, who: str = user_id, address_id: str | None = None) -> None:
            consent.record_by_hand(
                session,
                who,
                channel=channel,
                address_id=address_id,
                scope=consent.Scope.ALL,
                given=False,
                proof="on the phone",
                actor_id=other,
                now=now + timedelta(seconds=1),
            )

        with pytest.raises(Invalid, match="does not reach"):
            write("sms")
        with pytest.raises(NotFound):
            write("email", "nobody")
        with pytest.raises(NotFound):
            write("sms", address_id="none")
        write("email")
        (row,) = consent.history(session, user_id)
        assert (row.given, row.source, row.actor_id, row.proof) == (False, "admin", other, {"said": "on the phone"})
        assert consent.history(session, other) == []

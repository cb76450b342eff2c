"""Addresses of people: what is stored, how many, and what a provider's refusal does to one."""

from datetime import datetime, timedelta

import pytest
from sqlalchemy import select

from core import delivery
from core.db import Database
from core.db.tables.acting import Delivery
from core.db.tables.reaching import Address, Consent
from core.db.tables.running import AuditRow
from core.delivery import Failed, Refused, Suppressed, addresses
from core.delivery.ledger import Rule
from core.errors import Conflict, NotFound
from core.settings import Settings
from tests import factories
from tests.delivery.making import claim_one, told

SETTINGS = Settings(secret_key="k" * 40)  # type: ignore[arg-type]
URL = "https://push.example.com/send/abc"


def test_what_is_secret_is_sealed_and_opened_again(database: Database, now: datetime) -> None:
    with database.write() as session:
        user_id = factories.user(session, now=now)
        made = addresses.add(
            session,
            user_id,
            kind="push",
            value=URL,
            label="Chrome on a phone",
            detail={"auth": "s3cret", "browser": "Chrome"},
            secret=("value", "auth"),
            verified=True,
            actor_id=user_id,
            settings=SETTINGS,
            now=now,
        )
        stored = f"{made.value} {made.detail}"
        assert URL not in stored
        assert "s3cret" not in stored
        assert addresses.reveal(made, SETTINGS) == URL
        assert addresses.reveal_detail(made, SETTINGS) == {"auth": "s3cret", "browser": "Chrome"}
        row = session.scalars(select(AuditRow).where(AuditRow.action == "address.add")).one()
        assert row.after == {"address": made.id, "kind": "push", "label": "Chrome on a phone", "verified": True}


def phone(session: object, user_id: str, number: str, now: datetime) -> Address:
    return addresses.add(
        session,  # type: ignore[arg-type]
        user_id,
        kind="phone",
        value=number,
        label=f"... {number[-2:]}",
        actor_id=user_id,
        settings=SETTINGS,
        now=now,
    )


def test_the_same_address_again_is_the_same_and_a_sixth_is_refused(database: Database, now: datetime) -> None:
    with database.write() as session:
        user_id = factories.user(session, now=now)
        made = [phone(session, user_id, f"+1312555014{number}", now).id for number in range(5)]
        assert phone(session, user_id, "+13125550140", now).id == made[0]
        with pytest.raises(Conflict, match="5 phones"):
            phone(session, user_id, "+13125550149", now)
        addresses.disable(session, made[1], "nobody is there", now=now)
        phone(session, user_id, "+13125550149", now)
        with pytest.raises(Conflict):
            phone(session, user_id, "+13125550141", now)
        addresses.remove(session, user_id, made[0], actor_id=user_id, now=now)
        taken_up = phone(session, user_id, "+13125550141", now)
        assert (taken_up.id, taken_up.disabled_at, taken_up.verified_at) == (made[1], None, None)
        assert len(addresses.listed(session, user_id)) == 5


def test_the_address_of_another_is_not_there(database: Database, now: datetime) -> None:
    with database.write() as session:
        user_id, other = factories.user(session, now=now), factories.user(session, now=now)
        made = phone(session, user_id, "+13125550140", now)
        with pytest.raises(NotFound):
            addresses.remove(session, other, made.id, actor_id=other, now=now)


@pytest.mark.parametrize("refused", [Refused.GONE, Refused.OPTED_OUT])
def test_what_a_provider_says_of_an_address_holds_for_the_next_message(
    database: Database, now: datetime, refused: Refused
) -> None:
    with database.write() as session:
        _, agent_id = told(session, now=now)
        address_id = phone(session, agent_id, "+13125550140", now).id
        session.execute(Delivery.__table__.update().values(address_id=address_id))  # type: ignore[attr-defined]
        claimed = claim_one(session, now=now)
        failed = Failed(reason="Twilio said 21610", retryable=False, address=refused)
        delivery.record(session, [(claimed, failed)], now=now)
        told(session, now=now + timedelta(minutes=1))
    with database.read() as session:
        found = delivery.prepare(session, claimed, settings=SETTINGS, now=now)
        rule = Rule.ADDRESS_DISABLED if refused is Refused.GONE else Rule.OPTED_OUT
        assert found == Suppressed(rule=rule)
        no = session.scalars(select(Consent)).all()
        assert [(one.given, one.channel, one.proof["delivery"]) for one in no] == (
            [] if refused is Refused.GONE else [(False, "email", claimed.id)]
        )

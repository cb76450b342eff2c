"""Acting from a message: looking changes nothing, acting happens once, as its reader, with their rights of now."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from core import alerts, assignments, delivery, escalation, routing
from core.db import Database
from core.db.tables import Alert, Assignment, AuditRow, Delivery, UsedLink, User
from core.delivery import Suppressed, acting, links
from core.delivery.acting import Acted, Problem
from core.delivery.ledger import Rule
from core.delivery.links import Action
from core.errors import Invalid
from core.settings import Settings
from tests import factories
from tests.delivery.making import by_channel, claim_one, told

KEY = "k" * 40


def token(session: Session, alert_id: str, action: Action, *, now: datetime, channel: str = "email") -> str:
    return links.make(action, by_channel(session, alert_id)[channel].id, key=KEY, now=now)


def act(session: Session, secret: str, form: Mapping[str, str] | None = None, *, now: datetime) -> Acted:
    acted = acting.act(session, secret, form=form or {}, state=lambda: routing.State.load(session), key=KEY, now=now)
    if acted.routed is not None:
        escalation.ring(session, [acted.routed], now=now)
    return acted


def status(database: Database, alert_id: str) -> str:
    with database.read() as session:
        return session.scalars(select(Alert.status).where(Alert.id == alert_id)).one()


def test_looking_changes_nothing_however_often(database: Database, now: datetime) -> None:
    with database.write() as session:
        alert_id, _ = told(session, now=now)
        secrets = [token(session, alert_id, action, now=now) for action in Action]
    for secret in secrets * 2:
        with database.write() as session:
            acting.look(session, secret, key=KEY, now=now)
            assert not session.dirty
            assert not session.new
    with database.read() as session:
        assert session.scalar(select(func.count()).select_from(UsedLink)) == 0
    assert status(database, alert_id) == "NEW"


def test_acknowledging_is_the_readers_own_act_and_is_audited_with_its_source(database: Database, now: datetime) -> None:
    with database.write() as session:
        alert_id, agent_id = told(session, now=now)
        secret = token(session, alert_id, Action.ACKNOWLEDGE, now=now)
        standing = acting.look(session, secret, key=KEY, now=now)
        assert (standing.problem, standing.headline) == (None, "Rosa Diaz is likely to sell")
        assert act(session, secret, now=now).standing.problem is None
    with database.read() as session:
        alert = session.get_one(Alert, alert_id)
        assert (alert.status, alert.acknowledged_at) == ("ACKNOWLEDGED", now)
        rows = session.execute(select(AuditRow.action, AuditRow.actor_id, AuditRow.after).order_by(AuditRow.id)).all()
        assert {row.actor_id for row in rows} == {agent_id}
        used = next(row for row in rows if row.action == "message_link.used")
        assert used.after["channel"] == "email"
        assert by_channel(session, alert_id)["email"].clicked_at == now


def test_acting_from_one_message_takes_back_the_others(database: Database, now: datetime) -> None:
    with database.write() as session:
        alert_id, agent_id = told(session, now=now)
        session.execute(update(Delivery).where(Delivery.channel == "in_app").values(payload={}))
        secret = token(session, alert_id, Action.ACKNOWLEDGE, now=now, channel="in_app")
        claimed = claim_one(session, now=now)
        act(session, secret, now=now + timedelta(seconds=5))
    with database.read() as session:
        checked = delivery.prepare(session, claimed, settings=Settings(), now=now + timedelta(seconds=6))
    assert checked == Suppressed(rule=Rule.ACTED_ALREADY)
    assert agent_id


def test_the_second_use_says_what_was_done_before(database: Database, now: datetime) -> None:
    with database.write() as session:
        alert_id, _ = told(session, now=now)
        secret = token(session, alert_id, Action.SNOOZE, now=now)
        act(session, secret, {"until": "hour"}, now=now)
    later = now + timedelta(hours=2)
    with database.write() as session:
        again = act(session, secret, {"until": "tomorrow"}, now=later)
        assert (again.standing.problem, again.standing.used_at) == (Problem.USED, now)
        assert session.get_one(Alert, alert_id).snoozed_until == now + timedelta(hours=1)


def test_until_tomorrow_is_eight_in_the_morning_where_the_reader_is(database: Database, now: datetime) -> None:
    with database.write() as session:
        alert_id, agent_id = told(session, now=now)
        session.execute(update(User).where(User.id == agent_id).values(timezone="America/New_York"))
        session.expire_all()
        acted = act(session, token(session, alert_id, Action.SNOOZE, now=now), {"until": "tomorrow"}, now=now)
    assert acted.until is not None
    local = acted.until.astimezone(ZoneInfo("America/New_York"))
    assert (local.hour, local.minute, (local.date() - now.date()).days) == (8, 0, 1)


def test_eight_in_the_morning_is_eight_also_when_the_clocks_change(now: datetime) -> None:
    evening = datetime(2026, 3, 7, 22, 0, tzinfo=ZoneInfo("America/Chicago")).astimezone(now.tzinfo)
    until = acting.snooze_until("tomorrow", "America/Chicago", now=evening)
    assert until - evening == timedelta(hours=9), "ten hours on the clock, one of which there is not"


def test_declining_hands_it_on_and_rings_there(database: Database, now: datetime) -> None:
    with database.write() as session:
        alert_id, agent_id = told(session, now=now)
        other = factories.agent(session, now=now)
        secret = token(session, alert_id, Action.DECLINE, now=now)
    with database.write() as session, pytest.raises(Invalid) as caught:
        act(session, secret, {"reason": "no"}, now=now)
    assert "reason" in caught.value.fields
    with database.write() as session, pytest.raises(Invalid) as caught:
        act(session, secret, {"reason": "other", "notes": " "}, now=now)
    assert "notes" in caught.value.fields
    with database.write() as session:
        acted = act(session, secret, {"reason": "too_busy"}, now=now)
        assert acted.routed is not None
        assert acted.routed.agent_id == other
    with database.read() as session:
        assert session.get_one(Alert, alert_id).assigned_agent_id == other
        ended = session.scalars(select(Assignment.ended_reason).where(Assignment.agent_id == agent_id)).one()
        assert ended == "declined"
        to_other = select(Delivery.kind).where(Delivery.user_id == other, Delivery.channel == "email")
        assert session.scalars(to_other).all() == ["alert_assigned"]
        assert acting.look(session, secret, key=KEY, now=now).problem is Problem.USED


def close(session: Session, alert_id: str, agent_id: str, now: datetime) -> None:
    alerts.dismiss(session, alert_id, viewer=factories.viewer(session, agent_id), reason="no_interest", now=now)


def give_away(session: Session, alert_id: str, _agent_id: str, now: datetime) -> None:
    other = factories.agent(session, now=now)
    assert assignments.take(session, alert_id, other, decision_id=None, reason="moved", by=None, now=now)


def begin(session: Session, alert_id: str, agent_id: str, now: datetime) -> None:
    alerts.start(session, alert_id, viewer=factories.viewer(session, agent_id), now=now)


def leave(session: Session, _alert_id: str, agent_id: str, _now: datetime) -> None:
    session.execute(update(User).where(User.id == agent_id).values(active=False))


@pytest.mark.parametrize(
    ("happens", "action", "problem"),
    [
        (close, Action.ACKNOWLEDGE, Problem.CLOSED),
        (give_away, Action.ACKNOWLEDGE, Problem.NOT_YOURS),
        (give_away, Action.SNOOZE, Problem.NOT_YOURS),
        (begin, Action.ACKNOWLEDGE, Problem.ANSWERED),
        (begin, Action.DECLINE, Problem.BEGUN),
        (leave, Action.ACKNOWLEDGE, Problem.INACTIVE),
    ],
)
def test_rights_and_state_are_those_of_now(
    database: Database, now: datetime, happens: object, action: Action, problem: Problem
) -> None:
    assert callable(happens)
    with database.write() as session:
        alert_id, agent_id = told(session, now=now)
        secret = token(session, alert_id, action, now=now)
        happens(session, alert_id, agent_id, now)
    with database.write() as session:
        before = session.get_one(Alert, alert_id)
        kept = (before.status, before.assigned_agent_id, before.snoozed_until)
        assert act(session, secret, {"reason": "too_busy"}, now=now).standing.problem is problem
        after = session.get_one(Alert, alert_id, populate_existing=True)
        assert (after.status, after.assigned_agent_id, after.snoozed_until) == kept
        assert session.scalar(select(func.count()).select_from(UsedLink)) == 0


def test_who_lost_the_alert_is_told_nothing_more_of_the_contact(database: Database, now: datetime) -> None:
    with database.write() as session:
        alert_id, agent_id = told(session, now=now)
        secret = token(session, alert_id, Action.ACKNOWLEDGE, now=now)
        give_away(session, alert_id, agent_id, now)
        assert acting.look(session, secret, key=KEY, now=now).headline == ""


def test_a_link_ends_after_a_week(database: Database, now: datetime) -> None:
    with database.write() as session:
        alert_id, _ = told(session, now=now)
        secret = token(session, alert_id, Action.ACKNOWLEDGE, now=now)
        late = now + timedelta(days=7)
        assert act(session, secret, now=late).standing.problem is Problem.EXPIRED
        assert act(session, secret, now=late - timedelta(seconds=1)).standing.problem is None


def test_a_link_to_unsubscribe_acts_on_no_alert(database: Database, now: datetime) -> None:
    with database.write() as session:
        alert_id, _ = told(session, now=now)
        secret = token(session, alert_id, Action.UNSUBSCRIBE, now=now)
        assert act(session, secret, now=now).standing.problem is Problem.UNKNOWN


@pytest.mark.parametrize(("is_owner", "offered"), [(True, ["acknowledge", "snooze", "decline"]), (False, [])])
def test_a_message_offers_only_what_its_reader_may_do(
    database: Database, now: datetime, is_owner: bool, offered: list[str]
) -> None:
    settings = Settings(secret_key=KEY, public_url="https://bell.example.com")  # type: ignore[arg-type]
    with database.write() as session:
        alert_id, agent_id = told(session, now=now)
        if not is_owner:
            reader = factories.manager(session, now=now)
            session.execute(update(Delivery).values(user_id=reader, payload={"owner": False}))
        claimed = claim_one(session, now=now)
        message = delivery.prepare(session, claimed, settings=settings, now=now)
        assert isinstance(message, delivery.Message)
        assert list(message.links) == offered
        if is_owner:
            secret = message.links["acknowledge"].removeprefix("https://bell.example.com/act/")
            assert act(session, secret, now=now).standing.problem is None
    assert alert_id
    assert agent_id

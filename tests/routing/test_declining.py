"""Saying no: the alert goes on to somebody who never had it, never back, and nothing is learned of it."""

from datetime import datetime, timedelta

import pytest
from sqlalchemy import func, select

from core import alerts, changes, escalation, routing
from core.db import Database
from core.db.tables import Agent, Alert, AlertOutcome, Assignment, AuditRow, Decision, Delivery
from core.errors import Conflict, DoorbellError, Forbidden, Invalid, NotFound
from core.routing import moves
from core.routing.dispatch import Routed
from core.routing.state import State
from core.views.detail import get_alert
from core.words import Status
from tests import factories as make
from tests.races import at_once


@pytest.fixture
def house(database: Database, now: datetime) -> Database:
    with database.write() as session:
        make.admin(session, "ada", now=now)
        make.team(session, "north", now=now)
        make.manager(session, "mia", of=["north"], now=now)
        for name in ("ann", "bob", "cal"):
            make.agent(session, name, team_id="north", territories=["riverside"], capacity=3, now=now)
    return database


def an_alert(house: Database, now: datetime, agent_id: str | None = "ann", **values: object) -> str:
    with house.write() as session:
        return make.alert(session, agent_id=agent_id, territory="riverside", now=now, **values)  # type: ignore[arg-type]


def decline(house: Database, alert_id: str, who: str, now: datetime, reason: str = "too_busy", **values: str) -> Routed:
    with house.write() as session:
        state, viewer = State.load(session), make.viewer(session, who)
        routed = routing.decline(session, alert_id, reason=reason, viewer=viewer, state=state, now=now, **values)
        escalation.ring(session, [routed], now=now)
        return routed


def owner(house: Database, alert_id: str) -> tuple[str | None, str | None]:
    with house.read() as session:
        alert = session.get_one(Alert, alert_id)
        return alert.assigned_agent_id, alert.unassigned_reason


def test_it_goes_round_those_who_never_had_it_and_then_waits_in_the_pool(house: Database, now: datetime) -> None:
    alert_id = an_alert(house, now, status=Status.ACKNOWLEDGED, acknowledged_at=now, escalate_at=None)
    second = decline(house, alert_id, "ann", now).agent_id
    assert second in ("bob", "cal")
    with house.read() as session:
        alert = session.get_one(Alert, alert_id)
        assert (alert.status, alert.acknowledged_at, alert.undo) == (Status.NEW, None, None)
        assert session.scalars(select(Decision.trigger)).all() == ["declined"]
    third = decline(house, alert_id, str(second), now).agent_id
    assert {second, third} == {"bob", "cal"}
    assert decline(house, alert_id, str(third), now).agent_id is None
    assert owner(house, alert_id) == (None, "declined")
    with house.read() as session:
        ends = session.scalars(select(Assignment.ended_reason)).all()
        assert ends == ["declined"] * 3
        assert set(session.scalars(select(Agent.open_alerts))) == {0}
        assert session.scalar(select(func.count()).select_from(AlertOutcome)) == 0


def test_the_manager_hears_once_of_what_nobody_else_takes(house: Database, now: datetime) -> None:
    alert_id = an_alert(house, now)
    told = []
    for _ in range(3):
        with house.read() as session:
            has = str(session.get_one(Alert, alert_id).assigned_agent_id)
        decline(house, alert_id, has, now)
        with house.read() as session:
            told.append([(one.user_id, str(one.text)) for one in escalation.declined(session, alert_id, has, now=now)])
    name = has.title()
    assert told == [[], [], [("mia", f"{name} declined it and nobody else is free: it waits in the pool")]]


def test_no_router_ever_gives_it_back_but_a_person_may(house: Database, now: datetime) -> None:
    alert_id = an_alert(house, now)
    for who in ("ann", "bob", "cal"):
        with house.read() as session:
            has = session.get_one(Alert, alert_id).assigned_agent_id
        decline(house, alert_id, has or who, now)
    with house.write() as session:
        state = State.load(session)
        assert moves.drain_pool(session, state=state, now=now) == []
        (routed,) = routing.route(session, [alert_id], state=state, trigger="manual", now=now)
        assert routed.agent_id is None
    with house.write() as session:
        mia = make.viewer(session, "mia")
        assert routing.reassign(session, alert_id, "ann", viewer=mia, now=now).agent_id == "ann"
    with house.write() as session:
        (moved,) = moves.bulk_reassign(session, [(alert_id, "bob")], viewer=moves.SYSTEM, now=now)
        assert moved.error is not None
        assert "declined" in moved.error.detail
        later = now + timedelta(hours=30)
        assert routing.handle_stale(session, state=State.load(session), now=later) == []


def test_the_next_owner_is_told_and_has_a_clock_of_their_own(house: Database, now: datetime) -> None:
    alert_id = an_alert(house, now, notified_at=now, escalate_at=now + timedelta(minutes=1), escalation_step=1)
    decline(house, alert_id, "ann", now, reason="not_my_area")
    with house.read() as session:
        alert = session.get_one(Alert, alert_id)
        assert (alert.notified_at, alert.escalation_step) == (now, 0)
        assert alert.escalate_at == now + timedelta(minutes=30)
        assert session.scalars(select(Delivery.user_id)).first() == alert.assigned_agent_id
        told = next(one for one in changes.since(session, 0) if one.kind == "alert:assigned")
        assert told.audience.lost == ("ann",)


def test_nobody_who_is_full_is_passed_for_it(house: Database, now: datetime) -> None:
    with house.write() as session:
        for _ in range(3):
            for who in ("bob", "cal"):
                make.alert(session, agent_id=who, now=now)
    alert_id = an_alert(house, now)
    assert decline(house, alert_id, "ann", now).agent_id is None
    assert owner(house, alert_id) == (None, "declined")


def test_why_is_audited_and_the_note_is_for_those_who_lead(house: Database, now: datetime) -> None:
    alert_id = an_alert(house, now)
    went = decline(house, alert_id, "ann", now, reason="conflict_of_interest", notes=" My cousin. ").agent_id
    with house.read() as session:
        row = session.scalars(select(AuditRow).where(AuditRow.action == "alert.decline")).one()
        assert (row.actor_id, row.before) == ("ann", {"agentId": "ann", "status": "NEW"})
        assert row.after == {"agentId": went, "reason": "conflict_of_interest", "notes": "My cousin."}

        def story(who: str) -> str:
            found = get_alert(session, make.viewer(session, who), alert_id, now=now)
            return " / ".join(entry.text for entry in found.timeline)

        assert "Declined: conflict of interest – “My cousin.”" in story("mia")
        assert "Declined: conflict of interest" in story(str(went))
        assert "cousin" not in story(str(went))


@pytest.mark.parametrize(
    ("who", "values", "reason", "error"),
    [
        ("bob", {}, "too_busy", NotFound),
        ("mia", {}, "too_busy", Forbidden),
        ("ann", {}, "lazy", Invalid),
        ("ann", {}, "other", Invalid),
        ("ann", {"status": Status.IN_PROGRESS}, "too_busy", Conflict),
        ("ann", {"status": Status.DISMISSED}, "too_busy", Conflict),
        ("ann", {"agent_id": None}, "too_busy", Conflict),
    ],
)
def test_what_cannot_be_declined_stays_as_it_was(
    house: Database, now: datetime, who: str, values: dict[str, object], reason: str, error: type[DoorbellError]
) -> None:
    alert_id = an_alert(house, now, **values)  # type: ignore[arg-type]
    before = owner(house, alert_id)
    with pytest.raises(error):
        decline(house, alert_id, who, now, reason=reason)
    assert owner(house, alert_id) == before


def test_declining_while_it_is_acknowledged_goes_one_way_or_the_other(house: Database, now: datetime) -> None:
    alert_id = an_alert(house, now)
    with house.read() as session:
        ann, state = make.viewer(session, "ann"), State.load(session)

    told = at_once(
        house,
        lambda session: routing.decline(session, alert_id, reason="too_busy", viewer=ann, state=state, now=now),
        lambda session: alerts.acknowledge(session, alert_id, viewer=ann, now=now),
    )

    assert told == "NotFound"
    assert owner(house, alert_id)[0] in ("bob", "cal")

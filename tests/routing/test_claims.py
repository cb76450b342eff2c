"""Claims from the pool: one wins, a few at a time, acted on or back again."""

from datetime import datetime, timedelta

import pytest
from sqlalchemy import select, update

from core import alerts, delivery, escalation, routing
from core.clock import FakeClock
from core.db import Database
from core.db.tables import Agent, Alert, Assignment, AuditRow, Decision, Notification
from core.delivery import Kind, Notice
from core.errors import Conflict, Forbidden, NotFound
from core.routing import claims, house_settings, moves
from core.routing.refusals import AGAIN_AFTER
from core.routing.state import State
from core.viewer import SYSTEM
from core.words import Status
from jobs import claiming
from jobs.reconciling import reconcile_once
from tests import factories as make
from tests.races import at_once

HALF_AN_HOUR = timedelta(minutes=30)


@pytest.fixture
def house(database: Database, now: datetime) -> Database:
    with database.write() as session:
        make.admin(session, "ada", now=now)
        make.team(session, "north", now=now)
        make.manager(session, "mia", of=["north"], now=now)
        for name in ("ann", "bob"):
            make.agent(
                session, name, team_id="north", territories=["riverside"], capacity=5, auto_assign=False, now=now
            )
    return database


def pooled(house: Database, now: datetime, **values: object) -> str:
    with house.write() as session:
        return make.alert(session, unassigned_reason="left_to_claim", now=now, **values)  # type: ignore[arg-type]


def claim(house: Database, alert_id: str, who: str, now: datetime) -> None:
    with house.write() as session:
        routing.claim(session, alert_id, viewer=make.viewer(session, who), now=now)


def advance(clock: FakeClock, by: timedelta) -> datetime:
    clock.set(clock.now() + by)
    return clock.now()


def standing(house: Database, alert_id: str) -> tuple[str | None, str | None, datetime | None]:
    with house.read() as session:
        alert = session.get_one(Alert, alert_id)
        return alert.assigned_agent_id, alert.unassigned_reason, alert.claimed_until


def test_a_claim_is_an_ownership_with_a_time(house: Database, clock: FakeClock, now: datetime) -> None:
    alert_id = pooled(house, now, snoozed_until=now + HALF_AN_HOUR)
    claim(house, alert_id, "ann", now)
    assert standing(house, alert_id) == ("ann", None, now + HALF_AN_HOUR)
    with house.read() as session:
        assert session.get_one(Agent, "ann").open_alerts == 1
        assert session.get_one(Alert, alert_id).snoozed_until is None
        assert session.scalars(select(Decision.strategy)).one() == "claim"
        assert session.scalars(select(AuditRow.action)).all() == ["alert.claim"]
        state = State.load(session)
    assert not reconcile_once(house, state, clock).sentence()
    assert claiming.expire_once(house, clock) == 0


@pytest.mark.parametrize("step", ["acknowledge", "start", "contact", "dismiss"])
def test_any_step_answers_it(house: Database, clock: FakeClock, now: datetime, step: str) -> None:
    alert_id = pooled(house, now)
    claim(house, alert_id, "ann", now)
    with house.write() as session:
        values = {"reason": "no_interest"} if step == "dismiss" else {}
        getattr(alerts, step)(session, alert_id, viewer=make.viewer(session, "ann"), now=now, **values)
    advance(clock, HALF_AN_HOUR)
    assert claiming.expire_once(house, clock) == 0
    assert standing(house, alert_id) == ("ann", None, None)


@pytest.mark.parametrize("step", ["acknowledge", "dismiss"])
def test_taking_the_step_back_leaves_the_claim_and_its_time(house: Database, now: datetime, step: str) -> None:
    claimed, acted = pooled(house, now), pooled(house, now)
    claim(house, claimed, "ann", now)
    with house.write() as session:
        ann = make.viewer(session, "ann")
        for alert_id in (claimed, acted):
            values = {"reason": "no_interest"} if step == "dismiss" else {}
            getattr(alerts, step)(session, alert_id, viewer=ann, now=now, **values)
            alerts.undo(session, alert_id, viewer=ann, now=now)
    assert standing(house, claimed) == standing(house, acted) == ("ann", None, now + HALF_AN_HOUR)


def test_what_nothing_followed_goes_back_and_the_claimer_is_told(
    house: Database, clock: FakeClock, now: datetime
) -> None:
    alert_id = pooled(house, now)
    claim(house, alert_id, "ann", now)
    with house.write() as session:
        session.execute(update(Alert).values(snoozed_until=now + timedelta(days=2)))  # snoozing answers nothing
    advance(clock, HALF_AN_HOUR)
    assert claiming.expire_once(house, clock) == 1
    assert claiming.expire_once(house, clock) == 0
    assert standing(house, alert_id) == (None, "claim_expired", None)
    with house.read() as session:
        ended = session.scalars(select(Assignment)).one()
        assert (ended.ended_reason, ended.ended_at) == ("claim_expired", now + HALF_AN_HOUR)
        assert session.get_one(Agent, "ann").open_alerts == 0
        assert session.get_one(Alert, alert_id).snoozed_until is None
        title = session.scalars(select(Notification.title).where(Notification.user_id == "ann")).one()
        assert title == "Your claim on Rosa Diaz ran out: nothing followed within 30 minutes, so others may take it."
        assert session.scalars(select(AuditRow.action).order_by(AuditRow.id)).all()[-1] == "alert.claim_expired"


def test_whose_claim_ran_out_waits_but_may_still_act(house: Database, clock: FakeClock, now: datetime) -> None:
    alert_id = pooled(house, now)
    claim(house, alert_id, "ann", now)
    later = advance(clock, HALF_AN_HOUR)
    claiming.expire_once(house, clock)
    with pytest.raises(Conflict, match="for others until 11:30"):
        claim(house, alert_id, "ann", later)
    with house.write() as session:
        session.execute(update(Agent).values(auto_assign=True))
        session.execute(update(Agent).where(Agent.id == "bob").values(available=False))
    with house.write() as session:
        assert moves.drain_pool(session, state=State.load(session), now=later) == []
    claim(house, alert_id, "bob", later)
    claiming.expire_once(house, FakeClock(later + HALF_AN_HOUR))
    with house.write() as session:
        alerts.acknowledge(session, alert_id, viewer=make.viewer(session, "ann"), now=later + HALF_AN_HOUR)
    assert standing(house, alert_id)[0] == "ann"


def test_after_a_while_one_may_claim_it_again(house: Database, clock: FakeClock, now: datetime) -> None:
    alert_id = pooled(house, now)
    claim(house, alert_id, "ann", now)
    advance(clock, HALF_AN_HOUR)
    claiming.expire_once(house, clock)
    claim(house, alert_id, "ann", advance(clock, AGAIN_AFTER))
    assert standing(house, alert_id)[0] == "ann"


def test_one_has_a_few_claims_at_once_as_the_house_says(house: Database, now: datetime) -> None:
    with house.write() as session:
        house_settings.put(session, {"claim_limit": 2, "claim_minutes": 45}, viewer=SYSTEM, now=now)
    first, second, third = (pooled(house, now) for _ in range(3))
    claim(house, first, "ann", now)
    claim(house, second, "ann", now)
    assert standing(house, second)[2] == now + timedelta(minutes=45)
    with pytest.raises(Conflict, match="You have 2 claims you have not acted on"):
        claim(house, third, "ann", now)
    with house.write() as session:
        alerts.acknowledge(session, first, viewer=make.viewer(session, "ann"), now=now)
    claim(house, third, "ann", now)


def test_a_full_agent_and_a_manager_claim_nothing(house: Database, now: datetime) -> None:
    alert_id = pooled(house, now)
    with house.write() as session:
        for _ in range(5):
            make.alert(session, agent_id="ann", now=now)
    with pytest.raises(Conflict, match="at capacity"):
        claim(house, alert_id, "ann", now)
    with pytest.raises(Forbidden):
        claim(house, alert_id, "mia", now)
    assert standing(house, alert_id) == (None, "left_to_claim", None)


def test_of_two_who_claim_at_once_one_has_it_and_the_other_is_told(house: Database, now: datetime) -> None:
    alert_id, never_free = pooled(house, now), None
    with house.write() as session:
        ann, bob = make.viewer(session, "ann"), make.viewer(session, "bob")
        never_free = make.alert(session, agent_id="ann", now=now)
    told = at_once(
        house,
        lambda session: routing.claim(session, alert_id, viewer=ann, now=now),
        lambda session: routing.claim(session, alert_id, viewer=bob, now=now),
    )
    assert told == "Conflict"
    assert standing(house, alert_id)[0] == "ann"
    with pytest.raises(Conflict, match="Somebody else has just taken this alert"):
        claim(house, alert_id, "bob", now)
    with pytest.raises(NotFound):
        claim(house, never_free, "bob", now)
    with pytest.raises(Conflict, match="already"):
        claim(house, alert_id, "ann", now)


def test_one_agents_claims_at_once_do_not_pass_the_limit(house: Database, now: datetime) -> None:
    with house.write() as session:
        house_settings.put(session, {"claim_limit": 1}, viewer=SYSTEM, now=now)
        ann = make.viewer(session, "ann")
    first, second = pooled(house, now), pooled(house, now)
    told = at_once(
        house,
        lambda session: routing.claim(session, first, viewer=ann, now=now),
        lambda session: routing.claim(session, second, viewer=ann, now=now),
    )
    assert told == "Conflict"
    with house.read() as session:
        assert claims.claims_of(session, "ann") == 1


def test_acting_at_the_last_moment_beats_the_clock(house: Database, clock: FakeClock, now: datetime) -> None:
    alert_id = pooled(house, now)
    claim(house, alert_id, "ann", now)
    later = advance(clock, HALF_AN_HOUR)
    with house.read() as session:
        ann = make.viewer(session, "ann")
    told = at_once(
        house,
        lambda session: alerts.acknowledge(session, alert_id, viewer=ann, now=later),
        lambda session: claims.expire(session, alert_id, now=later),
    )
    assert told == ""
    assert standing(house, alert_id) == ("ann", None, None)


def test_the_escalation_clock_does_not_run_beside_a_claim(house: Database, now: datetime) -> None:
    alert_id = pooled(house, now)
    with house.write() as session:
        notice = Notice(
            alert_id=alert_id, user_id="ann", kind=Kind.ALERT_ESCALATED, priority="HIGH", occasion="everyone"
        )
        delivery.enqueue(session, [notice], now=now)
    claim(house, alert_id, "ann", now)
    with house.write() as session:
        assert escalation.waiting_to_start(session, now=now) == []
        assert escalation.start(session, [alert_id], now=now) == []
        assert session.get_one(Alert, alert_id).status == Status.NEW

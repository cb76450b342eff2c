"""Who cannot be reached is paused and told; a channel that is down pauses nobody; who does anything is back."""

from datetime import datetime, timedelta

import pytest
from sqlalchemy import insert, select, update

from core import alerts, audit, routing
from core.clock import FakeClock
from core.db import Database
from core.db.tables import Agent, Alert, Assignment, Decision, Delivery
from core.errors import Forbidden, Invalid, NotFound
from core.ids import new_id
from core.routing import house_settings, moves, pausing, roster
from core.routing.pausing import Facts, Limits, decide
from jobs import pausing as job
from jobs import reconciling
from tests import factories

MINUTE = timedelta(minutes=1)


def bad(name: str, team: str = "north") -> Facts:
    return Facts(agent_id=name, team_id=team, messages=3, failed=3, last_failed=True)


def good(name: str, team: str = "north") -> Facts:
    return Facts(agent_id=name, team_id=team, messages=3)


def test_one_whom_no_message_reaches_is_paused() -> None:
    found = decide([bad("ann"), good("bob"), good("cleo")], Limits())
    assert {who: str(why) for who, why in found.pause.items()} == {"ann": "The last 3 messages did not arrive."}
    assert decide([bad("ann"), good("bob")], Limits(failures=0)).pause == {}


def test_when_most_fail_it_is_the_channel() -> None:
    found = decide([bad("ann"), bad("bob"), good("cleo")], Limits())
    assert not found.pause
    assert "2 of 3 agents do not arrive" in str(found.tell[0])
    assert "mail server" in str(found.tell[0])


def test_the_first_one_hit_by_an_outage_is_not_paused_for_it() -> None:
    starting = [Facts(agent_id=name, team_id="north", messages=3, failed=1, last_failed=True) for name in "bc"]
    found = decide([bad("ann"), *starting], Limits())
    assert not found.pause
    assert found.tell


def test_the_last_one_of_a_team_is_not_paused() -> None:
    found = decide([bad("ann"), good("bob", "south"), good("cleo", "south")], Limits())
    assert not found.pause
    assert [str(one) for one in found.tell] == [
        "1 agent does not answer, and there is nobody else in the team. Nobody was paused: look into it."
    ]


def a_house(database: Database, now: datetime) -> None:
    with database.write() as session:
        factories.admin(session, "ada", now=now)
        factories.team(session, "north", now=now)
        factories.manager(session, "mia", of=["north"], now=now)
        for name in ("ann", "bob", "cleo"):
            factories.agent(session, name, team_id="north", now=now)


def mail(database: Database, agent_id: str, state: str, at: datetime) -> None:
    with database.write() as session:
        session.execute(
            insert(Delivery).values(
                id=new_id(), user_id=agent_id, channel="email", kind="alert_new", priority="HIGH", state=state,
                idempotency_key=new_id(), payload={}, due_at=at, attempts=1, created_at=at,
            )
        )  # fmt: skip


def paused(database: Database) -> dict[str, str | None]:
    with database.read() as session:
        rows = session.execute(select(Agent.id, Agent.paused_reason).where(Agent.paused_at.is_not(None)))
        return dict(rows.all())  # type: ignore[arg-type]


def test_mail_that_bounces_pauses_until_the_agent_does_anything(
    database: Database, clock: FakeClock, now: datetime
) -> None:
    a_house(database, now)
    for number, state in enumerate(("dead", "bounced", "dead")):
        mail(database, "ann", state, now - (9 - number) * MINUTE)
        mail(database, "bob", "delivered", now - (9 - number) * MINUTE)
    with database.write() as session:
        waiting = factories.alert(session, agent_id="ann", now=now)
        hers = factories.alert(session, agent_id="ann", now=now)
        alerts.acknowledge(session, hers, viewer=factories.viewer(session, "ada"), now=now)
    assert job.pause_once(database, clock) == "1 paused"
    assert paused(database) == {"ann": "The last 3 messages did not arrive."}
    with database.read() as session:
        state = routing.State.load(session)
        assert list(state.roster(now).reasons.values()) == [roster.PAUSED]
        told = session.scalars(select(Delivery.user_id).where(Delivery.kind == "admin_notice")).all()
        assert set(told) == {"ann", "mia"}
    reconciling.reconcile_once(database, state, clock)
    with database.read() as session:
        assert session.get_one(Alert, waiting).assigned_agent_id in ("bob", "cleo")
        assert session.get_one(Alert, hers).assigned_agent_id == "ann"
    assert job.pause_once(database, clock) == ""

    clock.set(now + MINUTE)
    with database.write() as session:  # what a manager gives by hand meanwhile is meant so
        given = factories.alert(session, now=clock.now())
        moves.reassign(session, given, "ann", viewer=factories.viewer(session, "mia"), now=clock.now())
    reconciling.reconcile_once(database, state, clock)
    with database.read() as session:
        assert session.get_one(Alert, given).assigned_agent_id == "ann"
    with database.write() as session:
        alerts.start(session, hers, viewer=factories.viewer(session, "ann"), now=clock.now())
    assert job.pause_once(database, clock) == "1 back"
    assert job.pause_once(database, clock) == ""  # what failed before does not count again
    assert paused(database) == {}


def escalated_away(database: Database, agent_id: str, now: datetime, number: int) -> None:
    with database.write() as session:
        for place in range(number):
            at = now - (number - place) * MINUTE
            alert_id = factories.alert(session, agent_id=agent_id, opened_at=at - MINUTE, now=at)
            session.execute(update(Assignment).where(Assignment.alert_id == alert_id).values(ended_at=at))
            decision = new_id()
            session.execute(
                insert(Decision).values(
                    id=decision, alert_id=alert_id, decided_at=at, trigger="escalated", agent_id="bob",
                    strategy="stale_escalation", overflow=False, reason="", trace={},
                )
            )  # fmt: skip
            session.execute(
                insert(Assignment).values(
                    id=new_id(), alert_id=alert_id, agent_id="bob", decision_id=decision, reason="", assigned_at=at
                )
            )  # fmt: skip


def test_a_house_says_how_many_are_too_many(database: Database, clock: FakeClock, now: datetime) -> None:
    a_house(database, now)
    escalated_away(database, "ann", now, 3)
    with database.write() as session:
        ada = factories.viewer(session, "ada")
        with pytest.raises(Invalid) as refused:
            house_settings.put(session, {"pause_after_failures": -1}, viewer=ada, now=now)
        assert set(refused.value.fields) == {"pause_after_failures"}
        house_settings.put(session, {"pause_after_escalations": 0}, viewer=ada, now=now)
        assert house_settings.get(session).pause_after_failures == pausing.IN_A_ROW
    assert job.pause_once(database, clock) == ""


def test_alerts_that_went_on_unanswered_pause_but_not_who_works(
    database: Database, clock: FakeClock, now: datetime
) -> None:
    a_house(database, now)
    escalated_away(database, "ann", now, 3)
    escalated_away(database, "cleo", now, 3)
    with database.write() as session:
        audit.record(session, "contact.changed", subject_type="contact", subject_id="x", actor_id="cleo", now=now)
    assert job.pause_once(database, clock) == "1 paused"
    assert paused(database) == {"ann": "The last 3 alerts went on to others unanswered."}
    with database.write() as session:
        for who, error in (("bob", Forbidden), ("mallory", NotFound)):
            factories.manager(session, who, now=now) if who == "mallory" else None
            with pytest.raises(error):
                pausing.resume(session, "ann", viewer=factories.viewer(session, who), now=now)
        assert pausing.resume(session, "ann", viewer=factories.viewer(session, "mia"), now=now)
        assert not pausing.resume(session, "ann", viewer=factories.viewer(session, "mia"), now=now)
    assert job.pause_once(database, clock) == ""

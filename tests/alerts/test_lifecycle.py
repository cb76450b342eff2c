"""What people may do with an alert, and what each step leaves behind."""

import threading
import time
from datetime import datetime, timedelta

import pytest
from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from core import alerts, changes
from core.db import Database
from core.db.tables import Agent, Alert, AlertOutcome, Assignment, AuditRow
from core.errors import Conflict, Forbidden, Invalid, NotFound
from core.viewer import alert_scope, just_lost, may_see
from core.words import Outcome, Status
from tests import factories


class Office:
    """One team with two agents and a manager, another team's agent, and an admin."""

    def __init__(self, session: Session, now: datetime) -> None:
        team = factories.team(session, now=now)
        other = factories.team(session, now=now)
        self.ana_id = factories.agent(session, "ana", team_id=team, capacity=2, now=now)
        factories.agent(session, "ben", team_id=team, now=now)
        factories.agent(session, "cleo", team_id=other, now=now)
        factories.manager(session, "mia", of=[team], now=now)
        factories.admin(session, now=now)
        self.ana, self.ben, self.cleo, self.mia, self.admin = (
            factories.viewer(session, name) for name in ("ana", "ben", "cleo", "mia", "admin")
        )


@pytest.fixture
def office(database: Database, now: datetime) -> Office:
    with database.write() as session:
        return Office(session, now)


def an_alert(database: Database, now: datetime, agent_id: str | None = "ana", **values: object) -> str:
    with database.write() as session:
        return factories.alert(session, agent_id=agent_id, now=now, **values)  # type: ignore[arg-type]


def load_of(session: Session, agent_id: str) -> int:
    return session.scalar(select(Agent.open_alerts).where(Agent.id == agent_id)) or 0


def test_the_owner_acknowledges_and_the_clock_stops(database: Database, office: Office, now: datetime) -> None:
    alert_id = an_alert(database, now, escalate_at=now + timedelta(minutes=5))
    with database.write() as session:
        alert = alerts.acknowledge(session, alert_id, viewer=office.ana, now=now)
        assert (alert.status, alert.acknowledged_at, alert.escalate_at) == (Status.ACKNOWLEDGED, now, None)
    with database.read() as session:
        told = changes.since(session, 0)[-1]
        assert (told.kind, told.payload["status"], told.audience.agents) == ("alert:updated", "ACKNOWLEDGED", ("ana",))
        row = session.scalars(select(AuditRow).where(AuditRow.subject_id == alert_id)).one()
        assert (row.actor_id, row.action) == ("ana", "alert.acknowledged")
        assert row.before is not None
        assert row.before["status"] == "NEW"


def test_a_managers_acknowledgement_does_not_stop_the_owners_clock(
    database: Database, office: Office, now: datetime
) -> None:
    due = now + timedelta(minutes=5)
    alert_id = an_alert(database, now, escalate_at=due)
    with database.write() as session:
        assert alerts.acknowledge(session, alert_id, viewer=office.mia, now=now).escalate_at == due


def test_steps_may_skip_forward_but_never_back(database: Database, office: Office, now: datetime) -> None:
    alert_id = an_alert(database, now)
    with database.write() as session:
        alerts.contact(session, alert_id, viewer=office.ana, now=now)
        with pytest.raises(Conflict, match="it can become CONVERTED, DISMISSED"):
            alerts.acknowledge(session, alert_id, viewer=office.ana, now=now)


def test_a_closed_alert_takes_no_step(database: Database, office: Office, now: datetime) -> None:
    alert_id = an_alert(database, now, status=Status.EXPIRED)
    with database.write() as session, pytest.raises(Conflict, match="it is closed"):
        alerts.convert(session, alert_id, viewer=office.ana, now=now)


def test_another_agents_alert_does_not_exist_for_me(database: Database, office: Office, now: datetime) -> None:
    alert_id = an_alert(database, now)
    for stranger in (office.ben, office.cleo):
        with database.write() as session, pytest.raises(NotFound):
            alerts.acknowledge(session, alert_id, viewer=stranger, now=now)


def test_converting_closes_gives_back_the_capacity_and_labels_the_alert_right(
    database: Database, office: Office, now: datetime
) -> None:
    alert_id = an_alert(database, now)
    with database.write() as session:
        assert load_of(session, "ana") == 1
        alert = alerts.convert(session, alert_id, viewer=office.ana, value=12_500.0, transaction_type="sale", now=now)
        assert (alert.status, alert.closed_at, alert.assigned_agent_id) == (Status.CONVERTED, now, "ana")
    with database.read() as session:
        outcome = session.get_one(AlertOutcome, alert_id)
        assert (outcome.outcome, outcome.converted, outcome.value) == (Outcome.TRUE_POSITIVE, True, 12_500.0)
        assert load_of(session, "ana") == 0
        assert session.scalar(select(Assignment.ended_reason).where(Assignment.alert_id == alert_id)) == "converted"
        assert changes.since(session, 0)[-1].kind == "alert:converted"


@pytest.mark.parametrize(
    ("reason", "label"),
    [
        ("no_interest", Outcome.FALSE_POSITIVE),
        ("duplicate", Outcome.PENDING),
        ("unreachable", Outcome.PENDING),
        ("wrong_person", Outcome.PENDING),
    ],
)
def test_only_no_interest_labels_a_dismissal_as_wrong(
    database: Database, office: Office, now: datetime, reason: str, label: Outcome
) -> None:
    alert_id = an_alert(database, now)
    with database.write() as session:
        alerts.dismiss(session, alert_id, viewer=office.ana, reason=reason, now=now)
        assert session.get_one(AlertOutcome, alert_id).outcome == label


def test_a_dismissal_says_why(database: Database, office: Office, now: datetime) -> None:
    alert_id = an_alert(database, now)
    with database.write() as session, pytest.raises(Invalid) as caught:
        alerts.dismiss(session, alert_id, viewer=office.ana, reason="because", now=now)
    assert "reason" in caught.value.fields


def test_a_dismissal_is_undone_within_ten_minutes(database: Database, office: Office, now: datetime) -> None:
    due = now + timedelta(minutes=5)
    alert_id = an_alert(database, now, escalate_at=due)
    with database.write() as session:
        alerts.dismiss(session, alert_id, viewer=office.ana, reason="no_interest", now=now)
    with database.write() as session:
        alert = alerts.undo(session, alert_id, viewer=office.ana, now=now + timedelta(minutes=10))
        assert (alert.status, alert.closed_at, alert.escalate_at) == (Status.NEW, None, due)
        assert alert.assigned_agent_id == "ana"
    with database.read() as session:
        assert load_of(session, "ana") == 1
        assert session.get(AlertOutcome, alert_id) is None
        assert session.scalar(select(func.count()).where(Assignment.ended_at.is_(None))) == 1


def test_undo_is_refused_after_ten_minutes_twice_or_by_another(
    database: Database, office: Office, now: datetime
) -> None:
    alert_id = an_alert(database, now)
    with database.write() as session:
        alerts.acknowledge(session, alert_id, viewer=office.mia, now=now)
        with pytest.raises(Forbidden):
            alerts.undo(session, alert_id, viewer=office.ana, now=now)
        with pytest.raises(Conflict, match="nothing to undo"):
            alerts.undo(session, alert_id, viewer=office.mia, now=now + timedelta(minutes=11))
        alerts.undo(session, alert_id, viewer=office.mia, now=now)
        with pytest.raises(Conflict, match="nothing to undo"):
            alerts.undo(session, alert_id, viewer=office.mia, now=now)


def test_undo_is_refused_once_another_alert_of_the_type_is_open(
    database: Database, office: Office, now: datetime
) -> None:
    with database.write() as session:
        contact_id = factories.contact(session, now=now)
    first = an_alert(database, now, contact_id=contact_id)
    with database.write() as session:
        alerts.dismiss(session, first, viewer=office.ana, reason="no_interest", now=now)
    an_alert(database, now, contact_id=contact_id)
    with database.write() as session, pytest.raises(Conflict, match="has opened for this contact since"):
        alerts.undo(session, first, viewer=office.ana, now=now)


def test_acting_on_an_alert_of_the_pool_takes_it(database: Database, office: Office, now: datetime) -> None:
    alert_id = an_alert(database, now, agent_id=None)
    with database.write() as session:
        assert alerts.acknowledge(session, alert_id, viewer=office.ben, now=now).assigned_agent_id == "ben"
        assert load_of(session, "ben") == 1
    with database.write() as session, pytest.raises(NotFound):
        alerts.acknowledge(session, alert_id, viewer=office.ana, now=now)


def test_the_pool_gives_nothing_to_an_agent_at_capacity(database: Database, office: Office, now: datetime) -> None:
    for _ in range(2):
        an_alert(database, now)
    alert_id = an_alert(database, now, agent_id=None)
    with database.write() as session, pytest.raises(Conflict, match="at capacity"):
        alerts.acknowledge(session, alert_id, viewer=office.ana, now=now)


def test_a_snooze_hides_it_and_stops_the_clock_meanwhile(database: Database, office: Office, now: datetime) -> None:
    alert_id = an_alert(database, now, escalate_at=now + timedelta(minutes=5))
    later = now + timedelta(hours=1)
    with database.write() as session:
        alert = alerts.snooze(session, alert_id, viewer=office.ana, until=later, now=now)
        assert (alert.snoozed_until, alert.escalate_at) == (later, later + timedelta(minutes=5))
        alert = alerts.unsnooze(session, alert_id, viewer=office.ana, now=now)
        assert (alert.snoozed_until, alert.escalate_at) == (None, now + timedelta(minutes=5))


@pytest.mark.parametrize("delta", [timedelta(), timedelta(seconds=-1), timedelta(days=30, seconds=1)])
def test_a_snooze_ends_within_thirty_days(database: Database, office: Office, now: datetime, delta: timedelta) -> None:
    alert_id = an_alert(database, now)
    with database.write() as session, pytest.raises(Invalid):
        alerts.snooze(session, alert_id, viewer=office.ana, until=now + delta, now=now)


def test_bulk_does_what_is_legal_and_names_the_rest(database: Database, office: Office, now: datetime) -> None:
    mine = [an_alert(database, now) for _ in range(2)]
    closed = an_alert(database, now, status=Status.EXPIRED)
    foreign = an_alert(database, now, agent_id="cleo")
    with database.write() as session:
        results = alerts.bulk(
            session, [*mine, closed, foreign, mine[0]], Status.DISMISSED, viewer=office.mia, reason="duplicate", now=now
        )
    assert [(r.alert_id, r.ok) for r in results] == [
        (mine[0], True),
        (mine[1], True),
        (closed, False),
        (foreign, False),
    ]
    assert "closed" in (results[2].error or "")
    with database.read() as session:
        assert load_of(session, "ana") == 0
        assert session.get_one(Alert, foreign).status == Status.NEW


def test_alerts_expire_only_while_new_or_acknowledged(database: Database, office: Office, now: datetime) -> None:
    old = now - timedelta(days=31)
    forgotten = an_alert(database, now, opened_at=old)
    worked = an_alert(database, now, opened_at=old, status=Status.CONTACTED)
    fresh = an_alert(database, now, agent_id="ben")
    with database.write() as session:
        assert alerts.expire(session, now=now) == 1
    with database.read() as session:
        statuses = {row.id: row.status for row in session.execute(select(Alert.id, Alert.status))}
        assert statuses == {forgotten: "EXPIRED", worked: "CONTACTED", fresh: "NEW"}
        assert session.scalar(select(func.count()).select_from(AlertOutcome)) == 0
        assert load_of(session, "ana") == 1


@pytest.mark.parametrize("outcome", [Outcome.TRUE_NEGATIVE, Outcome.FALSE_NEGATIVE])
def test_negatives_belong_to_scores_without_an_alert(
    database: Database, office: Office, now: datetime, outcome: Outcome
) -> None:
    alert_id = an_alert(database, now)
    with database.write() as session, pytest.raises(Invalid):
        alerts.record_outcome(session, alert_id, outcome, viewer=office.ana, now=now)


def test_an_outcome_that_converted_closes_the_alert_and_can_be_corrected(
    database: Database, office: Office, now: datetime
) -> None:
    alert_id = an_alert(database, now)
    with database.write() as session:
        alerts.record_outcome(
            session, alert_id, Outcome.TRUE_POSITIVE, viewer=office.ana, converted=True, value=9_000.0, now=now
        )
        assert session.get_one(Alert, alert_id, populate_existing=True).status == Status.CONVERTED
        stored = alerts.record_outcome(
            session, alert_id, Outcome.TRUE_POSITIVE, viewer=office.ana, converted=True, value=9_500.0, now=now
        )
        assert stored.value == 9_500.0


def test_an_agents_viewer_sees_their_own_and_the_pool(database: Database, office: Office, now: datetime) -> None:
    own, pool, foreign = (an_alert(database, now, agent_id=who) for who in ("ana", None, "ben"))
    seen: dict[str, set[str]] = {}
    with database.read() as session:
        for viewer in (office.ana, office.mia, office.cleo, office.admin):
            seen[viewer.user_id] = set(session.scalars(select(Alert.id).where(alert_scope(viewer))))
    assert seen["ana"] == {own, pool}
    assert seen["mia"] == seen["admin"] == {own, pool, foreign}
    assert seen["cleo"] == {pool}


def test_everybody_who_saw_it_in_the_pool_is_told_that_it_is_gone_and_no_more(
    database: Database, office: Office, now: datetime
) -> None:
    alert_id = an_alert(database, now, agent_id=None)
    with database.write() as session:
        alerts.acknowledge(session, alert_id, viewer=office.ben, now=now)
    with database.read() as session:
        assigned = next(told for told in changes.since(session, 0) if told.kind == "alert:assigned")
    assert may_see(office.ben, assigned.audience)
    for other in (office.ana, office.cleo):
        assert just_lost(other, assigned.audience)
        assert not may_see(other, assigned.audience)
    assert not just_lost(office.mia, assigned.audience)


def test_of_several_alerts_the_first_is_locked_first_wherever_it_lies(
    database: Database, office: Office, now: datetime
) -> None:
    """So that two who act on the same alerts at once never wait for each other."""
    if database.is_sqlite:
        pytest.skip("a SQLite writer is alone")
    first, second = sorted(an_alert(database, now) for _ in range(2))
    with database.write() as session:  # a changed row is written anew, behind the others
        session.get_one(Alert, first).confidence = 0.5
    errors: list[BaseException] = []

    def acknowledge() -> None:
        try:
            with database.write() as session:
                alerts.bulk(session, [first, second], Status.ACKNOWLEDGED, viewer=office.mia, now=now)
        except BaseException as error:
            errors.append(error)

    thread = threading.Thread(target=acknowledge, daemon=True)
    with database.write() as session:
        session.get_one(Alert, first, with_for_update=True)
        thread.start()
        until = time.monotonic() + 20
        while not _somebody_waits(database):
            assert time.monotonic() < until, "nobody waits"
        session.get_one(Alert, second, with_for_update={"nowait": True})
    thread.join(20)
    assert not thread.is_alive()
    assert errors == []


def _somebody_waits(database: Database) -> bool:
    with database.read() as session:
        locked = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
        return bool(session.scalar(text(locked)))

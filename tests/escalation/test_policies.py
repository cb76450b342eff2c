"""Policies: which one fits, what is wrong with one, and what each step does when its time has come; as stories."""

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import insert, select, update
from sqlalchemy.orm import Session

from core import alerts, delivery, escalation, preflight, routing
from core.clock import FakeClock
from core.db import Database
from core.db.tables import Alert, Assignment, AuditRow, Delivery, EscalationPolicy, TimeOff
from core.errors import Conflict, Forbidden, Invalid, NotFound
from core.escalation import book, clocks, policy
from core.escalation.policy import DEFAULTS, Wait
from core.viewer import SYSTEM, load
from core.words import Priority, Role
from jobs import work
from tests import factories as make
from tests.escalation.test_escalation import MINUTE, WEEKDAYS, alert_of, escalate, owners, told
from tests.races import at_once

NEXT = {"after": {"minutes": 10}, "do": "next"}
REMIND = {"after": {"minutes": 5}, "do": "remind"}


def written(*steps: dict[str, Any], **values: Any) -> dict[str, Any]:
    return {"name": "Ours", "steps": list(steps), **values}


def stored(session: Session, *steps: dict[str, Any], now: datetime, **values: Any) -> policy.Policy:
    return book.add(session, written(*steps, **values), viewer=SYSTEM, now=now)


def kinds(session: Session, user_id: str) -> list[tuple[str, str]]:
    rows = session.execute(
        select(Delivery.kind, Delivery.channel).where(Delivery.user_id == user_id).order_by(Delivery.created_at)
    )
    return [(kind, channel) for kind, channel in rows]


def test_the_most_specific_policy_fits() -> None:
    def made(policy_id: str, **values: Any) -> policy.Policy:
        return policy.read(policy_id, written(NEXT, **values))

    everybody, critical = made("everybody"), made("critical", priorities=["CRITICAL"])
    team, sellers = made("team", teamId="north"), made("sellers", alertTypes=["LIKELY_TO_SELL"])
    off = made("off", teamId="north", priorities=["CRITICAL"], enabled=False)
    all_of_them = [everybody, critical, team, sellers, off]

    def chosen(team_id: str | None, priority: str, alert_type: str = "LIKELY_TO_BUY") -> str:
        return policy.choose(all_of_them, team_id=team_id, priority=priority, alert_type=alert_type).id

    assert chosen("north", "CRITICAL", "LIKELY_TO_SELL") == "team"
    assert chosen(None, "CRITICAL", "LIKELY_TO_SELL") == "sellers"
    assert chosen("south", "CRITICAL") == "critical"
    assert chosen("south", "LOW") == "everybody"
    assert policy.choose([], team_id=None, priority="HIGH", alert_type="X") is DEFAULTS["HIGH"]


def test_every_wrong_field_of_a_policy_is_named() -> None:
    with pytest.raises(Invalid) as refused:
        policy.read(
            "x",
            {
                "name": "",
                "priorities": ["URGENT"],
                "onCall": "ada",
                "repeat": 11,
                "ackTimeout": {"minutes": 0},
                "colour": "red",
                "steps": [
                    {"after": {"minutes": 5, "hours": 1}, "do": "next"},
                    {"after": {"workingDays": 1}, "do": "shout"},
                    {"after": {"hours": 1}, "do": "remind", "params": {"agentId": "ann"}},
                    "next",
                ],
            },
        )
    assert set(refused.value.fields) == {
        "name",
        "priorities",
        "onCall",
        "repeat",
        "ackTimeout",
        "colour",
        "steps.0.after",
        "steps.1.do",
        "steps.2.params",
        "steps.3",
    }
    with pytest.raises(Invalid) as empty:
        policy.read("x", {"name": "Nothing", "steps": []})
    assert set(empty.value.fields) == {"steps"}


@pytest.mark.parametrize(
    ("wait", "since", "due"),
    [
        (Wait("minutes", 90), "2026-03-06T22:30Z", "2026-03-07T00:00Z"),
        # Friday 16:30 in Chicago; half an hour is left, the rest runs on Monday, when it is summer time.
        (Wait("workingHours", 2), "2026-03-06T22:30Z", "2026-03-09T15:30Z"),
        (Wait("workingDays", 1), "2026-03-06T15:00Z", "2026-03-06T23:00Z"),
        (Wait("workingDays", 2), "2026-03-06T15:00Z", "2026-03-09T22:00Z"),
    ],
)
def test_waits_run_in_wall_or_working_time(wait: Wait, since: str, due: str) -> None:
    hours = clocks.Hours(schedule=WEEKDAYS, timezone="America/Chicago")
    assert clocks.due(wait, datetime.fromisoformat(since), hours) == datetime.fromisoformat(due)


def test_a_split_shift_counts_only_its_own_hours() -> None:
    hours = clocks.Hours(schedule={"mon": [["09:00", "11:00"], ["16:00", "18:00"]]}, timezone="UTC")
    monday = datetime(2026, 3, 2, 10, 0, tzinfo=UTC)
    assert clocks.due(Wait("workingHours", 2), monday, hours) == datetime(2026, 3, 2, 17, 0, tzinfo=UTC)
    assert clocks.due(Wait("workingDays", 1), monday, hours) == datetime(2026, 3, 9, 10, 0, tzinfo=UTC)


def test_remind_other_channel_next_and_manager_each_in_its_time(
    database: Database, clock: FakeClock, now: datetime
) -> None:
    with database.write() as session:
        boss = make.user(session, role=Role.MANAGER, now=now)
        team_id = make.team(session, manager_id=boss, now=now)
        first, second = (make.agent(session, team_id=team_id, now=now) for _ in range(2))
        ours = stored(
            session,
            REMIND,
            {"after": {"minutes": 5}, "do": "other_channel"},
            NEXT,
            {"after": {"minutes": 10}, "do": "manager"},
            teamId=team_id,
            priorities=["MEDIUM"],
            now=now,
        )
        alert_id = told(session, first, priority=Priority.MEDIUM, now=now)
        session.execute(update(Delivery).where(Delivery.channel == "email").values(state="dead"))
        assert alert_of(session, alert_id).escalate_at == now + 5 * MINUTE
    for minutes, step, owner in ((5, 1, first), (10, 2, first), (20, 3, second)):
        clock.set(now + minutes * MINUTE)
        assert escalate(database, clock) == 1
        assert escalate(database, clock) == 0, "each step is done once"
        with database.read() as session:
            alert = alert_of(session, alert_id)
            assert (alert.escalation_step, alert.assigned_agent_id) == (step, owner)
    clock.set(now + 30 * MINUTE)
    assert escalate(database, clock) == 1
    clock.set(now + timedelta(days=9))
    assert escalate(database, clock) == 0
    with database.read() as session:
        mine = kinds(session, first)
        assert sorted(mine) == [
            ("alert_escalated", "email"),
            ("alert_escalated", "email"),
            ("alert_escalated", "in_app"),
            ("alert_new", "email"),
            ("alert_new", "in_app"),
        ], "the other channel is only the one that had not reached them"
        assert kinds(session, boss) != []
        entries = session.scalars(select(AuditRow.after).where(AuditRow.action == "alert.escalate")).all()
        assert [(one["do"], one["policy"], one["version"]) for one in entries if one] == [
            (deed, ours.id, 1) for deed in ("remind", "other_channel", "next", "manager")
        ]
        stands = escalation.standing(session, SYSTEM, alert_id, now=clock.now())
        assert (stands.state, [one.deed for one in stands.done]) == (
            "ended",
            ["remind", "other_channel", "next", "manager"],
        )


def test_everyone_on_duty_is_told_who_has_it(database: Database, clock: FakeClock, now: datetime) -> None:
    with database.write() as session:
        team_id, other = make.team(session, now=now), make.team(session, now=now)
        first, mate = (make.agent(session, team_id=team_id, now=now) for _ in range(2))
        away = make.agent(session, team_id=team_id, available=False, now=now)
        stranger = make.agent(session, team_id=other, now=now)
        stored(session, {"after": {"minutes": 1}, "do": "everyone"}, now=now)
        alert_id = told(session, first, priority=Priority.HIGH, now=now)
    clock.set(now + MINUTE)
    assert escalate(database, clock) == 1
    with database.read() as session:
        assert alert_of(session, alert_id).assigned_agent_id == first
        assert kinds(session, mate) != []
        assert kinds(session, away) == kinds(session, stranger) == []


def test_a_cover_gets_it_while_the_owner_is_away_and_else_who_is_named(
    database: Database, clock: FakeClock, now: datetime
) -> None:
    with database.write() as session:
        first, cover, named = (make.agent(session, name, now=now) for name in ("first", "cover", "named"))
        stored(session, {"after": {"minutes": 5}, "do": "cover", "params": {"agentId": "named"}}, now=now)
        here, gone = (told(session, first, priority=Priority.CRITICAL, now=now) for _ in range(2))
        session.execute(update(Alert).where(Alert.id == gone).values(escalate_at=now + 10 * MINUTE))
    clock.set(now + 5 * MINUTE)
    assert escalate(database, clock) == 1
    with database.write() as session:
        session.execute(
            insert(TimeOff).values(
                id="off",
                agent_id=first,
                starts_at=now + 6 * MINUTE,
                ends_at=now + timedelta(days=7),
                cover_agent_id=cover,
                reason="",
            )
        )
    clock.set(now + 10 * MINUTE)
    assert escalate(database, clock) == 1
    with database.read() as session:
        assert owners(session, here) == [first, named]
        assert owners(session, gone) == [first, cover]
        reason = session.scalar(select(Assignment.reason).where(Assignment.agent_id == cover))
        assert reason == "You stand in for First, who has not answered."


def test_a_policy_begins_again_as_often_as_it_says(database: Database, clock: FakeClock, now: datetime) -> None:
    with database.write() as session:
        first = make.agent(session, now=now)
        stored(session, REMIND, repeat=2, now=now)
        alert_id = told(session, first, priority=Priority.HIGH, now=now)
    for _ in range(6):
        clock.set(clock.now() + 5 * MINUTE)
        escalate(database, clock)
    with database.read() as session:
        assert alert_of(session, alert_id).escalation_step == 3
        assert [kind for kind, channel in kinds(session, first) if channel == "in_app"].count("alert_escalated") == 3


def test_what_was_acknowledged_and_forgotten_goes_on(database: Database, clock: FakeClock, now: datetime) -> None:
    with database.write() as session:
        first, second = (make.agent(session, schedule=WEEKDAYS, now=now) for _ in range(2))
        stored(session, NEXT, ackTimeout={"workingHours": 2}, now=now)
        alert_id = told(session, first, priority=Priority.CRITICAL, now=now)
        worked = told(session, first, priority=Priority.CRITICAL, now=now)
        viewer = load(session, first)
        assert viewer
        for one in (alert_id, worked):
            alerts.acknowledge(session, one, viewer=viewer, now=now + MINUTE)
        alerts.start(session, worked, viewer=viewer, now=now + 2 * MINUTE)
    clock.set(now + 3 * MINUTE)
    assert work.start_clocks_once(database, clock) == 1
    assert work.start_clocks_once(database, clock) == 0
    clock.set(now + timedelta(hours=2) + MINUTE)
    assert escalate(database, clock) == 1
    with database.read() as session:
        assert owners(session, alert_id) == [first, second]
        assert owners(session, worked) == [first]


def test_what_other_policies_leave_alone_keeps_nothing_forgotten_from_going_on(
    database: Database, now: datetime
) -> None:
    with database.write() as session:
        team_id = make.team(session, now=now)
        first, other = make.agent(session, team_id=team_id, now=now), make.agent(session, now=now)
        stored(session, NEXT, teamId=team_id, ackTimeout={"hours": 2}, now=now)
        theirs = [told(session, other, priority=Priority.HIGH, now=now) for _ in range(3)]
        ours = told(session, first, priority=Priority.HIGH, now=now)
        for one, who in (*((one, other) for one in theirs), (ours, first)):
            alerts.acknowledge(session, one, viewer=make.viewer(session, who), now=now + MINUTE)
    with database.write() as session:
        assert escalation.rearm(session, now=now + 2 * MINUTE, limit=1) == 1
        assert alert_of(session, ours).escalate_at == now + timedelta(hours=2) + MINUTE


def test_a_snooze_stops_the_clock_and_working_time_left_waits_for_the_morning(
    database: Database, clock: FakeClock, now: datetime
) -> None:
    with database.write() as session:
        first, second = (make.agent(session, schedule=WEEKDAYS, now=now) for _ in range(2))
        stored(session, {"after": {"workingHours": 2}, "do": "next"}, now=now)
        alert_id = told(session, first, priority=Priority.MEDIUM, now=now)
        viewer = load(session, first)
        assert viewer
        evening = now + timedelta(hours=10)  # 19:00 in Chicago
        alerts.snooze(session, alert_id, viewer=viewer, until=evening, now=now + timedelta(hours=1))
        assert escalation.standing(session, SYSTEM, alert_id, now=now + timedelta(hours=2)).state == "paused"
    clock.set(evening + timedelta(hours=2))
    assert escalate(database, clock) == 0
    with database.read() as session:
        assert alert_of(session, alert_id).assigned_agent_id == first
    clock.set(now + timedelta(days=1, minutes=1))
    assert escalate(database, clock) == 1
    with database.read() as session:
        assert owners(session, alert_id) == [first, second]


def test_by_hand_it_begins_at_the_first_step_again(database: Database, clock: FakeClock, now: datetime) -> None:
    with database.write() as session:
        first, second, third = (make.agent(session, name, now=now) for name in ("first", "second", "third"))
        alert_id = told(session, first, priority=Priority.CRITICAL, now=now)
    clock.set(now + 5 * MINUTE)
    escalate(database, clock)
    with database.write() as session:
        assert alert_of(session, alert_id).escalation_step == 1
        taker = next(one for one in (second, third) if one != alert_of(session, alert_id).assigned_agent_id)
        routing.reassign(session, alert_id, taker, viewer=SYSTEM, now=clock.now())
        assert alert_of(session, alert_id).escalation_step == 0


def test_who_is_on_call_hears_of_what_nobody_on_duty_took(database: Database, clock: FakeClock, now: datetime) -> None:
    with database.write() as session:
        guard = make.user(session, "guard", role=Role.MANAGER, now=now)
        make.agent(session, available=False, now=now)
        stored(session, NEXT, priorities=["CRITICAL"], onCall=[guard], now=now)
        critical = make.alert(session, priority=Priority.CRITICAL, now=now)
        make.alert(session, priority=Priority.LOW, now=now)
        state = routing.State.load(session)
    assert work.call_out_once(database, state, clock) == 1
    assert work.call_out_once(database, state, clock) == 0, "once"
    with database.read() as session:
        assert set(session.scalars(select(Delivery.alert_id).where(Delivery.user_id == guard))) == {critical}


def test_two_processes_do_one_step_once(database: Database, clock: FakeClock, now: datetime) -> None:
    with database.write() as session:
        first, _second, _third = (make.agent(session, now=now) for _ in range(3))
        alert_id = told(session, first, priority=Priority.CRITICAL, now=now)
        states = [routing.State.load(session) for _ in range(2)]
    late = now + 5 * MINUTE

    def step(number: int) -> Any:
        return lambda session: delivery.enqueue(
            session, escalation.escalate(session, alert_id, state=states[number], now=late), now=late
        )

    assert at_once(database, step(0), step(1)) == ""
    with database.read() as session:
        assert len(owners(session, alert_id)) == 2
        assert len(session.scalars(select(AuditRow.id).where(AuditRow.action == "alert.escalate")).all()) == 1


def test_late_steps_are_counted_and_told_once(database: Database, clock: FakeClock, now: datetime) -> None:
    with database.write() as session:
        admin = make.admin(session, now=now)
        told(session, make.agent(session, now=now), priority=Priority.CRITICAL, now=now)
    clock.set(now + 6 * MINUTE)
    assert work.watch_once(database, clock) == 0
    clock.set(now + 6 * MINUTE + timedelta(seconds=1))
    assert work.watch_once(database, clock) == work.watch_once(database, clock) == 1
    with database.read() as session:
        assert [kind for kind, channel in kinds(session, admin) if channel == "in_app"] == ["admin_notice"]


def test_policies_are_the_admins_and_of_a_team_its_managers(database: Database, now: datetime) -> None:
    with database.write() as session:
        make.user(session, "boss", role=Role.MANAGER, now=now)
        make.team(session, "north", manager_id="boss", now=now)
        make.team(session, "south", now=now)
        boss = make.viewer(session, "boss")
        mine = book.add(session, written(NEXT, teamId="north"), viewer=boss, now=now)
        with pytest.raises(Forbidden):
            book.add(session, written(NEXT), viewer=boss, now=now)
        with pytest.raises(Forbidden):
            book.change(session, mine.id, {"teamId": None}, version=1, viewer=boss, now=now)
        theirs = stored(session, NEXT, teamId="south", now=now)
        with pytest.raises(NotFound):
            book.get(session, boss, theirs.id)
        with pytest.raises(Invalid) as refused:
            stored(session, NEXT, teamId="east", now=now)
        assert set(refused.value.fields) == {"teamId"}
        changed = book.change(session, mine.id, {"repeat": 2}, version=1, viewer=boss, now=now)
        assert (changed.repeat, changed.version) == (2, 2)
        with pytest.raises(Conflict, match="version 2"):
            book.change(session, mine.id, {"repeat": 3}, version=1, viewer=boss, now=now)
        with pytest.raises(Conflict, match="copy"):
            book.change(session, "default-high", {"repeat": 3}, version=None, viewer=SYSTEM, now=now)
        book.remove(session, mine.id, version=2, viewer=boss, now=now)
        actions = session.scalars(
            select(AuditRow.action).where(AuditRow.subject_type == "policy").order_by(AuditRow.id)
        ).all()
        assert actions == ["policy.create", "policy.create", "policy.change", "policy.delete"]


def test_what_is_odd_about_a_policy_is_said(database: Database, now: datetime) -> None:
    with database.write() as session:
        make.team(session, "north", now=now)
        odd = stored(
            session,
            {"after": {"minutes": 5}, "do": "manager"},
            {"after": {"minutes": 5}, "do": "cover", "params": {"agentId": "nobody"}},
            teamId="north",
            onCall=["ghost"],
            now=now,
        )
        said = " ".join(book.doubts(session, odd))
        assert "no manager" in said
        assert "ghost, on call, is no active user" in said
        assert "nobody, who is to stand in, is no active agent" in said
        lonely = stored(session, REMIND, now=now)
        assert "Only the owner is ever told" in " ".join(book.doubts(session, lonely))


def test_a_policy_that_no_longer_reads_is_left_out_and_told_and_stops_nobody(
    database: Database, clock: FakeClock, now: datetime
) -> None:
    with database.write() as session:
        for name in ("ann", "bob"):
            make.agent(session, name, now=now)
        make.admin(session, now=now)
        good = stored(session, NEXT, priorities=["HIGH"], now=now)
        broken = stored(session, NEXT, now=now, name="Ours once")
        shout = [{"after": {"minutes": 1}, "do": "shout"}]
        session.execute(update(EscalationPolicy).where(EscalationPolicy.id == broken.id).values(steps=shout))
        alert_id = told(session, "ann", priority=Priority.HIGH, now=now)
    clock.set(now + 11 * MINUTE)
    assert escalate(database, clock) == 1
    with database.write() as session:
        assert owners(session, alert_id) == ["ann", "bob"]
        left = book.get(session, SYSTEM, broken.id)
        assert (left.enabled, left.name) == (False, "Ours once")
        assert "no longer reads" in " ".join(book.doubts(session, left))
        facts = preflight.read(session, state=routing.State.load(session), channels=["email"], now=clock.now())
        found = preflight.check(facts, zone=ZoneInfo("UTC"), now=clock.now())
        assert [one.text for one in found.findings if one.kind == "policy_unreadable"] == [
            "“Ours once”: it no longer reads, so it is left out and its alerts go by another policy."
        ]
        assert book.replace(session, broken.id, written(NEXT), version=1, viewer=SYSTEM, now=now).enabled
        assert {one.id for one in book.load(session) if one.enabled} == {good.id, broken.id}


def test_those_never_reached_or_away_do_not_hold_up_the_clocks_of_others(
    database: Database, clock: FakeClock, now: datetime
) -> None:
    with database.write() as session:
        make.agent(session, "ann", schedule={"mon": [["11:00", "17:00"]]}, now=now)
        make.agent(session, "bob", schedule={"mon": [["10:00", "17:00"]]}, now=now)
        never = make.alert(session, agent_id="bob", opened_at=now - timedelta(days=3), now=now)
        away = told(session, "ann", priority=Priority.HIGH, now=now)
        ready = told(session, "bob", priority=Priority.HIGH, now=now)
        assert [alert_of(session, one).notified_at for one in (never, away, ready)] == [None] * 3
    clock.set(now + timedelta(hours=1))
    with database.read() as session:
        assert escalation.waiting_to_start(session, now=clock.now(), limit=1) == [ready]


def test_an_alert_of_the_pool_that_was_acted_on_and_forgotten_goes_on(
    database: Database, clock: FakeClock, now: datetime
) -> None:
    with database.write() as session:
        for name in ("ann", "bob"):
            make.agent(session, name, now=now)
        stored(session, NEXT, ackTimeout={"hours": 2}, now=now)
        alert_id = make.alert(session, now=now)
        alerts.acknowledge(session, alert_id, viewer=make.viewer(session, "ann"), now=now)
    assert work.start_clocks_once(database, clock) == 1
    with database.read() as session:
        assert alert_of(session, alert_id).escalate_at == now + timedelta(hours=2)


def test_undoing_a_step_brings_a_clock_back_only_to_the_same_owner(database: Database, now: datetime) -> None:
    with database.write() as session:
        for name in ("ann", "bob"):
            make.agent(session, name, now=now)
        make.admin(session, now=now)
        mine, moved = (told(session, "ann", priority=Priority.HIGH, now=now) for _ in range(2))
        ann, ada = make.viewer(session, "ann"), make.viewer(session, "admin")
        for alert_id in (mine, moved):
            alerts.acknowledge(session, alert_id, viewer=ann, now=now)
        routing.reassign(session, moved, "bob", viewer=ada, now=now)
        for alert_id in (mine, moved):
            alerts.undo(session, alert_id, viewer=ada, now=now + MINUTE)
        assert alert_of(session, mine).escalate_at == now + timedelta(minutes=30)
        assert (alert_of(session, moved).escalate_at, alert_of(session, moved).notified_at) == (None, None)


def test_acting_before_being_told_and_undoing_it_leaves_the_clock_to_start(
    database: Database, clock: FakeClock, now: datetime
) -> None:
    with database.write() as session:
        make.agent(session, "ann", schedule={"mon": [["11:00", "17:00"]]}, now=now)
        alert_id = told(session, "ann", priority=Priority.HIGH, now=now)
        ann = make.viewer(session, "ann")
        alerts.acknowledge(session, alert_id, viewer=ann, now=now)
        alerts.undo(session, alert_id, viewer=ann, now=now + MINUTE)
    clock.set(now + timedelta(hours=2))
    assert work.start_clocks_once(database, clock) == 1
    with database.read() as session:
        assert alert_of(session, alert_id).escalate_at == clock.now() + timedelta(minutes=30)


def test_who_is_on_call_reads_why_nobody_has_it(database: Database, clock: FakeClock, now: datetime) -> None:
    with database.write() as session:
        make.admin(session, now=now)
        make.agent(session, "ann", schedule={"sun": [["03:00", "04:00"]]}, now=now)
        stored(session, NEXT, onCall=["admin"], now=now)
        for reason in ("nobody_on_duty", "declined", "nobody_else"):
            make.alert(session, unassigned_reason=reason, now=now)
        notices = escalation.on_call(session, escalation.in_pool(session), state=routing.State.load(session), now=now)
    assert {str(one.text).partition(",")[0] for one in notices} == {
        "Nobody is on duty for it",
        "It was declined and nobody else is free",
        "Nobody has it",
    }

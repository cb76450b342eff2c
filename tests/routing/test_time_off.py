"""Time off is taken in local days or hours, its covers answer in turn, and what nobody had looked at goes on."""

from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import select, update

from core.db import Database
from core.db.tables import Agent, Alert, Assignment, AuditRow, Contact, Decision, Team
from core.errors import Conflict, DoorbellError, Forbidden, Invalid, NotFound
from core.routing import claims, covers, dispatch, handing_on, ledger, moves, time_off
from core.routing.directory import Agent as Known
from core.routing.directory import Directory
from core.routing.state import State
from core.viewer import SYSTEM, Viewer
from core.words import PoolReason, Status
from tests import factories

DAY = timedelta(days=1)
CHICAGO = ZoneInfo("America/Chicago")


def known(name: str, position: int, now: datetime, *, off: bool = False, cover: str | None = None) -> Known:
    values: dict[str, Any] = dict.fromkeys(("active", "available", "auto_assign"), True)
    values |= {"skills": {}} | dict.fromkeys(("specializations", "preferred"), frozenset())
    time = ((now - DAY, now + DAY, cover),) if off else ()
    place = {"team_id": None, "primary_territory": None, "territories": (), "week": (), "zone": CHICAGO}
    return Known(id=name, name=name.title(), position=position, capacity=9, time_off=time, **values, **place)


@pytest.mark.parametrize(
    ("away", "expected"),
    [
        ({}, "ann"),
        ({"ann": None}, None),
        ({"ann": "bob"}, "bob"),
        ({"ann": "bob", "bob": "cleo"}, "cleo"),
        ({"ann": "bob", "bob": None}, None),
        ({"ann": "bob", "bob": "ann"}, None),
        ({"ann": "gone"}, None),
    ],
)
def test_covers_answer_in_turn_and_a_circle_ends(
    away: dict[str, str | None], expected: str | None, now: datetime
) -> None:
    names = ("ann", "bob", "cleo")
    directory = Directory([known(n, i, now, off=n in away, cover=away.get(n)) for i, n in enumerate(names)])
    found = covers.stand_in(directory, directory.by_id["ann"], now)
    assert (found.id if found else None) == expected


@pytest.fixture
def house(database: Database, now: datetime) -> Database:
    with database.write() as session:
        factories.admin(session, "ada", now=now)
        factories.team(session, "north", now=now)
        factories.team(session, "south", now=now)
        factories.manager(session, "mia", of=["north"], now=now)
        for name, team in (("ann", "north"), ("bob", "north"), ("cleo", "south")):
            factories.agent(session, name, team_id=team, now=now)
    return database


def off(database: Database, agent_id: str, now: datetime, **raw: Any) -> time_off.Saved:
    raw = raw or {"starts_at": now - timedelta(hours=1), "ends_at": now + 7 * DAY}
    with database.write() as session:
        return time_off.add(session, agent_id, raw, viewer=SYSTEM, now=now)


def test_whole_days_are_local_days_also_when_the_clock_jumps(house: Database, now: datetime) -> None:
    saved = off(house, "ann", now, first_day=date(2026, 3, 7), last_day=date(2026, 3, 9)).off
    assert saved.starts_at == datetime(2026, 3, 7, 6, tzinfo=UTC)
    assert saved.ends_at == datetime(2026, 3, 10, 5, tzinfo=UTC)
    assert (saved.days, saved.words()) == ((date(2026, 3, 7), date(2026, 3, 9)), "7 Mar to 9 Mar 2026")
    hours = {"starts_at": datetime(2026, 3, 11, 19, tzinfo=UTC), "ends_at": datetime(2026, 3, 11, 21, 30, tzinfo=UTC)}
    assert off(house, "ann", now, **hours).off.words() == "11 Mar 2026, 14:00 to 16:30"


def test_what_is_wrong_with_a_time_off_is_named(house: Database, now: datetime) -> None:
    monday = {"first_day": date(2026, 3, 9)}
    wrong: list[tuple[dict[str, Any], str]] = [
        ({}, "first_day"),
        (monday | {"last_day": date(2026, 3, 8)}, "last_day"),
        (monday | {"last_day": date(2029, 3, 8)}, "last_day"),
        ({"first_day": date(2026, 2, 1)}, "ends_at"),
        ({"first_day": date.max}, "first_day"),
        ({"starts_at": datetime(2026, 3, 9, tzinfo=UTC)}, "ends_at"),
        (monday | {"cover_agent_id": "ann"}, "cover_agent_id"),
        (monday | {"cover_agent_id": "mia"}, "cover_agent_id"),
        (monday | {"reason": "x" * 201}, "reason"),
    ]
    for raw, field in wrong:
        with house.write() as session, pytest.raises(Invalid) as refused:
            time_off.add(session, "ann", raw, viewer=SYSTEM, now=now)
        assert field in refused.value.fields, raw


def test_two_at_once_are_refused_in_words_and_what_is_over_is_kept(house: Database, now: datetime) -> None:
    first = off(house, "ann", now, first_day=date(2026, 3, 9), last_day=date(2026, 3, 13)).off
    with house.write() as session:
        with pytest.raises(Conflict, match="9 Mar to 13 Mar 2026"):
            time_off.add(session, "ann", {"first_day": date(2026, 3, 13)}, viewer=SYSTEM, now=now)
        longer = time_off.change(session, first.id, {"last_day": date(2026, 3, 14)}, viewer=SYSTEM, now=now).off
        assert longer.words() == "9 Mar to 14 Mar 2026"
        in_it, after = now + 10 * DAY, now + 20 * DAY
        with pytest.raises(Conflict, match="has begun"):
            time_off.change(session, first.id, {"first_day": date(2026, 3, 10)}, viewer=SYSTEM, now=in_it)
        time_off.remove(session, first.id, viewer=SYSTEM, now=in_it)
        (kept,) = time_off.list_time_off(session, SYSTEM, agent_id="ann")
        assert kept.ends_at == in_it
        for late in (time_off.remove, lambda *a, **k: time_off.change(*a, {"reason": "x"}, **k)):
            with pytest.raises(Conflict, match="over"):
                late(session, first.id, viewer=SYSTEM, now=after)
        actions = list(session.scalars(select(AuditRow.action).order_by(AuditRow.id)))
        assert actions == ["time_off.create", "time_off.change", "time_off.end"]


def test_a_cover_who_is_away_too_is_told(house: Database, now: datetime) -> None:
    week = {"first_day": date(2026, 3, 9), "last_day": date(2026, 3, 13)}
    assert off(house, "bob", now, **week, cover_agent_id="ann").doubts == ()
    (said,) = off(house, "ann", now, **week, cover_agent_id="bob").doubts
    assert said == "Bob is away too, 9 Mar to 13 Mar 2026; Ann is to cover for them: nobody answers then."


def test_who_may_give_whom_time_off(house: Database, now: datetime) -> None:
    day = {"first_day": date(2026, 3, 9)}
    wanted: list[tuple[str, str, type[DoorbellError] | None]] = [
        ("ann", "ann", None),
        ("ann", "bob", Forbidden),
        ("mia", "bob", None),
        ("mia", "cleo", NotFound),
        ("ada", "cleo", None),
    ]
    for who, whom, error in wanted:
        with house.write() as session:
            viewer = factories.viewer(session, who)
            if error is None:
                made = time_off.add(session, whom, day, viewer=viewer, now=now).off
                assert made.id in {one.id for one in time_off.list_time_off(session, viewer)}
            else:
                with pytest.raises(error):
                    time_off.add(session, whom, day, viewer=viewer, now=now)
    with house.write() as session:
        (cleos,) = time_off.list_time_off(session, SYSTEM, agent_id="cleo")
        for who in ("ann", "mia"):
            viewer: Viewer = factories.viewer(session, who)
            assert "cleo" not in {one.agent_id for one in time_off.list_time_off(session, viewer)}
            with pytest.raises(NotFound):
                time_off.remove(session, cleos.id, viewer=viewer, now=now)


def hand_on(database: Database, now: datetime) -> list[str]:
    with database.write() as session:
        waiting = list(session.scalars(handing_on.untouched(now, limit=100)))
        return [str(one.agent_id) for one in handing_on.hand_on(session, waiting, state=State.load(session), now=now)]


def test_untouched_goes_to_the_cover_as_far_as_there_is_room_and_worked_stays(house: Database, now: datetime) -> None:
    with house.write() as session:
        session.execute(update(Agent).where(Agent.id == "cleo").values(max_concurrent_alerts=1))
        session.execute(update(Agent).where(Agent.id == "bob").values(schedule={"sun": [["03:00", "04:00"]]}))
        fresh = [factories.alert(session, agent_id="ann", opened_at=now - n * DAY, now=now) for n in (3, 2)]
        worked = factories.alert(session, agent_id="ann", status=Status.IN_PROGRESS, now=now)
        snoozed = factories.alert(session, agent_id="ann", snoozed_until=now + DAY, now=now)
    saved = off(house, "ann", now, starts_at=now - DAY, ends_at=now + DAY, cover_agent_id="cleo")
    assert hand_on(house, now) == ["cleo"]
    with house.write() as session:
        owners = dict(session.execute(select(Alert.id, Alert.assigned_agent_id)).all())  # type: ignore[arg-type]
        assert owners == {fresh[0]: "cleo", fresh[1]: None, worked: "ann", snoozed: "ann"}
        assert session.get_one(Alert, fresh[1]).unassigned_reason == PoolReason.OWNER_AWAY
        decision = session.scalars(select(Decision).where(Decision.alert_id == fresh[0])).one()
        assert (decision.trigger, decision.strategy) == ("away", "cover")
        assert decision.reason.startswith("You cover for Ann until 3 Mar")
        with pytest.raises(Conflict, match="Ann is on time off until 3 Mar"):
            moves.reassign(session, fresh[1], "ann", viewer=SYSTEM, now=now)
        claims.claim(session, fresh[1], viewer=factories.viewer(session, "ann"), now=now)
    assert hand_on(house, now) == []  # taken into their own hands, it is theirs
    assert saved.off.cover_name == "Cleo"


@pytest.mark.parametrize("strategy", ["sticky_owner", "rule"])
def test_a_client_of_who_is_away_goes_to_the_covers_cover(house: Database, now: datetime, strategy: str) -> None:
    off(house, "ann", now, starts_at=now - DAY, ends_at=now + DAY, cover_agent_id="bob")
    off(house, "bob", now, starts_at=now - DAY, ends_at=now + DAY, cover_agent_id="cleo")
    with house.write() as session:
        factories.agent(session, "zoe", team_id="north", territories=["north"], now=now)
        if strategy == "rule":
            actions = [{"type": "assign_to_agent", "params": {"agentId": "${contact.ownerAgentId}"}}]
            factories.rule(session, actions=actions, now=now)
        else:
            session.execute(update(Team).values(default_strategy="sticky_owner"))
        factories.contact(session, "rosa", territory="north", owner_agent_id="ann", now=now)
        alert_id = factories.alert(session, contact_id="rosa", territory="north", now=now)
        (routed,) = dispatch.route(session, [alert_id], state=State.load(session), trigger="opened", now=now)
        assert routed.agent_id == "cleo"
        assert "cover for Ann" in routed.reason
        assert session.get_one(Contact, "rosa").owner_agent_id == "ann"


def test_a_backlog_gives_nobody_more_than_a_handful_they_have_not_looked_at(house: Database, now: datetime) -> None:
    with house.write() as session:
        session.execute(update(Agent).where(Agent.id != "ann").values(auto_assign=False))
        session.execute(update(Agent).values(max_concurrent_alerts=50))
        ids = [factories.alert(session, opened_at=now - n * DAY, now=now) for n in range(9)]
        state = State.load(session)
        drained = moves.drain_pool(session, state=state, now=now)
        assert {one.alert_id for one in drained} == set(ids[4:])  # the five oldest
        assert all(ledger.recompute(session, SYSTEM, one.alert_id).agrees for one in drained)
        assert moves.drain_pool(session, state=state, now=now) == []
        session.execute(update(Alert).where(Alert.id.in_(ids[7:])).values(status=Status.ACKNOWLEDGED))
        assert {one.alert_id for one in moves.drain_pool(session, state=state, now=now)} == set(ids[2:4])
        assert session.scalars(select(Assignment.agent_id).distinct()).all() == ["ann"]

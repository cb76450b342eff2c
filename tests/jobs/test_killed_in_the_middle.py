"""kill -9 at the worst instant, everything written and nothing committed: nothing has happened, and doing it again does it once."""

import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import func, select

from core import escalation, routing
from core.clock import FakeClock
from core.db import Database
from core.db.tables import Agent, Alert, Assignment, AuditRow, Delivery
from core.routing import rebalancing
from core.routing.rebalancing import Options
from core.viewer import SYSTEM
from jobs import claiming, work
from tests import factories as make

Deed = Callable[[Database, datetime, str], object]
_CHILD = """
import os, signal, sys
from datetime import datetime
from sqlalchemy import event
from sqlalchemy.orm import Session
from core.db import Database
from tests.jobs import test_killed_in_the_middle as here

deed, url, now, plan_id = sys.argv[1:]
event.listen(Session, "before_commit", lambda session: session.flush() or os.kill(os.getpid(), signal.SIGKILL))
here.DEEDS[deed](Database(url), datetime.fromisoformat(now), plan_id)
"""


def expire(database: Database, now: datetime, _: str) -> None:
    claiming.expire_once(database, FakeClock(now))


def escalate(database: Database, now: datetime, _: str) -> None:
    with database.read() as session:
        state = routing.State.load(session)
    work.escalate_once(database, state, FakeClock(now))


def even_out(database: Database, now: datetime, plan_id: str) -> None:
    with database.write() as session:
        state = routing.State.load(session)
        done = rebalancing.apply(session, plan_id, state=state, viewer=SYSTEM, now=now)
        moved = [one.routed for one in done if one.routed is not None]
        escalation.ring_together(session, moved, occasion=plan_id, now=now)


DEEDS: dict[str, Deed] = {"expire": expire, "escalate": escalate, "even_out": even_out}
ACTIONS = {"expire": "alert.claim_expired", "escalate": "alert.escalate", "even_out": "alert.assign"}


def standing(database: Database) -> tuple[object, ...]:
    """Owners, loads, audit rows and messages."""
    with database.read() as session:
        held = select(Assignment.alert_id, Assignment.agent_id).where(Assignment.ended_at.is_(None))
        return (
            session.execute(select(Alert.id, Alert.assigned_agent_id, Alert.escalation_step).order_by(Alert.id)).all(),
            session.execute(held.order_by(Assignment.alert_id)).all(),
            session.execute(select(Agent.id, Agent.open_alerts).order_by(Agent.id)).all(),
            session.scalars(select(AuditRow.action).order_by(AuditRow.id)).all(),
            session.scalar(select(func.count()).select_from(Delivery)),
        )


@pytest.mark.parametrize("deed", list(DEEDS))
def test_nothing_is_lost_or_done_twice(deed: str, database: Database, now: datetime) -> None:
    plan_id = ""
    with database.write() as session:
        make.admin(session, now=now)
        make.team(session, "north", now=now)
        for name in ("ann", "bob"):
            make.agent(
                session, name, team_id="north", capacity=1 if name == "ann" and deed == "even_out" else 9, now=now
            )
        past = now - timedelta(minutes=1)
        values = {"expire": {"claimed_until": past}, "escalate": {"notified_at": past, "escalate_at": past}}.get(
            deed, {}
        )
        for number in range(2):
            opened = now - timedelta(hours=2 + number)
            make.alert(session, agent_id="ann", opened_at=opened, now=now, **values)
        if deed == "even_out":
            options, state = Options(spread=None), routing.State.load(session)
            made = rebalancing.plan(
                rebalancing.standing(session, options, state=state, viewer=SYSTEM, now=now), options
            )
            plan_id = rebalancing.keep(session, made, options, viewer=SYSTEM, now=now).id
    before = standing(database)
    killed = subprocess.run(
        [sys.executable, "-c", _CHILD, deed, database.url, now.isoformat(), plan_id],
        cwd=Path(__file__).parents[2],
        check=False,
        capture_output=True,
    )
    assert killed.returncode == -9, killed.stderr.decode()[-2000:]
    assert standing(database) == before

    DEEDS[deed](database, now, plan_id)
    after = standing(database)
    if deed != "even_out":  # a plan says that it was done
        DEEDS[deed](database, now, plan_id)
        assert standing(database) == after
    with database.read() as session:
        number = 1 if deed == "even_out" else 2
        assert Counter(session.scalars(select(AuditRow.action)))[ACTIONS[deed]] == number
        told = session.scalars(select(Delivery.idempotency_key)).all()
        assert told
        assert len(told) == len(set(told))
        for agent in session.scalars(select(Agent)):
            mine = select(func.count()).where(Assignment.agent_id == agent.id, Assignment.ended_at.is_(None))
            assert agent.open_alerts == session.scalar(mine)

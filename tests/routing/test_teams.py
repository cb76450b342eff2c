"""Teams are made, changed and deleted by admins; members move with them."""

from datetime import datetime

import pytest
from sqlalchemy import select

from core import versions
from core.db import Database
from core.db.tables import Agent, AuditRow
from core.errors import Conflict, Invalid, NotFound
from core.routing import teams
from core.routing.state import VERSION, State
from tests import factories


def test_a_team_lives_from_its_first_member_to_its_last(database: Database, now: datetime) -> None:
    with database.write() as session:
        factories.manager(session, "mia", now=now)
        for name in ("ann", "bob"):
            factories.agent(session, name, territories=["riverside"], now=now)
        raw = {"name": " North ", "manager_id": "mia", "fallbacks": ["workload", "claim_pool"], "agent_ids": ["ann"]}
        made = teams.add(session, raw, actor_id="ada", now=now)
        assert (made.name, made.agent_ids) == ("North", ["ann"])
        factories.user(session, "new", now=now)
        assert "new" in teams.candidates(session)
        teams.change(session, made.id, {"agent_ids": ["ann", "new"]}, actor_id="ada", now=now)
        assert session.get_one(Agent, "new").max_concurrent_alerts == 10
        version = versions.number(session, VERSION)
        moved = teams.change(session, made.id, {"agent_ids": ["bob"]}, actor_id="ada", now=now)
        assert (moved.agent_ids, moved.fallbacks) == (["bob"], ["workload", "claim_pool"])
        assert session.scalar(select(Agent.team_id).where(Agent.id == "ann")) is None
        assert versions.number(session, VERSION) > version
        assert State.load(session).house.chain_for("riverside") == ("territory", "workload", "claim_pool")
        with pytest.raises(Conflict, match="still has members"):
            teams.remove(session, made.id, actor_id="ada", now=now)
        teams.change(session, made.id, {"agent_ids": []}, actor_id="ada", now=now)
        teams.remove(session, made.id, actor_id="ada", now=now)
        with pytest.raises(NotFound):
            teams.change(session, made.id, {"name": "x"}, actor_id="ada", now=now)
        assert session.scalars(select(AuditRow.action).order_by(AuditRow.id)).all() == [
            "team.create",
            "team.change",
            "team.change",
            "team.change",
            "team.delete",
        ]


def test_what_is_wrong_with_a_team_is_named(database: Database, now: datetime) -> None:
    with database.write() as session:
        factories.agent(session, "ann", now=now)
        factories.team(session, "north", name="North", now=now)
        wrong = {"name": "", "manager_id": "ann", "default_strategy": "luck", "agent_ids": ["zed"], "fallbacks": ["x"]}
        with pytest.raises(Invalid) as refused:
            teams.add(session, wrong | {"colour": "red"}, actor_id="ada", now=now)
        assert set(refused.value.fields) == {*wrong, "colour"}
        for fallbacks in (["territory"], ["claim_pool", "workload"]):
            with pytest.raises(Invalid) as refused:
                teams.add(session, {"name": "West", "fallbacks": fallbacks}, actor_id="ada", now=now)
            assert set(refused.value.fields) == {"fallbacks"}
        with pytest.raises(Conflict, match="already"):
            teams.add(session, {"name": "NORTH"}, actor_id="ada", now=now)

"""The factories make rows that every constraint accepts."""

from datetime import datetime

from core.db import Database
from core.db.tables import Agent
from core.words import Role, Status
from tests import factories as make


def test_a_brokerage_can_be_made(database: Database, now: datetime) -> None:
    with database.write() as session:
        boss = make.admin(session, now=now)
        team = make.team(session, now=now)
        lead = make.manager(session, of=[team], now=now)
        agent = make.agent(session, team_id=team, territories=["60302"], skills={"luxury": 4}, now=now)
        rosa = make.contact(session, now=now)
        make.home(session, rosa, now=now)
        make.event(session, rosa, at=now)
        make.signal(session, rosa, now=now)
        make.alert(session, contact_id=rosa, agent_id=agent, now=now)
        won = make.alert(session, agent_id=agent, status=Status.CONVERTED, now=now)
        make.outcome(session, won, converted=True, now=now)
        make.alert(session, now=now)
        make.notification(session, agent, at=now)
        make.rule(session, actions=[{"type": "assign_to_agent", "params": {"agentId": agent}}], now=now)
        make.territory(session, "60302")

    with database.read() as session:
        assert make.viewer(session, boss).role is Role.ADMIN
        assert make.viewer(session, lead).team_ids == (team,)
        assert session.get_one(Agent, agent).open_alerts == 1

"""How the house hands out is a setting: checked, audited, used by the next alert."""

from datetime import datetime

import pytest
from sqlalchemy import select

from core.db import Database
from core.db.tables import Agent, AuditRow
from core.errors import Forbidden, Invalid
from core.routing import house_settings
from core.routing.dispatch import route
from core.routing.state import State
from core.words import Priority
from tests import factories as make


def test_what_is_set_is_used_by_the_next_alert_and_audited(database: Database, now: datetime) -> None:
    with database.write() as session:
        make.admin(session, now=now)
        make.agent(session, "near", territories=["riverside"], now=now)
        make.agent(session, "far", skills={"seller": 5}, now=now)
        state = State.load(session)
        admin = make.viewer(session, "admin")
        house_settings.put(
            session,
            {"default_strategy": "skill", "fallbacks": ["claim_pool"], "units": {"priorities": {"CRITICAL": 2.5}}},
            viewer=admin,
            now=now,
        )
        found = house_settings.get(session)
        assert (found.default_strategy, found.fallbacks, found.timezone) == ("skill", ["claim_pool"], "America/Chicago")
        alert_id = make.alert(session, territory="riverside", priority=Priority.CRITICAL, now=now)
    with database.write() as session:
        assert route(session, [alert_id], state=state, trigger="opened", now=now)[0].agent_id == "far"
        assert session.get_one(Agent, "far").open_units == 2.5
        entry = session.scalars(select(AuditRow).where(AuditRow.action == "routing.settings")).one()
        assert entry.actor_id == "admin"
        assert entry.before is not None
        assert entry.before["default_strategy"] == "territory"


def test_wrong_settings_are_named_and_nothing_changes(database: Database, now: datetime) -> None:
    with database.write() as session:
        make.admin(session, now=now)
        make.agent(session, "ann", now=now)
        admin, ann = make.viewer(session, "admin"), make.viewer(session, "ann")
        with pytest.raises(Invalid) as refused:
            house_settings.put(
                session,
                {
                    "default_strategy": "luck",
                    "fallbacks": ["claim_pool", "skill"],
                    "units": {"types": {"X": 0.3}},
                    "timezone": "Mars/Olympus",
                    "colour": "red",
                },
                viewer=admin,
                now=now,
            )
        assert set(refused.value.fields) == {"default_strategy", "fallbacks", "units.types.X", "timezone", "colour"}
        with pytest.raises(Forbidden):
            house_settings.put(session, {"default_strategy": "skill"}, viewer=ann, now=now)
        assert house_settings.get(session).default_strategy == "territory"

"""Adopting a winner: who may, what is refused, and that everybody gets what the variant got."""

from datetime import datetime
from typing import Any

import pytest
from sqlalchemy import select

from core.alerts.priority import Thresholds, in_force
from core.db import Database
from core.db.tables import AuditRow, Team
from core.errors import Conflict, Forbidden, Invalid
from core.experiments import lifecycle
from core.routing import State
from core.thresholds import save
from core.thresholds.adopting import adopt
from tests import factories
from tests.experiments.making import SELL, a_candidate, contacts, exposures, pass_by, running, won


def test_a_way_of_handing_out_becomes_every_teams_and_is_audited(database: Database, now: datetime) -> None:
    with database.write() as session:
        factories.admin(session, "ada", now=now)
        ada = factories.viewer(session, "ada")
        factories.team(session, now=now)
        routing = State.load(session)
        stopped = won(session, "routing", verdict="lower", alert_types=[], now=now)
        after = adopt(session, stopped, "b", viewer=ada, now=now)
    assert after.conclusion is not None
    assert after.conclusion["adopted"] == {"variant": "b", "at": now.isoformat(), "by": "ada"}
    with database.read() as session:
        assert set(session.scalars(select(Team.default_strategy))) == {"round_robin"}
        assert routing.refresh(session)
        entry = session.scalars(select(AuditRow).where(AuditRow.action == "experiment.adopt")).one()
    assert routing.house.chain_for(None) == ("round_robin",)
    assert (entry.actor_id, entry.subject_id) == ("ada", stopped)


@pytest.mark.parametrize(
    ("told", "variant", "error"),
    [
        ({"verdict": "cannot_tell"}, "b", Conflict),
        ({"verdict": "lower"}, "b", Conflict),
        ({"state": "stopped_early"}, "b", Conflict),
        ({}, "control", Conflict),
        ({}, "c", Invalid),
    ],
)
@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_what_did_not_win_is_not_adopted(
    database: Database, now: datetime, told: dict[str, Any], variant: str, error: type[Exception]
) -> None:
    with database.write() as session:
        factories.admin(session, "ada", now=now)
        stopped = won(session, "threshold", now=now, **told)
        with pytest.raises(error):
            adopt(session, stopped, variant, viewer=factories.viewer(session, "ada"), now=now)
        factories.manager(session, "mia", now=now)
        with pytest.raises(Forbidden):
            adopt(session, stopped, variant, viewer=factories.viewer(session, "mia"), now=now)
        assert in_force(session, now=now).set_for(SELL) == 0.5


def test_a_threshold_for_every_type_leaves_those_with_one_of_their_own_as_adopting_it_does(
    database: Database, now: datetime
) -> None:
    own = {SELL: 0.4}
    with database.write() as session:
        running(session, "threshold", alert_types=[], now=now)
        ids = contacts(session, 40, now=now)
        opened, _ = pass_by(
            session, [a_candidate(one, 0.45) for one in ids[:20]], thresholds=Thresholds(types=own), now=now
        )
        assert len(opened) == 20
        assert exposures(session) == {}
        buying = [a_candidate(one, 0.6, intent="LIKELY_TO_BUY") for one in ids[20:]]
        opened, _ = pass_by(session, buying, thresholds=Thresholds(types=own), now=now)
        assert 0 < len(opened) < 20
        (one,) = lifecycle.list_experiments(session)
        lifecycle.stop(session, one.id, actor_id=None, now=now)
        factories.admin(session, "ada", now=now)
        ada = factories.viewer(session, "ada")
        save(session, {"types": own}, viewer=ada, now=now)
        adopt(session, won(session, "threshold", alert_types=[], now=now), "b", viewer=ada, now=now)
        after = in_force(session, now=now)
    assert (after.set_for(SELL), after.set_for("LIKELY_TO_BUY")) == (0.4, 0.7)

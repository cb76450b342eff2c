"""The life of an alert type: drafted, changed, activated, retired; audited, versioned, and told to every process."""

from datetime import datetime

import pytest
from sqlalchemy import select

from core import versions
from core.alert_types import book
from core.db import Database
from core.db.tables import AuditRow
from core.errors import Conflict, Invalid, NotFound
from core.pipeline import World
from tests import races
from tests.alert_types.writing import CHECKED, a_type, when


@pytest.fixture(autouse=True)
def house(world: World) -> None:
    """People who may be named as having done it."""


def test_a_type_goes_from_draft_to_active_to_retired_and_back_each_step_audited(
    database: Database, now: datetime
) -> None:
    with database.write() as session:
        stored, _ = book.add(session, a_type(), actor_id="ada", now=now)
        assert (stored.id, stored.status, stored.version) == ("INSURANCE_CLAIM_AND_VALUE_CHECK", "draft", 1)
        steps = [
            book.activate(session, stored.id, actor_id="ada", now=now),
            book.retire(session, stored.id, actor_id="ada", now=now),
            book.activate(session, stored.id, actor_id="ada", now=now),
        ]
        counted = versions.number(session, "alert_types")
        rows = session.scalars(
            select(AuditRow).where(AuditRow.subject_type == "alert_type").order_by(AuditRow.id)
        ).all()
    assert [(one.status, one.version) for one in steps] == [("active", 2), ("retired", 3), ("active", 4)]
    assert counted == 4
    assert [row.action.partition(".")[2] for row in rows] == ["created", "activated", "retired", "activated"]
    assert (rows[1].before or {})["status"] == "draft"
    assert (rows[1].after or {})["status"] == "active"


def test_ids_stay_unique_where_names_shorten_to_the_same(database: Database, now: datetime) -> None:
    with database.write() as session:
        ids = [
            book.add(session, a_type(name=name), actor_id=None, now=now)[0].id for name in ("Move!", "Move?", "move 2")
        ]
        assert ids == ["MOVE", "MOVE_2", "MOVE_2_2"]
        with pytest.raises(Conflict, match="called"):
            book.add(session, a_type(name="MOVE!"), actor_id=None, now=now)


def test_a_change_that_somebody_else_overtook_is_refused(database: Database, now: datetime) -> None:
    with database.write() as session:
        stored, _ = book.add(session, a_type(), actor_id="ada", now=now)
        changed, _ = book.change(session, stored.id, {"name": "Claim"}, version=1, actor_id="ada", now=now)
        assert (changed.id, changed.name, changed.version) == (stored.id, "Claim", 2)
        with pytest.raises(Conflict, match="in between"):
            book.change(session, stored.id, {"name": "Claims"}, version=1, actor_id="ada", now=now)
        with pytest.raises(NotFound):
            book.change(session, "NO_SUCH", {"name": "Claims"}, version=None, actor_id="ada", now=now)
        with pytest.raises(Invalid):
            book.change(session, stored.id, {"kind": "trained"}, version=None, actor_id="ada", now=now)


def test_two_of_one_name_at_once_are_not_both_added(database: Database, now: datetime) -> None:
    told = races.at_once(
        database,
        lambda session: book.add(session, a_type(), actor_id=None, now=now),
        lambda session: book.add(session, a_type(), actor_id=None, now=now),
    )
    assert told == "Conflict"


def test_what_can_never_or_always_hold_may_be_drafted_and_not_activated(database: Database, now: datetime) -> None:
    never = {"all": [CHECKED, when("feature.value_checks_30d", "less_than", 1)]}
    with database.write() as session:
        stored, new = book.add(session, a_type(rule=never), actor_id="ada", now=now)
        assert "contradict" in new.warnings[0]
        with pytest.raises(Conflict, match="contradict"):
            book.activate(session, stored.id, actor_id="ada", now=now)
        book.replace(session, stored.id, a_type(rule=CHECKED), version=None, actor_id="ada", now=now)
        book.activate(session, stored.id, actor_id="ada", now=now)
        everybody = a_type(rule=when("feature.value_checks_30d", "greater_than", -1))
        with pytest.raises(Conflict, match="exclude nobody"):
            book.replace(session, stored.id, everybody, version=None, actor_id="ada", now=now)


def test_a_trained_type_stays_a_draft_until_something_can_score_it(database: Database, now: datetime) -> None:
    raw = a_type(kind="trained")
    raw["definition"] = {"label": {"kind": "event", "name": "listing signed"}, "features": ["value_checks_30d"]}
    with database.write() as session:
        stored, _ = book.add(session, raw, actor_id="ada", now=now)
        with pytest.raises(Conflict, match="stays a draft"):
            book.activate(session, stored.id, actor_id="ada", now=now)

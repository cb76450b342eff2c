"""Preferences: whatever is sent comes back as wishes or as clear errors, and what is stored never keeps anybody from being told."""

from datetime import datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import update

from core.db import Database
from core.db.tables.reaching import Preference
from core.delivery import preferences
from core.delivery.preferences import DEFAULTS, parse, wire
from core.errors import Conflict, Invalid
from core.words import Priority
from tests import factories

SCRAP = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
NAMES = st.sampled_from([*wire(DEFAULTS), "email", "HIGH", "from"]) | st.text(max_size=8)


@given(st.dictionaries(NAMES, SCRAP | st.dictionaries(NAMES | st.sampled_from(list(Priority)), SCRAP, max_size=3)))
def test_anything_is_read_or_refused_with_the_fields_that_are_wrong(value: dict[str, Any]) -> None:
    try:
        found = parse(value)
    except Invalid as invalid:
        wrong = invalid.fields
    else:
        assert parse(wire(found)) == found
        return
    assert 0 < len(wrong) <= 50
    assert all(len(name) <= 80 and name.encode().decode() == name for name in wrong)


@pytest.mark.parametrize("value", [None, [], "off", 3, [["matrix", {}]]])
def test_what_is_no_object_is_refused(value: Any) -> None:
    with pytest.raises(Invalid):
        parse(value)


def test_a_hundred_thousand_wrong_names_make_a_short_answer() -> None:
    with pytest.raises(Invalid) as refused:
        parse({f"{number}{'x' * 500}\ud800": None for number in range(100_000)})
    assert len(refused.value.fields) <= 50
    assert len(str(refused.value.fields).encode()) < 20_000


@pytest.mark.parametrize(
    ("value", "field"),
    [
        ({"matrix": {"HIGH": {"email": True}}}, "matrix.HIGH.email"),
        ({"matrix": {"HIGH": {"email": 1.5}}}, "matrix.HIGH.email"),
        ({"matrix": {"HIGH": {"email": 10**30}}}, "matrix.HIGH.email"),
        ({"matrix": {"HIGH": {"in_app": None}}}, "matrix.HIGH.in_app"),
        ({"matrix": {"HIGH": {"fax": 0}}}, "matrix.HIGH.fax"),
        ({"digests": {"CRITICAL": "hourly"}}, "digests.CRITICAL"),
        ({"digests": []}, "digests"),
        ({"digestAt": "8:00"}, "digestAt"),
        ({"digestAt": "24:00"}, "digestAt"),
        ({"digestAt": 800}, "digestAt"),
        ({"quietHours": {"from": "21:00"}}, "quietHours"),
        ({"quietHours": {"from": "21:00", "until": "21:00"}}, "quietHours"),
        ({"gatherAfter": True}, "gatherAfter"),
        ({"language": ["en"]}, "language"),
        ({"workingHoursOnly": 1}, "workingHoursOnly"),
    ],
)
def test_each_wrong_wish_names_its_field_alone(value: dict[str, Any], field: str) -> None:
    with pytest.raises(Invalid) as refused:
        parse(value)
    assert list(refused.value.fields) == [field]


@pytest.mark.parametrize("stored", [{"language": "tlh"}, {"hologram": True}, {"digests": {"HIGH": "yearly"}}])
def test_what_is_stored_and_no_longer_known_keeps_nobody_from_being_told(
    database: Database, now: datetime, stored: dict[str, Any]
) -> None:
    with database.write() as session:
        user_id = factories.user(session, now=now)
        preferences.save(session, user_id, {"gatherAfter": 3}, actor_id=user_id, now=now)
        session.execute(update(Preference).values(value={**wire(DEFAULTS), "gatherAfter": 3, **stored}))
    with database.read() as session:
        assert preferences.load(session, [user_id])[user_id].gather_after == 3


def test_two_who_change_the_same_do_not_overwrite_each_other(database: Database, now: datetime) -> None:
    with database.write() as session:
        user_id = factories.user(session, now=now)
        preferences.save(session, user_id, {"gatherAfter": 3}, actor_id=user_id, version=0, now=now)
        with pytest.raises(Conflict):
            preferences.save(session, user_id, {"gatherAfter": 4}, actor_id=user_id, version=0, now=now)

"""Endpoints as they are kept: checked in words, scoped, versioned, audited, their secrets sealed and shown once."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from core.changes import Audience
from core.db import Database
from core.db.migrate import downgrade, upgrade
from core.db.tables import AuditRow, Delivery, Endpoint, Notification
from core.delivery import Failed, Refused, claim, endpoint_book, endpoints, record
from core.delivery.endpoint_book import Made
from core.errors import Conflict, Forbidden, Invalid, NotFound
from core.routing import teams
from core.settings import Settings
from core.viewer import Viewer, load
from tests import factories
from tests.delivery.making import LEASE
from tests.hostile import Resolver
from tests.webs import ring

KEEPING = Settings(secret_key="k" * 40, allow_private_urls=True)  # type: ignore[arg-type]
STRICT = Settings(secret_key="k" * 40)  # type: ignore[arg-type]
HOOK = {"name": "Our CRM", "url": "http://127.0.0.1:9/in"}


@pytest.fixture
def admin(database: Database, now: datetime) -> Viewer:
    with database.write() as session:
        return _viewer(session, factories.admin(session, now=now))


@pytest.fixture
def mia(database: Database, now: datetime) -> Viewer:
    """Manages north."""
    with database.write() as session:
        factories.team(session, "north", now=now)
        factories.team(session, "south", now=now)
        return _viewer(session, factories.manager(session, "mia", of=["north"], now=now))


def _viewer(session: Session, user_id: str) -> Viewer:
    found = load(session, user_id)
    assert found is not None
    return found


def add(database: Database, viewer: Viewer, now: datetime, **values: Any) -> Made:
    wanted = endpoint_book.read({**HOOK, **values}, KEEPING)
    with database.write() as session:
        return endpoint_book.add(session, wanted, viewer=viewer, settings=KEEPING, now=now)


def change(
    database: Database, made: Made, viewer: Viewer, now: datetime, *, version: int | None = None, **values: Any
) -> Endpoint:
    wanted = endpoint_book.read({**endpoint_book.plain(made.endpoint), **values}, KEEPING)
    with database.write() as session:
        return endpoint_book.change(
            session, made.endpoint.id, wanted, version=version, viewer=viewer, settings=KEEPING, now=now
        )


def secrets(database: Database, endpoint_id: str, at: datetime) -> list[str]:
    with database.read() as session:
        return endpoints.reveal(session.get_one(Endpoint, endpoint_id), KEEPING).valid(at)


def wrong(raw: Mapping[str, Any], settings: Settings = KEEPING) -> Mapping[str, str]:
    with pytest.raises(Invalid) as caught:
        endpoint_book.read({**HOOK, **raw}, settings)
    return caught.value.fields


@pytest.mark.parametrize(
    ("raw", "field"),
    [
        ({"name": " "}, "name"),
        ({"name": "a\nb"}, "name"),
        ({"channel": "pigeon"}, "channel"),
        ({"channel": "email"}, "channel"),
        ({"channel": ["webhook"]}, "channel"),
        ({"teamId": 3}, "teamId"),
        ({"url": "ftp://127.0.0.1"}, "url"),
        ({"url": 7}, "config"),
        ({"eventTypes": ["alert:old"]}, "eventTypes"),
        ({"eventTypes": "alert:new"}, "eventTypes"),
        ({"config": {"perSecond": 0}}, "config.perSecond"),
        ({"config": {"perSecond": True}}, "config.perSecond"),
        ({"config": {"colour": "red"}}, "config.colour"),
        ({"enabled": "yes"}, "enabled"),
        ({"secret": "mine"}, "secret"),
        ({"id": "mine"}, "id"),
    ],
)
def test_what_is_wrong_is_named(raw: dict[str, Any], field: str) -> None:
    assert field in wrong(raw)


def test_a_url_into_a_private_network_is_refused_when_it_is_saved(resolver: Resolver) -> None:
    resolver.says("intranet.example", "10.0.0.7")
    assert "private network" in wrong({"url": "https://intranet.example/in"}, STRICT)["url"]
    assert "no address" in wrong({"url": "https://nobody.example/in"}, STRICT)["url"]


def test_the_secret_is_shown_once_and_sealed(database: Database, admin: Viewer, now: datetime) -> None:
    made = add(database, admin, now)
    assert made.secret is not None
    assert made.secret.startswith("whsec_")
    assert secrets(database, made.endpoint.id, now) == [made.secret]
    with database.read() as session:
        stored = session.get_one(Endpoint, made.endpoint.id).secrets
        audited = session.scalars(select(AuditRow).where(AuditRow.action == "endpoint.create")).one()
    for text in (str(stored), str(audited.after), str(endpoint_book.plain(made.endpoint))):
        assert made.secret.removeprefix("whsec_") not in text
    assert (audited.actor_id, audited.subject_id) == ("admin", made.endpoint.id)


def test_the_audit_trail_keeps_of_an_address_the_host_alone(database: Database, admin: Viewer, now: datetime) -> None:
    add(database, admin, now, url="http://127.0.0.1:9/services/T0KEN?key=T0KEN")
    with database.read() as session:
        (after,) = session.scalars(select(AuditRow.after))
    assert after is not None
    assert after["url"] == "127.0.0.1:9"
    assert "T0KEN" not in str(after)


def test_a_rotated_secret_counts_beside_the_new_one_for_a_day(database: Database, admin: Viewer, now: datetime) -> None:
    made = add(database, admin, now)
    with database.write() as session:
        fresh = endpoint_book.rotate(session, made.endpoint.id, viewer=admin, settings=KEEPING, now=now)
    day = timedelta(hours=24)
    assert secrets(database, made.endpoint.id, now + day - timedelta(seconds=1)) == [fresh.secret, made.secret]
    assert secrets(database, made.endpoint.id, now + day) == [fresh.secret]


def test_rotating_twice_lengthens_no_secret_s_life_and_drops_what_has_run_out(
    database: Database, admin: Viewer, now: datetime
) -> None:
    made = add(database, admin, now)
    later = now + timedelta(hours=20)
    with database.write() as session:
        second = endpoint_book.rotate(session, made.endpoint.id, viewer=admin, settings=KEEPING, now=now)
    with database.write() as session:
        third = endpoint_book.rotate(session, made.endpoint.id, viewer=admin, settings=KEEPING, now=later)
    assert secrets(database, made.endpoint.id, later) == [third.secret, second.secret, made.secret]
    assert secrets(database, made.endpoint.id, now + timedelta(hours=25)) == [third.secret, second.secret]
    with database.write() as session:
        endpoint_book.rotate(session, made.endpoint.id, viewer=admin, settings=KEEPING, now=later + timedelta(hours=30))
        assert len(session.get_one(Endpoint, made.endpoint.id).secrets) == 2


def test_a_manager_looks_after_the_endpoints_of_their_teams_and_no_others(
    database: Database, admin: Viewer, mia: Viewer, now: datetime
) -> None:
    north = add(database, mia, now, teamId="north")
    south = add(database, admin, now, teamId="south")
    add(database, admin, now)
    with database.read() as session:
        assert [one.id for one in endpoint_book.listed(session, mia)] == [north.endpoint.id]
        assert len(endpoint_book.listed(session, admin)) == 3
        with pytest.raises(NotFound):
            endpoint_book.get(session, mia, south.endpoint.id)
    for team in (None, "south"):
        with pytest.raises(Forbidden):
            add(database, mia, now, teamId=team)
        with pytest.raises(Forbidden):
            change(database, north, mia, now, teamId=team)
    with pytest.raises(Invalid):
        add(database, admin, now, teamId="nowhere")


def test_agents_have_no_endpoints(database: Database, mia: Viewer, now: datetime) -> None:
    with database.write() as session:
        agent = _viewer(session, factories.agent(session, team_id="north", now=now))
        assert endpoint_book.listed(session, agent) == []
    with pytest.raises(Forbidden):
        add(database, agent, now, teamId="north")


def test_of_two_who_change_it_the_second_is_told(database: Database, admin: Viewer, now: datetime) -> None:
    made = add(database, admin, now)
    assert change(database, made, admin, now, version=1, name="First").version == 2
    with pytest.raises(Conflict, match="version 2"):
        change(database, made, admin, now, version=1, name="Second")
    with database.write() as session, pytest.raises(Conflict):
        endpoint_book.remove(session, made.endpoint.id, version=1, viewer=admin, now=now)
    with database.write() as session:
        endpoint_book.remove(session, made.endpoint.id, version=2, viewer=admin, now=now)
    with database.read() as session:
        actions = session.scalars(select(AuditRow.action).order_by(AuditRow.id)).all()
        assert actions == ["endpoint.create", "endpoint.change", "endpoint.delete"]
        assert session.scalar(select(func.count()).select_from(Endpoint)) == 0


def test_a_team_that_another_system_is_told_of_is_not_deleted(database: Database, mia: Viewer, now: datetime) -> None:
    add(database, mia, now, teamId="north")
    with database.write() as session, pytest.raises(Conflict, match="endpoint"):
        teams.remove(session, "north", actor_id="mia", now=now)


def test_an_endpoint_that_wants_nothing_more_is_switched_off_and_its_people_are_told(
    database: Database, admin: Viewer, mia: Viewer, now: datetime
) -> None:
    made = add(database, mia, now, teamId="north")
    for key in ("first", "second"):
        _queue(database, made.endpoint.id, key, now)
    refused = Failed(reason="hooks.example answered 410 Gone", retryable=False, address=Refused.GONE)
    with database.write() as session:
        for claimed in claim(session, worker="w1", limit=10, lease=LEASE, now=now):
            record(session, [(claimed, refused)], now=now)
    with database.read() as session:
        assert not session.get_one(Endpoint, made.endpoint.id).enabled
        assert session.scalars(select(AuditRow.action)).all().count("endpoint.disable") == 1
        told = session.execute(select(Notification.user_id, Notification.body)).all()
    assert sorted(row.user_id for row in told) == ["admin", "mia"]
    assert "410" in told[0].body


def _queue(database: Database, endpoint_id: str, key: str, now: datetime) -> None:
    with database.write() as session:
        session.add(
            Delivery(
                id=key,
                endpoint_id=endpoint_id,
                channel="webhook",
                kind="alert:new",
                priority="HIGH",
                state="queued",
                idempotency_key=key,
                payload={},
                due_at=now,
                attempts=0,
                created_at=now,
            )
        )


def test_its_cursor_stands_at_the_present_of_the_migration(database: Database, now: datetime) -> None:
    with database.write() as session:
        made_by = factories.admin(session, now=now)
        viewer = _viewer(session, made_by)
    made = add(database, viewer, now)
    ring(database, "a1", Audience(), now=now)
    downgrade(database, "0015")
    upgrade(database)
    with database.read() as session:
        kept = session.get_one(Endpoint, made.endpoint.id)
        assert (kept.name, kept.cursor) == ("Our CRM", 1)

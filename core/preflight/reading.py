"""The facts of the check as the database has them, in a handful of queries."""

from collections.abc import Collection
from datetime import datetime, timedelta

from sqlalchemy import and_, case, func, select
from sqlalchemy.orm import InstrumentedAttribute, Session

from core import delivery, routing
from core.db.tables import Agent, Alert, Endpoint, Holiday, Territory, User
from core.db.tables.learning import AlertType
from core.delivery.channel import ACCOUNT_EMAIL
from core.delivery.channels import email
from core.escalation import book
from core.preflight.facts import Facts, Flow, NamedDay, Person
from core.preflight.outlook import PAST_DAYS
from core.views.card import type_words
from core.words import Intent

_LIVE = "active"


def read(session: Session, *, state: routing.State, channels: Collection[str], now: datetime) -> Facts:
    """Everything the check needs.

    Args:
        channels: to the outside, set up (`core.delivery.set_up`).
    """
    state.refresh(session)
    users = session.execute(select(User.id, User.name, User.email, User.role, User.active)).all()
    ways = delivery.ways_of(session, [row.id for row in users])
    days = session.execute(select(Holiday.day, Holiday.name, Holiday.team_id).order_by(Holiday.day, Holiday.name))
    own = session.execute(
        select(AlertType.id, AlertType.name).where(AlertType.status == _LIVE).order_by(AlertType.name)
    )
    return Facts(
        house=state.house,
        people={
            row.id: Person(
                name=row.name,
                role=row.role,
                active=row.active,
                ways=tuple(way for way in ways[row.id] if way.address != ACCOUNT_EMAIL or email.is_address(row.email)),
            )
            for row in users
        },
        places=_places(session),
        policies=book.load(session),
        alert_types={kind: type_words(kind).lower() for kind in Intent} | {row.id: row.name for row in own},
        holidays=[NamedDay(day=row.day, name=row.name, team_id=row.team_id) for row in days],
        flows=_flows(session, now=now),
        systems=frozenset(session.scalars(select(Endpoint.id).where(Endpoint.enabled))),
        channels=frozenset(channels),
    )


def _places(session: Session) -> frozenset[str]:
    rows = session.execute(select(Territory.id, Territory.parent_id)).all()
    around = {row.parent_id for row in rows}
    return frozenset(row.id for row in rows if row.id not in around)


def _flows(session: Session, *, now: datetime) -> dict[str | None, Flow]:
    """By the team of whoever has, or had, the alert."""
    opened, closed = (_by_day(session, column, now=now) for column in (Alert.opened_at, Alert.closed_at))
    rows = session.execute(
        select(Agent.team_id, func.count())
        .select_from(Alert)
        .outerjoin(Agent, Agent.id == Alert.assigned_agent_id)
        .where(Alert.closed_at.is_(None))
        .group_by(Agent.team_id)
    )
    open_now = {row[0]: row[1] for row in rows}
    none = (0,) * PAST_DAYS
    return {
        team_id: Flow(open=open_now.get(team_id, 0), opened=opened.get(team_id, none), closed=closed.get(team_id, none))
        for team_id in {*open_now, *opened, *closed}
    }


def _by_day(
    session: Session, column: InstrumentedAttribute[datetime] | InstrumentedAttribute[datetime | None], *, now: datetime
) -> dict[str | None, tuple[int, ...]]:
    edges = [now - timedelta(days=number) for number in range(PAST_DAYS, -1, -1)]
    days = [
        func.sum(case((and_(column >= edges[day], column < edges[day + 1]), 1), else_=0)) for day in range(PAST_DAYS)
    ]
    rows = session.execute(
        select(Agent.team_id, *days)
        .select_from(Alert)
        .outerjoin(Agent, Agent.id == Alert.assigned_agent_id)
        .where(column >= edges[0], column < now)
        .group_by(Agent.team_id)
    )
    return {row[0]: tuple(int(number) for number in row[1:]) for row in rows}

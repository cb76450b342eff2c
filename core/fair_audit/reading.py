"""Reading what the audit compares: active contacts with their area and score, and the alerts on them. Nothing is scored by area."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from sqlalchemy import ColumnElement, and_, func, or_, select, true
from sqlalchemy.orm import Session

from core.db.tables import Agent, Alert, Contact, LatestScore, ModelVersion, Property, Territory
from core.viewer import Viewer, alert_scope
from core.words import ModelStatus, Role

By = Literal["territory", "zip3", "city"]
UNKNOWN = ""
"""The area of contacts whose area nobody told us."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Person:
    """One active contact, as a number of the audit."""

    contact_id: str
    area: str
    confidence: float | None
    """Mean over the alert types of the latest scores; None where never scored in the period."""
    probability: float | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Rung:
    """One alert opened in the period."""

    contact_id: str
    priority: str
    wait: float
    """Seconds until somebody acknowledged or contacted; so far (or until it closed), where nobody did."""
    touched: bool
    contacted: bool
    is_theirs: bool = True
    """Whether the viewer may see it. The others only count in rates of whole areas: left out, an area that another team
    works would seem to get no alerts."""


@dataclass(frozen=True, kw_only=True)
class Compared:
    people: Sequence[Person]
    alerts: Sequence[Rung]
    names: dict[str, str]
    """Area to its name."""
    models: tuple[str, ...]
    """Versions deployed now."""


def read(session: Session, viewer: Viewer, *, since: datetime, until: datetime, by: By, now: datetime) -> Compared:
    """The active contacts and alerts of a period that this viewer answers for.

    A manager's are the contacts that are nobody's or with their teams, in the territories where their teams work.
    """
    areas = _areas(session, viewer, since=since, until=until, by=by)
    alerts = _alerts(session, viewer, since=since, until=until, now=now)
    scores = {
        row[0]: (row[1], row[2])
        for row in session.connection().execute(
            select(LatestScore.contact_id, func.avg(LatestScore.confidence), func.avg(LatestScore.probability))
            .where(LatestScore.scored_at >= since)
            .group_by(LatestScore.contact_id)
        )
    }
    people = [
        Person(
            contact_id=contact_id,
            area=area,
            confidence=scores.get(contact_id, (None, None))[0],
            probability=scores.get(contact_id, (None, None))[1],
        )
        for contact_id, area in areas.items()
    ]
    versions = select(ModelVersion.id).where(ModelVersion.status == ModelStatus.DEPLOYED).order_by(ModelVersion.id)
    return Compared(
        people=people,
        alerts=[one for one in alerts if one.contact_id in areas],
        names=_names(session) if by == "territory" else {},
        models=tuple(session.scalars(versions)),
    )


def _areas(session: Session, viewer: Viewer, *, since: datetime, until: datetime, by: By) -> dict[str, str]:
    """Active contact to area: the contact's own territory, else that of the dearest home; ZIP and city are the home's."""
    theirs: ColumnElement[bool] = true()
    if viewer.role is not Role.ADMIN:
        team = select(Agent.id).where(Agent.team_id.in_(viewer.team_ids))
        worked = _territories(session, viewer)
        place = func.coalesce(Contact.territory, Property.territory)
        free = Contact.owner_agent_id.is_(None)
        theirs = or_(Contact.owner_agent_id.in_(team), and_(free, place.in_(worked)) if worked else free)
    rows = session.connection().execute(
        select(Contact.id, Contact.territory, Property.territory, Property.zip, Property.city)
        .outerjoin(Property, Property.contact_id == Contact.id)
        .where(Contact.last_human_event_at >= since, Contact.first_seen_at < until, theirs)
        .order_by(Contact.id, Property.estimated_value.desc(), Property.id)
    )
    found: dict[str, str] = {}
    for contact_id, own, territory, zip_code, city in rows:
        area = {"territory": own or territory, "zip3": (zip_code or "")[:3], "city": city}[by] or UNKNOWN
        if not found.get(contact_id):
            found[contact_id] = str(area)
    return found


def _territories(session: Session, viewer: Viewer) -> set[str]:
    """Where a manager's agents work; empty where nobody said."""
    rows = session.execute(select(Agent.primary_territory, Agent.territories).where(Agent.team_id.in_(viewer.team_ids)))
    return {place for primary, others in rows for place in (primary, *others) if place}


def _alerts(session: Session, viewer: Viewer, *, since: datetime, until: datetime, now: datetime) -> list[Rung]:
    rows = session.execute(
        select(
            Alert.contact_id,
            Alert.priority,
            Alert.opened_at,
            Alert.acknowledged_at,
            Alert.contacted_at,
            Alert.closed_at,
            alert_scope(viewer).label("theirs"),
        ).where(Alert.opened_at >= since, Alert.opened_at < until)
    )
    found = []
    for row in rows:
        touches = [at for at in (row.acknowledged_at, row.contacted_at) if at is not None]
        end = min(touches) if touches else row.closed_at or now
        found.append(
            Rung(
                contact_id=row.contact_id,
                priority=row.priority,
                wait=max((end - row.opened_at).total_seconds(), 0.0),
                touched=bool(touches),
                contacted=row.contacted_at is not None,
                is_theirs=bool(row.theirs),
            )
        )
    return found


def _names(session: Session) -> dict[str, str]:
    return {row[0]: row[1] for row in session.execute(select(Territory.id, Territory.name))}

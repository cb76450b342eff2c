"""Warmest this week: contacts below the threshold, by lift. They are worth a look; they are not alerts."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import exists, func, select
from sqlalchemy.orm import Session

from core.db.tables import Alert, Contact, Experiment, Exposure, LatestScore, User
from core.experiments.definition import WITHHELD, Kind, State
from core.people import contact_scope
from core.viewer import Viewer
from core.views.page import checked_limit

DAYS = 7


@dataclass(frozen=True, kw_only=True)
class WarmContact:
    contact_id: str
    contact_name: str | None
    contact_email: str | None
    territory: str | None
    intent: str
    """The one with the greatest lift."""
    probability: float
    confidence: float
    lift: float
    scored_at: datetime
    last_seen_at: datetime | None
    owner_name: str | None


def warmest(session: Session, viewer: Viewer, *, now: datetime, limit: int = 10) -> tuple[WarmContact, ...]:
    """The contacts scored in the last 7 days with the greatest lift and no open alert of any type, once each; without those a
    running experiment holds out."""
    checked_limit(limit)
    ranked = (
        select(
            LatestScore.contact_id,
            LatestScore.intent,
            LatestScore.probability,
            LatestScore.confidence,
            LatestScore.lift,
            LatestScore.scored_at,
            func.row_number()
            .over(partition_by=LatestScore.contact_id, order_by=(LatestScore.lift.desc(), LatestScore.intent))
            .label("place"),
        )
        .where(LatestScore.scored_at >= now - timedelta(days=DAYS), LatestScore.scored_at <= now)
        .subquery()
    )
    alerted = exists().where(Alert.contact_id == ranked.c.contact_id, Alert.closed_at.is_(None))
    # Whoever is held out of alerts must not be found here either, or the comparison says nothing.
    withheld = exists().where(
        Exposure.contact_id == ranked.c.contact_id,
        Exposure.variant == WITHHELD,
        Exposure.experiment_id.in_(
            select(Experiment.id).where(Experiment.kind == Kind.HOLDOUT, Experiment.status == State.RUNNING)
        ),
    )
    rows = session.execute(
        select(
            ranked.c.contact_id,
            Contact.name.label("contact_name"),
            Contact.email.label("contact_email"),
            Contact.territory,
            ranked.c.intent,
            ranked.c.probability,
            ranked.c.confidence,
            ranked.c.lift,
            ranked.c.scored_at,
            Contact.last_human_event_at.label("last_seen_at"),
            User.name.label("owner_name"),
        )
        .join(Contact, Contact.id == ranked.c.contact_id)
        .outerjoin(User, User.id == Contact.owner_agent_id)
        .where(ranked.c.place == 1, contact_scope(viewer), ~alerted, ~withheld)
        .order_by(ranked.c.lift.desc(), ranked.c.contact_id)
        .limit(limit)
    )
    return tuple(WarmContact(**row._mapping) for row in rows)

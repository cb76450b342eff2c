"""Who said no to which alert, or let a claim on it run out: routing does not ask them again.

Declining is for good, a claim that ran out for a while. A person may still give the alert to anybody by hand.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import and_, func, literal_column, or_, select
from sqlalchemy.orm import Session

from core.db.tables import Assignment
from core.words import PoolReason

AGAIN_AFTER = timedelta(hours=2)
"""How long an alert is for others after a claim on it ran out."""
DECLINED = PoolReason.DECLINED
"""How such an assignment ended, why the alert is in the pool where nobody else was found, and what its decision came from."""
WAS_DECLINED = Assignment.ended_reason == literal_column("'declined'")
"""The condition on `assignments`, in the words of its index."""


def declined_by(session: Session, alert_ids: Sequence[str], agent_id: str) -> int:
    """How many of these alerts this agent has declined before."""
    said = select(func.count(Assignment.alert_id.distinct()))
    return (
        session.scalar(said.where(Assignment.alert_id.in_(alert_ids), Assignment.agent_id == agent_id, WAS_DECLINED))
        or 0
    )


def of(session: Session, alert_ids: Sequence[str], *, now: datetime) -> dict[str, frozenset[str]]:
    """Alert id -> the agents who get it no more; alerts that nobody refused are left out."""
    ran_out = and_(
        Assignment.ended_reason == PoolReason.CLAIM_EXPIRED,
        Assignment.ended_at > now - AGAIN_AFTER,
    )
    rows = session.execute(
        select(Assignment.alert_id, Assignment.agent_id).where(
            Assignment.alert_id.in_(alert_ids), or_(WAS_DECLINED, ran_out)
        )
    )
    found: dict[str, frozenset[str]] = {}
    for alert_id, agent_id in rows:
        found[alert_id] = found.get(alert_id, frozenset()) | {agent_id}
    return found

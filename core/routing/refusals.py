"""Who said no to which alert: routing does not ask them again.

Declining is for good. A person may still give the alert to anybody by hand.
"""

from collections.abc import Sequence

from sqlalchemy import literal_column, select
from sqlalchemy.orm import Session

from core.db.tables import Assignment
from core.words import PoolReason

DECLINED = PoolReason.DECLINED
"""How such an assignment ended, why the alert is in the pool where nobody else was found, and what its decision came from."""
WAS_DECLINED = Assignment.ended_reason == literal_column("'declined'")
"""The condition on `assignments`, in the words of its index."""


def of(session: Session, alert_ids: Sequence[str]) -> dict[str, frozenset[str]]:
    """Alert id -> the agents who get it no more; alerts that nobody refused are left out."""
    rows = session.execute(
        select(Assignment.alert_id, Assignment.agent_id).where(Assignment.alert_id.in_(alert_ids), WAS_DECLINED)
    )
    found: dict[str, frozenset[str]] = {}
    for alert_id, agent_id in rows:
        found[alert_id] = found.get(alert_id, frozenset()) | {agent_id}
    return found

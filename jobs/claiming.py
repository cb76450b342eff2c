"""Claims that nothing followed go back into the pool, and whoever claimed is told."""

from sqlalchemy.orm import Session

from core import delivery, log
from core.claim_terms import terms
from core.clock import Clock
from core.db import Database
from core.delivery import Kind, Notice
from core.delivery.saying import saying
from core.routing import claims
from core.routing.claims import RanOut
from core.words import Priority
from jobs.outages import is_outage

_log = log.get(__name__)


def expire_once(database: Database, clock: Clock) -> int:
    """One pass, each alert in a transaction of its own; how many went back."""
    now = clock.now()
    with database.read() as session:
        due = claims.due(session, now=now)
    back = 0
    for alert_id in due:
        try:
            with database.write() as session:
                ran_out = claims.expire(session, alert_id, now=now)
                if ran_out is not None:
                    delivery.enqueue(session, [_notice(session, ran_out)], now=now)
            back += ran_out is not None
        except Exception as error:
            if is_outage(error):
                raise
            _log.exception("claim_not_expired", alert_id=alert_id)
    return back


def _notice(session: Session, ran_out: RanOut) -> Notice:
    """Once for each claim: it is named after the assignment."""
    minutes = terms(session).minutes
    return Notice(
        alert_id=None,
        user_id=ran_out.agent_id,
        kind=Kind.ADMIN_NOTICE,
        priority=Priority.LOW,
        occasion=f"claim-{ran_out.assignment_id}",
        text=saying(
            "Your claim on {contact} ran out: nothing followed within {minutes} minutes, so others may take it.",
            contact=ran_out.contact,
            minutes=minutes,
        ),
    )

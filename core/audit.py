"""The audit trail: every mutation leaves who, what, when, before and after (promise 7)."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import insert
from sqlalchemy.orm import Session

from core.db.tables.running import AuditRow


def record(
    session: Session,
    action: str,
    *,
    subject_type: str,
    subject_id: str,
    actor_id: str | None,
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
    now: datetime,
) -> None:
    """Add one row. `actor_id` is a user, or None for the system. Values must be JSON-able and hold no secrets."""
    record_each(
        session,
        action,
        subject_type=subject_type,
        changes={subject_id: (before, after)},
        actor_id=actor_id,
        now=now,
    )


def record_each(
    session: Session,
    action: str,
    *,
    subject_type: str,
    changes: Mapping[str, tuple[Mapping[str, Any] | None, Mapping[str, Any] | None]],
    actor_id: str | None,
    now: datetime,
) -> None:
    """The same for many subjects in one statement: id -> (before, after)."""
    if not changes:
        return
    session.execute(
        insert(AuditRow),
        [
            {
                "at": now,
                "actor_id": actor_id,
                "action": action,
                "subject_type": subject_type,
                "subject_id": subject_id,
                "before": dict(before) if before is not None else None,
                "after": dict(after) if after is not None else None,
            }
            for subject_id, (before, after) in changes.items()
        ],
    )

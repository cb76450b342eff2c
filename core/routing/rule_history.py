"""Every version a rule ever had, read from the audit trail, and the way back to an earlier one, also of a deleted rule."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from core.db.tables import Rule, User
from core.db.tables.running import AuditRow
from core.errors import NotFound
from core.routing import rule_book
from core.routing.rule_book import StoredRule

MOST_ENTRIES = 200
MOST_DELETED = 50
_SUBJECT = "rule"


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One change of a rule."""

    id: int
    rule_id: str
    at: datetime
    actor_id: str | None
    actor_name: str | None
    """None: the system itself."""
    action: str
    """rule.create, rule.change, rule.delete or rule.restore."""
    before: Mapping[str, Any] | None
    after: Mapping[str, Any] | None

    @property
    def text(self) -> Mapping[str, Any]:
        """The rule as it was after this change, or last before it was deleted."""
        return self.after or self.before or {}


def of_rule(session: Session, rule_id: str) -> list[Entry]:
    """Its changes, the newest first.

    Raises:
        NotFound: there never was such a rule.
    """
    found = _entries(session, AuditRow.subject_id == rule_id, most=MOST_ENTRIES)
    if not found:
        rule_book.get_rule(session, rule_id)
    return found


def deleted(session: Session) -> list[Entry]:
    """The last change of every rule that is gone, the newest first."""
    newest = (
        select(func.max(AuditRow.id))
        .where(AuditRow.subject_type == _SUBJECT)
        .where(AuditRow.subject_id.not_in(select(Rule.id)))
        .group_by(AuditRow.subject_id)
    )
    return _entries(session, AuditRow.id.in_(newest), most=MOST_DELETED)


def restore(
    session: Session, rule_id: str, entry_id: int, *, version: int | None, actor_id: str | None, now: datetime
) -> StoredRule:
    """Make the rule what it was after this change (a deletion: before it); one that is gone comes back under its own id.

    Args:
        version: the version the person saw; None writes over whatever is there.

    Raises:
        NotFound: there is no such change of this rule.
        Invalid: what it was no longer reads.
        Conflict: somebody else changed it in between, or there are too many rules.
    """
    found = _entries(session, AuditRow.subject_id == rule_id, AuditRow.id == entry_id, most=1)
    if not found:
        raise NotFound("There is no such version of this rule.")
    text = found[0].text
    if session.get(Rule, rule_id) is not None:
        return rule_book.replace(session, rule_id, text, version=version, actor_id=actor_id, now=now)
    seen = session.scalar(select(func.count()).where(_is_of(rule_id))) or 0
    return rule_book.put_back(session, rule_id, text, version=seen + 1, actor_id=actor_id, now=now)


def _is_of(rule_id: str) -> Any:
    return (AuditRow.subject_type == _SUBJECT) & (AuditRow.subject_id == rule_id)


def _entries(session: Session, *conditions: Any, most: int) -> list[Entry]:
    rows = session.execute(
        select(
            AuditRow.id,
            AuditRow.subject_id.label("rule_id"),
            AuditRow.at,
            AuditRow.actor_id,
            User.name.label("actor_name"),
            AuditRow.action,
            AuditRow.before,
            AuditRow.after,
        )
        .outerjoin(User, User.id == AuditRow.actor_id)
        .where(AuditRow.subject_type == _SUBJECT, *conditions)
        .order_by(AuditRow.id.desc())
        .limit(most)
    )
    return [Entry(**row._mapping) for row in rows]

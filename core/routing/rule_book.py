"""The stored rules: list, add, replace, change and delete, each audited and seen by every router at once."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import delete, insert, select, update
from sqlalchemy.orm import Session

from core import audit, versions
from core.db.base import table_of
from core.db.tables import Rule
from core.errors import Conflict, Invalid, NotFound
from core.ids import new_id
from core.routing import rules
from core.routing.capacity import take_turn
from core.routing.state import VERSION

MOST_RULES = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredRule:
    id: str
    name: str
    priority: int
    """Tried from the largest to the smallest."""
    enabled: bool
    description: str
    conditions: list[dict[str, Any]]
    actions: list[dict[str, Any]]
    version: int
    updated_at: datetime


def list_rules(session: Session) -> list[StoredRule]:
    """All rules, in the order they are tried."""
    table = table_of(Rule)
    rows = session.execute(select(table).order_by(table.c.priority.desc(), table.c.id))
    return [StoredRule(**row._mapping) for row in rows]


def get_rule(session: Session, rule_id: str) -> StoredRule:
    """One rule.

    Raises:
        NotFound: there is none with this id.
    """
    table = table_of(Rule)
    row = session.execute(select(table).where(table.c.id == rule_id)).one_or_none()
    if row is None:
        raise NotFound("There is no such rule.")
    return StoredRule(**row._mapping)


def add(session: Session, raw: object, *, actor_id: str | None, now: datetime) -> StoredRule:
    """Store a new rule.

    Raises:
        Invalid: naming what is wrong with it.
        Conflict: there are too many rules already.
    """
    return _insert(session, "rule.create", new_id(), raw, version=1, actor_id=actor_id, now=now)


def put_back(
    session: Session, rule_id: str, raw: object, *, version: int, actor_id: str | None, now: datetime
) -> StoredRule:
    """Store a deleted rule again under its own id, at a version nobody has seen of it; errors as in `add`."""
    return _insert(session, "rule.restore", rule_id, raw, version=version, actor_id=actor_id, now=now)


def replace(
    session: Session, rule_id: str, raw: object, *, version: int | None, actor_id: str | None, now: datetime
) -> StoredRule:
    """Store another text under the same id.

    Args:
        version: the version the writer saw; None writes over whatever is there.

    Raises:
        NotFound: there is no such rule.
        Invalid: naming what is wrong with it.
        Conflict: somebody else changed it in between.
    """
    take_turn(session)
    before = get_rule(session, rule_id)
    rule = rules.validate(raw)
    seen = before.version if version is None else version
    table = table_of(Rule)
    done = session.execute(
        update(table)
        .where(table.c.id == rule_id, table.c.version == seen)
        .values(version=seen + 1, updated_at=now, **columns(rule))
        .returning(table.c.id)
    ).one_or_none()
    if done is None:
        raise _moved_on(before)
    return _done(session, "rule.change", rule_id, before=before, actor_id=actor_id, now=now)


def change(
    session: Session,
    rule_id: str,
    changes: Mapping[str, Any],
    *,
    version: int | None,
    actor_id: str | None,
    now: datetime,
) -> StoredRule:
    """Change the named fields and leave the rest; errors as in `replace`."""
    take_turn(session)
    present = text(get_rule(session, rule_id))
    unknown = {name: "there is no such field in a rule" for name in changes if name not in present}
    if unknown:
        raise Invalid("The rule is not valid.", fields=unknown)
    return replace(session, rule_id, present | dict(changes), version=version, actor_id=actor_id, now=now)


def remove(session: Session, rule_id: str, *, version: int | None, actor_id: str | None, now: datetime) -> None:
    """Delete a rule; decisions keep its id.

    Raises:
        NotFound: there is no such rule.
        Conflict: it is not at this version any more.
    """
    take_turn(session)
    before = get_rule(session, rule_id)
    if version is not None and version != before.version:
        raise _moved_on(before)
    session.execute(delete(table_of(Rule)).where(table_of(Rule).c.id == rule_id))
    versions.bump_at_commit(session, VERSION)
    audit.record(
        session,
        "rule.delete",
        subject_type="rule",
        subject_id=rule_id,
        actor_id=actor_id,
        before=text(before),
        now=now,
    )


def move(
    session: Session, rule_id: str, *, earlier: bool, version: int | None, actor_id: str | None, now: datetime
) -> list[StoredRule]:
    """Have a rule tried one place earlier or later; the rules whose priority that took. At the end of the row nothing happens.

    Raises:
        NotFound: there is no such rule.
        Conflict: somebody else changed it in between.
    """
    take_turn(session)
    found = list_rules(session)
    rule = get_rule(session, rule_id)
    if version is not None and version != rule.version:
        raise _moved_on(rule)
    wanted = earlier_by_one([(one.id, one.priority) for one in found], rule_id, earlier=earlier)
    return [
        change(session, each, {"priority": priority}, version=None, actor_id=actor_id, now=now)
        for each, priority in wanted.items()
    ]


def earlier_by_one(order: Sequence[tuple[str, int]], rule_id: str, *, earlier: bool) -> dict[str, int]:
    """Rule id -> the priority it needs so that this rule changes places with its neighbour; as few as that takes.

    Args:
        order: (id, priority) as they are tried: by falling priority, then by id.
    """
    ids = [each for each, _ in order]
    upper = ids.index(rule_id) - (1 if earlier else 0)
    if upper < 0 or upper + 1 >= len(ids):
        return {}
    wanted = [*order[:upper], order[upper + 1], order[upper], *order[upper + 2 :]]
    changed: dict[str, int] = {}
    below: tuple[str, int] | None = None
    for each, priority in reversed(wanted):
        if below is not None and (-priority, each) > (-below[1], below[0]):
            priority = changed[each] = below[1] + 1
        below = (each, priority)
    return changed


def _insert(
    session: Session, action: str, rule_id: str, raw: object, *, version: int, actor_id: str | None, now: datetime
) -> StoredRule:
    take_turn(session)
    rule = rules.validate(raw)
    if len(list_rules(session)) >= MOST_RULES:
        raise Conflict(f"There are {MOST_RULES} rules already; delete some first.")
    session.execute(insert(table_of(Rule)).values(id=rule_id, version=version, updated_at=now, **columns(rule)))
    return _done(session, action, rule_id, before=None, actor_id=actor_id, now=now)


def _moved_on(rule: StoredRule) -> Conflict:
    return Conflict(f"Somebody changed this rule in between (it is at version {rule.version}); look again.")


def _done(
    session: Session, action: str, rule_id: str, *, before: StoredRule | None, actor_id: str | None, now: datetime
) -> StoredRule:
    after = get_rule(session, rule_id)
    versions.bump_at_commit(session, VERSION)
    audit.record(
        session,
        action,
        subject_type="rule",
        subject_id=rule_id,
        actor_id=actor_id,
        before=text(before) if before else None,
        after=text(after),
        now=now,
    )
    return after


def columns(rule: rules.NewRule) -> dict[str, Any]:
    """A checked rule as it is stored, and as people write it."""
    return {
        "name": rule.name,
        "priority": rule.priority,
        "enabled": rule.enabled,
        "description": rule.description,
        "conditions": [dict(condition) for condition in rule.conditions],
        "actions": [dict(action) for action in rule.actions],
    }


def text(rule: StoredRule) -> dict[str, Any]:
    """The rule as people write it."""
    return {
        "name": rule.name,
        "priority": rule.priority,
        "enabled": rule.enabled,
        "description": rule.description,
        "conditions": rule.conditions,
        "actions": rule.actions,
    }

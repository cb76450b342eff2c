"""The list of alerts, narrowed, sorted and paged by key; at 100,000 alerts a page costs milliseconds (bench/lists.py).

Each sort is walked along an index and stops at the page's end. `urgent` goes tier by tier, because the order of tiers
is not the order of their names; an agent's own alerts and the pool are two short walks, because one walk over both
would pass everybody else's.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import ColumnElement, exists, false, func, literal, or_, select, tuple_, union_all
from sqlalchemy.orm import InstrumentedAttribute, Session

from core.db.tables import Alert, AlertType, Contact
from core.errors import Invalid
from core.viewer import Viewer, alert_scope
from core.views.card import AlertCard, card, columns, type_words
from core.views.detail import AlertDetail, get_alert, get_card
from core.views.filters import UNASSIGNED, Filters, check, conditions, contact_matches
from core.views.page import Page, checked_limit, cursor_of, key_of
from core.words import Intent, Priority, Role, Status

__all__ = [
    "UNASSIGNED",
    "AlertCard",
    "AlertDetail",
    "Filters",
    "Sort",
    "count_alerts",
    "get_alert",
    "get_card",
    "list_alerts",
]

Sort = Literal["urgent", "newest", "confidence"]
_SHAPES: dict[str, tuple[type, ...]] = {
    "urgent": (int, datetime, str),
    "newest": (datetime, str),
    "confidence": (float, str),
}
_FEW = 500
"""Up to so many found contacts their alerts are looked up one by one; with more, the sorted walk meets them soon."""


_LINE = ((Status.NEW,), (Status.ACKNOWLEDGED, Status.IN_PROGRESS), (Status.CONTACTED,))


def list_alerts(
    session: Session,
    viewer: Viewer,
    filters: Filters = Filters(),  # noqa: B008  frozen
    *,
    sort: Sort = "urgent",
    cursor: str | None = None,
    limit: int = 25,
    now: datetime,
) -> Page[AlertCard]:
    """One page of what this viewer may see.

    Args:
        sort: `urgent` (tier, then newest), `newest`, or `confidence` (highest first).

    Raises:
        Invalid: a filter, the sort, the limit or the cursor is malformed.
    """
    check(filters)
    checked_limit(limit)
    if sort not in _SHAPES:
        raise Invalid("There is no such order.", fields={"sort": f"one of {', '.join(_SHAPES)}"})
    key = key_of(cursor, sort, _SHAPES[sort]) if cursor else None
    where = [*conditions(filters, now=now), *_text(session, filters.text)]
    branches = _branches(viewer)
    if sort == "urgent":
        tiers = set(filters.priorities) or set(Priority)
        found = _urgent(session, branches, where, tiers=tiers, key=key, limit=limit + 1)
    else:
        if filters.priorities:
            where.append(Alert.priority.in_(filters.priorities))
        column = Alert.opened_at if sort == "newest" else Alert.confidence
        found = _walk(session, branches, where, column=column, key=key, limit=limit + 1)
    cards = _cards(session, viewer, found[:limit], now=now)
    more = len(found) > limit
    return Page(items=cards, next_cursor=cursor_of(sort, *_key(cards[-1], sort)) if more and cards else None)


def count_alerts(
    session: Session,
    viewer: Viewer,
    filters: Filters = Filters(),  # noqa: B008  frozen
    *,
    now: datetime,
) -> int:
    """How many alerts `list_alerts` would page through."""
    check(filters)
    where = [alert_scope(viewer), *conditions(filters, now=now), *_text(session, filters.text)]
    if filters.priorities:
        where.append(Alert.priority.in_(filters.priorities))
    return session.scalar(select(func.count()).select_from(Alert).where(*where)) or 0


def _branches(viewer: Viewer) -> list[ColumnElement[bool]]:
    """The viewer's scope (core.viewer.alert_scope), as the walks that together cover it."""
    if viewer.role is Role.AGENT:
        return [Alert.assigned_agent_id == viewer.user_id, Alert.assigned_agent_id.is_(None)]
    return [alert_scope(viewer)]


def _urgent(
    session: Session,
    branches: Sequence[ColumnElement[bool]],
    where: Sequence[ColumnElement[bool]],
    *,
    tiers: set[str] | set[Priority],
    key: tuple[int, datetime, str] | None,
    limit: int,
) -> list[str]:
    found: list[str] = []
    for priority in Priority:
        if priority not in tiers or (key is not None and priority.rank < key[0]):
            continue
        within = key[1:] if key is not None and priority.rank == key[0] else None
        found += _walk(
            session,
            branches,
            [Alert.priority == priority, *where],
            column=Alert.opened_at,
            key=within,
            limit=limit - len(found),
        )
        if len(found) >= limit:
            break
    return found


def _walk(
    session: Session,
    branches: Sequence[ColumnElement[bool]],
    where: Sequence[ColumnElement[bool]],
    *,
    column: InstrumentedAttribute[Any],
    key: tuple[Any, str] | None,
    limit: int,
) -> list[str]:
    """The ids of the next alerts by this column and id, both descending, after the key."""
    after = [] if key is None else [_after(column, key)]
    walks = [
        select(Alert.id.label("id"), column.label("at"))
        .where(branch, *where, *after)
        .order_by(column.desc(), Alert.id.desc())
        .limit(limit)
        for branch in branches
    ]
    if len(walks) == 1:
        return list(session.execute(walks[0]).scalars())
    both = union_all(*(select(walk.subquery()) for walk in walks)).subquery()
    merged = select(both.c.id).order_by(both.c.at.desc(), both.c.id.desc()).limit(limit)
    return list(session.execute(merged).scalars())


def _after(column: InstrumentedAttribute[Any], key: tuple[Any, str]) -> ColumnElement[bool]:
    return tuple_(column, Alert.id) < tuple_(literal(key[0], column.type), literal(key[1]))


def _cards(session: Session, viewer: Viewer, alert_ids: Sequence[str], *, now: datetime) -> tuple[AlertCard, ...]:
    if not alert_ids:
        return ()
    others = viewer.role is not Role.AGENT
    rows = {
        row.id: card(row, viewer_id=viewer.user_id, may_undo_others=others, now=now)
        for row in session.execute(columns().where(Alert.id.in_(alert_ids)))
    }
    return tuple(rows[alert_id] for alert_id in alert_ids if alert_id in rows)


def first_in_line(session: Session, viewer: Viewer, *, limit: int = 5, now: datetime) -> tuple[AlertCard, ...]:
    """What to turn to first: alerts nobody has answered, then those begun, then those contacted; each the most urgent first."""
    found: list[AlertCard] = []
    for statuses in _LINE:
        if len(found) < limit:
            filters = Filters(statuses=statuses, open_only=True)
            found += list_alerts(session, viewer, filters, limit=limit - len(found), now=now).items
    return tuple(found)


def _key(last: AlertCard, sort: str) -> tuple[Any, ...]:
    if sort == "urgent":
        return Priority(last.priority).rank, last.opened_at, last.id
    return (last.opened_at if sort == "newest" else last.confidence), last.id


def _text(session: Session, text: str) -> list[ColumnElement[bool]]:
    """Every word must be in the contact, or in the words of the alert's type."""
    wanted: list[ColumnElement[bool]] = []
    naming: list[ColumnElement[bool]] = []
    known = {**{intent.value: type_words(intent) for intent in Intent}, **_own_types(session)} if text.strip() else {}
    for word in text.split():
        types = [one for one, name in known.items() if word.lower() in name.lower()]
        matches = contact_matches(word)
        if types:
            wanted.append(or_(Alert.alert_type.in_(types), _has_contact(matches)))
        else:
            naming.append(matches)
    if naming:
        few = session.scalars(select(Contact.id).where(*naming).limit(_FEW + 1)).all()
        if len(few) > _FEW:
            wanted.append(_has_contact(*naming))
        else:
            # Ids, not contacts: no planner can then prefer to walk the sorted index past everybody else's alerts.
            theirs = session.scalars(select(Alert.id).where(Alert.contact_id.in_(few))).all() if few else []
            wanted.append(Alert.id.in_(theirs) if theirs else false())
    return wanted


def _own_types(session: Session) -> dict[str, str]:
    return {row.id: row.name for row in session.execute(select(AlertType.id, AlertType.name))}


def _has_contact(*matches: ColumnElement[bool]) -> ColumnElement[bool]:
    return exists().where(Contact.id == Alert.contact_id, *matches)

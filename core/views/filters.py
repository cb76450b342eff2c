"""What a list of alerts can be narrowed by, and the conditions that makes."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import ColumnElement, false, func, or_

from core.db.tables import Alert, Contact
from core.errors import Invalid
from core.views.page import well_formed
from core.words import OPEN_STATUSES, Priority, Status

UNASSIGNED = "unassigned"
"""In `agent_ids`: the pool."""
MAX_TEXT = 200
_MAX_VALUES = 200
_EARLIEST, _LATEST = datetime(1900, 1, 1, tzinfo=UTC), datetime(2300, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, kw_only=True)
class Filters:
    """Each field that is set narrows; an empty tuple or None does not."""

    types: tuple[str, ...] = ()
    statuses: tuple[str, ...] = ()
    priorities: tuple[str, ...] = ()
    agent_ids: tuple[str, ...] = ()
    """`UNASSIGNED` among them means the pool."""
    territory: str | None = None
    min_confidence: float | None = None
    opened_from: datetime | None = None
    """Inclusive."""
    opened_to: datetime | None = None
    """Exclusive."""
    text: str = ""
    """Found in the contact's name, e-mail or id, or the words of the alert type; every word must be found."""
    snoozed: bool | None = False
    """False hides what is snoozed now, True shows only that, None shows both."""
    open_only: bool = False
    user_id: str | None = None
    """Of this contact alone."""


def check(filters: Filters) -> None:
    """Raises Invalid naming every field that holds something no list can be narrowed by."""
    wrong: dict[str, str] = {}
    for name in ("types", "statuses", "priorities", "agent_ids"):
        values = getattr(filters, name)
        if len(values) > _MAX_VALUES or any(len(value) > MAX_TEXT or not well_formed(value) for value in values):
            wrong[name] = f"at most {_MAX_VALUES} values of at most {MAX_TEXT} characters"
    if unknown := [value for value in filters.statuses if value not in set(Status)]:
        wrong.setdefault("statuses", f"{unknown[0][:40]!r} is none of {', '.join(Status)}")
    if unknown := [value for value in filters.priorities if value not in set(Priority)]:
        wrong.setdefault("priorities", f"{unknown[0][:40]!r} is none of {', '.join(Priority)}")
    for name in ("territory", "user_id", "text"):
        value = getattr(filters, name) or ""
        if len(value) > MAX_TEXT or not well_formed(value):
            wrong[name] = f"at most {MAX_TEXT} characters, and text"
    if filters.min_confidence is not None and not 0 <= filters.min_confidence <= 1:
        wrong["min_confidence"] = "0 to 1"
    for name in ("opened_from", "opened_to"):
        at = getattr(filters, name)
        if at is not None and (at.tzinfo is None or not _EARLIEST < at < _LATEST):
            wrong[name] = "a time with its zone, of this or the next centuries"
    if wrong:
        raise Invalid(f"Look at: {', '.join(wrong)}.", fields=wrong)


def conditions(filters: Filters, *, now: datetime) -> list[ColumnElement[bool]]:
    """The WHERE of these filters, over `alerts` alone."""
    found: list[ColumnElement[bool]] = []
    if filters.types:
        found.append(_among(Alert.alert_type, filters.types))
    if filters.open_only:
        found.append(Alert.closed_at.is_(None))
    if filters.statuses:
        found.append(_among(Alert.status, filters.statuses))
        if set(filters.statuses) <= set(OPEN_STATUSES) and not filters.open_only:
            found.append(Alert.closed_at.is_(None))  # the same rows, and the small index of what is open
    if filters.agent_ids:
        found.append(_owners(filters.agent_ids))
    if filters.territory:
        found.append(Alert.territory == filters.territory)
    if filters.min_confidence is not None:
        found.append(Alert.confidence >= filters.min_confidence)
    if filters.opened_from is not None:
        found.append(Alert.opened_at >= filters.opened_from)
    if filters.opened_to is not None:
        found.append(Alert.opened_at < filters.opened_to)
    if filters.user_id:
        found.append(Alert.contact_id == filters.user_id)
    if filters.snoozed is True:
        found.append(Alert.snoozed_until > now)
    elif filters.snoozed is False:
        found.append(or_(Alert.snoozed_until.is_(None), Alert.snoozed_until <= now))
    return found


def _among(column: Any, values: tuple[str, ...]) -> ColumnElement[bool]:
    return column == values[0] if len(values) == 1 else column.in_(values)  # type: ignore[no-any-return]


def _owners(agent_ids: tuple[str, ...]) -> ColumnElement[bool]:
    named = tuple(agent_id for agent_id in agent_ids if agent_id != UNASSIGNED)
    owned = _among(Alert.assigned_agent_id, named) if named else false()
    return or_(owned, Alert.assigned_agent_id.is_(None)) if UNASSIGNED in agent_ids else owned


def contact_matches(word: str) -> ColumnElement[bool]:
    """Whether a contact's name, e-mail or id holds the word, which has no space; LIKE's own letters are taken literally.

    One comparison over the three joined takes half the time of three.
    """
    fields = func.coalesce(Contact.name, "") + " " + func.coalesce(Contact.email, "") + " " + Contact.id
    return fields.icontains(word, autoescape=True)

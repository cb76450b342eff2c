"""The messages a viewer may see: listed and narrowed, one with all that happened to it, and all about one alert."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast

from sqlalchemy import ColumnElement, Select, func, literal, select, tuple_
from sqlalchemy.orm import Session

from core.db.tables import Alert, Contact, User
from core.db.tables.acting import Delivery
from core.db.tables.reaching import Endpoint
from core.delivery.scoping import delivery_scope
from core.errors import NotFound
from core.viewer import Viewer, alert_scope
from core.views.delivery_story import Skipped, Step, skipped, stories
from core.views.page import Page, checked_limit, cursor_of, key_of, well_formed
from core.words import DeliveryState

_KIND = "deliveries"
_MAX_ID = 64
_OF_ALERT = 200
"""Messages shown of one alert: the newest."""


@dataclass(frozen=True, kw_only=True, slots=True)
class DeliveryRow:
    id: str
    alert_id: str | None
    alert_type: str | None
    contact_name: str | None
    user_id: str | None
    user_name: str | None
    endpoint_id: str | None
    endpoint_name: str | None
    channel: str
    kind: str
    priority: str
    state: str
    reason: str | None
    attempts: int
    provider: str | None
    provider_id: str | None
    merged_into: str | None
    due_at: datetime
    created_at: datetime
    sent_at: datetime | None
    delivered_at: datetime | None
    opened_at: datetime | None
    clicked_at: datetime | None


@dataclass(frozen=True, kw_only=True, slots=True)
class DeliveryDetail:
    delivery: DeliveryRow
    steps: tuple[Step, ...]
    """The oldest first."""


@dataclass(frozen=True, kw_only=True, slots=True)
class AlertDeliveries:
    """Everything that was, and was not, sent about one alert, as far as this viewer may see it."""

    messages: tuple[DeliveryDetail, ...]
    """The newest first."""
    skipped: tuple[Skipped, ...]
    """Channels that carried nothing."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Filters:
    states: tuple[str, ...] = ()
    """Any of these; empty: all."""
    channels: tuple[str, ...] = ()
    user_id: str | None = None
    endpoint_id: str | None = None
    alert_id: str | None = None
    reason: str | None = None
    """Exactly this."""
    since: datetime | None = None

    def conditions(self) -> list[ColumnElement[bool]]:
        found: list[ColumnElement[bool]] = []
        if self.states:
            found.append(Delivery.state.in_(self.states))
        if self.channels:
            found.append(Delivery.channel.in_(self.channels))
        for column, value in (
            (Delivery.user_id, self.user_id),
            (Delivery.endpoint_id, self.endpoint_id),
            (Delivery.alert_id, self.alert_id),
            (Delivery.reason, self.reason),
        ):
            if value is not None:
                found.append(column == value)
        if self.since is not None:
            found.append(Delivery.created_at >= self.since)
        return found


@dataclass(frozen=True, kw_only=True, slots=True)
class DeadReason:
    """Dead letters that died of the same, by one channel."""

    channel: str
    reason: str | None
    count: int
    oldest_at: datetime
    newest_at: datetime


def list_deliveries(
    session: Session, viewer: Viewer, filters: Filters = Filters(), *, cursor: str | None = None, limit: int = 25
) -> Page[DeliveryRow]:
    """One page of the messages this viewer may see, newest first.

    Raises:
        Invalid: the limit or the cursor is not one of ours.
    """
    checked_limit(limit)
    where = [delivery_scope(viewer), *filters.conditions()]
    if cursor:
        at, last_id = key_of(cursor, _KIND, (datetime, str))
        here = tuple_(Delivery.created_at, Delivery.id)
        where.append(here < tuple_(literal(at, Delivery.created_at.type), literal(last_id)))
    rows = session.execute(
        _columns().where(*where).order_by(Delivery.created_at.desc(), Delivery.id.desc()).limit(limit + 1)
    ).all()
    items = tuple(_row(row) for row in rows[:limit])
    more = len(rows) > limit
    return Page(items=items, next_cursor=cursor_of(_KIND, items[-1].created_at, items[-1].id) if more else None)


def get_delivery(session: Session, viewer: Viewer, delivery_id: str) -> DeliveryDetail:
    """One message with all that happened to it.

    Raises:
        NotFound: no such delivery, or not for this viewer.
    """
    rows = []
    if len(delivery_id) <= _MAX_ID and well_formed(delivery_id):
        rows = _details(session, [delivery_scope(viewer), Delivery.id == delivery_id])
    if not rows:
        raise NotFound("There is no such delivery.")
    return rows[0][0]


def of_alert(session: Session, viewer: Viewer, alert_id: str) -> AlertDeliveries:
    """Whatever this viewer may see of what was sent about an alert, and of what was not.

    Raises:
        NotFound: no such alert, or not for this viewer.
    """
    there = None
    if len(alert_id) <= _MAX_ID and well_formed(alert_id):
        there = session.scalar(select(Alert.id).where(Alert.id == alert_id, alert_scope(viewer)))
    if there is None:
        raise NotFound("There is no such alert.")
    found = _details(session, [delivery_scope(viewer), Delivery.alert_id == alert_id])
    return AlertDeliveries(
        messages=tuple(detail for detail, _ in found),
        skipped=tuple(
            one for detail, delivery in found for one in skipped(delivery, detail.delivery.user_name or "somebody")
        ),
    )


def dead_reasons(session: Session, viewer: Viewer) -> tuple[DeadReason, ...]:
    """The dead letters of this viewer by what they died of, the most first."""
    number = func.count()
    rows = session.execute(
        select(
            Delivery.channel,
            Delivery.reason,
            number.label("count"),
            func.min(Delivery.created_at).label("oldest_at"),
            func.max(Delivery.created_at).label("newest_at"),
        )
        .where(Delivery.state == DeliveryState.DEAD, delivery_scope(viewer))
        .group_by(Delivery.channel, Delivery.reason)
        .order_by(number.desc(), Delivery.channel, Delivery.reason)
        .limit(100)
    )
    return tuple(DeadReason(**row._mapping) for row in rows)


def _columns() -> Select[Any]:
    return cast(
        "Select[Any]",
        select(
            Delivery.id,
            Delivery.alert_id,
            Alert.alert_type,
            func.coalesce(Contact.name, Contact.id).label("contact_name"),
            Delivery.user_id,
            User.name.label("user_name"),
            Delivery.endpoint_id,
            Endpoint.name.label("endpoint_name"),
            Delivery.channel,
            Delivery.kind,
            Delivery.priority,
            Delivery.state,
            Delivery.reason,
            Delivery.attempts,
            Delivery.provider,
            Delivery.provider_id,
            Delivery.merged_into,
            Delivery.due_at,
            Delivery.created_at,
            Delivery.sent_at,
            Delivery.delivered_at,
            Delivery.opened_at,
            Delivery.clicked_at,
        )
        .select_from(Delivery)
        .outerjoin(User, User.id == Delivery.user_id)
        .outerjoin(Endpoint, Endpoint.id == Delivery.endpoint_id)
        .outerjoin(Alert, Alert.id == Delivery.alert_id)
        .outerjoin(Contact, Contact.id == Alert.contact_id),
    )


def _details(session: Session, where: Sequence[ColumnElement[bool]]) -> list[tuple[DeliveryDetail, Delivery]]:
    rows = session.execute(
        _columns()
        .add_columns(Delivery)
        .where(*where)
        .order_by(Delivery.created_at.desc(), Delivery.id.desc())
        .limit(_OF_ALERT)
    ).all()
    whole = [row.Delivery for row in rows]
    steps = stories(session, whole)
    return [
        (DeliveryDetail(delivery=_row(row), steps=steps[row.id]), one) for row, one in zip(rows, whole, strict=True)
    ]


def _row(row: Any) -> DeliveryRow:
    return DeliveryRow(**{name: getattr(row, name) for name in DeliveryRow.__dataclass_fields__})

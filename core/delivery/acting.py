"""What a link in a message does: looked at without changing anything, done once, for its reader, with their rights of now."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from core import alerts, audit, routing
from core.db.tables.acting import Delivery
from core.db.tables.deciding import Alert
from core.db.tables.learning import AlertType
from core.db.tables.people import Contact
from core.db.tables.reaching import UsedLink
from core.delivery import links, once, phrases, preferences
from core.delivery.links import Action, Link
from core.routing.declining import DECLINABLE
from core.viewer import Viewer, load
from core.words import Status

MORNING = time(8)
"""When an alert that was put off until tomorrow comes back, in its owner's zone."""


class Problem(StrEnum):
    """Why a link does nothing (any more)."""

    UNKNOWN = "unknown"
    """Forged, cut off, or of a message that is gone."""
    EXPIRED = "expired"
    INACTIVE = "inactive"
    """The reader's account."""
    USED = "used"
    NOT_YOURS = "not_yours"
    CLOSED = "closed"
    ANSWERED = "answered"
    """Acknowledged, or further, by another way."""
    BEGUN = "begun"
    """Too late to decline."""


@dataclass(frozen=True, kw_only=True)
class Standing:
    """How things stand with a link."""

    problem: Problem | None
    action: Action | None = None
    viewer: Viewer | None = None
    language: str = "en"
    alert_id: str = ""
    headline: str = ""
    """Whom and what, as the mail said it; empty for whom it is no concern of any more."""
    used_at: datetime | None = None
    snoozed_until: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class Acted:
    """What was done."""

    standing: Standing
    until: datetime | None = None
    """A snooze's end."""
    routed: routing.Routed | None = None
    """Where a declined alert went; whoever calls rings there (core.escalation.ring)."""


def look(session: Session, token: str, *, key: str, now: datetime) -> Standing:
    """What this link is for and whether it would work; nothing is changed.

    Anybody may look at anything that can be followed (mail scanners do): so a page is made of this, and no action.
    """
    return _stand(session, links.read(token, key=key), now=now, lock=False)


def act(
    session: Session,
    token: str,
    *,
    form: Mapping[str, str],
    state: Callable[[], routing.State],
    key: str,
    now: datetime,
) -> Acted:
    """Do it, once. A standing with a problem comes back as it is, and nothing was done.

    Args:
        form: `until` (hour, tomorrow) of a snooze; `reason` and `notes` of a decline.
        state: the house, asked for where the alert has to go to somebody else.

    Raises:
        Invalid: the form says no reason, or one that does not exist.
    """
    link = links.read(token, key=key)
    standing = _stand(session, link, now=now, lock=True)
    if standing.problem is not None or link is None or standing.viewer is None:
        return Acted(standing=standing)
    viewer, alert_id, until, routed = standing.viewer, standing.alert_id, None, None
    if link.action is Action.ACKNOWLEDGE:
        alerts.acknowledge(session, alert_id, viewer=viewer, now=now)
    elif link.action is Action.SNOOZE:
        until = snooze_until(form.get("until", ""), viewer.timezone, now=now)
        alerts.snooze(session, alert_id, viewer=viewer, until=until, now=now)
    else:
        reason, notes = form.get("reason", ""), form.get("notes")
        routed = routing.decline(session, alert_id, reason=reason, notes=notes, viewer=viewer, state=state(), now=now)
    _used(session, link, standing, now=now)
    return Acted(standing=standing, until=until, routed=routed)


def snooze_until(choice: str, timezone: str, *, now: datetime) -> datetime:
    """In an hour, or for `tomorrow` at 8 in the morning of the reader's next day."""
    if choice != "tomorrow":
        return now + timedelta(hours=1)
    zone = ZoneInfo(timezone)
    day = now.astimezone(zone).date() + timedelta(days=1)
    return datetime.combine(day, MORNING, zone).astimezone(now.tzinfo)


def _stand(session: Session, link: Link | None, *, now: datetime, lock: bool) -> Standing:
    if link is None or link.action is Action.UNSUBSCRIBE:
        return Standing(problem=Problem.UNKNOWN)
    # The message before the alert, as core.delivery.recording locks them: it may be recorded at this very moment.
    delivery = session.get(Delivery, link.delivery_id, with_for_update=lock)
    if delivery is None or delivery.user_id is None or delivery.alert_id is None:
        return Standing(problem=Problem.UNKNOWN, action=link.action)
    language = preferences.load(session, [delivery.user_id])[delivery.user_id].language
    viewer = load(session, delivery.user_id)
    if viewer is None:
        return Standing(problem=Problem.INACTIVE, action=link.action, language=language)
    query = select(Alert).where(Alert.id == delivery.alert_id)
    alert = session.scalars(query.with_for_update() if lock else query).one()
    used = session.get(UsedLink, link.id)
    problem = _problem(link, alert, viewer, used is not None, now=now)
    hidden = alert.assigned_agent_id != viewer.user_id or problem is Problem.EXPIRED
    return Standing(
        problem=problem,
        action=link.action,
        viewer=viewer,
        language=language,
        alert_id=alert.id,
        headline="" if hidden else _headline(session, alert, language),
        used_at=used.used_at if used else None,
        snoozed_until=alert.snoozed_until if alert.snoozed_until and alert.snoozed_until > now else None,
    )


def _problem(link: Link, alert: Alert, viewer: Viewer, used: bool, *, now: datetime) -> Problem | None:
    if used:
        return Problem.USED
    if link.expires_at <= now:
        return Problem.EXPIRED
    if alert.closed_at is not None:
        return Problem.CLOSED if alert.assigned_agent_id == viewer.user_id else Problem.NOT_YOURS
    if alert.assigned_agent_id != viewer.user_id:
        return Problem.NOT_YOURS
    if link.action is Action.ACKNOWLEDGE and alert.status != Status.NEW:
        return Problem.ANSWERED
    if link.action is Action.DECLINE and alert.status not in DECLINABLE:
        return Problem.BEGUN
    return None


def _headline(session: Session, alert: Alert, language: str) -> str:
    contact = session.get_one(Contact, alert.contact_id)
    own = None if alert.alert_type in phrases.INTENTS else session.get(AlertType, alert.alert_type)
    name = own.name if own else None
    return phrases.what(alert.alert_type, contact.name or contact.id, type_name=name, language=language)


def _used(session: Session, link: Link, standing: Standing, *, now: datetime) -> None:
    """It was used, and the message with it. Two at the same instant wait for each other at the alert, and find this."""
    once.take(session, link.id, until=link.expires_at, now=now)
    delivery = session.get_one(Delivery, link.delivery_id)
    session.execute(
        update(Delivery)
        .where(Delivery.id == link.delivery_id, Delivery.clicked_at.is_(None))
        .values(clicked_at=now)
        .execution_options(synchronize_session=False)
    )
    audit.record(
        session,
        "message_link.used",
        subject_type="alert",
        subject_id=standing.alert_id,
        actor_id=delivery.user_id,
        after={"action": str(link.action), "channel": delivery.channel, "deliveryId": link.delivery_id},
        now=now,
    )

"""What people do on the pages: one unit of work per action, and a sentence about what became of it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy.orm import Session

from app import runtime
from app.ui import queries, words
from core import alerts, claim_terms, escalation, inbox, routing
from core.errors import Conflict, DoorbellError, Forbidden, Invalid, NotFound, TooMany
from core.routing import bulk, declining
from core.viewer import Viewer
from core.views import saved_filters
from core.words import Status


@dataclass(frozen=True, kw_only=True)
class Done:
    """What became of an action."""

    ok: bool
    text: str
    alert_id: str = ""
    undo_until: datetime | None = None


_SAID = {
    "acknowledge": "Acknowledged",
    "start": "Work started on",
    "contact": "Marked as contacted:",
    "snooze": "Snoozed",
    "unsnooze": "Back in the list:",
    "convert": "Converted:",
    "dismiss": "Dismissed",
    "decline": "Declined",
    "undo": "Taken back:",
}
ACTIONS = frozenset(_SAID)


def act(viewer: Viewer, action: Mapping[str, Any], *, who: str = "this alert") -> Done:
    """Carry out one action of a card; a refusal comes back as words, never as an exception."""
    name, alert_id = str(action.get("name", "")), str(action.get("id", ""))
    if name not in ACTIONS or not alert_id:
        return Done(ok=False, text="This page asked for something that does not exist. Load it again.")
    if name == "decline":
        return decline(viewer, alert_id, reason=str(action.get("reason", "")), notes=action.get("notes"), who=who)
    now = runtime.current().clock.now()
    try:
        with runtime.current().database.write() as session:
            alert = _step(name)(session, alert_id, viewer, action, now)
            can_undo = alert.undo is not None and name not in ("undo", "snooze", "unsnooze")
    except DoorbellError as error:
        return Done(ok=False, text=say(error), alert_id=alert_id)
    return Done(
        ok=True,
        text=f"{_SAID[name]} {who}",
        alert_id=alert_id,
        undo_until=now + timedelta(minutes=alerts.UNDO_MINUTES) if can_undo else None,
    )


def say(error: DoorbellError) -> str:
    """The refusal as the person should read it."""
    if isinstance(error, NotFound):
        return "This alert is not here any more: it may have been given to somebody else."
    if isinstance(error, Invalid) and error.fields:
        return f"{error.detail} ({'; '.join(error.fields.values())})"
    text = error.detail
    if isinstance(error, Conflict | Forbidden | Invalid | TooMany):
        for status in Status:
            text = text.replace(status.value, words.STATUS[status].lower())
        return text
    return f"{error.title}. {text}"


_Step = Callable[[Session, str, Viewer, Mapping[str, Any], datetime], Any]


def _step(name: str) -> _Step:
    simple = {
        "acknowledge": alerts.acknowledge,
        "start": alerts.start,
        "contact": alerts.contact,
        "unsnooze": alerts.unsnooze,
        "undo": alerts.undo,
    }
    if name in simple:
        verb = simple[name]
        return lambda session, alert_id, viewer, _action, now: verb(session, alert_id, viewer=viewer, now=now)
    return {"snooze": _snooze, "convert": _convert, "dismiss": _dismiss}[name]


def _snooze(session: Session, alert_id: str, viewer: Viewer, action: Mapping[str, Any], now: datetime) -> Any:
    until = words.snooze_until(str(action.get("until", "hour")), viewer.timezone, now=now)
    return alerts.snooze(session, alert_id, viewer=viewer, until=until, now=now)


def _convert(session: Session, alert_id: str, viewer: Viewer, action: Mapping[str, Any], now: datetime) -> Any:
    return alerts.convert(
        session,
        alert_id,
        viewer=viewer,
        value=_dollars(action.get("value")),
        transaction_type=_known(action.get("kind")),
        notes=str(action.get("notes") or "").strip()[:2000] or None,
        now=now,
    )


def _dismiss(session: Session, alert_id: str, viewer: Viewer, action: Mapping[str, Any], now: datetime) -> Any:
    notes = str(action.get("notes") or "").strip()[:2000] or None
    return alerts.dismiss(session, alert_id, viewer=viewer, reason=str(action.get("reason", "")), notes=notes, now=now)


def _dollars(given: object) -> float | None:
    if given in (None, ""):
        return None
    try:
        value = float(str(given))
    except ValueError:
        value = -1.0
    if not 0 <= value < 1e12:
        raise Invalid("The value is a number of US dollars, 0 or more.")
    return value


def _known(kind: object) -> str | None:
    return kind if isinstance(kind, str) and kind in words.TRANSACTIONS else None


def assign(viewer: Viewer, alert_ids: Sequence[str], agent_id: str, *, reason: str, overflow: bool = False) -> Done:
    """Give alerts to one agent by hand, who is told of them; those that cannot be given say why."""
    now = runtime.current().clock.now()
    try:
        with runtime.current().database.write() as session:
            moved = routing.bulk_reassign(
                session,
                [(alert_id, agent_id) for alert_id in alert_ids],
                viewer=viewer,
                reason=reason.strip(),
                overflow=overflow,
                now=now,
            )
            given = [one.routed for one in moved if one.routed is not None]
            escalation.ring(session, given, now=now)
    except DoorbellError as error:
        return Done(ok=False, text=say(error))
    refused = list(dict.fromkeys(say(one.error) for one in moved if one.error is not None))
    if refused:
        number = len(moved) - len(given)
        start = f"{words.plural(len(given), 'alert')} given; {number} not: " if given else ""
        return Done(ok=False, text=start + " ".join(refused))
    return Done(ok=True, text=f"{words.plural(len(given), 'alert')} given", alert_id=given[0].alert_id if given else "")


def decline(viewer: Viewer, alert_id: str, *, reason: str, notes: object, who: str) -> Done:
    """Say no to an alert of one's own; it goes on."""
    now, state = runtime.current().clock.now(), queries.routing_state()
    said = str(notes or "").strip()[: declining.MOST_NOTES] or None
    try:
        with runtime.current().database.write() as session:
            routed = routing.decline(session, alert_id, reason=reason, notes=said, viewer=viewer, state=state, now=now)
            escalation.ring_declined(session, routed, by=viewer.user_id, now=now)
    except DoorbellError as error:
        return Done(ok=False, text=say(error), alert_id=alert_id)
    went = "a colleague has it now" if routed.agent_id else "nobody else is free, so it waits in the pool"
    return Done(ok=True, text=f"{_SAID['decline']} {who}: {went}", alert_id=alert_id)


def claim(viewer: Viewer, alert_id: str, *, who: str) -> Done:
    """Take an alert from the pool."""
    now = runtime.current().clock.now()
    try:
        with runtime.current().database.write() as session:
            routing.claim(session, alert_id, viewer=viewer, now=now)
            minutes = claim_terms.terms(session).minutes
    except DoorbellError as error:
        return Done(ok=False, text=say(error), alert_id=alert_id)
    return Done(ok=True, text=f"{who} is yours: act within {words.plural(minutes, 'minute')}", alert_id=alert_id)


@dataclass(frozen=True, kw_only=True)
class MovedHere:
    """What became of alerts that were moved together: (alert, in words)."""

    verb: str
    moved: tuple[tuple[str, str], ...]
    stayed: tuple[tuple[str, str], ...]


def move(
    viewer: Viewer, alert_ids: Sequence[str], *, to: bulk.To, agent_id: str | None, reason: str, overflow: bool
) -> MovedHere | Done:
    """Move alerts; each says what became of it. A refusal of the whole comes back as `Done`."""
    now, state = runtime.current().clock.now(), queries.routing_state()
    try:
        with runtime.current().database.write() as session:
            moved = bulk.move(
                session,
                alert_ids,
                to=to,
                agent_id=agent_id,
                reason=reason,
                overflow=overflow,
                viewer=viewer,
                state=state,
                now=now,
            )
            escalation.ring(session, moved.routed, by=viewer.user_id, now=now)
    except DoorbellError as error:
        return Done(ok=False, text=say(error))
    return _told(viewer, moved, "moved")


def undo_move(viewer: Viewer, move_id: str) -> MovedHere | Done:
    """Take a move back; what was touched since stays."""
    now = runtime.current().clock.now()
    try:
        with runtime.current().database.write() as session:
            back = bulk.undo(session, move_id, viewer=viewer, now=now)
            escalation.ring(session, back.routed, by=viewer.user_id, now=now)
    except DoorbellError as error:
        return Done(ok=False, text=say(error))
    return _told(viewer, back, "given back")


def _told(viewer: Viewer, moved: bulk.Bulk, verb: str) -> MovedHere:
    names = {agent.id: agent.name for agent in queries.agents(viewer)}
    return MovedHere(
        verb=verb,
        moved=tuple(
            (
                one.alert_id,
                f"with {names.get(one.agent_id, 'somebody of another team')}" if one.agent_id else "in the pool",
            )
            for one in moved.results
            if one.error is None
        ),
        stayed=tuple((one.alert_id, one.error) for one in moved.results if one.error is not None),
    )


def read_inbox(viewer: Viewer) -> None:
    """Mark every notice as read."""
    with runtime.current().database.write() as session:
        inbox.mark_read(session, viewer, now=runtime.current().clock.now())


def save_filter(viewer: Viewer, page: str, name: str, filters: Mapping[str, Any]) -> Done:
    """Keep filters under a name."""
    try:
        with runtime.current().database.write() as session:
            saved_filters.save(session, viewer, page, name, filters, now=runtime.current().clock.now())
    except DoorbellError as error:
        return Done(ok=False, text=say(error))
    return Done(ok=True, text=f"Saved as “{name.strip()}”")


def delete_filter(viewer: Viewer, filter_id: str) -> None:
    """Forget saved filters; that they are gone already is no error here."""
    try:
        with runtime.current().database.write() as session:
            saved_filters.delete_saved(session, viewer, filter_id, now=runtime.current().clock.now())
    except NotFound:
        return

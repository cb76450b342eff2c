"""The stored endpoints: list, add, change, delete, rotate the secret, test; each audited, never with a secret.

An endpoint is read (`read`, which may look up a name) before the transaction that stores it, and tells from the present
on: what happened before it was added, or while it was switched off, is not told.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from core import audit, changes
from core.db.tables.people import Team, User
from core.db.tables.reaching import Endpoint
from core.delivery import providers
from core.delivery.endpoints import EVENT_TYPES
from core.delivery.enqueueing import enqueue
from core.delivery.notices import Kind, Notice
from core.delivery.registry import CHANNELS
from core.delivery.saying import saying
from core.errors import Conflict, Forbidden, Invalid, NotFound
from core.ids import new_id
from core.sealed import seal
from core.settings import Settings
from core.viewer import Viewer
from core.words import Priority, Role

MOST = 100
OVERLAP = timedelta(hours=24)
"""So long a secret that was rotated out still signs beside the new one."""
FASTEST = 1_000.0
"""Messages a second."""
_LONGEST_NAME = 120
_LONGEST_SECRET = 4_000
_FIELDS = frozenset({"channel", "name", "teamId", "url", "config", "eventTypes", "enabled", "secret"})


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """An endpoint as somebody wants it, checked."""

    channel: str
    name: str
    team_id: str | None
    url: str
    config: Mapping[str, Any]
    event_types: tuple[str, ...]
    enabled: bool
    secret: str | None
    """Where it is entered and not made."""


@dataclass(frozen=True, kw_only=True)
class Made:
    """What was stored, and the secret that is shown this once; None where none was made."""

    endpoint: Endpoint
    secret: str | None


@dataclass(frozen=True, kw_only=True)
class Hint:
    """What may be shown of a secret."""

    hint: str
    since: datetime
    until: datetime | None
    """Until then it counts beside the newest; None: without end."""


def secrets_now(endpoint: Endpoint, *, now: datetime) -> list[Hint]:
    """Those that count, the newest first."""
    found = [
        Hint(
            hint=secret["hint"],
            since=datetime.fromisoformat(secret["from"]),
            until=datetime.fromisoformat(secret["until"]) if secret.get("until") else None,
        )
        for secret in endpoint.secrets
    ]
    return [one for one in found if one.until is None or one.until > now]


def read(raw: Mapping[str, Any], settings: Settings) -> Wanted:
    """Check an endpoint as people write it. May look up a name: call it outside any transaction.

    Raises:
        Invalid: naming each wrong field.
    """
    wrong = {name: "there is no such field in an endpoint" for name in raw if name not in _FIELDS}
    channel = raw.get("channel", "webhook")
    kind = CHANNELS[channel].endpoint if isinstance(channel, str) and channel in CHANNELS else None
    if kind is None:
        wrong["channel"] = f"one of {', '.join(kinds())}"
    name, team_id, secret = raw.get("name"), raw.get("teamId") or None, raw.get("secret") or None
    if not isinstance(name, str) or not 1 <= len(name.strip()) <= _LONGEST_NAME or not name.isprintable():
        wrong["name"] = f"give a name of 1 to {_LONGEST_NAME} characters"
    if team_id is not None and not isinstance(team_id, str):
        wrong["teamId"] = "a team's id, or nothing for every team"
    types = raw.get("eventTypes") or []
    if not isinstance(types, list | tuple) or any(one not in EVENT_TYPES for one in types):
        wrong["eventTypes"] = f"some of {', '.join(EVENT_TYPES)}; none for all of them"
        types = []
    config, url = raw.get("config") or {}, raw.get("url") or ""
    if not isinstance(config, Mapping) or not isinstance(url, str):
        wrong["config"] = "an object"
    elif not _is_pace(config.get("perSecond", 1)):
        wrong["config.perSecond"] = f"messages a second: above 0, at most {FASTEST:.0f}"
    enabled = raw.get("enabled", True)
    if not isinstance(enabled, bool):
        wrong["enabled"] = "true or false"
    if secret is not None and (not isinstance(secret, str) or len(secret) > _LONGEST_SECRET):
        wrong["secret"] = f"text of at most {_LONGEST_SECRET} characters"
    elif secret is not None and kind is not None and kind.new_secret is not None:
        wrong |= {"secret": "it is made here and shown once"}
    if kind is not None and not wrong:
        wrong |= kind.check(url.strip(), config, settings)
        if secret is not None and kind.check_secret is not None and (why := kind.check_secret(secret, settings)):
            wrong["secret"] = why
    if wrong:
        raise Invalid("The endpoint is not valid.", fields=wrong)
    return Wanted(
        channel=channel,
        name=str(name).strip(),
        team_id=team_id,
        url=url.strip(),
        config=dict(config),
        event_types=tuple(dict.fromkeys(types)),
        enabled=enabled,
        secret=secret,
    )


def kinds() -> list[str]:
    """The channels that endpoints can have."""
    return sorted(name for name, channel in CHANNELS.items() if channel.endpoint is not None)


def listed(session: Session, viewer: Viewer) -> list[Endpoint]:
    """Those this viewer looks after (an admin all, a manager those of their teams), by name."""
    found = session.scalars(select(Endpoint).order_by(Endpoint.name, Endpoint.id))
    return [one for one in found if _is_theirs(one.team_id, viewer)]


def get(session: Session, viewer: Viewer, endpoint_id: str, *, lock: bool = False) -> Endpoint:
    """One endpoint.

    Raises:
        NotFound: there is none with this id for this viewer.
    """
    query = select(Endpoint).where(Endpoint.id == endpoint_id).execution_options(populate_existing=True)
    found = session.scalars(query.with_for_update() if lock else query).one_or_none()
    if found is None or not _is_theirs(found.team_id, viewer):
        raise NotFound("There is no such endpoint.")
    return found


def plain(endpoint: Endpoint) -> dict[str, Any]:
    """As `read` takes it, without its secret."""
    return {
        "channel": endpoint.channel,
        "name": endpoint.name,
        "teamId": endpoint.team_id,
        "url": endpoint.url or "",
        "config": dict(endpoint.config),
        "eventTypes": list(endpoint.event_types),
        "enabled": endpoint.enabled,
    }


def add(session: Session, wanted: Wanted, *, viewer: Viewer, settings: Settings, now: datetime) -> Made:
    """Store a new endpoint.

    Raises:
        Invalid: there is no such team, or a secret is missing.
        Forbidden: a manager's endpoints are their teams'.
        Conflict: there are too many.
    """
    _may(session, wanted.team_id, viewer)
    if (session.scalar(select(func.count()).select_from(Endpoint)) or 0) >= MOST:
        raise Conflict(f"There are {MOST} endpoints already; delete some first.")
    made, secret = _secret(wanted.channel, wanted.secret)
    if secret is None:
        raise Invalid("The endpoint is not valid.", fields={"secret": "enter the secret of the other system"})
    endpoint = Endpoint(
        id=new_id(),
        secrets=[_sealed(secret, settings, now=now)],
        created_by=viewer.user_id or None,
        created_at=now,
        updated_at=now,
        cursor=changes.newest_id(session),
        **_columns(wanted),
    )
    session.add(endpoint)
    session.flush()
    _record(session, "endpoint.create", endpoint.id, None, _told(endpoint), viewer=viewer, now=now)
    return Made(endpoint=endpoint, secret=made)


def change(
    session: Session,
    endpoint_id: str,
    wanted: Wanted,
    *,
    version: int | None,
    viewer: Viewer,
    settings: Settings,
    now: datetime,
) -> Endpoint:
    """Store it as wanted under the same id; an entered secret takes the old one's place, none leaves it.

    Args:
        version: the version the writer saw; None writes over whatever is there.

    Raises:
        NotFound, Forbidden, Invalid: as in `get` and `add`.
        Conflict: somebody else changed it in between, or it would become one of another channel.
    """
    endpoint = _seen(session, viewer, endpoint_id, version)
    _may(session, wanted.team_id, viewer)
    if wanted.channel != endpoint.channel:
        raise Conflict(f"This endpoint is one of {endpoint.channel}; add another for {wanted.channel}.")
    before, moved = _told(endpoint), wanted.url != (endpoint.url or "")
    if wanted.enabled and not endpoint.enabled:
        endpoint.cursor = changes.newest_id(session)
    if moved or wanted.enabled != endpoint.enabled:
        providers.worked(session, providers.destination(endpoint.id), now=now)  # whatever was against the old place
    for column, value in _columns(wanted).items():
        setattr(endpoint, column, value)
    if wanted.secret is not None:
        endpoint.secrets = [_sealed(wanted.secret, settings, now=now)]
    endpoint.version, endpoint.updated_at = endpoint.version + 1, now
    session.flush()
    after = _told(endpoint) | ({"secret": "entered again"} if wanted.secret is not None else {})
    _record(session, "endpoint.change", endpoint.id, before, after, viewer=viewer, now=now)
    return endpoint


def rotate(session: Session, endpoint_id: str, *, viewer: Viewer, settings: Settings, now: datetime) -> Made:
    """Make a new secret. The one before signs beside it for OVERLAP, so that the receiver may change over in peace.

    Raises:
        NotFound: as in `get`.
        Conflict: its secret is entered, not made.
    """
    endpoint = get(session, viewer, endpoint_id, lock=True)
    made, _ = _secret(endpoint.channel, None)
    if made is None:
        raise Conflict("The secret of this endpoint is the other system's: enter the new one instead.")
    kept = []
    for secret in endpoint.secrets:
        until = datetime.fromisoformat(secret["until"]) if secret.get("until") else now + OVERLAP
        if until > now:
            kept.append({**secret, "until": until.isoformat()})
    endpoint.secrets = [_sealed(made, settings, now=now), *kept]
    endpoint.version, endpoint.updated_at = endpoint.version + 1, now
    session.flush()
    after = {"hint": endpoint.secrets[0]["hint"], "bothUntil": kept[0]["until"] if kept else None}
    _record(session, "endpoint.rotate", endpoint.id, None, after, viewer=viewer, now=now)
    return Made(endpoint=endpoint, secret=made)


def remove(session: Session, endpoint_id: str, *, version: int | None, viewer: Viewer, now: datetime) -> None:
    """Delete an endpoint; what is on its way there is not sent. Errors as in `change`."""
    endpoint = _seen(session, viewer, endpoint_id, version)
    before = _told(endpoint)
    session.delete(endpoint)
    session.flush()
    providers.forget(session, providers.destination(endpoint_id))
    _record(session, "endpoint.delete", endpoint_id, before, None, viewer=viewer, now=now)


def switch_off(session: Session, endpoint_id: str, reason: str, *, now: datetime) -> None:
    """Its system says that nobody wants to be told there any more (410): nothing is sent, and those who look after it are told."""
    endpoint = session.scalars(select(Endpoint).where(Endpoint.id == endpoint_id).with_for_update()).one_or_none()
    if endpoint is None or not endpoint.enabled:
        return
    endpoint.enabled, endpoint.version, endpoint.updated_at = False, endpoint.version + 1, now
    session.flush()
    providers.worked(session, providers.destination(endpoint_id), now=now)  # nothing is paused that is off
    audit.record(
        session,
        "endpoint.disable",
        subject_type="endpoint",
        subject_id=endpoint_id,
        actor_id=None,
        before={"enabled": True},
        after={"enabled": False, "reason": reason},
        now=now,
    )
    told = session.scalars(select(User.id).where(User.role == Role.ADMIN, User.active).order_by(User.id)).all()
    manager = session.scalar(
        select(User.id).join(Team, Team.manager_id == User.id).where(Team.id == endpoint.team_id, User.active)
    )
    notices = [
        Notice(
            alert_id=None,
            user_id=user_id,
            kind=Kind.ADMIN_NOTICE,
            priority=Priority.HIGH,
            occasion=f"endpoint-off-{endpoint_id}-{endpoint.version}",
            text=saying(
                "“{name}” was switched off: {reason}. Nothing is told there until it is switched on again.",
                name=endpoint.name,
                reason=reason,
            ),
        )
        for user_id in dict.fromkeys([*told, *([manager] if manager else [])])
    ]
    enqueue(session, notices, now=now)


def _secret(channel: str, entered: str | None) -> tuple[str | None, str | None]:
    """(the one made here, the one that counts)."""
    kind = CHANNELS[channel].endpoint
    made = kind.new_secret() if kind is not None and kind.new_secret is not None else None
    return made, made or entered


def _sealed(secret: str, settings: Settings, *, now: datetime) -> dict[str, Any]:
    return {
        "sealed": seal(settings.signing_key, secret),
        "hint": f"…{secret[-4:]}" if len(secret) >= 16 else "…",
        "from": now.isoformat(),
        "until": None,
    }


def _columns(wanted: Wanted) -> dict[str, Any]:
    return {
        "channel": wanted.channel,
        "name": wanted.name,
        "team_id": wanted.team_id,
        "url": wanted.url or None,
        "config": dict(wanted.config),
        "event_types": list(wanted.event_types),
        "enabled": wanted.enabled,
    }


def _told(endpoint: Endpoint) -> dict[str, Any]:
    """For the audit trail. Some services keep their secret in the address: of it the host alone is written down."""
    return plain(endpoint) | {"url": urlsplit(endpoint.url or "").netloc}


def _seen(session: Session, viewer: Viewer, endpoint_id: str, version: int | None) -> Endpoint:
    endpoint = get(session, viewer, endpoint_id, lock=True)
    if version is not None and version != endpoint.version:
        raise Conflict(f"Somebody changed this endpoint in between (it is at version {endpoint.version}); look again.")
    return endpoint


def _may(session: Session, team_id: str | None, viewer: Viewer) -> None:
    if team_id is not None and session.scalar(select(Team.id).where(Team.id == team_id)) is None:
        raise Invalid("The endpoint is not valid.", fields={"teamId": "there is no such team"})
    if not _is_theirs(team_id, viewer):
        raise Forbidden("A manager's endpoints tell of their own teams; those of every team are an admin's.")


def _is_theirs(team_id: str | None, viewer: Viewer) -> bool:
    return viewer.role is Role.ADMIN or (viewer.role is Role.MANAGER and team_id in viewer.team_ids)


def _is_pace(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 < value <= FASTEST


def _record(
    session: Session,
    action: str,
    endpoint_id: str,
    before: Mapping[str, Any] | None,
    after: Mapping[str, Any] | None,
    *,
    viewer: Viewer,
    now: datetime,
) -> None:
    audit.record(
        session,
        action,
        subject_type="endpoint",
        subject_id=endpoint_id,
        actor_id=viewer.user_id or None,
        before=before,
        after=after,
        now=now,
    )

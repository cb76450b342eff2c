"""What the admins are told of delivery itself, once a stretch: the queue stands, a provider is paused, all is well again."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from core.db.dialect import upsert
from core.db.tables import Setting, User
from core.db.tables.acting import Delivery
from core.db.tables.reaching import Endpoint, ProviderState
from core.delivery import house, providers
from core.delivery.enqueueing import enqueue
from core.delivery.notices import Kind, Notice
from core.delivery.registry import CHANNELS
from core.delivery.saying import Saying, kept, read, saying
from core.delivery.scoping import IN_EARNEST
from core.words import DeliveryState, Priority, Role

_MEMORY = "delivery_watch"
_PAUSED = "paused:"


def oldest_due(session: Session, *, now: datetime) -> Mapping[str, datetime]:
    """By channel, since when its oldest message is due; one step into an index each."""
    found = {}
    for channel in CHANNELS:
        oldest = session.scalar(
            select(func.min(Delivery.due_at)).where(
                Delivery.channel == channel, Delivery.state == DeliveryState.QUEUED, Delivery.due_at <= now, IN_EARNEST
            )
        )
        if oldest is not None:
            found[channel] = oldest
    return found


def watch(session: Session, *, now: datetime) -> list[str]:
    """Tell the admins what began and what ended since the last look; the sentences told.

    A stretch is remembered until it is over, so nothing is told twice. Looked at by one process at a time.
    """
    session.execute(
        upsert(session, Setting)
        .values(key=_MEMORY, value={}, updated_at=now)
        .on_conflict_do_nothing(index_elements=["key"])
    )
    memory = session.scalars(select(Setting).where(Setting.key == _MEMORY).with_for_update()).one()
    before: Mapping[str, Any] = memory.value or {}
    after = {**_late(session, now=now), **_paused(session)}
    told = [
        *(one["text"] for name, one in after.items() if name not in before),
        *(_over(one["over"]) for name, one in before.items() if name not in after and _is_there(session, name)),
    ]
    if after.keys() != before.keys():
        memory.value = {name: before.get(name) or {"over": kept(one["over"])} for name, one in after.items()}
        memory.updated_at = now
    if told:
        _tell(session, told, now=now)
    return [str(one) for one in told]


def _is_there(session: Session, name: str) -> bool:
    """Whether what was told of an endpoint can be better now: one that was deleted or switched off does not work again."""
    endpoint_id = providers.endpoint_of(name.removeprefix(_PAUSED))
    endpoint = session.get(Endpoint, endpoint_id) if endpoint_id else None
    return endpoint_id is None or (endpoint is not None and endpoint.enabled)


def _over(stored: Any) -> Saying:
    """What is to be said when it is over, as it was kept; an older version kept it in English."""
    return read(stored) if isinstance(stored, Mapping) else Saying("{sentence}", {"sentence": stored})


def _late(session: Session, *, now: datetime) -> dict[str, dict[str, Saying]]:
    most = timedelta(minutes=house.get(session).oldest_minutes)
    return {
        f"late:{channel}": {
            "text": saying(
                "Messages by {channel} are not going out: the oldest is due for {minutes} min.",
                channel=_called(channel),
                minutes=round((now - since).total_seconds() / 60),
            ),
            "over": saying("Messages by {channel} go out again.", channel=_called(channel)),
        }
        for channel, since in oldest_due(session, now=now).items()
        if now - since > most
    }


def _paused(session: Session) -> dict[str, dict[str, Saying]]:
    rows = session.execute(
        select(ProviderState.name, ProviderState.last_error).where(ProviderState.paused_until.is_not(None))
    ).all()
    ids = [one for row in rows if (one := providers.endpoint_of(row.name))]
    names = {
        row.id: row.name for row in session.execute(select(Endpoint.id, Endpoint.name).where(Endpoint.id.in_(ids)))
    }
    found = {}
    for row in rows:
        who = names.get(providers.endpoint_of(row.name) or "")
        label = who or _called(row.name)
        found[f"{_PAUSED}{row.name}"] = {
            "text": saying(
                "Sending by {channel} is paused because it fails; it is tried again by itself. It said: {error}",
                channel=label,
                error=row.last_error or saying("nothing"),
            ),
            "over": saying("Sending by {channel} works again.", channel=label),
        }
    return found


def _called(channel: str) -> str | Saying:
    return Saying(CHANNELS[channel].label) if channel in CHANNELS else channel


def _tell(session: Session, sentences: Sequence[Saying], *, now: datetime) -> None:
    admins = session.scalars(select(User.id).where(User.role == Role.ADMIN, User.active)).all()
    enqueue(
        session,
        [
            Notice(
                alert_id=None,
                user_id=user_id,
                kind=Kind.ADMIN_NOTICE,
                priority=Priority.MEDIUM,
                occasion=f"delivery-{now:%Y%m%d%H%M%S}-{place}",
                text=sentence,
            )
            for user_id in admins
            for place, sentence in enumerate(sentences)
        ],
        now=now,
    )

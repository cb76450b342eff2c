"""What the house sets for delivery: how old the oldest queued message may be before the admins are told."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from core import audit
from core.db.dialect import upsert
from core.db.tables import Setting
from core.errors import Forbidden, Invalid
from core.viewer import Viewer
from core.words import Role

_SETTING = "delivery"


@dataclass(frozen=True, kw_only=True, slots=True)
class HouseDelivery:
    oldest_minutes: int = 5
    """A message that is due for longer than so many minutes is too old: something is wrong."""


def get(session: Session) -> HouseDelivery:
    stored = session.scalar(select(Setting.value).where(Setting.key == _SETTING))
    known = {name: stored[name] for name in asdict(HouseDelivery()) if name in stored} if stored else {}
    return HouseDelivery(**known)


def put(session: Session, changes: Mapping[str, Any], *, viewer: Viewer, now: datetime) -> HouseDelivery:
    """Change the named fields; what is not named stays.

    Raises:
        Forbidden: this takes an admin.
        Invalid: naming each wrong field.
    """
    if viewer.role is not Role.ADMIN:
        raise Forbidden("Only an admin changes how the whole house delivers.")
    before = get(session)
    after = asdict(before) | dict(changes)
    minutes = after["oldest_minutes"]
    if isinstance(minutes, bool) or not isinstance(minutes, int) or not 1 <= minutes <= 1440:
        raise Invalid("These settings are not valid.", fields={"oldestMinutes": "whole minutes from 1 to 1440"})
    statement = upsert(session, Setting).values(key=_SETTING, value=after, updated_at=now)
    session.execute(statement.on_conflict_do_update(index_elements=["key"], set_={"value": after, "updated_at": now}))
    audit.record(
        session,
        "delivery.settings",
        subject_type="setting",
        subject_id=_SETTING,
        actor_id=viewer.user_id or None,
        before=asdict(before),
        after=after,
        now=now,
    )
    return HouseDelivery(**after)

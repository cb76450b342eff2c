"""The house's own way of handing out: strategies where no team has its own, what alerts weigh, and the house's zone."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from sqlalchemy import select
from sqlalchemy.orm import Session

from core import audit, claim_terms, load, versions
from core.db.dialect import upsert
from core.db.tables import Setting
from core.errors import Forbidden, Invalid
from core.routing import chains, pausing
from core.routing.capacity import take_turn
from core.routing.state import FALLBACK_ZONE, VERSION
from core.routing.strategies import DEFAULT
from core.viewer import Viewer
from core.words import Role

_FIELDS = ("default_strategy", "fallbacks", "units", "timezone", *pausing.SETTINGS, *claim_terms.SETTINGS)


@dataclass(frozen=True, slots=True, kw_only=True)
class HouseSettings:
    default_strategy: str = DEFAULT
    fallbacks: list[str] = field(default_factory=list)
    """Strategies tried after the default one; `claim_pool` at the end leaves it to whoever takes it."""
    units: dict[str, dict[str, float]] = field(default_factory=lambda: {"priorities": {}, "types": {}})
    """What alerts weigh in a capacity (core.load)."""
    timezone: str = FALLBACK_ZONE
    """For rules over time.*"""
    pause_after_failures: int = pausing.IN_A_ROW
    """Messages in a row that did not arrive; 0 never pauses an agent for it."""
    pause_after_escalations: int = pausing.IN_A_ROW
    """Alerts in a row that went on to others unanswered; 0 never pauses an agent for it."""
    claim_minutes: int = 30
    """How long a claim from the pool holds without an action."""
    claim_limit: int = 3
    """Claims of one agent at once that nothing followed yet."""


def get(session: Session) -> HouseSettings:
    """As it stands."""
    stored = _stored(session)
    units = stored.get("units") or {}
    return HouseSettings(
        default_strategy=stored.get("default_strategy") or DEFAULT,
        fallbacks=list(stored.get("fallbacks") or ()),
        units={"priorities": dict(units.get("priorities") or {}), "types": dict(units.get("types") or {})},
        timezone=stored.get("timezone") or FALLBACK_ZONE,
        **pausing.stored(stored),
        **claim_terms.stored(stored),
    )


def put(session: Session, changes: Mapping[str, Any], *, viewer: Viewer, now: datetime) -> HouseSettings:
    """Change the named fields; what is not named stays.

    Raises:
        Forbidden: this takes an admin.
        Invalid: naming each wrong field.
    """
    if viewer.role is not Role.ADMIN:
        raise Forbidden("Only an admin changes how the whole house hands out.")
    take_turn(session)  # of two admins at once none loses what the other set
    before = get(session)
    after = asdict(before) | dict(changes)
    wrong = {name: "there is no such setting" for name in changes if name not in _FIELDS}
    wrong |= chains.wrong(after["default_strategy"], after["fallbacks"]) | load.wrong(after["units"])
    if not _is_zone(after["timezone"]):
        wrong["timezone"] = "an IANA zone such as America/Chicago"
    wrong |= pausing.wrong(after) | claim_terms.wrong(after)
    if wrong:
        raise Invalid("These settings are not valid.", fields=wrong)
    row = _stored(session) | after | {"fallbacks": list(after["fallbacks"])}
    statement = upsert(session, Setting).values(key=load.SETTING, value=row, updated_at=now)
    session.execute(statement.on_conflict_do_update(index_elements=["key"], set_={"value": row, "updated_at": now}))
    versions.bump_at_commit(session, VERSION)
    audit.record(
        session,
        "routing.settings",
        subject_type="setting",
        subject_id=load.SETTING,
        actor_id=viewer.user_id or None,
        before=asdict(before),
        after={name: after[name] for name in _FIELDS},
        now=now,
    )
    return get(session)


def _stored(session: Session) -> dict[str, Any]:
    found = session.scalar(select(Setting.value).where(Setting.key == load.SETTING))
    return dict(found) if isinstance(found, Mapping) else {}


def _is_zone(name: object) -> bool:
    try:
        return isinstance(name, str) and bool(ZoneInfo(name))
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return False

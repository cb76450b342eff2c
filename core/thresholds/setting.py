"""The team's thresholds as a setting: checked, saved with an audit row, taken back; a saved change counts at once."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from core import audit, versions
from core.alerts.priority import CUTS, SETTING, Thresholds, parse
from core.db.dialect import upsert
from core.db.tables import AlertType, Setting
from core.errors import Conflict, Forbidden, Invalid
from core.thresholds.forecast import HIGHEST
from core.thresholds.series import LOWEST
from core.viewer import Viewer
from core.words import Intent, Priority, Role, TierMode

_FIELDS = ("confidence", "types", "tiers", "cuts", "callCost", "earned", "budgetShare")
_RANGES = {"confidence": (LOWEST, HIGHEST), "callCost": (0.0, 10_000.0), "budgetShare": (0.01, 1.0)}
_MOST_DOLLARS = 1e9


def stored(session: Session) -> dict[str, Any]:
    """The settings row as it is; empty where nothing was ever saved, or what stands there is no settings at all."""
    found = session.scalar(select(Setting.value).where(Setting.key == SETTING))
    return dict(found) if isinstance(found, Mapping) else {}


def known_types(session: Session) -> tuple[str, ...]:
    """The four intents and the team's own types that are not retired."""
    own = session.scalars(select(AlertType.id).where(AlertType.status != "retired").order_by(AlertType.id))
    return (*map(str, Intent), *own)


def checked(session: Session, changes: Mapping[str, Any]) -> dict[str, Any]:
    """The row after these changes; a field that is not named stays, null puts it back to what is documented.

    Raises:
        Invalid: naming each wrong field.
    """
    row = stored(session)
    row.pop("previous", None)
    fields: dict[str, str] = {name: "not a setting of thresholds" for name in changes if name not in _FIELDS}
    for name in _FIELDS:
        if name not in changes:
            continue
        value = changes[name]
        if value is None:
            row.pop(name, None)
        elif reason := _wrong(name, value, known_types(session)):
            fields[name] = reason
        else:
            row[name] = dict(value) if isinstance(value, Mapping) else value
    if not fields and (reason := _out_of_order(parse(row))):
        fields["cuts"] = reason
    if fields:
        raise Invalid("These thresholds cannot be set", fields=fields)
    return row


def _wrong(name: str, value: Any, types: tuple[str, ...]) -> str | None:
    if name in _RANGES:
        return _outside(value, *_RANGES[name])
    if name == "tiers":
        return None if value in set(TierMode) else f"one of {', '.join(TierMode)}"
    if not isinstance(value, Mapping):
        return "an object of names and numbers"
    names = tuple(map(str, CUTS)) if name == "cuts" else types
    if strange := [key for key in value if key not in names]:
        return f"{strange[0]}: one of {', '.join(names)}"[:300]
    low, high = {"types": (LOWEST, HIGHEST), "earned": (0.0001, 1.0), "cuts": (-_MOST_DOLLARS, _MOST_DOLLARS)}[name]
    return next((f"{key}: {reason}" for key, one in value.items() if (reason := _outside(one, low, high))), None)


def _outside(value: Any, low: float, high: float) -> str | None:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return None if is_number and low <= value <= high else f"a number from {low:g} to {high:g}"


def _out_of_order(thresholds: Thresholds) -> str | None:
    cuts = [thresholds.cuts[tier] for tier in Priority if tier in thresholds.cuts]
    return None if cuts == sorted(cuts, reverse=True) else "CRITICAL at least HIGH, HIGH at least MEDIUM"


def save(session: Session, changes: Mapping[str, Any], *, viewer: Viewer, now: datetime) -> Thresholds:
    """Set the team's thresholds; every process uses them with its next batch.

    Raises:
        Forbidden: only an admin may.
        Invalid: naming each wrong field.
    """
    _admin_only(viewer)
    versions.bump(session, SETTING)  # of two changes at once the second one starts from the first
    before = stored(session)
    before.pop("previous", None)
    after = checked(session, changes)
    if after != before:
        _write(session, {**after, "previous": before}, now=now)
        _record(session, "thresholds.changed", before, after, viewer=viewer, now=now)
    return parse(after)


def undo(session: Session, *, viewer: Viewer, now: datetime) -> Thresholds:
    """Put back what the last change replaced.

    Raises:
        Forbidden: only an admin may.
        Conflict: nothing was changed yet, or it was taken back already.
    """
    _admin_only(viewer)
    versions.bump(session, SETTING)
    row = stored(session)
    if not isinstance(row.get("previous"), Mapping):
        raise Conflict("There is no change of the thresholds to take back.")
    after = row.pop("previous")
    _write(session, after, now=now)
    _record(session, "thresholds.undone", row, after, viewer=viewer, now=now)
    return parse(after)


def _admin_only(viewer: Viewer) -> None:
    if viewer.role is not Role.ADMIN:
        raise Forbidden("Thresholds are set by an admin.")


def _write(session: Session, row: Mapping[str, Any], *, now: datetime) -> None:
    statement = upsert(session, Setting).values(key=SETTING, value=dict(row), updated_at=now)
    session.execute(
        statement.on_conflict_do_update(index_elements=["key"], set_={"value": dict(row), "updated_at": now})
    )


def _record(
    session: Session, action: str, before: Mapping[str, Any], after: Mapping[str, Any], *, viewer: Viewer, now: datetime
) -> None:
    audit.record(
        session,
        action,
        subject_type="setting",
        subject_id=SETTING,
        actor_id=viewer.user_id or None,
        before=before,
        after=after,
        now=now,
    )

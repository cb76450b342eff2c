"""What the loop remembers between nights, and that only one process learns at a time: rows of `settings`."""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from core.db.dialect import upsert
from core.db.tables import Setting

LEASE = timedelta(minutes=30)
"""Longer than one intent takes; renewed with each. A killed process's lease runs out, or is taken on its own machine."""
NIGHT = 2
"""The hour, in the team's time zone, from which the night's training may begin."""
LEASE_KEY = "learning.lease"
_RUNS = "learning"


def due(session: Session, *, zone: str, now: datetime) -> bool:
    """Whether somebody asked for training, or a night has begun since the last one."""
    value = _read(session, _RUNS)
    ran = datetime.fromisoformat(value["ranAt"]) if "ranAt" in value else None
    asked = datetime.fromisoformat(value["askedAt"]) if "askedAt" in value else None
    if asked is not None and (ran is None or asked > ran):
        return True
    return ran is not None and ran < _last_night(ZoneInfo(zone), now)


def first_sight(session: Session, *, now: datetime) -> None:
    """A new installation learns in the night to come, not while it starts."""
    value = _locked(session, _RUNS, now=now)
    if "ranAt" not in value:
        _write(session, _RUNS, {**value, "ranAt": now.isoformat()}, now=now)


def is_new(session: Session) -> bool:
    return "ranAt" not in _read(session, _RUNS)


def ask(session: Session, *, by: str | None, now: datetime) -> None:
    """Have it trained as soon as a jobs process looks."""
    value = _locked(session, _RUNS, now=now)
    _write(session, _RUNS, {**value, "askedAt": now.isoformat(), "askedBy": by}, now=now)


def claim(session: Session, *, zone: str, now: datetime) -> tuple[bool, bool]:
    """(whether this caller is to train now, whether somebody asked for it); of many callers one is told so."""
    value = _locked(session, _RUNS, now=now)
    if not due(session, zone=zone, now=now):
        return False, False
    asked = "askedAt" in value and value["askedAt"] > value.get("ranAt", "")
    _write(session, _RUNS, {**value, "ranAt": now.isoformat(), "before": value.get("ranAt"), "begun": True}, now=now)
    return True, asked


def ended(session: Session, sentence: str, *, error: str | None = None, now: datetime) -> None:
    """What the run did, and what of it failed."""
    told = {"endedAt": now.isoformat(), "sentence": sentence, "error": error, "begun": False, "again": False}
    _write(session, _RUNS, {**_locked(session, _RUNS, now=now), **told}, now=now)


def broke_off(session: Session, *, is_dead: Callable[[str], bool], now: datetime) -> bool:
    """Whether a run was begun, did not end, and its process is gone."""
    value, lease = _read(session, _RUNS), _read(session, LEASE_KEY)
    if not value.get("begun"):
        return False
    if not lease:  # it may be just starting
        return now > datetime.fromisoformat(value["ranAt"]) + LEASE
    return datetime.fromisoformat(lease["until"]) <= now or is_dead(lease["by"])


def put_away(session: Session, *, is_dead: Callable[[str], bool], now: datetime) -> None:
    """A run that broke off is not running any more. It is due again, once: what killed it twice may do so each time."""
    value = _locked(session, _RUNS, now=now)
    if not broke_off(session, is_dead=is_dead, now=now):
        return
    session.execute(delete(Setting).where(Setting.key == LEASE_KEY))
    again = not value.get("again")
    if again:
        value["ranAt"] = value["before"]
        value = {name: each for name, each in value.items() if each is not None}
    told = {"begun": False, "again": again, "error": "It broke off before it was done."}
    _write(session, _RUNS, {**value, **told}, now=now)


def of_runs(session: Session) -> Mapping[str, Any]:
    """{askedAt, askedBy, ranAt, endedAt, sentence, error}, as far as there is any."""
    return _read(session, _RUNS)


def of_intent(session: Session, intent: str) -> Mapping[str, Any]:
    """{at, action, sentence, rows, positives, trainedAt, trainedPositives} of the last night."""
    return _read(session, _key(intent))


def remember(session: Session, intent: str, *, now: datetime, **values: Any) -> None:
    """Keep these of this intent, and leave the others."""
    before = _locked(session, _key(intent), now=now)
    _write(session, _key(intent), {**before, "at": now.isoformat(), **values}, now=now)


def take_lease(session: Session, me: str, *, is_dead: Callable[[str], bool], now: datetime) -> bool:
    """Whether `me` may learn: nobody else does, or their time has run out, or their process is gone."""
    value = _locked(session, LEASE_KEY, now=now)
    holder = value.get("by")
    if holder not in (None, me) and datetime.fromisoformat(value["until"]) > now and not is_dead(holder):
        return False
    _write(session, LEASE_KEY, {"by": me, "until": (now + LEASE).isoformat()}, now=now)
    return True


def give_back_lease(session: Session, me: str) -> None:
    if _read(session, LEASE_KEY).get("by") == me:
        session.execute(delete(Setting).where(Setting.key == LEASE_KEY))


def _last_night(zone: ZoneInfo, now: datetime) -> datetime:
    night = now.astimezone(zone).replace(hour=NIGHT, minute=0, second=0, microsecond=0)
    return night if night <= now else night - timedelta(days=1)


def _key(intent: str) -> str:
    return f"learning:{intent}"[:64]


def _read(session: Session, key: str) -> dict[str, Any]:
    return session.scalar(select(Setting.value).where(Setting.key == key)) or {}


def _locked(session: Session, key: str, *, now: datetime) -> dict[str, Any]:
    """The row's value, held until the commit; made if there is none."""
    session.execute(
        upsert(session, Setting)
        .values(key=key, value={}, updated_at=now)
        .on_conflict_do_nothing(index_elements=["key"])
    )
    return session.scalar(select(Setting.value).where(Setting.key == key).with_for_update()) or {}


def _write(session: Session, key: str, value: Mapping[str, Any], *, now: datetime) -> None:
    statement = upsert(session, Setting).values(key=key, value=dict(value), updated_at=now)
    session.execute(
        statement.on_conflict_do_update(
            index_elements=["key"],
            set_={"value": statement.excluded.value, "updated_at": statement.excluded.updated_at},
        )
    )

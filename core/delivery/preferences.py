"""Whom, how and when, as each person wants it: which channel for which priority, after how long, and when not at all."""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, time, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from core import audit
from core.db.tables.reaching import Preference
from core.delivery.registry import CHANNELS
from core.errors import Conflict, Invalid
from core.words import Priority

LONGEST_STEP = timedelta(hours=24)
_WALL_TIME = re.compile(r"[0-9]{2}:[0-9]{2}")
_MOST_WRONG = 50
_LONGEST_NAME = 80
LANGUAGES = ("en", "es")
ALWAYS_ON = "in_app"
"""The inbox cannot be switched off: it is where everything can be looked up."""


class Digest(StrEnum):
    """How often the messages of a priority go out together instead of one by one."""

    OFF = "off"
    HOURLY = "hourly"
    DAILY = "daily"


@dataclass(frozen=True, kw_only=True)
class QuietHours:
    """From, until, in the person's own zone; over midnight where until is not after from."""

    start: time = time(21)
    end: time = time(7)


@dataclass(frozen=True, kw_only=True)
class Preferences:
    matrix: Mapping[str, Mapping[str, int | None]]
    """Priority to channel to the seconds after which it is sent unless somebody read or acted before; None: never."""
    digests: Mapping[str, Digest]
    """By priority, for e-mail, where it stands in place of the matrix; what is OFF goes out one by one."""
    digest_at: time = time(8)
    """When the daily one goes out, in the person's own zone."""
    quiet: QuietHours | None = None
    working_hours_only: bool = False
    """Also wait for the agent's working hours."""
    critical_bypasses: bool = True
    """CRITICAL comes in quiet hours too."""
    gather_after: int = 8
    """So many messages by one channel in ten minutes, and what follows goes out as one; 0: never."""
    language: str = "en"
    version: int = 0

    def after(self, priority: str, channel: str) -> int | None:
        return self.matrix.get(priority, {}).get(channel)

    def ever(self, channel: str) -> bool:
        """Whether it is wanted for any priority: what is switched off for all of them is not used for another's sake."""
        return any(row.get(channel) is not None for row in self.matrix.values())


def _matrix() -> dict[str, dict[str, int | None]]:
    return {
        str(priority): {name: 0 if priority in channel.priorities else None for name, channel in CHANNELS.items()}
        for priority in Priority
    }


DEFAULTS = Preferences(
    matrix=_matrix(),
    digests={
        Priority.CRITICAL: Digest.OFF,
        Priority.HIGH: Digest.OFF,
        Priority.MEDIUM: Digest.HOURLY,
        Priority.LOW: Digest.DAILY,
    },
)
"""What a person has who never chose."""


def load(session: Session, user_ids: Collection[str]) -> dict[str, Preferences]:
    """Of each of these people; DEFAULTS where nothing was chosen, also for channels added since."""
    rows = session.execute(
        select(Preference.user_id, Preference.value, Preference.version).where(Preference.user_id.in_(user_ids))
    )
    chosen = {row.user_id: of(row.value, row.version) for row in rows}
    return {user_id: chosen.get(user_id, DEFAULTS) for user_id in user_ids}


def of(value: Mapping[str, Any] | None, version: int | None) -> Preferences:
    """A row of `preferences`; DEFAULTS for none."""
    return DEFAULTS if value is None else replace(_read(value), version=version or 0)


def save(
    session: Session,
    user_id: str,
    value: Mapping[str, Any],
    *,
    actor_id: str,
    version: int | None = None,
    now: datetime,
) -> Preferences:
    """Keep what a person chose; `value` as `parse` takes it, what it does not name stays.

    Raises:
        Invalid: naming what is wrong.
        Conflict: somebody changed it since `version`.
    """
    row = session.get(Preference, user_id, with_for_update=True)
    before = replace(_read(row.value), version=row.version) if row else DEFAULTS
    if version is not None and version != before.version:
        raise Conflict("These preferences were changed meanwhile; look again.")
    after = replace(parse(value, start=before), version=before.version + 1)
    if row is None:
        session.add(Preference(user_id=user_id, value=wire(after), version=after.version, updated_at=now))
    else:
        row.value, row.version, row.updated_at = wire(after), after.version, now
    session.flush()
    audit.record(
        session,
        "preferences.change",
        subject_type="user",
        subject_id=user_id,
        actor_id=actor_id,
        before=wire(before),
        after=wire(after),
        now=now,
    )
    return after


def wire(preferences: Preferences) -> dict[str, Any]:
    """As stored and as it goes over the wire, without the version."""
    quiet = preferences.quiet
    return {
        "matrix": {priority: dict(row) for priority, row in preferences.matrix.items()},
        "digests": {str(priority): str(digest) for priority, digest in preferences.digests.items()},
        "digestAt": f"{preferences.digest_at:%H:%M}",
        "quietHours": {"from": f"{quiet.start:%H:%M}", "until": f"{quiet.end:%H:%M}"} if quiet else None,
        "workingHoursOnly": preferences.working_hours_only,
        "criticalBypasses": preferences.critical_bypasses,
        "gatherAfter": preferences.gather_after,
        "language": preferences.language,
    }


@dataclass
class _Wrong:
    """What is wrong, by field. An answer stays readable whatever was sent: so many fields, each name so long."""

    fields: dict[str, str] = field(default_factory=dict)

    def __call__(self, where: str, what: str) -> None:
        if len(self.fields) < _MOST_WRONG:
            self.fields[where[:_LONGEST_NAME].encode("utf-8", "replace").decode()] = what


def parse(value: Mapping[str, Any], *, start: Preferences = DEFAULTS) -> Preferences:
    """Read what a person chose over `start`; what is not named stays.

    Raises:
        Invalid: naming each wrong field.
    """
    wrong = _Wrong()
    if not isinstance(value, Mapping):
        raise Invalid("These preferences are not valid.", fields={"": "an object"})
    known = set(wire(DEFAULTS))
    for name in sorted(set(value) - known):
        wrong(name, f"use {', '.join(sorted(known))}")
    found = replace(
        start,
        matrix=_read_matrix(value.get("matrix", {}), start, wrong),
        digests=_read_digests(value.get("digests", {}), start, wrong),
        digest_at=_time(value["digestAt"], "digestAt", wrong) if "digestAt" in value else start.digest_at,
        quiet=_quiet(value["quietHours"], wrong) if "quietHours" in value else start.quiet,
        working_hours_only=_flag(value, "workingHoursOnly", start.working_hours_only, wrong),
        critical_bypasses=_flag(value, "criticalBypasses", start.critical_bypasses, wrong),
        gather_after=value.get("gatherAfter", start.gather_after),
        language=value.get("language", start.language),
    )
    if (
        isinstance(found.gather_after, bool)
        or not isinstance(found.gather_after, int)
        or not 0 <= found.gather_after <= 1000
    ):
        wrong("gatherAfter", "a whole number from 0 (never) to 1000")
    if found.language not in LANGUAGES:
        wrong("language", f"use {' or '.join(LANGUAGES)}")
    if wrong.fields:
        raise Invalid("These preferences are not valid.", fields=wrong.fields)
    return found


def _read(stored: Mapping[str, Any]) -> Preferences:
    """What was stored, without what is not known (any more, or not yet): it is read for everybody who is told something,
    and a channel or a language that was taken away is no reason to tell nobody."""
    matrix = {
        priority: {name: after for name, after in row.items() if name in CHANNELS}
        for priority, row in stored.get("matrix", {}).items()
        if priority in DEFAULTS.matrix
    }
    value = {**stored, "matrix": matrix}
    try:
        return parse(value)
    except Invalid as invalid:
        bad = {name.partition(".")[0] for name in invalid.fields}
        return parse({name: kept for name, kept in value.items() if name not in bad and name in wire(DEFAULTS)})


def _read_matrix(given: Any, start: Preferences, wrong: _Wrong) -> dict[str, dict[str, int | None]]:
    found = {priority: dict(row) for priority, row in start.matrix.items()}
    if not isinstance(given, Mapping):
        wrong("matrix", "priority to channel to seconds, or null for never")
        return found
    for priority, row in given.items():
        if priority not in found or not isinstance(row, Mapping):
            wrong(f"matrix.{priority}", f"use {', '.join(found)}, each with its channels")
            continue
        for channel, after in row.items():
            where = f"matrix.{priority}.{channel}"
            if channel not in CHANNELS:
                wrong(where, f"use {', '.join(CHANNELS)}")
            elif channel == ALWAYS_ON and after != 0:
                wrong(where, "the inbox is always on")
            elif after is not None and (
                isinstance(after, bool) or not isinstance(after, int) or not 0 <= after <= LONGEST_STEP.total_seconds()
            ):
                wrong(where, "whole seconds from 0 to 86400, or null for never")
            else:
                found[priority][channel] = after
    return found


def _read_digests(given: Any, start: Preferences, wrong: _Wrong) -> dict[str, Digest]:
    found = {str(priority): digest for priority, digest in start.digests.items()}
    if not isinstance(given, Mapping):
        wrong("digests", f"priority to {', '.join(Digest)}")
        return found
    for priority, digest in given.items():
        if priority not in found or digest not in list(Digest):
            wrong(f"digests.{priority}", f"use {', '.join(Digest)} for {', '.join(found)}")
        elif priority == Priority.CRITICAL and digest != Digest.OFF:
            wrong(f"digests.{priority}", "what is critical does not wait")
        else:
            found[priority] = Digest(digest)
    return found


def _quiet(given: Any, wrong: _Wrong) -> QuietHours | None:
    if given is None:
        return None
    if not isinstance(given, Mapping) or set(given) != {"from", "until"}:
        wrong("quietHours", "{from, until} as HH:MM, or null")
        return None
    start, end = (_time(given[name], f"quietHours.{name}", wrong) for name in ("from", "until"))
    if start == end and not wrong.fields:
        wrong("quietHours", "from and until are the same: nothing would ever come")
    return QuietHours(start=start, end=end)


def _time(given: Any, where: str, wrong: _Wrong) -> time:
    try:
        return time.fromisoformat(given if _WALL_TIME.fullmatch(given) else "")
    except (TypeError, ValueError):
        wrong(where, "HH:MM")
        return time()


def _flag(value: Mapping[str, Any], name: str, start: bool, wrong: _Wrong) -> bool:
    given = value.get(name, start)
    if not isinstance(given, bool):
        wrong(name, "true or false")
        return start
    return given

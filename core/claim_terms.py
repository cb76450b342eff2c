"""What a claim is worth: for how many minutes it holds without an action, and how many one agent may have at once."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from core import load
from core.db.tables import Setting

_DEFAULTS = {"claim_minutes": 30, "claim_limit": 3}
_MOST = {"claim_minutes": 1440, "claim_limit": 100}
SETTINGS = tuple(_DEFAULTS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    minutes: int
    """Of wall time: whoever claims is at work, whatever their hours say."""
    limit: int
    """Claims of one agent that nothing followed yet."""

    @property
    def length(self) -> timedelta:
        return timedelta(minutes=self.minutes)


def terms(session: Session) -> Terms:
    """As the house has set them."""
    found = stored(session.scalar(select(Setting.value).where(Setting.key == load.SETTING)) or {})
    return Terms(minutes=found["claim_minutes"], limit=found["claim_limit"])


def stored(row: Mapping[str, object]) -> dict[str, int]:
    """The two settings of the row `routing`; the default stands for what is missing or malformed."""
    found = {name: row.get(name, default) for name, default in _DEFAULTS.items()}
    return {name: value if _fits(name, value) else _DEFAULTS[name] for name, value in found.items()}  # type: ignore[misc]


def wrong(raw: Mapping[str, object]) -> dict[str, str]:
    """Those of the two settings that are not valid, with why."""
    return {name: f"a whole number, 1 to {_MOST[name]}" for name in SETTINGS if not _fits(name, raw.get(name, 1))}


def _fits(name: str, value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= _MOST[name]

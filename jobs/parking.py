"""Contacts whose history the line cannot digest: set aside for a while, so that everybody else is served.

A contact that raises is tried again alone, after 1, 2, 4 ... seconds; from the third failure on it is parked for growing
times up to an hour, and said so in the log and on the jobs page. Its events stay unprocessed in the table: nothing is
dropped, a corrected version of the code picks them up. The memory is this process's own, so a restart tries at once.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

from core import log

PATIENCE = 3
_FIRST = timedelta(seconds=1)
_PARKED = timedelta(minutes=1)
_LONGEST = timedelta(hours=1)
_log = log.get(__name__)


@dataclass(frozen=True, kw_only=True)
class Parked:
    failures: int
    until: datetime
    error: str


class Parking:
    """Who is set aside, and until when."""

    def __init__(self) -> None:
        self._parked: dict[str, Parked] = {}

    def park(self, contact_id: str, error: BaseException, *, now: datetime) -> None:
        failures = self._parked[contact_id].failures + 1 if contact_id in self._parked else 1
        if failures < PATIENCE:
            wait = _FIRST * 2 ** (failures - 1)
        else:
            wait = min(_PARKED * 2 ** (failures - PATIENCE), _LONGEST)
        what = f"{type(error).__name__}: {error}"[:300]
        self._parked[contact_id] = Parked(failures=failures, until=now + wait, error=what)
        _log.error(
            "contact_parked" if failures >= PATIENCE else "contact_failed",
            contact_id=contact_id,
            failures=failures,
            until=(now + wait).isoformat(),
            exc_info=error,
        )

    def forget(self, contact_id: str) -> None:
        self._parked.pop(contact_id, None)

    def keep_only(self, waiting: Collection[str]) -> None:
        """Forget those who no longer wait: somebody else has dealt with them."""
        self._parked = {contact_id: parked for contact_id, parked in self._parked.items() if contact_id in waiting}

    def holds(self) -> bool:
        """Whether anybody is set aside, waiting or about to be tried: batches must not take them along."""
        return bool(self._parked)

    def parked(self, now: datetime) -> list[str]:
        """Who must not be tried yet."""
        return [contact_id for contact_id, parked in self._parked.items() if parked.until > now]

    def report(self) -> str | None:
        """One line for the jobs page; None while nobody has failed often enough to tell."""
        stuck = [one for one in self._parked.values() if one.failures >= PATIENCE]
        return f"{len(stuck)} contacts are set aside, the last for {stuck[-1].error}" if stuck else None

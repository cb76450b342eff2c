"""Rate limits: token buckets in memory, one process's own, fed with the injected clock."""

from dataclasses import dataclass, field
from datetime import datetime
from math import ceil

from core.errors import TooMany

_MOST = 50_000


@dataclass(kw_only=True)
class Buckets:
    """One bucket per key, holding at most `burst` and refilled with `per_second`."""

    per_second: float
    burst: float
    _levels: dict[str, tuple[float, datetime]] = field(default_factory=dict)

    def take(self, key: str, *, now: datetime) -> None:
        """Take one.

        Raises:
            TooMany: the bucket is empty; says when the next one is there.
        """
        level = self._level(key, now)
        if level < 1:
            wait = ceil((1 - level) / self.per_second)
            raise TooMany(f"try again in {wait} s", retry_after=wait)
        if len(self._levels) >= _MOST:
            self._forget_full(now)
        self._levels[key] = (level - 1, now)

    def give_back(self, key: str, *, now: datetime) -> None:
        """Undo one `take`: what it was for did no harm."""
        self._levels[key] = (min(self.burst, self._level(key, now) + 1), now)

    def _level(self, key: str, now: datetime) -> float:
        level, at = self._levels.get(key, (self.burst, now))
        return min(self.burst, level + max(0.0, (now - at).total_seconds()) * self.per_second)

    def _forget_full(self, now: datetime) -> None:
        self._levels = {key: kept for key, kept in self._levels.items() if self._level(key, now) < self.burst}
        if len(self._levels) >= _MOST:
            self._levels.clear()


@dataclass(kw_only=True)
class Limits:
    """The limits of one web process."""

    calls: Buckets = field(default_factory=lambda: Buckets(per_second=500, burst=2_000))
    """Per caller: far above what a person or a CRM needs, far below what would starve the others."""
    ingest: Buckets = field(default_factory=lambda: Buckets(per_second=10_000, burst=20_000))
    """Per caller, for posted events: a tracking pixel on a busy site is legitimate."""
    strangers: Buckets = field(default_factory=lambda: Buckets(per_second=50, burst=200))
    """Per address, for requests without a known token."""
    guesses: Buckets = field(default_factory=lambda: Buckets(per_second=1 / 30, burst=10))
    """Per account and address: wrong passwords."""
    guesses_from: Buckets = field(default_factory=lambda: Buckets(per_second=1, burst=60))
    """Per address: wrong passwords for any account."""
    links: Buckets = field(default_factory=lambda: Buckets(per_second=2, burst=120))
    """Per address, for links in messages: an office's mail scanner follows many at once, a guesser needs many more."""

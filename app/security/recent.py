"""Who was checked against the database a moment ago, so that a busy caller does not cost a query per request."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from core.viewer import Viewer

FRESH = timedelta(seconds=2)
"""How long another process's revocation may go unnoticed here; this process's own is noticed at once."""
_MOST = 10_000


@dataclass(frozen=True, kw_only=True)
class SignedIn:
    viewer: Viewer
    session_id: str
    expires_at: datetime


@dataclass
class Recent:
    """Credential (a token, or the id of a browser session) → who it is and when that was read."""

    _known: dict[str, tuple[SignedIn, datetime]] = field(default_factory=dict)

    def get(self, credential: str, *, now: datetime) -> SignedIn | None:
        known = self._known.get(credential)
        if known is None:
            return None
        found, read_at = known
        if now - read_at >= FRESH or now < read_at or now >= found.expires_at:
            return None
        return found

    def put(self, credential: str, found: SignedIn, *, now: datetime) -> None:
        if len(self._known) >= _MOST:
            self._known.clear()
        self._known[credential] = (found, now)

    def forget(self, session_id: str) -> None:
        """Forget a session that was revoked."""
        for credential in [key for key, (found, _) in list(self._known.items()) if found.session_id == session_id]:
            self._known.pop(credential, None)

    def forget_all(self) -> None:
        self._known.clear()

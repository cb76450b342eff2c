"""From a credential (bearer token or browser cookie) to the person behind it, or a refusal."""

from starlette.concurrency import run_in_threadpool

from app.runtime import Runtime
from app.security import sessions, tokens
from app.security.recent import SignedIn
from core import viewer
from core.errors import Unauthorized
from core.ids import secret_hash

__all__ = ["SignedIn", "by_cookie", "by_session", "by_token", "by_token_now"]


async def by_token(runtime: Runtime, token: str) -> SignedIn:
    """Who an access token belongs to.

    Raises:
        Unauthorized: forged, expired, revoked, or the user is no longer active.
    """
    known = runtime.recent.get(token, now=runtime.clock.now())
    if known is not None:
        return known
    return await run_in_threadpool(by_token_now, runtime, token)


def by_token_now(runtime: Runtime, token: str) -> SignedIn:
    """The same against the database, in a thread that may wait for it."""
    now = runtime.clock.now()
    claims = tokens.read(token, key=runtime.settings.signing_key, now=now)
    found = _live(runtime, claims.session_id)
    if found is None or found.viewer.user_id != claims.user_id:
        raise Unauthorized("the session has ended; sign in again")
    signed_in = SignedIn(
        viewer=found.viewer, session_id=found.session_id, expires_at=min(found.expires_at, claims.expires_at)
    )
    runtime.recent.put(token, signed_in, now=now)
    return signed_in


async def by_cookie(runtime: Runtime, secret: str) -> SignedIn | None:
    """Who a browser's cookie belongs to; None when it is unknown, expired or revoked."""
    session_id = secret_hash(secret)
    known = runtime.recent.get(session_id, now=runtime.clock.now())
    if known is not None:
        return known
    return await run_in_threadpool(by_session, runtime, session_id)


def by_session(runtime: Runtime, session_id: str) -> SignedIn | None:
    """Who a session id belongs to, read from the database unless that was done a moment ago.

    The dashboard's script asks this on every run.
    """
    now = runtime.clock.now()
    known = runtime.recent.get(session_id, now=now)
    if known is not None:
        return known
    found = _live(runtime, session_id)
    if found is not None:
        runtime.recent.put(session_id, found, now=now)
    return found


def _live(runtime: Runtime, session_id: str) -> SignedIn | None:
    with runtime.database.read() as session:
        row = sessions.find(session, session_id, now=runtime.clock.now())
        if row is None:
            return None
        person = viewer.load(session, row.user_id)
    if person is None:
        return None
    return SignedIn(viewer=person, session_id=row.id, expires_at=row.expires_at)

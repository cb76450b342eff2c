"""Sign-in sessions: opened, found, refreshed and revoked; every live socket learns of a revocation by the change feed."""

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from core import audit, changes
from core.db.tables import SignInSession
from core.errors import Unauthorized
from core.ids import new_id, new_secret, secret_hash
from core.words import ChangeKind

REFRESH_DAYS = 30


@dataclass(frozen=True, kw_only=True)
class Found:
    """A session that is neither revoked nor expired."""

    id: str
    user_id: str
    expires_at: datetime


def open_browser(session: Session, user_id: str, *, user_agent: str | None, hours: int, now: datetime) -> str:
    """Open a browser session; the returned secret goes into the cookie and is not stored."""
    secret = new_secret()
    _open(session, secret_hash(secret), user_id, "browser", None, user_agent, now + timedelta(hours=hours), now)
    return secret


def open_token(session: Session, user_id: str, *, user_agent: str | None, now: datetime) -> tuple[str, str]:
    """Open a token session: its id (the token's `sid`) and its first refresh token."""
    sid, secret = new_id(), new_secret()
    expires_at = now + timedelta(days=REFRESH_DAYS)
    _open(session, sid, user_id, "token", secret_hash(secret), user_agent, expires_at, now)
    return sid, f"{sid}.{secret}"


def find(session: Session, session_id: str, *, now: datetime) -> Found | None:
    row = session.execute(
        select(SignInSession.id, SignInSession.user_id, SignInSession.expires_at).where(
            SignInSession.id == session_id, SignInSession.revoked_at.is_(None), SignInSession.expires_at > now
        )
    ).one_or_none()
    return Found(id=row.id, user_id=row.user_id, expires_at=row.expires_at) if row else None


def rotate(session: Session, refresh_token: str, *, now: datetime) -> tuple[Found, str] | None:
    """Take a refresh token and hand out the next one; None when it is not the present one.

    A refresh token used twice means that two parties hold it: the session is revoked, and both must sign in again.
    """
    sid, _, secret = refresh_token.partition(".")
    row = session.execute(
        select(SignInSession.id, SignInSession.user_id, SignInSession.expires_at, SignInSession.refresh_hash)
        .where(SignInSession.id == sid, SignInSession.revoked_at.is_(None), SignInSession.expires_at > now)
        .with_for_update()
    ).one_or_none()
    if row is None or row.refresh_hash is None:
        return None
    if not secrets.compare_digest(row.refresh_hash, secret_hash(secret)):
        revoke(session, sid, reason="refresh_token_reused", now=now)
        return None
    fresh = new_secret()
    expires_at = now + timedelta(days=REFRESH_DAYS)
    session.execute(
        update(SignInSession)
        .where(SignInSession.id == sid)
        .values(refresh_hash=secret_hash(fresh), expires_at=expires_at)
    )
    return Found(id=row.id, user_id=row.user_id, expires_at=expires_at), f"{sid}.{fresh}"


def revoke(session: Session, session_id: str, *, reason: str = "signed_out", now: datetime) -> bool:
    """End one session; False when it had ended already."""
    user_id = session.scalar(
        update(SignInSession)
        .where(SignInSession.id == session_id, SignInSession.revoked_at.is_(None))
        .values(revoked_at=now)
        .returning(SignInSession.user_id)
    )
    if user_id is None:
        return False
    changes.tell(
        session,
        ChangeKind.SESSION_REVOKED,
        subject_id=session_id,
        audience=changes.Audience(users=(user_id,)),
        payload={},
        now=now,
    )
    audit.record(
        session,
        "session.revoked",
        subject_type="user",
        subject_id=user_id,
        actor_id=user_id,
        after={"reason": reason},
        now=now,
    )
    return True


def revoke_all(session: Session, user_id: str, *, reason: str, now: datetime) -> int:
    """End every session of a user (a changed password, a deactivated account)."""
    ids = session.scalars(
        select(SignInSession.id).where(SignInSession.user_id == user_id, SignInSession.revoked_at.is_(None))
    ).all()
    return sum(revoke(session, one, reason=reason, now=now) for one in ids)


def require(found: Found | None) -> Found:
    if found is None:
        raise Unauthorized("the session has ended; sign in again")
    return found


def _open(
    session: Session,
    session_id: str,
    user_id: str,
    kind: str,
    refresh_hash: str | None,
    user_agent: str | None,
    expires_at: datetime,
    now: datetime,
) -> None:
    session.add(
        SignInSession(
            id=session_id,
            user_id=user_id,
            kind=kind,
            refresh_hash=refresh_hash,
            user_agent=user_agent[:300] if user_agent else None,
            created_at=now,
            expires_at=expires_at,
        )
    )
    session.flush()
    audit.record(
        session,
        "session.opened",
        subject_type="user",
        subject_id=user_id,
        actor_id=user_id,
        after={"kind": kind},
        now=now,
    )

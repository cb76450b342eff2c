"""Local accounts: made by an admin or at the command line, and checked at sign-in."""

import re
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import insert, select, update
from sqlalchemy.orm import Session

from app.runtime import Runtime
from app.security.limits import Limits
from core import audit, passwords
from core.db.tables import User
from core.errors import Conflict, Invalid, Unauthorized
from core.ids import new_id
from core.words import Role

_EMAIL = re.compile(r"[^@\s]{1,64}@[^@\s]{1,189}")


@dataclass(frozen=True, kw_only=True)
class Account:
    id: str
    role: Role


def create(
    session: Session,
    *,
    email: str,
    name: str,
    role: Role,
    password: str,
    timezone: str,
    actor_id: str | None,
    now: datetime,
) -> str:
    """Make an account that can sign in; its id.

    Raises:
        Invalid: no e-mail address, no name, or a password too short.
        Conflict: the e-mail address has an account.
    """
    email, name = email.strip().lower(), name.strip()
    if not _EMAIL.fullmatch(email):
        raise Invalid("this is not an e-mail address", fields={"email": "like ann@example.com"})
    if not 0 < len(name) <= 120:
        raise Invalid("a name is needed", fields={"name": "1 to 120 characters"})
    hashed = passwords.hash_password(password)
    if session.scalar(select(User.id).where(User.email == email)):
        raise Conflict("this e-mail address has an account")
    user_id = new_id()
    row = {"id": user_id, "email": email, "name": name, "role": role.value, "timezone": timezone}
    session.execute(insert(User), [{**row, "password_hash": hashed, "active": True, "created_at": now}])
    audit.record(
        session,
        "user.created",
        subject_type="user",
        subject_id=user_id,
        actor_id=actor_id,
        after={"role": role.value},
        now=now,
    )
    return user_id


def check(runtime: Runtime, limits: Limits, *, email: str, password: str, address: str) -> Account:
    """Who this e-mail address and password belong to. Slow on purpose (Argon2): call it in a thread.

    Raises:
        Unauthorized: one answer for an unknown account, a wrong password and an account that is switched off.
        TooMany: too many wrong ones for this account, or from this address.
    """
    email = email.strip().lower()[:254]
    guess, now = f"{email} {address}", runtime.clock.now()
    limits.guesses.take(guess, now=now)
    limits.guesses_from.take(address, now=now)
    with runtime.database.read() as session:
        user = session.execute(
            select(User.id, User.role, User.password_hash, User.active).where(User.email == email)
        ).one_or_none()
    stored = user.password_hash if user and user.active else None
    if not passwords.verify(stored, password) or user is None:
        raise Unauthorized("the e-mail address or the password is wrong")
    limits.guesses.give_back(guess, now=now)
    limits.guesses_from.give_back(address, now=now)
    if passwords.is_outdated(stored or ""):
        with runtime.database.write() as session:
            session.execute(
                update(User).where(User.id == user.id).values(password_hash=passwords.hash_password(password))
            )
    return Account(id=user.id, role=Role(user.role))

"""The demo's sign-ins: one password for all three, made at the first start and kept readable by its owner alone."""

import os
import secrets
from datetime import datetime

from sqlalchemy import select, update

from core import passwords
from core.db import Database
from core.db.tables import User
from core.settings import Settings

EMAILS = ("admin@doorbell.test", "manager@doorbell.test", "agent@doorbell.test")


def password(settings: Settings) -> str:
    """DOORBELL_DEMO_PASSWORD, or the one made at the first start."""
    given = settings.demo_password.get_secret_value()
    if given:
        return given
    path = settings.data_dir / "demo_password"
    if not path.exists():
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(f"{secrets.token_hex(3)}-{secrets.token_hex(3)}")
    return path.read_text().strip()


def bring_up_to_date(database: Database, wanted: str, *, now: datetime) -> int:
    """Give the demo accounts that exist the password that is printed; how many had another."""
    with database.read() as session:
        rows = session.execute(select(User.id, User.password_hash).where(User.email.in_(EMAILS))).all()
    stale = [row.id for row in rows if not passwords.verify(row.password_hash, wanted)]
    for user_id in stale:
        hashed = passwords.hash_password(wanted)
        with database.write() as session:
            session.execute(update(User).where(User.id == user_id).values(password_hash=hashed))
    return len(stale)

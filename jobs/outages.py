"""Telling "the database is away or busy" (wait and go on) from "this work is broken" (set it aside)."""

from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

_SQLITE = ("locked", "busy", "disk", "unable to open", "readonly", "full")
_POSTGRES_CLASSES = ("08", "40", "53", "55", "57", "58")
"""Connection, rollback (deadlock, serialization), resources, lock not available, operator, system."""


def is_outage(error: BaseException) -> bool:
    """Whether trying the very same thing a little later can be expected to work."""
    if isinstance(error, PoolTimeout | InterfaceError):
        return True
    if not isinstance(error, DBAPIError):
        return False
    if error.connection_invalidated:
        return True
    state = getattr(error.orig, "sqlstate", None)
    if state:
        return str(state).startswith(_POSTGRES_CLASSES)
    if not isinstance(error, OperationalError):
        return False
    said = str(error.orig).lower()
    return any(word in said for word in _SQLITE) or "connection" in said

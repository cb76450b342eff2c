"""Storage: typed tables, the unit of work, what differs between SQLite and PostgreSQL, and migrations."""

from core.db.session import Database

__all__ = ["Database"]

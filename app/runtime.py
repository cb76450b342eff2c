"""What one web process owns: its settings, its database and its clock."""

from dataclasses import dataclass, field

from app.security.recent import Recent
from core.clock import Clock, SystemClock
from core.db import Database
from core.settings import Settings

_installed: "Runtime | None" = None


@dataclass(frozen=True, kw_only=True, eq=False)
class Runtime:
    settings: Settings
    database: Database
    clock: Clock
    recent: Recent = field(default_factory=Recent)


def make(settings: Settings) -> Runtime:
    """The runtime of a real process: the database the settings name, and the system's clock."""
    return Runtime(settings=settings, database=Database(settings.database), clock=SystemClock())


def install(runtime: Runtime) -> Runtime:
    """Make this the process's runtime, for the dashboard's script (which Streamlit runs without arguments)."""
    global _installed
    _installed = runtime
    return runtime


def current() -> Runtime:
    """The process's runtime.

    Raises:
        RuntimeError: when the script was started by something else than `python -m app`.
    """
    if _installed is None:
        raise RuntimeError("start the dashboard with: python -m app")
    return _installed

"""What admins do with models: one unit of work an action, and a sentence about what became of it."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from app import runtime
from app.ui import commands
from app.ui.commands import Done
from core import audit
from core.errors import DoorbellError, Forbidden
from core.learning import memory, registry
from core.viewer import Viewer
from core.words import Role

_SAID = {
    "shadow": "Scores in shadow from now on",
    "promote": "Promoted: the next score uses it",
    "retire": "Put away",
    "rollback": "Rolled back: the next score uses the version before",
}


def train(viewer: Viewer) -> Done:
    """Have the jobs process train now."""

    def ask(session: Session, now: datetime) -> None:
        memory.ask(session, by=viewer.user_id, now=now)
        audit.record(
            session,
            "models.training_asked",
            subject_type="models",
            subject_id="training",
            actor_id=viewer.user_id,
            now=now,
        )

    return _do(viewer, ask, "Learning starts within a minute. You can leave this page.")


def act(viewer: Viewer, name: str, version_id: str, *, replaces: str | None = None) -> Done:
    """Shadow, promote or retire one version; roll an intent back (then `version_id` is the intent)."""
    steps: dict[str, Callable[..., Any]] = {
        "shadow": registry.shadow,
        "promote": registry.promote,
        "retire": registry.retire,
        "rollback": registry.rollback,
    }
    more = {"replaces": replaces} if name == "promote" else {}
    return _do(
        viewer,
        lambda session, now: steps[name](session, version_id, actor_id=viewer.user_id, now=now, **more),
        _SAID[name],
    )


def _do(viewer: Viewer, work: Callable[[Session, Any], Any], said: str) -> Done:
    try:
        if viewer.role is not Role.ADMIN:
            raise Forbidden("this takes an admin")
        with runtime.current().database.write() as session:
            work(session, runtime.current().clock.now())
    except DoorbellError as error:
        return Done(ok=False, text=commands.say(error))
    return Done(ok=True, text=said)

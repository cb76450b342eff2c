"""What people do to escalation policies on their page: one unit of work each, and a sentence about what became of it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from app import runtime
from core.errors import Conflict, DoorbellError, Invalid, NotFound
from core.escalation import book
from core.escalation.policy import Policy
from core.viewer import Viewer


@dataclass(frozen=True, kw_only=True)
class Done:
    """What became of it."""

    ok: bool
    text: str = ""
    conflict: bool = False
    """Somebody else changed or deleted it since it was read."""
    wrong: Mapping[str, str] = field(default_factory=dict)
    """Place in the policy to what is wrong there."""


def save(viewer: Viewer, raw: Mapping[str, Any], *, policy_id: str | None, version: int | None) -> Done:
    """Store a new policy, or the new text of one."""

    def write(session: Session, now: datetime) -> Policy:
        if policy_id is None:
            return book.add(session, raw, viewer=viewer, now=now)
        return book.replace(session, policy_id, raw, version=version, viewer=viewer, now=now)

    return _do(write, "Saved “{name}”")


def switch(viewer: Viewer, one: Policy) -> Done:
    """On if it is off, off if it is on."""
    said = "“{name}” is not used any more" if one.enabled else "“{name}” is used from the next step on"
    return _do(
        lambda session, now: book.change(
            session, one.id, {"enabled": not one.enabled}, version=one.version, viewer=viewer, now=now
        ),
        said,
    )


def remove(viewer: Viewer, one: Policy) -> Done:
    """Delete it; `save` with its text brings it back."""

    def write(session: Session, now: datetime) -> Policy:
        book.remove(session, one.id, version=one.version, viewer=viewer, now=now)
        return one

    return _do(write, "Deleted “{name}”")


def _do(write: Callable[[Session, datetime], Policy], said: str) -> Done:
    try:
        with runtime.current().database.write() as session:
            made = write(session, runtime.current().clock.now())
    except Invalid as error:
        return Done(ok=False, text=error.detail, wrong=error.fields)
    except (Conflict, NotFound) as error:
        return Done(ok=False, text=error.detail, conflict=True)
    except DoorbellError as error:
        return Done(ok=False, text=error.detail)
    return Done(ok=True, text=said.format(name=made.name))

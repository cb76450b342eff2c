"""What admins do to alert types on their page: one unit of work each, and a sentence about what became of it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from app import runtime
from app.ui import queries
from core.alert_types import book
from core.alert_types.book import StoredType
from core.errors import DoorbellError
from core.viewer import Viewer
from core.words import Role


@dataclass(frozen=True, kw_only=True)
class Done:
    """What became of it."""

    ok: bool
    text: str
    type_id: str = ""


def save(viewer: Viewer, raw: Mapping[str, Any], *, type_id: str | None, version: int | None) -> Done:
    """Store a new draft, or the new text of a type."""

    def write(session: Session, now: datetime) -> StoredType:
        if type_id is None:
            return book.add(session, raw, actor_id=viewer.user_id, now=now)[0]
        return book.replace(session, type_id, raw, version=version, actor_id=viewer.user_id, now=now)[0]

    return _do(viewer, write, "Saved “{name}”")


def activate(viewer: Viewer, type_id: str) -> Done:
    return _do(
        viewer,
        lambda session, now: book.activate(session, type_id, actor_id=viewer.user_id, now=now),
        "“{name}” opens alerts from now on",
    )


def retire(viewer: Viewer, type_id: str) -> Done:
    return _do(
        viewer,
        lambda session, now: book.retire(session, type_id, actor_id=viewer.user_id, now=now),
        "“{name}” opens no more alerts",
    )


def _do(viewer: Viewer, write: Callable[[Session, datetime], StoredType], said: str) -> Done:
    if viewer.role is not Role.ADMIN:
        return Done(ok=False, text="Only an admin changes alert types.")
    try:
        with runtime.current().database.write() as session:
            stored = write(session, runtime.current().clock.now())
    except DoorbellError as error:
        why = "; ".join(error.fields.values())
        return Done(ok=False, text=f"{error.detail} ({why})" if why else error.detail)
    queries.forget_own_types()
    return Done(ok=True, text=said.format(name=stored.name), type_id=stored.id)

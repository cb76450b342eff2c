"""What admins do to rules on their page: one unit of work each, and a sentence about what became of it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from app import runtime
from core.errors import Conflict, DoorbellError, Invalid, NotFound
from core.routing import rule_book, rule_files, rule_history
from core.routing.rule_book import StoredRule
from core.routing.rule_files import Taken
from core.viewer import Viewer
from core.words import Role


@dataclass(frozen=True, kw_only=True)
class Done:
    """What became of it."""

    ok: bool
    text: str = ""
    rule_id: str = ""
    conflict: bool = False
    """Somebody else changed or deleted it since it was read."""
    wrong: Mapping[str, str] = field(default_factory=dict)
    """Place in the rule to what is wrong there."""
    taken: Taken | None = None


def save(viewer: Viewer, raw: Mapping[str, Any], *, rule_id: str | None, version: int | None) -> Done:
    """Store a new rule, or the new text of one."""

    def write(session: Session, now: datetime) -> StoredRule:
        if rule_id is None:
            return rule_book.add(session, raw, actor_id=_by(viewer), now=now)
        return rule_book.replace(session, rule_id, raw, version=version, actor_id=_by(viewer), now=now)

    return _do(viewer, write, "Saved “{name}”")


def switch(viewer: Viewer, rule: StoredRule) -> Done:
    """On if it is off, off if it is on."""
    said = "“{name}” is tried from now on" if not rule.enabled else "“{name}” is not tried any more"
    return _do(
        viewer,
        lambda session, now: rule_book.change(
            session, rule.id, {"enabled": not rule.enabled}, version=rule.version, actor_id=_by(viewer), now=now
        ),
        said,
    )


def move(viewer: Viewer, rule: StoredRule, *, earlier: bool) -> Done:
    """One place up or down."""

    def write(session: Session, now: datetime) -> StoredRule:
        rule_book.move(session, rule.id, earlier=earlier, version=rule.version, actor_id=_by(viewer), now=now)
        return rule_book.get_rule(session, rule.id)

    return _do(viewer, write, f"“{{name}}” is tried one place {'earlier' if earlier else 'later'}")


def delete(viewer: Viewer, rule: StoredRule) -> Done:
    def write(session: Session, now: datetime) -> StoredRule:
        rule_book.remove(session, rule.id, version=rule.version, actor_id=_by(viewer), now=now)
        return rule

    return _do(viewer, write, "Deleted “{name}”")


def restore(viewer: Viewer, rule_id: str, entry_id: int, *, version: int | None) -> Done:
    """Make it what it was after this change; a deleted one comes back."""
    return _do(
        viewer,
        lambda session, now: rule_history.restore(
            session, rule_id, entry_id, version=version, actor_id=_by(viewer), now=now
        ),
        "“{name}” is as it was then",
    )


def undelete(viewer: Viewer, rule_id: str) -> Done:
    """Take the last deletion of this rule back."""

    def write(session: Session, now: datetime) -> StoredRule:
        newest = rule_history.of_rule(session, rule_id)[0]
        return rule_history.restore(session, rule_id, newest.id, version=None, actor_id=_by(viewer), now=now)

    return _do(viewer, write, "“{name}” is back")


def take(viewer: Viewer, raw: bytes, *, replace: bool, dry_run: bool) -> Done:
    """Take a file in, or only say what it would do."""
    if viewer.role is not Role.ADMIN:
        return Done(ok=False, text="Only an admin changes rules.")
    try:
        with runtime.current().database.write() as session:
            taken = rule_files.take(session, raw, replace=replace, viewer=viewer, now=runtime.current().clock.now())
            if dry_run:
                session.rollback()
    except DoorbellError as error:
        return _refused(error)
    return Done(ok=True, taken=taken)


def _by(viewer: Viewer) -> str | None:
    return viewer.user_id or None


def _do(viewer: Viewer, write: Callable[[Session, datetime], StoredRule], said: str) -> Done:
    if viewer.role is not Role.ADMIN:
        return Done(ok=False, text="Only an admin changes rules.")
    try:
        with runtime.current().database.write() as session:
            stored = write(session, runtime.current().clock.now())
    except DoorbellError as error:
        return _refused(error)
    return Done(ok=True, text=said.format(name=stored.name), rule_id=stored.id)


def _refused(error: DoorbellError) -> Done:
    if isinstance(error, NotFound):
        return Done(ok=False, text="This rule is not here any more: somebody deleted it.", conflict=True)
    if isinstance(error, Conflict):
        return Done(ok=False, text=error.detail, conflict=True)
    wrong = error.fields if isinstance(error, Invalid) else {}
    why = "; ".join(wrong.values())
    return Done(ok=False, text=f"{error.detail} ({why})" if why else error.detail, wrong=wrong)

"""The policies that are kept: drafts to be tried, the one in shadow, the one that is live; changed by admins, each audited."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import delete, insert, select, update
from sqlalchemy.orm import Session

from core import audit, versions
from core.db.base import table_of
from core.db.tables import Agent, Policy, User
from core.errors import Conflict, Forbidden, Invalid, NotFound
from core.ids import new_id
from core.routing import policy_content
from core.routing.state import VERSION
from core.viewer import Viewer
from core.words import Role

MOST = 200
DRAFT, SHADOW, LIVE, RETIRED = "draft", "shadow", "live", "retired"
_LONGEST_NAME, _LONGEST_NOTE = 120, 2_000


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredPolicy:
    id: str
    name: str
    note: str
    status: str
    content: dict[str, Any]
    version: int
    created_by: str | None
    created_by_name: str | None
    created_at: datetime
    updated_at: datetime
    shadowed_at: datetime | None
    switched_at: datetime | None
    can_undo: bool


def list_policies(session: Session) -> list[StoredPolicy]:
    """All, the newest change first."""
    rows = session.execute(_statement().order_by(Policy.updated_at.desc(), Policy.id))
    return [_stored(row) for row in rows]


def get(session: Session, policy_id: str) -> StoredPolicy:
    """One.

    Raises:
        NotFound: there is none with this id.
    """
    row = session.execute(_statement().where(Policy.id == policy_id)).one_or_none()
    if row is None:
        raise NotFound("There is no such policy.")
    return _stored(row)


def seen_by(session: Session, found: Sequence[StoredPolicy], viewer: Viewer) -> list[StoredPolicy]:
    """The same as this viewer may read them: of teams and agents only their own; rules and the house's ways are everybody's."""
    if viewer.role is Role.ADMIN:
        return list(found)
    theirs = set(session.scalars(select(Agent.id).where(Agent.team_id.in_(viewer.team_ids))))
    return [
        replace(
            one,
            content=one.content
            | {
                "teams": [team for team in one.content["teams"] if team["teamId"] in viewer.team_ids],
                "agents": [agent for agent in one.content["agents"] if agent["agentId"] in theirs],
            },
        )
        for one in found
    ]


def add(session: Session, raw: Mapping[str, Any], *, viewer: Viewer, now: datetime) -> StoredPolicy:
    """Keep a new draft.

    Args:
        raw: {name, note?, content?, start_from?}; `start_from` is "live" (the default) or a preset's id, and `content`
            stands over it part by part.

    Raises:
        Invalid: naming each wrong field.
        Conflict: there are too many.
    """
    needs_admin(viewer)
    start = raw.get("start_from") or LIVE
    begun = policy_content.live(session) if start == LIVE else policy_content.from_preset(session, start)
    content = raw.get("content") or {}
    values = _checked(session, {**raw, "content": {**begun, **content} if isinstance(content, Mapping) else content})
    if len(list_policies(session)) >= MOST:
        raise Conflict(f"There are {MOST} policies already; delete some first.")
    policy_id = new_id()
    session.execute(
        insert(Policy).values(
            id=policy_id,
            status=DRAFT,
            version=1,
            created_by=viewer.user_id or None,
            created_at=now,
            updated_at=now,
            **values,
        )
    )
    return done(session, "policy.create", policy_id, before=None, viewer=viewer, now=now)


def change(
    session: Session, policy_id: str, raw: Mapping[str, Any], *, version: int | None, viewer: Viewer, now: datetime
) -> StoredPolicy:
    """Change what is named of {name, note, content}; content part by part.

    Raises:
        NotFound, Invalid: as in `get` and `add`.
        Conflict: it is not a draft, or somebody else changed it in between.
    """
    needs_admin(viewer)
    before = get(session, policy_id)
    if before.status not in (DRAFT, RETIRED):
        raise Conflict(f"It is {_SAID[before.status]}: copy it to a new draft to change it.")
    content = raw.get("content") or {}
    values = _checked(
        session,
        {
            "name": raw.get("name", before.name),
            "note": raw.get("note", before.note),
            "content": {**before.content, **content} if isinstance(content, Mapping) else content,
        },
    )
    move(session, before, version=version, now=now, **values)
    return done(session, "policy.change", policy_id, before=before, viewer=viewer, now=now)


def remove(session: Session, policy_id: str, *, version: int | None, viewer: Viewer, now: datetime) -> None:
    """Delete it; decisions keep what it would have done.

    Raises:
        NotFound: there is no such policy.
        Conflict: it is in shadow or live, or not at this version any more.
    """
    needs_admin(viewer)
    before = get(session, policy_id)
    if before.status in (SHADOW, LIVE):
        raise Conflict(f"It is {_SAID[before.status]}; end that first.")
    if version is not None and version != before.version:
        raise moved_on(before)
    table = table_of(Policy)
    as_seen = (table.c.id == policy_id, table.c.version == before.version)  # somebody may put it live at this instant
    if session.execute(delete(table).where(*as_seen).returning(table.c.id)).one_or_none() is None:
        raise moved_on(before)
    audit.record(
        session,
        "policy.delete",
        subject_type="policy",
        subject_id=policy_id,
        actor_id=viewer.user_id or None,
        before=_told(before),
        now=now,
    )


def shadow(
    session: Session, policy_id: str, *, on: bool = True, version: int | None, viewer: Viewer, now: datetime
) -> StoredPolicy:
    """Note beside every decision what this policy would have done, or stop that. Another one in shadow goes back to a draft.

    Raises:
        NotFound: there is no such policy.
        Conflict: it is live already, or not at this version any more.
    """
    needs_admin(viewer)
    before = get(session, policy_id)
    if before.status == LIVE:
        raise Conflict("It is live: there is nothing to try in shadow.")
    policy_content.check(session, before.content)
    if on:
        for other in list_policies(session):
            if other.status == SHADOW and other.id != policy_id:
                move(session, other, version=None, now=now, status=DRAFT)
                done(session, "policy.shadow_end", other.id, before=other, viewer=viewer, now=now)
    status = SHADOW if on else DRAFT
    started = now if on and before.status != SHADOW else before.shadowed_at
    move(session, before, version=version, now=now, status=status, shadowed_at=started)
    versions.bump_at_commit(session, VERSION)
    return done(
        session, "policy.shadow" if on else "policy.shadow_end", policy_id, before=before, viewer=viewer, now=now
    )


def move(session: Session, before: StoredPolicy, *, version: int | None, now: datetime, **values: Any) -> None:
    """Write these columns, if it is still at this version.

    Raises:
        Conflict: it is not.
    """
    seen = before.version if version is None else version
    table = table_of(Policy)
    row = session.execute(
        update(table)
        .where(table.c.id == before.id, table.c.version == seen)
        .values(version=seen + 1, updated_at=now, **values)
        .returning(table.c.id)
    ).one_or_none()
    if row is None:
        raise moved_on(before)


def done(
    session: Session, action: str, policy_id: str, *, before: StoredPolicy | None, viewer: Viewer, now: datetime
) -> StoredPolicy:
    """Audit it; as it is now."""
    session.expire_all()
    after = get(session, policy_id)
    audit.record(
        session,
        action,
        subject_type="policy",
        subject_id=policy_id,
        actor_id=viewer.user_id or None,
        before=_told(before) if before else None,
        after=_told(after),
        now=now,
    )
    return after


def moved_on(policy: StoredPolicy) -> Conflict:
    return Conflict(f"Somebody changed this policy in between (it is at version {policy.version}); look again.")


def needs_admin(viewer: Viewer) -> None:
    """Raises Forbidden."""
    if viewer.role is not Role.ADMIN:
        raise Forbidden("Only an admin changes policies.")


_SAID = {DRAFT: "a draft", SHADOW: "in shadow", LIVE: "live", RETIRED: "retired"}


def _statement() -> Any:
    table = table_of(Policy).c
    return select(*table, User.name.label("created_by_name")).outerjoin(User, User.id == table.created_by)


def _stored(row: Any) -> StoredPolicy:
    values = {name: value for name, value in row._mapping.items() if name != "undo"}
    return StoredPolicy(**values, can_undo=row.undo is not None)


def _checked(session: Session, raw: Mapping[str, Any]) -> dict[str, Any]:
    wrong = {}
    name, note = raw.get("name"), raw.get("note") or ""
    if not isinstance(name, str) or not 1 <= len(name.strip()) <= _LONGEST_NAME or "\x00" in name:
        wrong["name"] = f"give a name of 1 to {_LONGEST_NAME} characters"
    if not isinstance(note, str) or len(note) > _LONGEST_NOTE or "\x00" in note:
        wrong["note"] = f"text of at most {_LONGEST_NOTE} characters"
    content: dict[str, Any] = {}
    try:
        content = policy_content.check(session, raw.get("content"))
    except Invalid as error:
        wrong |= {f"content.{field}": why for field, why in error.fields.items()}
    if wrong:
        raise Invalid("The policy is not valid.", fields=wrong)
    assert isinstance(name, str)
    return {"name": name.strip(), "note": note, "content": content}


def _told(policy: StoredPolicy) -> dict[str, Any]:
    return {name: getattr(policy, name) for name in ("name", "note", "status", "content", "version")}
